// SPDX-License-Identifier: GPL-2.0

//! What there is in sysfs of a function: `migration_format/`, what can be known about a migration
//! before there is one, and `network/`, what the administrator of the host decides.
//!
//! ABI: `Documentation/ABI/testing/sysfs-bus-mdev-devices-igbvf_mdev`.

use super::{
    config,
    IgbvfMdev, //
};
use igbvf_model::Administrator;
use kernel::prelude::*;
use session::handshake::{
    adopt,
    limit,
    Handshake,
    DIRECTORY, //
};
use vfio::{
    sysfs::{
        Binary,
        Directory,
        Group,
        Page,
        Text, //
    },
    Bound,
    Device, //
};
use vmf::profile::igbvf_82576::{
    LIMIT_MSIX_VECTORS,
    LIMIT_RX_QUEUES,
    LIMIT_TX_QUEUES, //
};

type This = Device<IgbvfMdev, Bound>;

impl Group for IgbvfMdev {
    const DIRECTORIES: &'static [Directory<Self>] = &[
        Directory {
            name: DIRECTORY,
            text: &[
                Handshake::<Self>::TEXT,
                &[
                    Text::read_only(c"limit_rx-queues", limit::<Self, LIMIT_RX_QUEUES>),
                    Text::read_only(c"limit_tx-queues", limit::<Self, LIMIT_TX_QUEUES>),
                    Text::read_only(c"limit_msix-vectors", limit::<Self, LIMIT_MSIX_VECTORS>),
                ],
            ],
            binary: &[
                Handshake::<Self>::BINARY,
                &[Binary::write_only(c"adopt", become_like)],
            ],
        },
        Directory {
            name: c"network",
            text: &[&[
                Text::write_only(c"backend_fd", |dev, text| {
                    let fd = match text {
                        "-1" => None,
                        text => Some(text.parse().map_err(|_| EINVAL)?),
                    };
                    dev.data().line.attach(dev, fd)
                }),
                Text::read_write(c"mac", show_mac, store_mac),
                Text::read_write(
                    c"spoof_check",
                    |dev, page| show_switch(administrator(dev).spoofchk, page),
                    |dev, text| {
                        let on = switch(text)?;
                        change(dev, |administrator| administrator.spoofchk = on);
                        Ok(())
                    },
                ),
                Text::read_write(
                    c"trusted",
                    |dev, page| show_switch(administrator(dev).trusted, page),
                    |dev, text| {
                        let on = switch(text)?;
                        change(dev, |administrator| administrator.trusted = on);
                        Ok(())
                    },
                ),
            ]],
            binary: &[],
        },
    ];
}

/// # Errors
///
/// - [`EBUSY`]: somebody has the function.
/// - those of [`adopt()`].
fn become_like(dev: &This, bytes: &[u8]) -> Result {
    // Held, so that nobody finds half of it when they open the function.
    let config = dev.data().get_ref().config.lock();

    if config.is_open() {
        return Err(EBUSY);
    }
    adopt(dev, bytes, config::MSIX)
}

fn administrator(dev: &This) -> Administrator {
    dev.data().get_ref().function.administrator()
}

fn change(dev: &This, how: impl FnOnce(&mut Administrator)) {
    dev.data().get_ref().function.administer(how);
}

fn show_switch(on: bool, page: &mut Page<'_>) -> Result {
    write!(page, "{}", u8::from(on))
}

/// # Errors
///
/// - [`EINVAL`]: neither 0 nor 1.
fn switch(text: &str) -> Result<bool> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(EINVAL),
    }
}

fn show_mac(dev: &This, page: &mut Page<'_>) -> Result {
    let mac = administrator(dev).mac.unwrap_or_default();

    for (at, byte) in mac.iter().enumerate() {
        let colon = if at == 0 { "" } else { ":" };
        write!(page, "{colon}{byte:02x}")?;
    }
    Ok(())
}

/// # Errors
///
/// - [`EINVAL`]: it is no address of a station, nor that of none, 00:00:00:00:00:00.
fn store_mac(dev: &This, text: &str) -> Result {
    let mut mac = [0; 6];
    let mut parts = text.split(':');

    for byte in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2);
        // It would take a sign for a digit.
        let part = part.filter(|part| !part.starts_with('+')).ok_or(EINVAL)?;
        *byte = u8::from_str_radix(part, 16).map_err(|_| EINVAL)?;
    }
    let [first, ..] = mac;
    if parts.next().is_some() || first & 1 != 0 {
        return Err(EINVAL);
    }
    change(dev, |administrator| {
        administrator.mac = (mac != [0; 6]).then_some(mac);
    });
    Ok(())
}
