// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Checksums, and contexts that do not fit, compared with what is computed here.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::offloads::*;
use common::*;
use igbvf_model::{Administrator, NetHeader};

#[test]
fn transport_checksums_are_left_to_the_network() {
    let mut machine = machine();
    for v4 in [true, false] {
        for (protocol, l4, offset, kind) in [
            (6, tcp(0x18, &payload(101)), 16, L4T_TCP),
            (17, udp(&payload(77)), 6, L4T_UDP),
        ] {
            let frame = partial(v4, protocol, l4, offset);
            let start = if v4 { 34 } else { 54 };
            for tag in [false, true] {
                let context = Ctx {
                    vlan: 100,
                    ..ctx(v4, kind)
                };
                let vle = if tag { VLE } else { 0 };
                let sent = machine.send(&frame, &[start], Some(context), vle, TXSM);
                let [(header, sent)] = &sent[..] else {
                    panic!()
                };
                let moved = if tag { 4 } else { 0 };
                let want = NetHeader {
                    flags: NetHeader::NEEDS_CSUM,
                    csum_start: (start + moved) as u16,
                    csum_offset: offset as u16,
                    ..NetHeader::default()
                };
                assert_eq!(*header, want);
                let plain = if tag {
                    tagged(&frame, 100)
                } else {
                    frame.clone()
                };
                assert_eq!(*sent, plain);
                let done = completed(sent, start + moved, offset);
                assert!(l4_sound(&done[14 + moved..]));
            }
        }
    }
}

#[test]
fn ipv4_header_checksum() {
    let mut machine = machine();
    let good = ipv4(17, &udp(&payload(20)));
    let mut bad = good.clone();
    bad[10..12].copy_from_slice(&[0; 2]);
    let sent = machine.send(&own(0x800, &bad), &[], Some(ctx(true, 0)), 0, IXSM);
    assert_eq!(sent, [(NetHeader::default(), own(0x800, &good))]);
    // With options.
    let mut long = good.clone();
    long.splice(20..20, [1; 8]);
    long[0] = 0x47;
    long[10..12].copy_from_slice(&[0; 2]);
    let context = Ctx {
        ip_len: 28,
        ..ctx(true, 0)
    };
    let sent = machine.send(&own(0x800, &long), &[], Some(context), 0, IXSM);
    assert_eq!(internet_checksum(&[&sent[0].1[14..42]]), 0);
}

#[test]
fn sctp_checksum() {
    let mut machine = machine();
    for v4 in [true, false] {
        let mut sctp = vec![0x12, 0x34, 0x56, 0x78, 1, 2, 3, 4, 0xee, 0xee, 0xee, 0xee];
        sctp.extend(payload(33));
        let ip = if v4 {
            ipv4(132, &sctp)
        } else {
            ipv6(132, &sctp)
        };
        let frame = own(if v4 { 0x800 } else { 0x86dd }, &ip);
        let start = if v4 { 34 } else { 54 };
        let sent = machine.send(&frame, &[], Some(ctx(v4, L4T_SCTP)), 0, TXSM);
        let mut want = frame.clone();
        want[start + 8..start + 12].fill(0);
        let crc = crc32c::crc32c(&want[start..]);
        want[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(sent, [(NetHeader::default(), want)]);
    }
}

#[test]
fn contexts_that_do_not_fit_the_frame() {
    let off = Administrator {
        spoofchk: false,
        ..Administrator::default()
    };
    let mut machine = machine();
    machine.device.control.set_administrator(off);
    let (left, _) = for_tso(true, 0x10, 3000);
    let good = tso_ctx(true, 1000);
    let mut bad = vec![
        (
            Ctx {
                mac_len: 13,
                ..good
            },
            TSE,
        ),
        (
            Ctx {
                mac_len: 127,
                ip_len: 511,
                l4_len: 255,
                ..good
            },
            TSE,
        ),
        (Ctx { ip_len: 19, ..good }, TSE),
        (Ctx { l4_len: 19, ..good }, TSE),
        (Ctx { mss: 0, ..good }, TSE),
        (Ctx { mss: 7, ..good }, TSE),
        (
            Ctx {
                kind: L4T_TCP,
                ..good
            },
            TSE,
        ),
        (Ctx { kind: IPV4, ..good }, TSE),
        (
            Ctx {
                kind: IPV4 | L4T_SCTP,
                ..good
            },
            TSE,
        ),
        (
            Ctx {
                kind: 0x1800,
                ..good
            },
            0,
        ),
    ];
    for kind in [L4T_TCP, L4T_UDP, L4T_SCTP] {
        // The headers are longer than this frame.
        let context = Ctx {
            mac_len: 127,
            ip_len: 511,
            kind,
            ..good
        };
        bad.push((context, 1));
    }
    for (number, (context, command)) in (1..).zip(bad) {
        let short = command == 1;
        let frame = if short { &left[..600] } else { &left[..] };
        let sent = machine.send(frame, &[], Some(context), command & TSE, TXSM);
        assert!(sent.is_empty(), "{number}");
        assert_eq!(machine.device.tx[0].faults().offload, number);
        assert_eq!(machine.tx_status((machine.next + COUNT - 1) % COUNT), 1);
    }
    // Headers beyond the frame for the IP checksum.
    let context = Ctx {
        mac_len: 127,
        ip_len: 511,
        ..good
    };
    assert!(machine
        .send(&left[..600], &[], Some(context), 0, IXSM)
        .is_empty());
    let context = Ctx {
        mac_len: 14,
        ip_len: 11,
        ..good
    };
    assert!(machine
        .send(&left[..600], &[], Some(context), 0, IXSM)
        .is_empty());
    // And what is good, still is.
    assert_eq!(
        machine.send(&left, &[], Some(good), TSE, TXSM | IXSM).len(),
        1
    );
}

#[test]
fn the_header_for_the_network_is_that_of_virtio() {
    let header = NetHeader {
        flags: 1,
        gso_type: 0x81,
        hdr_len: 0x1234,
        gso_size: 0x5678,
        csum_start: 0x9abc,
        csum_offset: 0xdef0,
    };
    let bytes = [1, 0x81, 0x34, 0x12, 0x78, 0x56, 0xbc, 0x9a, 0xf0, 0xde];
    assert_eq!(header.encode(), bytes);
    assert_eq!(NetHeader::decode(&bytes), header);
}
