// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a received frame is, as its descriptor tells.

use crate::{
    bytes::{be16_at, byte_at},
    checksum::checksum,
    filters::{ETH_HLEN, ETH_P_8021Q},
};

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
/// Packet types, as in bits 12:4 of the first word of a descriptor.
const IPV4: u16 = 1 << 4;
const IPV4_OPTIONS: u16 = 1 << 5;
const IPV6: u16 = 1 << 6;
const TCP: u16 = 1 << 8;
const UDP: u16 = 1 << 9;
const SCTP: u16 = 1 << 10;

/// A frame, looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Packet {
    /// What the descriptor tells of it.
    pub(crate) kind: u16,
    /// Whether the checksum of the IPv4 header is right, if there is one.
    pub(crate) ip_sound: Option<bool>,
    /// It is TCP and not a fragment.
    pub(crate) tcp: bool,
    /// It is UDP with a checksum and not a fragment.
    pub(crate) udp: bool,
}

impl Packet {
    /// Looks at a frame, whose tag is not yet stripped.
    pub(crate) fn of(frame: &[u8]) -> Self {
        Self::parse(frame).unwrap_or_default()
    }

    fn parse(frame: &[u8]) -> Option<Self> {
        let mut at = ETH_HLEN;
        let mut kind = be16_at(frame, 12)?;
        if kind == ETH_P_8021Q {
            kind = be16_at(frame, 16)?;
            at = at.checked_add(4)?;
        }
        let mut packet = Self::default();
        let (protocol, l4, whole) = match kind {
            ETH_P_IP => {
                let first = byte_at(frame, at)?;
                let len = usize::from(first & 0xf).checked_mul(4)?;
                if first >> 4 != 4 || len < 20 {
                    return None;
                }
                let l4 = at.checked_add(len)?;
                let header = frame.get(at..l4)?;
                packet.kind = IPV4 | if len > 20 { IPV4_OPTIONS } else { 0 };
                packet.ip_sound = Some(checksum(header, 0) == 0);
                let fragment = be16_at(header, 6)? & 0x3fff != 0;
                (byte_at(header, 9)?, l4, !fragment)
            }
            ETH_P_IPV6 => {
                packet.kind = IPV6;
                let l4 = at.checked_add(40)?;
                (byte_at(frame, at.checked_add(6)?)?, l4, true)
            }
            _ => return None,
        };
        if whole {
            packet.kind |= match protocol {
                6 => TCP,
                17 => UDP,
                132 => SCTP,
                _ => 0,
            };
            packet.tcp = protocol == 6;
            let checked = l4.checked_add(6).and_then(|at| be16_at(frame, at));
            packet.udp = protocol == 17 && checked.is_some_and(|check| check != 0);
        }
        Some(packet)
    }
}
