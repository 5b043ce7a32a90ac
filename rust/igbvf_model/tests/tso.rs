// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Segmentation, by the network and, of tunnels, by the engine.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::offloads::*;
use common::*;
use igbvf_model::registers::*;
use igbvf_model::{NetHeader, Stop};

#[test]
fn segmentation_is_left_to_the_network() {
    let mut machine = machine();
    for v4 in [true, false] {
        for (len, mss) in [(5000, 1448), (1449, 1448), (60000, 1000), (65000, 8)] {
            for tag in [false, true] {
                for flags in [0x18, 0x98] {
                    let (left, whole) = for_tso(v4, flags, len);
                    let options = TXSM | if v4 { IXSM } else { 0 };
                    let vle = if tag { VLE } else { 0 };
                    let before = (machine.r(VFGPTC), machine.r(VFGOTC));
                    let context = tso_ctx(v4, mss);
                    let sent = machine.send(&left, &[66, 900], Some(context), TSE | vle, options);
                    let [(header, sent)] = &sent[..] else {
                        panic!()
                    };
                    let moved = if tag { 4 } else { 0 };
                    let l4 = (if v4 { 34 } else { 54 }) + moved;
                    let kind = if v4 {
                        NetHeader::GSO_TCPV4
                    } else {
                        NetHeader::GSO_TCPV6
                    };
                    let ecn = if flags & 0x80 != 0 {
                        NetHeader::GSO_ECN
                    } else {
                        0
                    };
                    let want = NetHeader {
                        flags: NetHeader::NEEDS_CSUM,
                        gso_type: kind | ecn,
                        hdr_len: l4 as u16 + 32,
                        gso_size: mss as u16,
                        csum_start: l4 as u16,
                        csum_offset: 16,
                    };
                    assert_eq!(*header, want);
                    // Lengths and checksums are those of the whole packet.
                    let plain = if tag { tagged(&whole, 100) } else { whole };
                    assert_eq!(*sent, plain);
                    let done = completed(sent, l4, 16);
                    assert!(l4_sound(&done[14 + moved..]));
                    let packets = (len as u32).div_ceil(mss);
                    let octets = packets * (l4 as u32 + 32 + 4) + len as u32;
                    let after = (machine.r(VFGPTC), machine.r(VFGOTC));
                    assert_eq!((after.0 - before.0, after.1 - before.1), (packets, octets));
                }
            }
        }
    }
}

#[test]
fn what_the_guest_has_left_in_the_field_of_the_ip_checksum_counts() {
    let mut machine = machine();
    for len in [1000, 3000] {
        let (mut left, _) = for_tso(true, 0x10, len);
        left[24..26].copy_from_slice(&0x1234u16.to_be_bytes());
        let sent = machine.send(&left, &[], Some(tso_ctx(true, 1000)), TSE, TXSM | IXSM);
        assert_eq!(sent.len(), len / 1000);
        for (header, segment) in sent {
            assert_eq!(header, NetHeader::default());
            assert!(l4_sound(&segment[14..]));
            let rest = [&segment[14..24], &[0x12, 0x34], &segment[26..34]];
            assert_eq!(segment[24..26], internet_checksum(&rest).to_be_bytes());
        }
        // Nothing is to be inserted: what is there is that of no segment, and does not count.
        let sent = machine.send(&left, &[], Some(tso_ctx(true, 1000)), TSE, TXSM);
        assert_eq!(sent.len(), 1);
        assert_eq!(internet_checksum(&[&sent[0].1[14..34]]), 0);
    }
}

#[test]
fn one_segment_is_a_packet() {
    let mut machine = machine();
    for v4 in [true, false] {
        for len in [0, 1, 1448] {
            let (left, whole) = for_tso(v4, 0x98, len);
            let options = TXSM | if v4 { IXSM } else { 0 };
            let sent = machine.send(&left, &[], Some(tso_ctx(v4, 1448)), TSE, options);
            let [(header, sent)] = &sent[..] else {
                panic!()
            };
            assert_eq!(
                (header.gso_type, header.gso_size, header.hdr_len),
                (0, 0, 0)
            );
            assert_eq!(header.flags, NetHeader::NEEDS_CSUM);
            assert_eq!(*sent, whole);
        }
    }
}

#[test]
fn ipv6_extension_headers_are_no_tunnel() {
    let mut machine = machine();
    let mut inner = vec![6, 0, 1, 4, 0, 0, 0, 0];
    let l4 = tcp(0x10, &payload(3000));
    inner.extend(&l4);
    let mut ip = ipv6(60, &inner);
    let l4_len = l4.len() as u32;
    let sum = pseudo_sum(&ip, 6, 0);
    ip[40 + 8 + 16..40 + 8 + 18].copy_from_slice(&sum.to_be_bytes());
    let mut left = own(0x86dd, &ip);
    left[18..20].fill(0);
    let context = Ctx {
        ip_len: 48,
        ..tso_ctx(false, 1000)
    };
    let sent = machine.send(&left, &[], Some(context), TSE, TXSM);
    let [(header, sent)] = &sent[..] else {
        panic!()
    };
    assert_eq!(
        (header.gso_type, header.hdr_len),
        (NetHeader::GSO_TCPV6, 14 + 48 + 32)
    );
    assert_eq!(sent[18..20], (inner.len() as u16).to_be_bytes());
    let done = completed(sent, 62, 16);
    let pseudo = pseudo(&ip, 6, l4_len as usize);
    assert_eq!(internet_checksum(&[&pseudo, &done[62..]]), 0);
}

/// TCP in IPv6 in a tunnel of IPv4 or IPv6, as the driver hands it on.
fn tunnel(v4: bool, len: usize, mss: usize) -> (Vec<u8>, Ctx) {
    let l4 = tcp(0x99, &payload(len));
    // What is between the outer header and TCP is that of one full segment.
    let inner = ipv6(6, &l4[..32 + mss.min(len)]);
    let mut inner = inner[..40].to_vec();
    inner.extend(&l4);
    let sum = pseudo_sum(&inner, 6, 0);
    inner[56..58].copy_from_slice(&sum.to_be_bytes());
    let mut outer = if v4 {
        ipv4(41, &inner)
    } else {
        ipv6(41, &inner)
    };
    let outer_len = if v4 { 20 } else { 40 };
    if v4 {
        outer[2..4].fill(0);
        let between = !internet_checksum(&[&outer[20..60]]);
        outer[10..12].copy_from_slice(&(!between).to_be_bytes());
    } else {
        outer[4..6].fill(0);
    }
    let frame = own(if v4 { 0x800 } else { 0x86dd }, &outer);
    let context = Ctx {
        ip_len: outer_len + 40,
        ..tso_ctx(v4, mss as u32)
    };
    (frame, context)
}

#[test]
fn tunnels_are_segmented_here() {
    let mut machine = machine();
    for v4 in [true, false] {
        for (len, mss) in [(3000, 1000), (1000, 1000), (2100, 700), (8, 8)] {
            for tag in [0, 4] {
                let (frame, context) = tunnel(v4, len, mss);
                let options = TXSM | if v4 { IXSM } else { 0 };
                let vle = if tag != 0 { VLE } else { 0 };
                let before = (machine.r(VFGPTC), machine.r(VFGOTC));
                let sent = machine.send(&frame, &[70], Some(context), TSE | vle, options);
                assert_eq!(sent.len(), len / mss);
                let ip = 14 + tag;
                let inner = ip + if v4 { 20 } else { 40 };
                let l4 = inner + 40;
                let mut all: Vec<u8> = Vec::new();
                let mut octets = 0;
                for (number, (header, segment)) in sent.iter().enumerate() {
                    assert_eq!(*header, NetHeader::default());
                    assert_eq!(segment.len(), l4 + 32 + mss);
                    octets += segment.len() as u32 + 4;
                    let behind = (segment.len() - ip) as u16;
                    if v4 {
                        assert_eq!(segment[ip + 2..ip + 4], behind.to_be_bytes());
                        let id = 0x1234 + number as u16;
                        assert_eq!(segment[ip + 4..ip + 6], id.to_be_bytes());
                        assert_eq!(internet_checksum(&[&segment[ip..inner]]), 0);
                    } else {
                        assert_eq!(segment[ip + 4..ip + 6], (behind - 40).to_be_bytes());
                    }
                    assert!(l4_sound(&segment[inner..]));
                    let sequence = 0x1000 + (number * mss) as u32;
                    assert_eq!(segment[l4 + 4..l4 + 8], sequence.to_be_bytes());
                    let last = number + 1 == sent.len();
                    let first = if number == 0 { 0x80 } else { 0 };
                    let flags = 0x10 | first | if last { 0x09 } else { 0 };
                    assert_eq!(segment[l4 + 13], flags);
                    all.extend(&segment[l4 + 32..]);
                }
                assert_eq!(all, payload(len));
                let after = (machine.r(VFGPTC), machine.r(VFGOTC));
                let packets = sent.len() as u32;
                assert_eq!((after.0 - before.0, after.1 - before.1), (packets, octets));
            }
        }
    }
}

#[test]
fn a_tunnel_into_a_full_network() {
    let mut machine = machine();
    let (frame, context) = tunnel(true, 3000, 1000);
    machine.queue(&frame, &[], Some(context), TSE, TXSM | IXSM);
    // None was taken: all of it is sent later.
    machine.net.room = 0;
    assert_eq!(machine.ring().stop, Stop::WireFull);
    assert_eq!(machine.r(TX + HEAD), 0);
    machine.net.room = 10;
    assert_eq!(machine.run(100).stop, Stop::Idle);
    assert_eq!(machine.net.frames.len(), 3);
    // Some were taken: the others are lost.
    machine.net.room = 2;
    machine.queue(&frame, &[], Some(context), TSE, TXSM | IXSM);
    assert_eq!(machine.ring().stop, Stop::Idle);
    assert_eq!(machine.net.frames.len(), 5);
    assert_eq!(machine.device.tx[0].faults().lost, 1);
    assert_eq!(machine.r(TX + HEAD), machine.next);
}

/// A frame of three descriptors can be as much work as thousands of frames.
#[test]
fn segments_count_against_the_budget() {
    let mut machine = machine();
    let (frame, context) = tunnel(true, 3000, 1000);
    for _ in 0..4 {
        machine.queue(&frame, &[], Some(context), TSE, TXSM | IXSM);
    }
    machine.w(TX + TAIL, machine.next);
    machine.net.room = 100;
    for (budget, frames) in [(1, 1), (5, 2), (6, 4)] {
        let work = machine.run(budget);
        assert_eq!(machine.net.frames.len(), 3 * frames);
        assert_eq!(machine.r(TX + HEAD), 2 * frames as u32);
        let stop = if frames == 4 {
            Stop::Idle
        } else {
            Stop::Budget
        };
        assert_eq!((work.stop, work.segments % 3), (stop, 0));
    }
}

#[test]
fn packets_that_are_too_long_for_ip() {
    let mut machine = machine();
    for v4 in [true, false] {
        // The last that fits, and one more byte.
        let most = 65535 - 32 - if v4 { 20 } else { 0 };
        let (left, whole) = for_tso(v4, 0x10, most);
        let sent = machine.send(&left, &[40000], Some(tso_ctx(v4, 1000)), TSE, TXSM);
        assert_eq!(sent[0].1[14..20], whole[14..20]);
        let left = [&left[..], &[0]].concat();
        let sent = machine.send(&left, &[40000], Some(tso_ctx(v4, 1000)), TSE, TXSM);
        assert!(sent.is_empty());
    }
    assert_eq!(machine.device.tx[0].faults().offload, 2);
}
