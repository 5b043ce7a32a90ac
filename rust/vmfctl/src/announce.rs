// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl announce`: the network learns where the guest of a virtual function is.
//!
//! The physical function sends for it: the queues of the function are the guest's.

use std::{fs, os::fd::AsRawFd, path::Path, str::FromStr};

use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{sendto, socket, AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType},
};
use vmf::profile::Station;

use crate::{
    cli::Io,
    failure::{Failure, Outcome, Result},
    policy::Policy,
    sysfs::{Address, Sysfs},
};

const NO_ADDRESS: &str = "not an address such as 02:00:00:00:82:01, or 02:00:00:00:82:01@5";

/// Reads a station as it is in the event of a driver.
pub(crate) fn station(text: &str) -> std::result::Result<Station, String> {
    let (mac, vlan) = match text.split_once('@') {
        Some((mac, vlan)) => (mac, Some(vlan)),
        None => (text, None),
    };
    let bytes = mac.split(':').map(|byte| u8::from_str_radix(byte, 16));
    let bytes: std::result::Result<Vec<_>, _> = bytes.collect();
    let mac: Option<[u8; 6]> = bytes.ok().and_then(|bytes| bytes.try_into().ok());
    let mac = mac.ok_or(NO_ADDRESS)?;
    let [first, ..] = mac;
    if first & 1 != 0 {
        return Err("no address of a single station".into());
    }
    let vlan = vlan
        .map(|vlan| match u16::from_str(vlan) {
            Ok(vlan @ 1..=4095) => Ok(vlan),
            _ => Err("a VLAN is a number from 1 to 4095"),
        })
        .transpose()?;
    let station = Station { mac, vlan };
    // A number may have a sign, or digits too few or too many.
    if !text.eq_ignore_ascii_case(&station.to_string()) {
        return Err(NO_ADDRESS.into());
    }
    Ok(station)
}

/// The interface of the physical function, which has an address of its own for each kind of it.
fn uplink(sysfs: &Sysfs, device: &Address) -> Result<LinkAddr> {
    let dir = sysfs.parent_dir(device).join("net");
    let none = || {
        Failure::Input(format!(
            "{device}: no physical function with a network interface"
        ))
    };
    let names: Vec<_> = fs::read_dir(&dir)
        .map_err(|_| none())?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let all = getifaddrs().map_err(|error| Failure::io(&dir, &error.into()))?;
    all.filter(|interface| names.contains(&interface.interface_name))
        .find_map(|interface| interface.address?.as_link_addr().copied())
        .ok_or_else(none)
}

/// What the physical function lets through of the function's own frames: a guest may be mistaken about
/// its addresses, or lie.
fn permitted(policy: Option<&Policy>, station: Station) -> Option<Station> {
    let Some(policy) = policy else {
        return Some(station);
    };
    let checked = policy.spoof_check == Some(true) && policy.trusted != Some(true);
    let own = Station {
        vlan: None,
        ..station
    };
    if checked && policy.mac.as_ref() != Some(&own.to_string()) {
        return None;
    }
    match policy.vlan.filter(|vlan| *vlan != 0) {
        // It tags all frames of the function, and lets none through that has a tag.
        Some(vlan) if station.vlan.is_none() => Some(Station {
            vlan: u16::try_from(vlan).ok(),
            ..station
        }),
        Some(_) => None,
        None => Some(station),
    }
}

/// Sends a frame for each of the stations that the physical function lets through.
///
/// One that cannot be sent keeps no other from it.
pub(crate) fn run(io: &Io, device: &str, stations: &[Station]) -> Result<Outcome> {
    let address = Address::parse(device)
        .ok_or_else(|| Failure::Usage(format!("{device:?} is no address of a PCI device")))?;
    let uplink = uplink(&io.sysfs, &address)?;
    let failed = |error: nix::Error| Failure::io(Path::new(device), &error.into());
    let raw = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .map_err(failed)?;
    let policy = Policy::read(&io.sysfs, &address);
    let mut result = Ok(Outcome::Good);
    for station in stations
        .iter()
        .filter_map(|station| permitted(policy.as_ref(), *station))
    {
        let frame = station.frame();
        if let Err(error) = sendto(raw.as_raw_fd(), &frame, &uplink, MsgFlags::empty()) {
            result = Err(failed(error));
        }
    }
    result
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{permitted, station};
    use crate::policy::{Policy, Provider};

    fn policy(mac: &str, vlan: u32, spoof_check: bool, trusted: bool) -> Policy {
        Policy {
            provider: Provider::PhysicalFunction,
            interface: None,
            vf: Some(0),
            up: Some(true),
            carrier: Some(true),
            mac: Some(mac.into()),
            vlan: Some(vlan),
            trusted: Some(trusted),
            spoof_check: Some(spoof_check),
            max_tx_rate: None,
            neighbours: Vec::new(),
        }
    }

    #[test]
    fn what_the_function_could_not_send_is_not_sent_for_it() {
        let (own, other) = ("02:00:00:00:82:01", "02:00:00:00:82:02");
        let said = |policy: Option<&Policy>, text: &str| {
            permitted(policy, station(text).unwrap()).map(|station| station.to_string())
        };
        let (own_tagged, other_text) = (format!("{own}@5"), Some(other.to_string()));
        assert_eq!(said(None, other), other_text);

        let checked = policy(own, 0, true, false);
        assert_eq!(said(Some(&checked), own).as_deref(), Some(own));
        assert_eq!(said(Some(&checked), &own_tagged), Some(own_tagged.clone()));
        assert_eq!(said(Some(&checked), other), None);
        assert_eq!(said(Some(&policy(own, 0, true, true)), other), other_text);
        assert_eq!(said(Some(&policy(own, 0, false, false)), other), other_text);

        let port = policy(own, 7, true, false);
        assert_eq!(said(Some(&port), own), Some(format!("{own}@7")));
        assert_eq!(said(Some(&port), &own_tagged), None);
    }

    #[test]
    fn a_station_is_read_as_it_is_shown() {
        for text in [
            "02:00:00:00:82:01",
            "02:00:00:00:82:01@1",
            "fe:ff:ff:ff:ff:ff@4095",
        ] {
            assert_eq!(station(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let address = super::NO_ADDRESS;
        let vlan = "a VLAN is a number from 1 to 4095";
        for (text, error) in [
            ("", address),
            ("02:00:00:00:82", address),
            ("02:00:00:00:82:01:02", address),
            ("02:00:00:00:82:100", address),
            ("+2:00:00:00:82:01", address),
            ("2:00:00:00:82:01", address),
            ("02:00:00:00:82:01@+5", address),
            ("02:00:00:00:82:01@05", address),
            ("01:00:5e:00:00:01", "no address of a single station"),
            ("02:00:00:00:82:01@", vlan),
            ("02:00:00:00:82:01@0", vlan),
            ("02:00:00:00:82:01@4096", vlan),
        ] {
            assert_eq!(station(text).unwrap_err(), error, "{text}");
        }
    }
}
