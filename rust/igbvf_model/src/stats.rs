// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The counters.
//!
//! They wrap at 2^32 and reading does not clear them (clause counters). Octets are those of the frame
//! on the wire, from the destination address to the frame check sequence, here with its tag. Packets
//! that were segmented count as often as there are segments.

use crate::registers::Counter;
use vmf::profile::igbvf_82576 as profile;

/// Length of the frame check sequence, which no buffer has and octets count; in bytes.
pub(crate) const FCS_LEN: u32 = 4;

/// What a frame, or a run of a queue, adds to the counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Packets received.
    pub rx_packets: u32,
    /// Octets received.
    pub rx_octets: u32,
    /// Multicast packets received; broadcast is not multicast.
    pub rx_multicast: u32,
    /// Packets received from another function of the same device.
    pub rx_loopback_packets: u32,
    /// Octets received from another function of the same device.
    pub rx_loopback_octets: u32,
    /// Packets transmitted, each segment one.
    pub tx_packets: u32,
    /// Octets transmitted.
    pub tx_octets: u32,
}

impl Counts {
    /// Adds up.
    pub fn add(&mut self, other: &Self) {
        let add = |sum: &mut u32, by: u32| *sum = sum.wrapping_add(by);
        add(&mut self.rx_packets, other.rx_packets);
        add(&mut self.rx_octets, other.rx_octets);
        add(&mut self.rx_multicast, other.rx_multicast);
        add(&mut self.rx_loopback_packets, other.rx_loopback_packets);
        add(&mut self.rx_loopback_octets, other.rx_loopback_octets);
        add(&mut self.tx_packets, other.tx_packets);
        add(&mut self.tx_octets, other.tx_octets);
    }
}

/// The registers with counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    counters: profile::Statistics,
}

impl Statistics {
    /// Returns all counters at 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a register.
    pub fn read(&self, register: Counter) -> u32 {
        let counters = &self.counters;
        match register {
            Counter::Gprc => counters.gprc,
            Counter::Gptc => counters.gptc,
            Counter::Gorc => counters.gorc,
            Counter::Gotc => counters.gotc,
            Counter::Mprc => counters.mprc,
            Counter::Gprlbc => counters.gprlbc,
            Counter::Gptlbc => counters.gptlbc,
            Counter::Gorlbc => counters.gorlbc,
            Counter::Gotlbc => counters.gotlbc,
        }
    }

    /// Counts; what came by loopback is counted as received, too.
    pub fn add(&mut self, counts: &Counts) {
        let add = |sum: &mut u32, by: u32| *sum = sum.wrapping_add(by);
        let counters = &mut self.counters;
        add(&mut counters.gprc, counts.rx_packets);
        add(&mut counters.gorc, counts.rx_octets);
        add(&mut counters.mprc, counts.rx_multicast);
        add(&mut counters.gprlbc, counts.rx_loopback_packets);
        add(&mut counters.gorlbc, counts.rx_loopback_octets);
        add(&mut counters.gptc, counts.tx_packets);
        add(&mut counters.gotc, counts.tx_octets);
    }

    /// Takes the counters over.
    pub fn load(&mut self, state: &profile::State) {
        self.counters = state.statistics;
    }

    /// Gives the counters.
    pub fn save(&self, state: &mut profile::State) {
        state.statistics = self.counters;
    }
}
