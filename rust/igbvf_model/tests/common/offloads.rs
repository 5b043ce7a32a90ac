// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the tests of checksums and segmentation have in common.

use super::*;

pub const IPV6: u32 = 0;

pub fn machine() -> Machine {
    let mut machine = Machine::up();
    machine.set_vlan(100, true);
    machine
}

pub fn own(kind: u16, ip: &[u8]) -> Vec<u8> {
    ethernet(PEER, OWN, kind, ip)
}

/// A packet whose checksum field has the sum of the pseudo header, as the stack leaves it.
pub fn partial(v4: bool, protocol: u8, mut l4: Vec<u8>, offset: usize) -> Vec<u8> {
    let make = |l4: &[u8]| {
        if v4 {
            ipv4(protocol, l4)
        } else {
            ipv6(protocol, l4)
        }
    };
    let sum = pseudo_sum(&make(&l4), protocol, l4.len());
    l4[offset..offset + 2].copy_from_slice(&sum.to_be_bytes());
    own(if v4 { 0x0800 } else { 0x86dd }, &make(&l4))
}

pub fn ctx(v4: bool, kind: u32) -> Ctx {
    Ctx {
        mac_len: 14,
        ip_len: if v4 { 20 } else { 40 },
        kind: kind | if v4 { IPV4 } else { IPV6 },
        ..Ctx::default()
    }
}

/// What `igbvf_tso` makes of a packet: no length in the IP header, none in the checksum of TCP.
pub fn for_tso(v4: bool, flags: u8, len: usize) -> (Vec<u8>, Vec<u8>) {
    let frame = partial(v4, 6, tcp(flags, &payload(len)), 16);
    let mut left = frame.clone();
    let l4 = if v4 { 34 } else { 54 };
    if v4 {
        left[16..18].fill(0);
        left[24..26].fill(0xff);
    } else {
        left[18..20].fill(0);
    }
    // Subtracts in ones' complement.
    let l4_len = (frame.len() - l4) as u32;
    let field = u16::from_be_bytes([frame[l4 + 16], frame[l4 + 17]]);
    let minus = !internet_checksum(&[&(!l4_len).to_be_bytes(), &field.to_be_bytes()]);
    left[l4 + 16..l4 + 18].copy_from_slice(&minus.to_be_bytes());
    (left, frame)
}

pub fn tso_ctx(v4: bool, mss: u32) -> Ctx {
    Ctx {
        l4_len: 32,
        mss,
        vlan: 100,
        ..ctx(v4, L4T_TCP)
    }
}
