// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Interrupts: masks, automatic clearing, vectors, throttle.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::Machine;
use igbvf_model::registers::*;
use igbvf_model::{Cause, Raise};

const US: u64 = 1000;

fn cause(machine: &mut Machine, cause: Cause) -> u8 {
    let raise = machine.device.interrupts.cause(cause, machine.now);
    machine.take(raise);
    machine.raised()
}

/// All vectors mapped one to one and enabled, without anything automatic.
fn machine() -> Machine {
    let mut machine = Machine::new();
    machine.w(IVAR0, 0x8081);
    machine.w(IVAR_MISC, 0x82);
    machine.w(EIMS, 7);
    machine
}

#[test]
fn masks_are_set_and_cleared() {
    let mut machine = Machine::new();
    machine.w(EIMS, 5);
    machine.w(EIMS, 2);
    assert_eq!(machine.r(EIMS), 7);
    machine.w(EIMC, 4);
    assert_eq!(machine.r(EIMS), 3);
    machine.w(EIMS, 0xffff_fff8);
    machine.w(EIMC, 0);
    assert_eq!(machine.r(EIMS), 3);
    assert_eq!((machine.r(EIMC), machine.r(EICS)), (0, 0));
    machine.w(EIMC, !0);
    assert_eq!(machine.r(EIMS), 0);
}

#[test]
fn causes_go_by_the_vectors() {
    let mut machine = machine();
    machine.w(EIAC, 7);
    assert_eq!(cause(&mut machine, Cause::Tx(0)), 1);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
    assert_eq!(cause(&mut machine, Cause::Mailbox), 4);
    // Not mapped.
    assert_eq!(cause(&mut machine, Cause::Tx(1)), 0);
    assert_eq!(cause(&mut machine, Cause::Rx(1)), 0);
    assert_eq!(cause(&mut machine, Cause::Rx(2)), 0);
    assert_eq!(cause(&mut machine, Cause::Rx(usize::MAX)), 0);
    machine.w(IVAR0, 0x8182_8080);
    assert_eq!(cause(&mut machine, Cause::Rx(1)), 4);
    assert_eq!(cause(&mut machine, Cause::Tx(1)), 2);
    // Not valid, and no such vector.
    machine.w(IVAR0, 0x0101_8303);
    for what in [Cause::Rx(0), Cause::Tx(0), Cause::Rx(1), Cause::Tx(1)] {
        assert_eq!(cause(&mut machine, what), 0);
    }
    assert_eq!(machine.r(EICR), 0);
}

#[test]
fn a_cause_fires_once_until_it_is_cleared() {
    let mut machine = machine();
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 0);
    assert_eq!(machine.r(EIMS), 7);
    machine.w(EICR, 5);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 0);
    machine.w(EICR, 2);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
    // Reading clears all.
    assert_eq!(cause(&mut machine, Cause::Tx(0)), 1);
    assert_eq!(machine.r(EICR), 3);
    assert_eq!(machine.r(EICR), 0);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
}

#[test]
fn a_masked_cause_waits() {
    let mut machine = machine();
    machine.w(EIMC, 2);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 0);
    machine.w(EIMS, 5);
    assert_eq!(machine.raised(), 0);
    machine.w(EIMS, 2);
    assert_eq!(machine.raised(), 2);
    // Masked and unmasked again, it fires again, as it was not cleared.
    machine.w(EIMC, 2);
    machine.w(EIMS, 2);
    assert_eq!(machine.raised(), 2);
    // One that is cleared while it is masked does not.
    machine.w(EIMC, 2);
    machine.w(EICR, 2);
    machine.w(EIMS, 2);
    assert_eq!(machine.raised(), 0);
}

#[test]
fn automatic_clearing_and_masking() {
    let mut machine = machine();
    machine.w(EIAC, 2);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
    assert_eq!(machine.r(EICR), 0);
    machine.w(EIAM, 2);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
    assert_eq!(machine.r(EIMS), 5);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 0);
    machine.w(EIMS, 2);
    assert_eq!(machine.raised(), 2);
    assert_eq!((machine.r(EIMS), machine.r(EICR)), (5, 0));
    machine.w(EIMS, 2);
    assert_eq!(machine.raised(), 0);
    // Others are left alone.
    assert_eq!(cause(&mut machine, Cause::Tx(0)), 1);
    assert_eq!(machine.r(EICR), 1);
}

#[test]
fn software_causes() {
    let mut machine = machine();
    machine.w(EICS, 0xffff_fff8);
    assert_eq!(machine.raised(), 0);
    machine.w(EICS, 6);
    assert_eq!(machine.raised(), 6);
    assert_eq!(machine.r(EICR), 6);
    // With automatic masking it also unmasks.
    machine.w(EIAC, 7);
    machine.w(EIAM, 3);
    machine.w(EIMC, 7);
    machine.w(EICS, 7);
    assert_eq!(machine.raised(), 3);
    assert_eq!((machine.r(EIMS), machine.r(EICR)), (0, 4));
}

#[test]
fn throttle() {
    let mut machine = machine();
    machine.w(EIAC, 7);
    // 122 microseconds, and bits that are no interval.
    machine.w(EITR + 4, 122 << 2 | 0x8003);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
    let start = machine.now;
    machine.now += 10 * US;
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 0);
    assert_eq!(machine.again, Some(start + 122 * US));
    // Other vectors are not held up.
    assert_eq!(cause(&mut machine, Cause::Tx(0)), 1);
    assert_eq!(machine.again, Some(start + 122 * US));
    machine.now = start + 122 * US - 1;
    let raise = machine.device.interrupts.expire(machine.now);
    assert_eq!((raise.vectors, raise.again), (0, Some(start + 122 * US)));
    machine.now += 1;
    let raise = machine.device.interrupts.expire(machine.now);
    let none = Raise::default();
    assert_eq!(raise, Raise { vectors: 2, ..none });
    assert_eq!(machine.device.interrupts.expire(machine.now), none);
    // A cause that comes when the interval is over fires at once.
    machine.now += 500 * US;
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
}

#[test]
fn throttled_and_masked() {
    let mut machine = machine();
    machine.w(EIAC, 7);
    machine.w(EITR + 4, 100 << 2);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 0);
    machine.w(EIMC, 2);
    assert_eq!(machine.again, None);
    machine.now += 200 * US;
    assert_eq!(
        machine.device.interrupts.expire(machine.now),
        Raise::default()
    );
    machine.w(EIMS, 2);
    assert_eq!(machine.raised(), 2);
}

#[test]
fn the_nearest_of_several_is_next() {
    let mut machine = machine();
    machine.w(EIAC, 7);
    machine.w(EITR, 300 << 2);
    machine.w(EITR + 4, 100 << 2);
    machine.w(EITR + 8, 200 << 2);
    let start = machine.now;
    let all = [Cause::Tx(0), Cause::Rx(0), Cause::Mailbox];
    for what in all {
        assert_ne!(cause(&mut machine, what), 0);
        assert_eq!(cause(&mut machine, what), 0);
    }
    for (after, vectors) in [(100, 2), (200, 4), (300, 1)] {
        assert_eq!(machine.again, Some(start + after * US));
        machine.now = start + after * US;
        let raise = machine.device.interrupts.expire(machine.now);
        machine.take(raise);
        assert_eq!(machine.raised(), vectors);
    }
    assert_eq!(machine.again, None);
}

#[test]
fn writing_the_throttle_sets_its_counter() {
    let mut machine = machine();
    machine.w(EIAC, 7);
    machine.w(EITR + 4, 8000 << 2);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 0);
    let start = machine.now;
    machine.now += 100 * US;
    // The counter is left alone, whatever is written to it.
    machine.w(EITR + 4, 0xffe0_0000 | 10 << 2);
    assert_eq!(machine.r(EITR + 4), 10 << 2);
    assert_eq!(machine.again, Some(start + 8000 * US));
    // It is set to 200 microseconds.
    machine.w(EITR + 4, 50 << 21 | 10 << 2);
    assert_eq!(machine.again, Some(machine.now + 200 * US));
    // As drivers do, to 0: the vector may fire.
    machine.w(EITR + 4, 300 << 2);
    assert_eq!(machine.raised(), 2);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 0);
    assert_eq!(machine.again, Some(machine.now + 300 * US));
    // Of one that has nothing to tell, too.
    machine.w(EITR, 0x7fe0_0000);
    assert_eq!(cause(&mut machine, Cause::Tx(0)), 0);
    machine.now += 4092 * US;
    assert_eq!(machine.device.interrupts.expire(machine.now).vectors, 3);
}

#[test]
fn the_end_of_time_does_not_overflow() {
    let mut machine = machine();
    machine.w(EIAC, 7);
    machine.w(EITR + 4, 0x7ffc);
    machine.now = u64::MAX;
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
    machine.w(EITR + 4, 0x7ff8);
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 2);
}

#[test]
fn after_a_load_every_vector_fires_once() {
    let mut machine = machine();
    machine.w(EIAC, 7);
    machine.w(EIAM, 7);
    machine.w(EIMC, 2);
    let state = machine.device.save();
    let mut machine = Machine::new();
    machine.device.load(&state).unwrap();
    let raise = machine.device.start(machine.now);
    machine.take(raise);
    assert_eq!(machine.raised(), 7);
    // These messages mask as any others; the one that was masked comes again.
    assert_eq!((machine.r(EIMS), machine.r(EIAM)), (0, 7));
    machine.w(EIMS, 7);
    assert_eq!(machine.raised(), 2);
    machine.w(EIMS, 7);
    assert_eq!(machine.raised(), 0);
}

#[test]
fn the_messages_of_the_start_are_throttled_and_clear_as_any_others() {
    let mut machine = machine();
    machine.w(EIAC, 2);
    machine.w(EIMC, 4);
    machine.w(EITR + 4, 122 << 2);
    machine.w(EITR + 8, 50 << 2);
    let state = machine.device.save();
    let mut machine = Machine::new();
    machine.device.load(&state).unwrap();
    // A request that is answered at the start is nothing besides.
    machine.device.interrupts.cause(Cause::Mailbox, machine.now);
    machine.device.interrupts.cause(Cause::Rx(0), machine.now);
    let raise = machine.device.start(machine.now);
    assert_eq!((raise.vectors, raise.again), (7, None));
    let start = machine.now;
    machine.now += 10 * US;
    assert_eq!(cause(&mut machine, Cause::Rx(0)), 0);
    assert_eq!(machine.again, Some(start + 122 * US));
    // One that the start has left set sends no other message until it is cleared.
    assert_eq!(cause(&mut machine, Cause::Tx(0)), 0);
    machine.w(EICR, 1);
    assert_eq!(cause(&mut machine, Cause::Tx(0)), 1);
    // That of the vector that was masked waits for its throttle, too.
    machine.w(EIMS, 4);
    assert_eq!(machine.raised(), 0);
    assert_eq!(machine.again, Some(start + 50 * US));
    machine.now = start + 50 * US;
    let raise = machine.device.interrupts.expire(machine.now);
    assert_eq!((raise.vectors, raise.again), (4, Some(start + 122 * US)));
}

#[test]
fn the_mailbox_interrupts() {
    let mut machine = Machine::up();
    machine.post(&[5, 1522]);
    assert_eq!(machine.raised(), 4);
}
