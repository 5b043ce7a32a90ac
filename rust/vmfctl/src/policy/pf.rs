// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the driver of a physical function says of a virtual one: `ip link show`, without `ip`.

use std::{fs, io};

use netlink_packet_core::{NetlinkHeader, NetlinkMessage, NetlinkPayload, NLM_F_REQUEST};
use netlink_packet_route::{
    link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkMessage, VfInfo},
    RouteNetlinkMessage,
};
use netlink_sys::{protocols::NETLINK_ROUTE, Socket, SocketAddr};

use super::{guest::NO_MAC, Policy, Provider};
use crate::sysfs::{Address, Sysfs};

/// Asks for the policy of a virtual function of this host.
pub(super) fn read(sysfs: &Sysfs, address: &Address) -> Option<Policy> {
    if !sysfs.is_own() {
        return None;
    }
    let vf = sysfs.vf_number(address)?;
    let interfaces = fs::read_dir(sysfs.parent_dir(address).join("net")).ok()?;
    // Beside its own a physical function may have interfaces that stand for the virtual ones.
    interfaces.flatten().find_map(|entry| {
        let index = fs::read_to_string(entry.path().join("ifindex")).ok()?;
        policy(&ask(index.trim().parse().ok()?).ok()?, vf)
    })
}

/// Asks the kernel for all of an interface, its virtual functions included.
fn ask(index: u32) -> io::Result<LinkMessage> {
    let mut link = LinkMessage::default();
    link.header.index = index;
    let mask = LinkAttribute::ExtMask(vec![LinkExtentMask::Vf]);
    link.attributes.push(mask);
    let mut request = NetlinkMessage::new(
        NetlinkHeader::default(),
        NetlinkPayload::from(RouteNetlinkMessage::GetLink(link)),
    );
    request.header.flags = NLM_F_REQUEST;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);

    let socket = Socket::new(NETLINK_ROUTE)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&bytes, 0)?;
    let (reply, _) = socket.recv_from_full()?;
    link_of(&reply)
}

/// The interface in an answer.
fn link_of(reply: &[u8]) -> io::Result<LinkMessage> {
    let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(reply);
    match message.map_err(io::Error::other)?.payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => Ok(link),
        NetlinkPayload::Error(error) => Err(error.to_io()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// What an interface says of its virtual function `vf`, if it has that.
fn policy(link: &LinkMessage, vf: u32) -> Option<Policy> {
    let mut policy = Policy {
        provider: Provider::PhysicalFunction,
        interface: None,
        vf: Some(vf),
        up: Some(link.header.flags.contains(LinkFlags::Up)),
        carrier: None,
        mac: None,
        vlan: None,
        trusted: None,
        spoof_check: None,
        max_tx_rate: None,
        neighbours: Vec::new(),
    };
    let mut found = false;
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => policy.interface = Some(name.clone()),
            LinkAttribute::Carrier(carrier) => policy.carrier = Some(*carrier != 0),
            LinkAttribute::VfInfoList(list) => {
                for info in list.iter().flat_map(|function| &function.0) {
                    found |= take(&mut policy, vf, info);
                }
            }
            _ => {}
        }
    }
    // An interface that is down has none, and that is why.
    policy.carrier = policy.carrier.filter(|_| policy.up == Some(true));
    found.then_some(policy)
}

/// Takes one fact; returns whether it is about the function.
fn take(policy: &mut Policy, vf: u32, info: &VfInfo) -> bool {
    let about = match info {
        VfInfo::Mac(mac) => {
            let octets = mac.mac.iter().take(6).map(|octet| format!("{octet:02x}"));
            let text = octets.collect::<Vec<_>>().join(":");
            if text != NO_MAC && mac.vf_id == vf {
                policy.mac = Some(text);
            } else if text != NO_MAC {
                policy.neighbours.push((mac.vf_id, text));
            }
            mac.vf_id
        }
        VfInfo::Vlan(vlan) if vlan.vf_id == vf => {
            policy.vlan = Some(vlan.vlan_id);
            vf
        }
        VfInfo::Trust(trust) if trust.vf_id == vf => {
            policy.trusted = Some(trust.enabled);
            vf
        }
        VfInfo::SpoofCheck(check) if check.vf_id == vf => {
            policy.spoof_check = Some(check.enabled);
            vf
        }
        VfInfo::Rate(rate) if rate.vf_id == vf => {
            policy.max_tx_rate = Some(rate.max_tx_rate);
            vf
        }
        _ => return false,
    };
    about == vf
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    #![allow(clippy::cast_possible_truncation)]

    use super::*;

    /// An attribute as include/uapi/linux/rtnetlink.h has it.
    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let len = value.len() as u16 + 4;
        let mut bytes = [len.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// A virtual function as igb describes it: IFLA_VF_MAC, VLAN, RATE, SPOOFCHK, TRUST.
    fn function(vf: u32, mac: [u8; 6], vlan: u32, rate: u32, spoof: u32, trust: u32) -> Vec<u8> {
        let mut address = words(&[vf]);
        address.extend(mac);
        address.resize(36, 0);
        let parts = [
            attribute(1, &address),
            attribute(2, &words(&[vf, vlan, 0])),
            attribute(6, &words(&[vf, 0, rate])),
            attribute(4, &words(&[vf, spoof])),
            attribute(9, &words(&[vf, trust])),
        ];
        attribute(1, &parts.concat())
    }

    /// RTM_NEWLINK of an interface with these flags.
    fn reply(flags: u32, carrier: u8, functions: &[Vec<u8>]) -> Vec<u8> {
        let mut body = words(&[0, 7, flags, 0]);
        body.extend(attribute(3, b"eth7\0"));
        body.extend(attribute(33, &[carrier]));
        body.extend(attribute(22 | (1 << 15), &functions.concat()));
        let mut bytes = words(&[body.len() as u32 + 16]);
        bytes.extend([16u16, 0].map(u16::to_ne_bytes).concat());
        bytes.extend(words(&[1, 0]));
        bytes.extend(body);
        bytes
    }

    const MAC: [u8; 6] = [2, 0x76, 0x6d, 0x66, 0, 0x1a];

    #[test]
    fn as_the_kernel_says_it() {
        let functions = [
            function(0, [2, 0, 0, 0, 0, 1], 0, 0, 1, 0),
            function(1, MAC, 7, 100, 0, 1),
            function(2, [0; 6], 0, 0, 1, 0),
        ];
        let link = link_of(&reply(1, 1, &functions)).unwrap();
        let policy = |vf| policy(&link, vf);
        let one = policy(1).unwrap();
        assert_eq!(one.interface.as_deref(), Some("eth7"));
        assert_eq!((one.up, one.carrier), (Some(true), Some(true)));
        assert_eq!(one.mac.as_deref(), Some("02:76:6d:66:00:1a"));
        assert_eq!((one.vlan, one.max_tx_rate), (Some(7), Some(100)));
        assert_eq!((one.trusted, one.spoof_check), (Some(true), Some(false)));
        assert_eq!(one.neighbours, [(0, "02:00:00:00:00:01".to_string())]);
        let two = policy(2).unwrap();
        assert_eq!((two.mac, two.trusted), (None, Some(false)));
        assert_eq!(two.neighbours.len(), 2);
        assert_eq!(policy(3), None);
    }

    #[test]
    fn interfaces_that_are_down_and_answers_that_are_none() {
        let functions = [function(0, MAC, 0, 0, 1, 0)];
        let down = reply(0, 0, &functions);
        let policy = policy(&link_of(&down).unwrap(), 0).unwrap();
        assert_eq!((policy.up, policy.carrier), (Some(false), None));
        for len in 0..down.len() {
            // Cut off anywhere: an error, or less than there was, and no more.
            let cut = down.get(..len).unwrap_or(&[]);
            assert!(link_of(cut).is_err(), "{len}");
        }
        // NLMSG_ERROR with ENODEV.
        let mut refused = words(&[36]);
        refused.extend([2u16, 0].map(u16::to_ne_bytes).concat());
        refused.extend(words(&[1, 0, (-19i32) as u32, 0, 0, 0, 0]));
        assert_eq!(link_of(&refused).unwrap_err().raw_os_error(), Some(19));
    }

    /// The kernel of this machine has a loopback interface, without functions.
    #[test]
    fn the_kernel_is_asked() {
        let index = fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
        let link = ask(index.trim().parse().unwrap()).unwrap();
        let named = |attribute: &LinkAttribute| *attribute == LinkAttribute::IfName("lo".into());
        assert!(link.attributes.iter().any(named));
        assert_eq!(policy(&link, 0), None);
        assert_eq!(ask(u32::MAX >> 1).unwrap_err().raw_os_error(), Some(19));
    }
}
