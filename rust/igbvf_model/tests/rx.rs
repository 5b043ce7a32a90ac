// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Receive queues: every layout, and what the descriptors tell.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::receiving::*;
use common::*;
use igbvf_model::registers::*;
use igbvf_model::{NetHeader, Outcome, Received};

#[test]
fn one_buffer() {
    let mut machine = Machine::up();
    let frame = plain(OWN, 1000);
    let counts = done(machine.receive(&frame));
    assert_eq!((counts.rx_packets, counts.rx_octets), (1, 1004));
    assert_eq!(machine.rx_buffer(0, 1000), frame);
    assert_eq!(machine.rx_done(0), (0, 0, EOP_DONE, 1000, 0));
    assert_eq!(machine.r(RX + HEAD), 1);
    assert_eq!(machine.raised(), 2);
    // The frame, the descriptor without its status, the status.
    let ranges: Vec<_> = machine.ram.log.iter().map(|write| write.range()).collect();
    assert_eq!(ranges[0], RX_BUFFERS..RX_BUFFERS + 1000);
    assert_eq!(ranges[1], RX_RING..RX_RING + 16);
    assert_eq!(ranges[2], RX_RING + 8..RX_RING + 12);
    assert_eq!(ranges.len(), 3);
    let published: Vec<_> = machine
        .ram
        .log
        .iter()
        .map(|write| write.published)
        .collect();
    assert_eq!(published, [false, false, true]);
    assert_eq!(machine.ram.log[1].bytes[8..12], [0; 4]);
}

#[test]
fn counters() {
    let mut machine = Machine::up();
    machine.set_multicast(1, &[0xcda]);
    let group = [1, 0, 0x5e, 0x7f, 0xab, 0xcd];
    for (to, len) in [(OWN, 60), (group, 100), (BROADCAST, 200)] {
        done(machine.receive(&plain(to, len)));
    }
    let mut frame = plain(OWN, 300);
    let header = NetHeader::default();
    let (outcome, _) =
        machine
            .device
            .receive(&header, true, &mut frame, &mut machine.ram, machine.now);
    done(outcome);
    assert_eq!(machine.rx_done(3).2, EOP_DONE | LB);
    assert_eq!(
        (machine.r(VFGPRC), machine.r(VFGORC)),
        (4, 60 + 100 + 200 + 300 + 16)
    );
    assert_eq!(machine.r(VFMPRC), 1);
    assert_eq!((machine.r(VFGPRLBC), machine.r(VFGORLBC)), (1, 304));
    assert_eq!(
        (machine.r(VFGPTC), machine.r(VFGPTLBC), machine.r(VFGOTLBC)),
        (0, 0, 0)
    );
    // Reading does not clear, writing does not set.
    machine.w(VFGPRC, 9);
    assert_eq!(machine.r(VFGPRC), 4);
    // They wrap.
    let mut state = machine.device.save();
    state.statistics.gorc = u32::MAX - 10;
    machine.device.load(&state).unwrap();
    done(machine.receive(&plain(OWN, 60)));
    assert_eq!(machine.r(VFGORC), 64 - 11);
}

#[test]
fn several_buffers() {
    let mut machine = jumbo(SRRCTL_ONE);
    for (len, count) in [(2048, 1), (2049, 2), (4096, 2), (9724, 5)] {
        let first = machine.r(RX + HEAD);
        let frame = plain(OWN, len);
        done(machine.receive(&frame));
        let mut got = Vec::new();
        for index in first..first + count {
            let (_, info, status, part, _) = machine.rx_done(index);
            assert_eq!(info, 0);
            let last = index + 1 == first + count;
            assert_eq!(status, if last { EOP_DONE } else { DD });
            got.extend_from_slice(machine.rx_buffer(index, part.into()));
        }
        assert_eq!(got, frame);
        assert_eq!(machine.r(RX + HEAD), first + count);
    }
}

#[test]
fn buffers_of_other_sizes() {
    for (srrctl, size) in [(1, 1024), (0, 2048), (3, 3072), (127, 127 << 10)] {
        let mut machine = jumbo(0x0200_0000 | srrctl);
        let frame = plain(OWN, 3000);
        done(machine.receive(&frame));
        let count = 3000usize.div_ceil(size);
        assert_eq!(machine.r(RX + HEAD), count as u32);
        assert_eq!(
            machine.rx_buffer(0, size.min(3000)),
            &frame[..size.min(3000)]
        );
    }
}

#[test]
fn header_buffers_are_filled_first() {
    let mut machine = jumbo(SRRCTL_SPLIT);
    for len in [60, 127, 128, 129, 1000, 2176, 2177, 9000] {
        let first = machine.r(RX + HEAD);
        let frame = plain(OWN, len);
        done(machine.receive(&frame));
        let count = (len - 128.min(len)).div_ceil(2048).max(1) as u32;
        assert_eq!(machine.r(RX + HEAD), first + count);
        let mut got = machine.rx_header(first, 128.min(len)).to_vec();
        for index in first..first + count {
            let (_, info, status, part, _) = machine.rx_done(index);
            // As the driver reads it: no header was recognised.
            let hlen = (info & 0x7fe0) >> 5;
            assert_eq!(info & 0x801f, 0);
            assert_eq!(
                usize::from(hlen),
                if index == first { 128.min(len) } else { 0 }
            );
            assert_eq!(status & DD, DD);
            assert_eq!(status & 2 != 0, index + 1 == first + count);
            got.extend_from_slice(machine.rx_buffer(index, part.into()));
        }
        assert_eq!(got, frame);
    }
}

#[test]
fn other_descriptor_types() {
    for kind in 0..8 {
        let mut machine = jumbo(0x8000_0202 | kind << 25);
        let frame = plain(OWN, 3000);
        let outcome = machine.receive(&frame);
        if kind > 5 {
            assert_eq!(
                outcome,
                Outcome::Queue(Received::Dropped { interrupt: false })
            );
            assert_eq!(faults(&machine).descriptor, 1);
            assert!(machine.ram.log.is_empty());
            continue;
        }
        done(outcome);
        let at = if kind == 5 { 128 } else { 0 };
        assert_eq!(machine.rx_buffer(0, 2048), &frame[at..at + 2048]);
        assert_eq!(machine.rx_buffer(1, 952 - at), &frame[at + 2048..]);
    }
}

#[test]
fn legacy_descriptors() {
    let mut machine = Machine::new();
    machine.probe();
    machine.set_vlan(100, true);
    machine.open(2);
    let frame = tagged(
        &ethernet(OWN, PEER, 0x800, &ipv4(6, &tcp(0, &payload(50)))),
        100,
    );
    let header = NetHeader {
        flags: NetHeader::DATA_VALID,
        ..NetHeader::default()
    };
    done(machine.receive_with(header, &frame));
    let len = (frame.len() - 4) as u16;
    let second = machine.ram.get(RX_RING + 8, 8);
    assert_eq!(second[..2], len.to_le_bytes());
    assert_eq!(
        second[2..],
        [0, 0, (EOP_DONE | VP | TCPCS | IPCS) as u8, 0, 100, 0]
    );
}

#[test]
fn tags_are_stripped() {
    let mut machine = Machine::up();
    machine.set_vlan(100, true);
    let plain = plain(OWN, 600);
    let frame = tagged(&plain, 0xe000 | 100);
    let counts = done(machine.receive(&frame));
    assert_eq!(counts.rx_octets, 608);
    assert_eq!(machine.rx_buffer(0, 600), plain);
    assert_eq!(machine.rx_done(0), (0, 0, EOP_DONE | VP, 600, 0xe000 | 100));
    // Not if the last message was about VLAN 0.
    machine.set_vlan(0, true);
    done(machine.receive(&frame));
    assert_eq!(machine.rx_buffer(1, 604), frame);
    assert_eq!(machine.rx_done(1), (0, 0, EOP_DONE, 604, 0));
    // The shortest.
    machine.set_vlan(100, true);
    done(machine.receive(&frame[..18]));
    assert_eq!(machine.rx_buffer(2, 14), &plain[..14]);
    assert_eq!(machine.rx_done(2).3, 14);
}

#[test]
fn a_tag_is_told_with_the_last_descriptor() {
    let mut machine = jumbo(SRRCTL_ONE);
    machine.set_vlan(100, true);
    let frame = tagged(&plain(OWN, 3000), 100);
    done(machine.receive(&frame));
    assert_eq!(machine.rx_done(0).2, DD);
    assert_eq!(machine.rx_done(1).2, EOP_DONE | VP);
    assert_eq!(machine.rx_done(1).4, 100);
}

#[test]
fn around_the_end_of_the_ring() {
    let mut machine = jumbo(SRRCTL_ONE);
    for number in 0..100u32 {
        let frame = plain(OWN, 5000);
        let first = machine.r(RX + HEAD);
        done(machine.receive(&frame));
        let parts = [(0, 2048), (1, 2048), (2, 904)];
        for (at, len) in parts {
            let index = (first + at) % COUNT;
            let from = at as usize * 2048;
            assert_eq!(
                machine.rx_buffer(index, len),
                &frame[from..from + len],
                "{number}"
            );
            machine.give(index);
        }
        let head = machine.r(RX + HEAD);
        machine.w(RX + TAIL, (head + COUNT - 1) % COUNT);
    }
}
