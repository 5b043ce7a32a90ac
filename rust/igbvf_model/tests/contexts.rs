// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Contexts of transmit queues, and what is recovered of them after a load.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::sending::*;
use common::*;
use igbvf_model::registers::*;
use igbvf_model::{Stop, FRAME_DESCRIPTORS};

#[test]
fn vlan_tags() {
    let mut machine = Machine::up();
    machine.set_vlan(100, true);
    let frame = frame(60);
    let ctx = Ctx {
        vlan: 0x6000 | 100,
        mac_len: 14,
        ..Ctx::default()
    };
    let sent = machine.send(&frame, &[20], Some(ctx), VLE, 0);
    assert_eq!(sent, plain_of(&tagged(&frame, 0x6000 | 100)));
    assert_eq!(machine.r(VFGOTC), 68);
    // The context stays.
    let sent = machine.send(&frame, &[], None, VLE, 0);
    assert_eq!(sent, plain_of(&tagged(&frame, 0x6000 | 100)));
    // A VLAN that is not the function's.
    let other = Ctx { vlan: 101, ..ctx };
    assert!(machine.send(&frame, &[], Some(other), VLE, 0).is_empty());
    assert_eq!(faults(&machine).spoofed, 1);
}

#[test]
fn two_contexts() {
    let mut machine = Machine::up();
    machine.set_vlan(1, true);
    machine.set_vlan(2, true);
    let frame = frame(60);
    let ctx = |index| Ctx {
        vlan: index + 1,
        index,
        ..Ctx::default()
    };
    machine.put(&[ctx(0).encode(), ctx(1).encode()]);
    for index in [1, 0, 1] {
        let sent = machine.send(&frame, &[], None, VLE, index << 4);
        assert_eq!(sent, plain_of(&tagged(&frame, index as u16 + 1)));
    }
    // Higher bits of the index are not there.
    let sent = machine.send(&frame, &[], None, VLE, 6 << 4);
    assert_eq!(sent, plain_of(&tagged(&frame, 1)));
}

#[test]
fn a_context_that_was_never_set() {
    let mut machine = Machine::up();
    let frame = frame(60);
    for (command, options) in [(VLE, 0), (TSE, 0), (0, TXSM), (0, IXSM)] {
        assert!(machine.send(&frame, &[], None, command, options).is_empty());
    }
    assert_eq!(faults(&machine).context, 4);
    assert_eq!(machine.send(&frame, &[], None, 0, 0), plain_of(&frame));
}

#[test]
fn contexts_end_when_the_queue_is_switched_on_again() {
    let mut machine = Machine::up();
    machine.set_vlan(1, true);
    let frame = frame(60);
    let ctx = Ctx {
        vlan: 1,
        ..Ctx::default()
    };
    assert_eq!(machine.send(&frame, &[], Some(ctx), VLE, 0).len(), 1);
    machine.w(TX + DCTL, 0);
    machine.w(TX + DCTL, ENABLE);
    assert!(machine.send(&frame, &[], None, VLE, 0).is_empty());
    assert_eq!(faults(&machine).context, 1);
}

#[test]
fn contexts_are_recovered_after_a_load() {
    let (mut machine, frame) = vlan_machine();
    machine.send(&frame, &[], Some(vlan_ctx(3, 0)), VLE, 0);
    machine.send(&frame, &[], Some(vlan_ctx(4, 1)), VLE, 1 << 4);
    machine.send(&frame, &[], Some(vlan_ctx(5, 0)), VLE, 0);
    machine.send(&frame, &[30], None, 0, 0);
    let mut machine = migrated(&machine);
    let sent = machine.send(&frame, &[], None, VLE, 1 << 4);
    assert_eq!(sent, plain_of(&tagged(&frame, 4)));
    let sent = machine.send(&frame, &[], None, VLE, 0);
    assert_eq!(sent, plain_of(&tagged(&frame, 5)));
    // Now they are known: what the ring has is not looked at again.
    machine.ram.set(TX_RING, &[0; 16 * 7]);
    let sent = machine.send(&frame, &[], None, VLE, 1 << 4);
    assert_eq!(sent, plain_of(&tagged(&frame, 4)));
}

#[test]
fn contexts_are_recovered_around_the_end_of_the_ring() {
    let (mut machine, frame) = vlan_machine();
    for _ in 0..COUNT - 3 {
        machine.send(&frame, &[], None, 0, 0);
    }
    machine.send(&frame, &[], Some(vlan_ctx(6, 0)), VLE, 0);
    machine.send(&frame, &[], None, 0, 0);
    machine.send(&frame, &[], None, 0, 0);
    assert_eq!(machine.next, 1);
    let mut machine = migrated(&machine);
    let sent = machine.send(&frame, &[], None, VLE, 0);
    assert_eq!(sent, plain_of(&tagged(&frame, 6)));
}

#[test]
fn a_context_of_the_future_is_not_recovered() {
    let (mut machine, frame) = vlan_machine();
    machine.send(&frame, &[], Some(vlan_ctx(3, 0)), VLE, 0);
    machine.ram.set(TX_RING, &[0; 16]);
    let mut machine = migrated(&machine);
    // A frame that needs a context, and behind it one that brings it: between head and tail.
    machine.queue(&frame, &[], None, VLE, 0);
    machine.queue(&frame, &[], Some(vlan_ctx(4, 0)), VLE, 0);
    machine.ring();
    assert_eq!(machine.net.frames, plain_of(&tagged(&frame, 4)));
    assert_eq!(faults(&machine).context, 1);
}

#[test]
fn a_context_before_the_head_that_a_source_left_there() {
    let (mut machine, frame) = vlan_machine();
    machine.put(&[vlan_ctx(7, 0).encode()]);
    machine.queue(&frame, &[20], None, VLE, 0);
    machine.w(TX + TAIL, machine.next);
    let mut state = machine.device.save();
    assert_eq!((state.tx_queue[0].tdh, state.tx_queue[0].tdt), (0, 3));
    // As hardware that has taken the context and not yet the frame.
    state.tx_queue[0].tdh = 1;
    let mut other = Machine::new();
    other.ram = machine.ram.clone();
    other.device.load(&state).unwrap();
    other.run(100);
    assert_eq!(other.net.frames, plain_of(&tagged(&frame, 7)));
}

#[test]
fn what_is_looked_at_for_a_context_has_a_limit() {
    let (machine, frame) = vlan_machine();
    let mut state = machine.device.save();
    let queue = &mut state.tx_queue[0];
    (queue.tdba, queue.tdlen) = (BASE, 0xffff0);
    (queue.tdh, queue.tdt) = (60_000, 60_001);
    let mut machine = Machine::new();
    machine.device.load(&state).unwrap();
    machine.ram.set(BASE + 0x20_0000, &frame);
    let descriptor = data(BASE + 0x20_0000, EOP | VLE | 60, 0);
    let set = |machine: &mut Machine, index: u64, descriptor: &[u8; 16]| {
        machine.ram.set(BASE + index * 16, descriptor)
    };
    set(&mut machine, 60_000, &descriptor);
    set(&mut machine, 60_001, &descriptor);
    // One more than the longest ring of the driver before.
    set(&mut machine, 60_000 - 4097, &vlan_ctx(3, 0).encode());
    machine.ram.begin();
    machine.run(100);
    assert!(machine.ram.reads <= 4096 + 2);
    assert_eq!(faults(&machine).context, 1);
    // It was looked for once.
    machine.w(TX + TAIL, 60_002);
    machine.ram.begin();
    machine.run(100);
    assert!(machine.ram.reads <= 2);
    assert_eq!(faults(&machine).context, 2);
    // The last one that is found.
    let mut machine = Machine::new();
    machine.device.load(&state).unwrap();
    machine.ram.set(BASE + 0x20_0000, &frame);
    set(&mut machine, 60_000, &descriptor);
    set(&mut machine, 60_000 - 4096, &vlan_ctx(3, 0).encode());
    machine.run(100);
    assert_eq!(machine.net.frames, plain_of(&tagged(&frame, 3)));
}

#[test]
fn a_head_is_never_within_a_frame_or_behind_its_context() {
    let (mut machine, frame) = vlan_machine();
    machine.net.room = 0;
    machine.queue(&frame, &[20, 40], Some(vlan_ctx(7, 0)), VLE, 0);
    assert_eq!(machine.ring().stop, Stop::WireFull);
    assert_eq!(machine.device.save().tx_queue[0].tdh, 0);
    let mut machine = migrated(&machine);
    assert_eq!(machine.run(100).stop, Stop::Idle);
    assert_eq!(machine.net.frames, plain_of(&tagged(&frame, 7)));
}

#[test]
fn contexts_alone_do_not_fill_the_ring() {
    let (mut machine, frame) = vlan_machine();
    machine.w(TX + DCTL, 0);
    machine.w(TX + LEN, 4096);
    machine.w(TX + DCTL, ENABLE);
    let count = FRAME_DESCRIPTORS;
    for at in 0..count {
        let vlan = 1 + at % 8;
        machine
            .ram
            .set(TX_RING + u64::from(at) * 16, &vlan_ctx(vlan, 0).encode());
    }
    machine.w(TX + TAIL, count - 1);
    assert_eq!(machine.run(1000).stop, Stop::Idle);
    assert_eq!(machine.r(TX + HEAD), 0);
    machine.w(TX + TAIL, count);
    assert_eq!(machine.run(1000).stop, Stop::Idle);
    assert_eq!(machine.r(TX + HEAD), count);
    let at = TX_BUFFERS;
    machine.ram.set(at, &frame);
    let descriptor = data(at, EOP | RS | VLE | 60, 0);
    machine
        .ram
        .set(TX_RING + u64::from(count) * 16, &descriptor);
    machine.w(TX + TAIL, count + 1);
    machine.run(1000);
    assert_eq!(machine.net.frames, plain_of(&tagged(&frame, 8)));
}
