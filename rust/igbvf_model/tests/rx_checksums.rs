// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Receive queues: checksums, those that are told and those that are completed.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::receiving::*;
use common::*;
use igbvf_model::{NetHeader, Outcome, Received};

#[test]
fn checksums_are_told_only_if_they_were_verified() {
    let valid = NetHeader {
        flags: NetHeader::DATA_VALID,
        ..NetHeader::default()
    };
    let none = NetHeader::default();
    let mut fragment = ipv4(6, &tcp(0, &payload(50)));
    fragment[6] = 0x20;
    let sum = internet_checksum(&[&fragment[..10], &[0, 0], &fragment[12..20]]);
    fragment[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut bad = ipv4(6, &tcp(0, &payload(50)));
    bad[10] ^= 1;
    let mut counted = udp(&payload(50));
    counted[6] = 1;
    let v4 = 1 << 4;
    let v6 = 4 << 4;
    let (t, u, s) = (0x10 << 4, 0x20 << 4, 0x40 << 4);
    let cases = [
        (0x800, ipv4(6, &tcp(0, &payload(50))), v4 | t, IPCS, TCPCS),
        (0x800, ipv4(17, &counted), v4 | u, IPCS, UDPCS),
        // UDP without a checksum.
        (0x800, ipv4(17, &udp(&payload(50))), v4 | u, IPCS, 0),
        (0x800, ipv4(132, &payload(50)), v4 | s, IPCS, 0),
        (0x800, ipv4(1, &payload(50)), v4, IPCS, 0),
        (0x800, fragment, v4, IPCS, 0),
        (0x800, bad, v4 | t, IPCS | IPE, 0),
        (0x86dd, ipv6(6, &tcp(0, &payload(50))), v6 | t, 0, TCPCS),
        (0x86dd, ipv6(17, &counted), v6 | u, 0, UDPCS),
        (0x86dd, ipv6(58, &payload(50)), v6, 0, 0),
        (0x800, vec![0x44; 50], 0, 0, 0),
        (0x800, vec![0x65; 50], 0, 0, 0),
        (0x88b5, payload(50), 0, 0, 0),
    ];
    for (kind, ip, packet, ip_bits, l4_bits) in cases {
        for tag in [false, true] {
            let mut machine = Machine::up();
            machine.set_vlan(100, true);
            let frame = ethernet(OWN, PEER, kind, &ip);
            let frame = if tag { tagged(&frame, 100) } else { frame };
            for (index, header, bits) in [(0, none, 0), (1, valid, l4_bits)] {
                done(machine.receive_with(header, &frame));
                let vp = if tag { VP } else { 0 };
                let (told, _, status, _, _) = machine.rx_done(index);
                assert_eq!((told, status), (packet, EOP_DONE | vp | ip_bits | bits));
            }
        }
    }
}

#[test]
fn partial_checksums_are_completed() {
    for v4 in [true, false] {
        for (protocol, l4, offset, bit) in [
            (6, tcp(0, &payload(333)), 16, TCPCS),
            (17, udp(&payload(44)), 6, UDPCS),
        ] {
            for tag in [false, true] {
                let make = |l4: &[u8]| {
                    if v4 {
                        ipv4(protocol, l4)
                    } else {
                        ipv6(protocol, l4)
                    }
                };
                let sum = pseudo_sum(&make(&l4), protocol, l4.len());
                let mut l4 = l4.clone();
                l4[offset..offset + 2].copy_from_slice(&sum.to_be_bytes());
                let ip = make(&l4);
                let kind = if v4 { 0x800 } else { 0x86dd };
                let mut frame = ethernet(OWN, PEER, kind, &ip);
                let mut start = frame.len() - l4.len();
                if tag {
                    frame = tagged(&frame, 100);
                    start += 4;
                }
                let header = NetHeader {
                    flags: NetHeader::NEEDS_CSUM,
                    csum_start: start as u16,
                    csum_offset: offset as u16,
                    ..NetHeader::default()
                };
                let mut machine = Machine::up();
                machine.set_vlan(100, true);
                done(machine.receive_with(header, &frame));
                let (_, _, status, len, _) = machine.rx_done(0);
                assert_eq!(status & (TCPCS | UDPCS), bit);
                let got = machine.rx_buffer(0, len.into());
                assert!(l4_sound(&got[14..]));
                let at = 14 + ip.len() - l4.len() + offset;
                let mut want = ethernet(OWN, PEER, kind, &ip);
                want[at..at + 2].copy_from_slice(&got[at..at + 2]);
                assert_eq!(got, want);
            }
        }
    }
}

#[test]
fn a_udp_checksum_is_never_zero() {
    // The sum of all is 0xffff, so that its complement is 0.
    let mut l4 = udp(&[0, 0]);
    let ip = ipv4(17, &l4);
    let rest = pseudo_sum(&ip, 17, l4.len());
    l4[6..8].copy_from_slice(&rest.to_be_bytes());
    let sum = internet_checksum(&[&l4]);
    l4[8..10].copy_from_slice(&sum.to_be_bytes());
    let frame = ethernet(OWN, PEER, 0x800, &ipv4(17, &l4));
    let header = NetHeader {
        flags: NetHeader::NEEDS_CSUM,
        csum_start: 34,
        csum_offset: 6,
        ..NetHeader::default()
    };
    let mut machine = Machine::up();
    done(machine.receive_with(header, &frame));
    assert_eq!(machine.rx_buffer(0, 44)[40..42], [0xff, 0xff]);
    assert_eq!(machine.rx_done(0).2 & UDPCS, UDPCS);
}

#[test]
fn checksums_beyond_the_frame() {
    let mut machine = Machine::up();
    for (start, offset) in [
        (59, 0),
        (60, 0),
        (61, 0),
        (0, 59),
        (0xffff, 0xffff),
        (40, 19),
    ] {
        let header = NetHeader {
            flags: NetHeader::NEEDS_CSUM,
            csum_start: start,
            csum_offset: offset,
            ..NetHeader::default()
        };
        let outcome = machine.receive_with(header, &plain(OWN, 60));
        assert_eq!(
            outcome,
            Outcome::Queue(Received::Dropped { interrupt: false })
        );
        assert!(machine.ram.log.is_empty());
    }
    assert_eq!(faults(&machine).checksum, 6);
}
