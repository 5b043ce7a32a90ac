// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Transmit queues: descriptors, their write-back, budget, and when nothing is sent.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::sending::*;
use common::*;
use igbvf_model::registers::*;
use igbvf_model::{Administrator, Stop, SCRATCH_LEN};

#[test]
fn one_descriptor() {
    let mut machine = Machine::up();
    let frame = frame(60);
    assert_eq!(machine.send(&frame, &[], None, 0, 0), plain_of(&frame));
    // Only the status was written, last, as a word of its own.
    assert_eq!(machine.ram.log.len(), 1);
    assert_eq!(machine.ram.log[0].range(), TX_RING + 12..TX_RING + 16);
    assert!(machine.ram.log[0].published);
    assert_eq!(machine.tx_status(0), 1);
    assert_eq!(machine.r(TX + HEAD), 1);
    assert_eq!(machine.raised(), 1);
    assert_eq!((machine.r(VFGPTC), machine.r(VFGOTC)), (1, 64));
}

#[test]
fn the_shortest_frame_on_the_wire() {
    let mut machine = Machine::up();
    machine.send(&frame(14), &[], None, 0, 0);
    assert_eq!(machine.r(VFGOTC), 64);
    machine.send(&frame(61), &[], None, 0, 0);
    assert_eq!(machine.r(VFGOTC), 64 + 65);
}

#[test]
fn several_descriptors() {
    let mut machine = Machine::up();
    let frame = frame(1514);
    for cuts in [&[14][..], &[0, 0, 14, 14, 700], &[1, 2, 3, 1513]] {
        let first = machine.next;
        assert_eq!(machine.send(&frame, cuts, None, 0, 0), plain_of(&frame));
        // Only the one at the end of the packet.
        for index in first..machine.next {
            let done = index + 1 == machine.next;
            assert_eq!(machine.tx_status(index) == 1, done);
        }
        assert_eq!(machine.ram.log.len(), 1);
        assert_eq!(machine.r(TX + HEAD), machine.next);
    }
    assert_eq!((machine.r(VFGPTC), machine.r(VFGOTC)), (3, 3 * 1518));
}

#[test]
fn around_the_end_of_the_ring() {
    let mut machine = Machine::up();
    let frame = frame(100);
    for _ in 0..COUNT {
        assert_eq!(
            machine.send(&frame, &[20, 30], None, 0, 0),
            plain_of(&frame)
        );
    }
    assert_eq!(machine.r(TX + HEAD), machine.next);
}

#[test]
fn no_report_is_asked_for() {
    let mut machine = Machine::up();
    let frame = frame(60);
    machine.queue(&frame, &[], None, 0, 0);
    let mut descriptor = [0; 16];
    descriptor.copy_from_slice(machine.ram.get(TX_RING, 16));
    descriptor[11] &= !(RS >> 24) as u8;
    machine.ram.set(TX_RING, &descriptor);
    machine.ram.begin();
    assert!(!machine.ring().interrupt);
    assert_eq!(machine.net.frames, plain_of(&frame));
    assert!(machine.ram.log.is_empty());
    assert_eq!(machine.r(TX + HEAD), 1);
    assert_eq!(machine.raised(), 0);
}

#[test]
fn head_write_back_replaces_that_of_descriptors() {
    let mut machine = Machine::up();
    let at = BASE + 0x8000;
    machine.w(TX + WBAL, at as u32 | 3);
    machine.w(TX + WBAH, (at >> 32) as u32);
    let frame = frame(60);
    machine.send(&frame, &[], None, 0, 0);
    assert_eq!(machine.ram.log.len(), 1);
    assert_eq!(machine.ram.log[0].range(), at..at + 4);
    assert_eq!(machine.ram.get32(at), 1);
    machine.send(&frame, &[10], None, 0, 0);
    assert_eq!(machine.ram.get32(at), 3);
    assert_eq!(machine.raised(), 1);
    // Bit 1 alone does not enable it.
    machine.w(TX + WBAL, at as u32 | 2);
    machine.send(&frame, &[], None, 0, 0);
    assert_eq!(machine.ram.get32(at), 3);
    assert_eq!(machine.tx_status(3), 1);
}

#[test]
fn a_frame_in_the_making_is_left_alone() {
    let mut machine = Machine::up();
    let frame = frame(200);
    let before = machine.device.tx[0];
    machine.queue(&frame, &[50, 100], None, 0, 0);
    for tail in [1, 2] {
        machine.w(TX + TAIL, tail);
        machine.ram.begin();
        assert_eq!(machine.run(100).stop, Stop::Idle);
        assert!(machine.ram.log.is_empty());
        assert_eq!(machine.device.tx[0], before);
    }
    machine.ring();
    assert_eq!(machine.net.frames, plain_of(&frame));
}

#[test]
fn budget() {
    let mut machine = Machine::up();
    let frame = frame(60);
    for _ in 0..10 {
        machine.queue(&frame, &[10], None, 0, 0);
    }
    machine.w(TX + TAIL, machine.next);
    for (budget, frames) in [(0, 0), (1, 1), (2, 2), (3, 4), (100, 10)] {
        let work = machine.run(budget);
        assert_eq!(machine.net.frames.len(), frames);
        let stop = if frames == 10 {
            Stop::Idle
        } else {
            Stop::Budget
        };
        assert_eq!(work.stop, stop);
        assert_eq!(machine.r(TX + HEAD), 2 * frames as u32);
    }
}

#[test]
fn a_network_that_is_full() {
    let mut machine = Machine::up();
    machine.net.room = 1;
    let frame = frame(60);
    machine.queue(&frame, &[], None, 0, 0);
    machine.queue(&frame, &[30], None, 0, 0);
    machine.w(TX + TAIL, machine.next);
    assert_eq!(machine.run(100).stop, Stop::WireFull);
    assert_eq!((machine.net.frames.len(), machine.r(TX + HEAD)), (1, 1));
    machine.ram.begin();
    assert_eq!(machine.run(100).stop, Stop::WireFull);
    assert!(machine.ram.log.is_empty());
    assert_eq!(machine.r(VFGPTC), 1);
    machine.net.room = 5;
    assert_eq!(machine.run(100).stop, Stop::Idle);
    assert_eq!((machine.net.frames.len(), machine.r(TX + HEAD)), (2, 3));
}

#[test]
fn off() {
    let mut machine = Machine::up();
    let frame = frame(60);
    machine.queue(&frame, &[], None, 0, 0);
    machine.w(TX + TAIL, 1);
    machine.device.control.set_link(false);
    assert_eq!(machine.run(100).stop, Stop::Off);
    machine.device.control.set_link(true);
    machine.w(TX + DCTL, 0);
    assert_eq!(machine.run(100).stop, Stop::Off);
    machine.w(TX + DCTL, ENABLE);
    machine.w(CTRL, CTRL_RST);
    machine.w(TX + DCTL, ENABLE);
    assert_eq!(machine.run(100).stop, Stop::Off);
    assert!(machine.net.frames.is_empty());
    machine.ask(&[1]);
    machine.set_mac(0, OWN);
    assert_eq!(machine.run(100).stop, Stop::Idle);
    assert_eq!(machine.net.frames, plain_of(&frame));
}

#[test]
fn spoofed_frames_are_done_but_not_sent() {
    let mut machine = Machine::up();
    let mut frame = frame(60);
    frame[11] ^= 1;
    assert!(machine.send(&frame, &[], None, 0, 0).is_empty());
    assert_eq!(machine.tx_status(0), 1);
    assert_eq!(faults(&machine).spoofed, 1);
    assert_eq!(machine.r(VFGPTC), 0);
    let off = Administrator {
        spoofchk: false,
        ..Administrator::default()
    };
    machine.device.control.set_administrator(off);
    assert_eq!(machine.send(&frame, &[], None, 0, 0), plain_of(&frame));
}

#[test]
fn the_second_queue() {
    let mut machine = Machine::up();
    let ring = BASE + 0x9000;
    machine.w(TX + 0x100 + LEN, 0x100);
    machine.w(TX + 0x100 + BAL, ring as u32);
    machine.w(TX + 0x100 + BAH, (ring >> 32) as u32);
    machine.w(TX + 0x100 + DCTL, ENABLE);
    machine.w(IVAR0, 0x8200_8081);
    let frame = frame(60);
    machine.ram.set(TX_BUFFERS, &frame);
    machine.ram.set(ring, &data(TX_BUFFERS, EOP | RS | 60, 0));
    machine.w(TX + 0x100 + TAIL, 1);
    let mut scratch = vec![0; SCRATCH_LEN];
    let (work, raise) = machine.device.transmit(
        1,
        &mut machine.ram,
        &mut machine.net,
        &mut scratch,
        10,
        machine.now,
    );
    assert!(work.interrupt);
    assert_eq!(raise.vectors, 4);
    assert_eq!(machine.net.frames, plain_of(&frame));
    assert_eq!((machine.r(TX + HEAD), machine.r(TX + 0x100 + HEAD)), (0, 1));
}
