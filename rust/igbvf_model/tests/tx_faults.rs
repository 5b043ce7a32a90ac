// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Transmit queues of guests that get it wrong.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::sending::*;
use common::*;
use igbvf_model::registers::*;
use igbvf_model::{Stop, FRAME_DESCRIPTORS};

#[test]
fn frames_that_do_not_end() {
    let mut machine = Machine::up();
    machine.w(TX + DCTL, 0);
    machine.w(TX + LEN, 8192);
    machine.w(TX + DCTL, ENABLE);
    let frame = frame(60);
    machine.ram.set(TX_BUFFERS, &frame);
    // 400 descriptors without an end; then one, and a good frame.
    for at in 0..400 {
        machine.ram.set(TX_RING + at * 16, &data(TX_BUFFERS, 1, 0));
    }
    for at in [400, 401] {
        let descriptor = data(TX_BUFFERS, EOP | RS | 60, 0);
        machine.ram.set(TX_RING + at * 16, &descriptor);
    }
    machine.w(TX + TAIL, 200);
    let work = machine.run(10);
    assert_eq!(
        (work.stop, work.descriptors),
        (Stop::Budget, FRAME_DESCRIPTORS)
    );
    let work = machine.run(10);
    assert_eq!((work.stop, work.descriptors), (Stop::Budget, 10));
    assert_eq!(machine.run(1000).stop, Stop::Idle);
    // Nothing is looked at twice.
    assert_eq!(machine.run(1000).descriptors, 0);
    assert_eq!(machine.r(TX + HEAD), 0);
    machine.w(TX + TAIL, 402);
    // In the middle of that a migration: it starts from the beginning.
    let mut other = migrated(&machine);
    for machine in [&mut machine, &mut other] {
        machine.ram.begin();
        assert_eq!(machine.run(1000).stop, Stop::Idle);
        assert_eq!(machine.net.frames, plain_of(&frame));
        assert_eq!(faults(machine).long, 1);
        assert_eq!(machine.r(TX + HEAD), 402);
        assert_eq!(machine.ram.log.len(), 2);
        assert_eq!(machine.tx_status(400), 1);
    }
}

#[test]
fn a_guest_that_takes_descriptors_back() {
    let mut machine = Machine::up();
    machine.w(TX + DCTL, 0);
    machine.w(TX + LEN, 8192);
    machine.w(TX + DCTL, ENABLE);
    for at in 0..400 {
        machine.ram.set(TX_RING + at * 16, &data(TX_BUFFERS, 1, 0));
    }
    machine.w(TX + TAIL, 300);
    machine.run(1000);
    let frame = frame(60);
    machine.ram.set(TX_BUFFERS, &frame);
    machine.ram.set(TX_RING, &data(TX_BUFFERS, EOP | 60, 0));
    machine.w(TX + TAIL, 1);
    assert_eq!(machine.run(1000).stop, Stop::Idle);
    assert_eq!(machine.net.frames, plain_of(&frame));
}

#[test]
fn frames_that_are_too_long_or_too_short() {
    let mut machine = Machine::up();
    let long = data(TX_BUFFERS, 0xffff, 0);
    machine.put(&[long, long, data(TX_BUFFERS, EOP | RS | 1, 0)]);
    assert_eq!(machine.ring().stop, Stop::Idle);
    assert_eq!(faults(&machine).long, 1);
    assert_eq!(machine.tx_status(2), 1);
    for len in [0, 1, 13] {
        machine.put(&[data(TX_BUFFERS, EOP | RS | len, 0)]);
        machine.ring();
    }
    assert_eq!(faults(&machine).short, 3);
    assert!(machine.net.frames.is_empty());
    let frame = frame(14);
    assert_eq!(machine.send(&frame, &[], None, 0, 0), plain_of(&frame));
    // The longest that hardware can take at once.
    let frame = self::frame(0xffff + 1);
    assert_eq!(
        machine.send(&frame, &[0x8000], None, 0, 0),
        plain_of(&frame)
    );
    // A caller without memory.
    machine.queue(&frame, &[0x8000], None, 0, 0);
    machine.w(TX + TAIL, machine.next);
    let (work, _) = machine.device.transmit(
        0,
        &mut machine.ram,
        &mut machine.net,
        &mut [0; 3],
        100,
        machine.now,
    );
    assert_eq!((work.stop, machine.net.frames.len()), (Stop::Idle, 0));
    assert_eq!(faults(&machine).long, 2);
}

#[test]
fn descriptors_of_other_formats() {
    let mut machine = Machine::up();
    let frame = frame(60);
    machine.ram.set(TX_BUFFERS, &frame);
    let mut legacy = data(TX_BUFFERS, EOP | RS | 60, 0);
    legacy[11] &= !0x20;
    let mut reserved = data(TX_BUFFERS, EOP | RS | 60, 0);
    reserved[10] |= 0x40;
    let within = [
        data(TX_BUFFERS, 30, 0),
        vlan_ctx(1, 0).encode(),
        data(TX_BUFFERS + 30, EOP | RS | 30, 0),
    ];
    machine.put(&[legacy, reserved]);
    machine.put(&within);
    machine.ring();
    assert_eq!(faults(&machine).descriptor, 3);
    assert!(machine.net.frames.is_empty());
    assert_eq!(machine.r(TX + HEAD), 5);
    assert_eq!((machine.tx_status(0), machine.tx_status(1)), (1, 1));
    // The context in the middle was not taken.
    machine.send(&frame, &[], None, VLE, 0);
    assert_eq!(faults(&machine).context, 1);
}

#[test]
fn memory_that_is_not_there() {
    let mut machine = Machine::up();
    let frame = frame(60);
    // A buffer elsewhere, and one that wraps: the frame is dropped, up to its end.
    for address in [0, u64::MAX, u64::MAX - 29, BASE + RAM_LEN as u64 - 29] {
        machine.put(&[data(address, 30, 0), data(TX_BUFFERS, EOP | RS | 30, 0)]);
        machine.ring();
        assert_eq!(machine.tx_status(machine.next - 1), 1);
    }
    assert_eq!(faults(&machine).memory, 4);
    assert!(machine.net.frames.is_empty());
    // An empty buffer is nowhere.
    machine.ram.set(TX_BUFFERS, &frame);
    machine.put(&[data(u64::MAX, 0, 0), data(TX_BUFFERS, EOP | RS | 60, 0)]);
    machine.ring();
    assert_eq!(std::mem::take(&mut machine.net.frames), plain_of(&frame));
    // The ring: nothing moves.
    let head = machine.r(TX + HEAD);
    machine.ram.holes.push(TX_RING..TX_RING + 0x400);
    machine.w(TX + TAIL, head + 1);
    assert_eq!(machine.run(100).stop, Stop::Fault);
    assert_eq!(machine.r(TX + HEAD), head);
    // Written back nowhere: the frame was sent nevertheless.
    machine.ram.holes.clear();
    machine.w(TX + WBAL, 1);
    machine.w(TX + WBAH, 0);
    machine.queue(&frame, &[], None, 0, 0);
    machine.ring();
    assert_eq!(machine.net.frames, plain_of(&frame));
    assert_eq!(machine.r(TX + HEAD), head + 1);
    assert_eq!(faults(&machine).memory, 6);
}

#[test]
fn a_ring_that_wraps() {
    let mut machine = Machine::up();
    machine.w(TX + DCTL, 0);
    machine.w(TX + BAL, !0);
    machine.w(TX + BAH, !0);
    machine.w(TX + DCTL, ENABLE);
    machine.w(TX + HEAD, 0);
    for head in [0, 1, 2, 63] {
        machine.w(TX + DCTL, 0);
        machine.w(TX + HEAD, head);
        machine.w(TX + DCTL, ENABLE);
        machine.w(TX + TAIL, (head + 5) % 64);
        assert_eq!(machine.run(100).stop, Stop::Fault);
    }
}

#[test]
fn a_tail_beyond_the_ring() {
    let mut machine = Machine::up();
    for tail in [COUNT, COUNT + 1, 0xffff] {
        machine.w(TX + TAIL, tail);
        assert_eq!(machine.run(100).stop, Stop::Idle);
        let state = machine.device.save();
        state.validate().unwrap();
        assert_eq!(state.tx_queue[0].tdt, state.tx_queue[0].tdh);
    }
    assert_eq!(faults(&machine).tail, 3);
    let frame = frame(60);
    assert_eq!(machine.send(&frame, &[], None, 0, 0), plain_of(&frame));
}
