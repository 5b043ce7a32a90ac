// SPDX-License-Identifier: GPL-2.0

//! `migration_format/`: what can be known about a migration before there is one.
//!
//! `cat SOURCE/descriptor >DESTINATION/check` is the whole protocol: the verdict is that of the
//! `write()` of a migration, by the same function.
//!
//! ABI: `Documentation/ABI/testing/sysfs-bus-pci-drivers-igbvf_vfio_pci`.

use super::{
    format::Preamble,
    slot::Heads,
    stream::{
        errno,
        Line,
        CRC, //
    },
    Igbvf, //
};
use kernel::prelude::*;
use vfio::{
    sysfs::{
        Binary,
        Group,
        Page,
        Text, //
    },
    Bound,
    Device, //
};
use vmf::{
    profile::igbvf_82576::{
        LIMIT_MSIX_VECTORS,
        LIMIT_RX_QUEUES,
        LIMIT_TX_QUEUES,
        PROFILE, //
    },
    registry,
    Capabilities,
    Match,
    Version,
    DESCRIPTOR_MAX, //
};

type This = Device<Igbvf, Bound>;

impl Group for Igbvf {
    const DIRECTORY: &'static CStr = c"migration_format";
    const TEXT: &'static [Text<Self>] = &[
        Text::read_only(c"container_version", |_, page| {
            write!(page, "{}.{}", registry::MAJOR, registry::MINOR)
        }),
        Text::read_only(c"registry_revision", |_, page| {
            write!(page, "{}", registry::REGISTRY_REVISION)
        }),
        Text::read_only(c"profile", |dev, page| {
            write!(page, "{}", caps(dev).profile_name)
        }),
        Text::read_only(c"profile_uuid", |dev, page| {
            uuid(&caps(dev).profile_uuid, page)
        }),
        Text::read_only(c"profile_version", |dev, page| {
            write!(page, "{}", caps(dev).version)
        }),
        Text::read_only(c"profile_floor", |dev, page| {
            write!(page, "{}", caps(dev).floor)
        }),
        Text::read_only(c"min_reader", |dev, page| {
            let of = |version: &Version| version.min_reader;
            write!(page, "{}", PROFILE.version(target(dev)).map_or(0, of))
        }),
        Text::read_only(c"features", |dev, page| {
            let [low, high] = caps(dev).features.0;
            write!(page, "0x{high:016x}{low:016x}")
        }),
        Text::read_only(c"subsystem_rule", |dev, page| match caps(dev).subsystem {
            Match::Any => write!(page, "any"),
            Match::Equal => write!(page, "equal"),
        }),
        Text::read_only(c"limit_rx-queues", |dev, page| {
            limit(dev, LIMIT_RX_QUEUES, page)
        }),
        Text::read_only(c"limit_tx-queues", |dev, page| {
            limit(dev, LIMIT_TX_QUEUES, page)
        }),
        Text::read_only(c"limit_msix-vectors", |dev, page| {
            limit(dev, LIMIT_MSIX_VECTORS, page)
        }),
        Text::read_only(c"stream_max", |dev, page| {
            write!(page, "{}", caps(dev).stream_max)
        }),
        Text::read_only(c"device_quirks", |dev, page| match dev.data().heads() {
            Heads::Exact => write!(page, "one-step-dma"),
            Heads::Hints => write!(page, "none"),
        }),
        Text::read_write(
            c"max_profile_version",
            |dev, page| write!(page, "{}", dev.data().format.newest()),
            |dev, text| {
                let version = text.parse().map_err(|_| EINVAL)?;
                dev.data().format.set_newest(version)
            },
        ),
        Text::read_write(
            c"target_profile_version",
            |dev, page| write!(page, "{}", target(dev)),
            |dev, text| {
                let version = text.parse().map_err(|_| EINVAL)?;
                dev.data().format.set_target(version)
            },
        ),
    ];
    const BINARY: &'static [Binary<Self>] = &[
        Binary::read_only(c"descriptor", descriptor),
        Binary::write_only(c"check", check),
    ];
}

fn caps(dev: &This) -> Capabilities {
    dev.data().get_ref().format.capabilities()
}

fn target(dev: &This) -> u32 {
    dev.data().format.target()
}

fn uuid(bytes: &[u8; 16], page: &mut Page<'_>) -> Result {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            write!(page, "-")?;
        }
        write!(page, "{byte:02x}")?;
    }
    Ok(())
}

fn limit(dev: &This, id: u16, page: &mut Page<'_>) -> Result {
    let caps = caps(dev);
    let mut limits = caps.limits.as_slice().iter();
    let limit = limits.find(|limit| limit.id == id).ok_or(ENODATA)?;

    write!(page, "{}", limit.value)
}

/// Returns the start of a stream that would be saved now.
///
/// # Errors
///
/// - [`EOPNOTSUPP`]: the target version has no words for what the guest uses.
fn descriptor(dev: &This) -> Result<KVVec<u8>> {
    let used = dev.data().get_ref().used.get();
    // Everybody may read this, so nothing is logged; the session says why.
    let (_, bytes) = Preamble::new(&dev.data().format, &used, |_| ())?;

    Ok(bytes)
}

/// Judges the start of a stream that could be loaded here.
///
/// # Errors
///
/// Those of a `write()` of the same bytes.
fn check(dev: &This, bytes: &[u8]) -> Result {
    let mut buffer = KVVec::new();

    buffer.resize(DESCRIPTOR_MAX, 0, GFP_KERNEL)?;
    vmf::preflight(bytes, &caps(dev), CRC, &mut buffer).map_err(|error| {
        dev_info!(dev.parent(), "check: {}\n", Line(error));
        errno(error.code)
    })
}
