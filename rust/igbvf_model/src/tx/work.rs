// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a run of a transmit queue tells its caller.

use crate::stats::Counts;

/// Why a run has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stop {
    /// There is no whole frame in the ring.
    #[default]
    Idle,
    /// The queue is off, or the function neither served nor with a link.
    Off,
    /// The budget is used up: run it again.
    Budget,
    /// The network takes no frame: run it again when it does.
    WireFull,
    /// The ring is where the device may not read; only the guest can mend this.
    Fault,
}

/// What a run has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct TxWork {
    /// Why it has ended.
    pub stop: Stop,
    /// The guest waits for an interrupt: [`crate::Cause::Tx`].
    pub interrupt: bool,
    /// What to add to [`crate::Statistics`].
    pub counts: Counts,
    /// Descriptors that were looked at.
    pub descriptors: u32,
    /// Segments that were cut here: a frame can be as much work as thousands.
    pub segments: u32,
}

impl TxWork {
    /// Returns what was used of a budget.
    pub fn used(&self) -> u32 {
        self.descriptors.saturating_add(self.segments)
    }
}

/// Frames that were dropped, and other faults of the guest; the counters wrap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TxFaults {
    /// Accesses to memory that were refused, or wrapped.
    pub memory: u32,
    /// Frames with a descriptor that is none of the advanced format, or a context within.
    pub descriptor: u32,
    /// Frames that do not fit the scratch buffer, or have too many descriptors.
    pub long: u32,
    /// Frames without an Ethernet header.
    pub short: u32,
    /// Frames that need a context that is not there.
    pub context: u32,
    /// Frames whose context does not fit them.
    pub offload: u32,
    /// Frames that do not pass the spoof check.
    pub spoofed: u32,
    /// Frames of which the network has taken some segments only.
    pub lost: u32,
    /// Runs with a tail beyond the ring.
    pub tail: u32,
}
