// SPDX-License-Identifier: GPL-2.0

//! Receive descriptors, as a guest hands them over and as the device writes them back.

use kernel::prelude::*;

/// Size of a descriptor in bytes.
pub(crate) const DESCRIPTOR: u64 = 16;
/// Descriptors read from guest memory at a time.
pub(crate) const BATCH: usize = 64;

/// What a head register says about memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heads {
    /// Nothing: the device has gone on to there, and may be writing still.
    Hints,
    /// All behind it has been written: a model that was recognised, and moves data, descriptor and
    /// head in one step.
    Exact,
}

/// `DD` in the last 8 bytes of a descriptor that was written back; in one that was handed over, the
/// lowest bit of the header address, which has to be 0.
const DONE: u64 = 1;

/// What a slot of the ring holds.
#[derive(Clone, Copy)]
pub(crate) enum Slot {
    /// Nothing that was not accounted for.
    Empty,
    /// Addresses of the buffers that the device was given, or what it has written over them.
    Posted { packet: u64, header: u64 },
    /// The device was given something, and its descriptor could not be read.
    Unreadable,
}

impl Slot {
    /// Returns whether the descriptor was written back, if it was handed over as it should be.
    pub(crate) fn is_written_back(self) -> bool {
        matches!(self, Slot::Posted { header, .. } if header & DONE != 0)
    }

    fn new(descriptor: &[u8]) -> Self {
        match <[u8; 16]>::try_from(descriptor) {
            Ok(descriptor) => {
                let both = u128::from_le_bytes(descriptor);
                Slot::Posted {
                    // CAST: the two halves.
                    packet: both as u64,
                    header: (both >> 64) as u64,
                }
            }
            Err(_) => Slot::Unreadable,
        }
    }

    /// Returns whether `now`, which is what memory holds, says that the device is done with the
    /// descriptor that was here. A guest that has set the bit itself leaves nothing to tell by.
    pub(crate) fn is_done(self, now: Self) -> bool {
        !self.is_written_back() && now.is_written_back()
    }
}

/// Descriptors as they are in memory.
pub(crate) struct Batch([u8; BATCH * DESCRIPTOR as usize]);

impl Batch {
    /// Reads `count` descriptors through `read`, [`BATCH`] at most; `None` if that cannot be done.
    pub(crate) fn read(count: usize, read: impl FnOnce(&mut [u8]) -> Result) -> Option<Self> {
        let mut batch = Self([0; BATCH * DESCRIPTOR as usize]);

        read(batch.0.get_mut(..count * DESCRIPTOR as usize)?).ok()?;
        Some(batch)
    }

    pub(crate) fn slot(&self, index: usize) -> Slot {
        let at = index * DESCRIPTOR as usize;

        Slot::new(self.0.get(at..at + DESCRIPTOR as usize).unwrap_or(&[]))
    }
}
