// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Guests that do anything, from pseudo-random bytes; the fuzz target `model` is the same with bytes
//! that are made up with a view to coverage.

#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

mod common;

/// xorshift64*.
fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn guests_that_do_anything() {
    for seed in 0..400 {
        common::exercise::exercise(&bytes(seed, 1500));
    }
}

#[test]
fn guests_that_do_anything_after_they_came_up() {
    let mut reached = common::input::Reached::default();
    for seed in 0..400 {
        // Operation 15, of which 7 is the driver that comes up.
        let data = [&[1, 1, 15, 7][..], &bytes(seed + 100_000, 1500)].concat();
        reached.add(common::exercise::exercise(&data));
    }
    // Bytes that no longer reach something would prove nothing of it.
    assert!(
        reached.all_mut().iter().all(|times| **times >= 10),
        "{reached:?}"
    );
}

#[test]
fn short_inputs() {
    for len in 0..64 {
        for seed in 0..20 {
            common::exercise::exercise(&bytes(seed, len));
        }
    }
}
