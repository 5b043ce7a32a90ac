// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the fuzz targets demand of the codec, and of the model of a device.
//!
//! Each target is a function of bytes that panics if the codec breaks a promise; the programs in
//! `src/bin` hand it what libFuzzer makes up. All that depends on the codec's interface is in
//! [`codec`].
//!
//! - [`reader`]: any bytes, in any pieces;
//! - [`structured`]: a good stream with some edits, and all checksums right: what gets past them;
//! - [`check`]: any descriptor payload, judged in three ways;
//! - [`roundtrip`]: any state of a device, out and in again;
//! - [`model`]: any guest of the device in `rust/igbvf_model`.
//!
//! Every stream that the codec judges is judged by the reader in C as well, see [`c_reader`].

pub mod assemble;
pub mod c_reader;
pub mod codec;
pub mod edit;
pub mod examine;
mod model;
pub mod seeds;

use arbitrary::{Arbitrary, Unstructured};

use codec::Profile;

pub use model::model;

/// Any bytes: the verdict depends on nothing else, and an error is for good.
pub fn reader(data: &[u8]) {
    for profile in Profile::ALL {
        examine::examine(profile, profile.buffer_len(), data);
    }
}

/// A good stream with edits whose checksums and counters are right.
pub fn structured(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(plan) = edit::Plan::arbitrary(&mut input) else {
        return;
    };
    let bytes = plan.bytes();
    let full = plan.profile.buffer_len();
    let accepted = examine::examine(plan.profile, full, &bytes);
    assert!(accepted || !plan.is_plain(), "a good stream was refused");
    if plan.short_buffer != 0 {
        // Less memory can only turn what was accepted into a refusal.
        let len = full.saturating_sub(plan.short_buffer.into());
        assert!(accepted || !examine::examine(plan.profile, len, &bytes));
    }
}

/// Any payload of a DESCRIPTOR: parser, check, preflight and reader have one opinion.
pub fn check(data: &[u8]) {
    for profile in Profile::ALL {
        examine::descriptor(profile, data);
    }
}

/// Any state: what is valid comes back as it was, what is not is not written.
pub fn roundtrip(data: &[u8]) {
    let mut input = Unstructured::new(data);
    if let Ok(version) = u32::arbitrary(&mut input) {
        if let Ok(state) = codec::state(&mut input) {
            codec::roundtrip(version, &state);
        }
    }
}

/// A small PRNG (xorshift64*): how a stream is cut follows from its bytes.
pub struct Prng(u64);

impl Prng {
    /// Starts from a hash (FNV-1a) of `data`.
    pub fn of(data: &[u8]) -> Self {
        let hash = data.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        Self(hash | 1)
    }

    /// Returns a number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    /// Cuts `bytes` into pieces, some of them empty.
    pub fn split<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let most = if self.below(3) == 0 { 200 } else { 9 };
            let (head, tail) = bytes.split_at(self.below(most).min(bytes.len()));
            pieces.push(head);
            bytes = tail;
        }
        pieces
    }
}
