// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Receive queues: frames that do not reach the guest.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::receiving::*;
use common::*;
use igbvf_model::registers::*;
use igbvf_model::{NetHeader, Outcome, Received, Rejected};

#[test]
fn rejected_frames_touch_nothing() {
    let mut machine = Machine::up();
    for (frame, why) in [
        (plain(PEER, 60), Rejected::Address),
        (plain(OWN, 1519), Rejected::Long),
        (tagged(&plain(OWN, 60), 5), Rejected::Vlan),
        (plain(OWN, 60)[..13].to_vec(), Rejected::Short),
    ] {
        assert_eq!(machine.receive(&frame), Outcome::Rejected(why));
        assert!(machine.ram.log.is_empty());
    }
    assert_eq!(
        (machine.r(RX + HEAD), machine.r(VFGPRC), machine.raised()),
        (0, 0, 0)
    );
}

#[test]
fn no_descriptor() {
    for (srrctl, drop) in [(SRRCTL_ONE, true), (SRRCTL_ONE & !(1 << 31), false)] {
        let mut machine = jumbo(srrctl);
        machine.set_vlan(100, true);
        machine.w(RX + TAIL, 2);
        let none = Outcome::Queue(Received::NoDescriptor { drop });
        let header = NetHeader {
            flags: NetHeader::NEEDS_CSUM,
            csum_start: 34,
            csum_offset: 16,
            ..NetHeader::default()
        };
        let original = tagged(
            &ethernet(OWN, PEER, 0x800, &ipv4(6, &tcp(0, &payload(5000)))),
            100,
        );
        // It takes three; the frame stays as it was, for another time.
        let mut frame = original.clone();
        machine.ram.begin();
        let (outcome, _) =
            machine
                .device
                .receive(&header, false, &mut frame, &mut machine.ram, machine.now);
        assert_eq!(outcome, none);
        assert_eq!(frame, original);
        assert!(machine.ram.log.is_empty());
        machine.w(RX + TAIL, 3);
        let (outcome, _) =
            machine
                .device
                .receive(&header, false, &mut frame, &mut machine.ram, machine.now);
        done(outcome);
        assert_eq!(machine.r(RX + HEAD), 3);
        // None at all.
        assert_eq!(machine.receive(&plain(OWN, 60)), none);
        assert_eq!(faults(&machine).full, 2);
    }
}

#[test]
fn off() {
    let mut machine = Machine::up();
    machine.w(RX + DCTL, 0);
    assert_eq!(
        machine.receive(&plain(OWN, 60)),
        Outcome::Queue(Received::Off)
    );
    machine.w(RX + DCTL, ENABLE);
    done(machine.receive(&plain(OWN, 60)));
    machine.w(CTRL, CTRL_RST);
    assert_eq!(
        machine.receive(&plain(OWN, 60)),
        Outcome::Rejected(Rejected::Off)
    );
}

#[test]
fn memory_that_is_not_there() {
    // A buffer of a frame over two: both descriptors are used, and the last one tells of an error.
    for bad in [0, 1] {
        let mut machine = jumbo(SRRCTL_ONE);
        let at = RX_BUFFERS + bad * RX_STRIDE;
        machine.ram.holes.push(at + 10..at + 11);
        let outcome = machine.receive(&plain(OWN, 3000));
        assert_eq!(
            outcome,
            Outcome::Queue(Received::Dropped { interrupt: true })
        );
        assert_eq!(machine.rx_done(0).2, DD);
        assert_eq!(machine.rx_done(1).2, EOP_DONE | RXE);
        assert_eq!(machine.r(RX + HEAD), 2);
        assert_eq!(machine.raised(), 2);
        assert_eq!(machine.r(VFGPRC), 0);
        assert_eq!(faults(&machine).memory, 1);
    }
    // One that wraps.
    let mut machine = Machine::up();
    machine.ram.set(RX_RING, &(u64::MAX - 100).to_le_bytes());
    let outcome = machine.receive(&plain(OWN, 101));
    assert_eq!(
        outcome,
        Outcome::Queue(Received::Dropped { interrupt: true })
    );
    // A descriptor: nothing moves.
    let mut machine = jumbo(SRRCTL_ONE);
    machine.ram.holes.push(RX_RING + 16..RX_RING + 32);
    let outcome = machine.receive(&plain(OWN, 3000));
    assert_eq!(
        outcome,
        Outcome::Queue(Received::Dropped { interrupt: false })
    );
    assert!(machine.ram.log.is_empty());
    assert_eq!(machine.r(RX + HEAD), 0);
    done(machine.receive(&plain(OWN, 2000)));
}

#[test]
fn a_tail_beyond_the_ring() {
    let mut machine = Machine::up();
    for tail in [COUNT, 0xffff] {
        machine.w(RX + TAIL, tail);
        let outcome = machine.receive(&plain(OWN, 60));
        assert_eq!(
            outcome,
            Outcome::Queue(Received::NoDescriptor { drop: true })
        );
        let state = machine.device.save();
        state.validate().unwrap();
        assert_eq!(state.rx_queue[0].rdt, state.rx_queue[0].rdh);
    }
    assert_eq!(faults(&machine).tail, 2);
}
