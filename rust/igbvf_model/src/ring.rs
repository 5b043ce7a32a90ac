// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Rings of descriptors: where each is, and what the guest may do to their registers.

use crate::{
    bytes::{half, with_half},
    host::{Fault, Memory},
    registers::{DCTL_ENABLE, DCTL_FLUSH},
};

/// Length of a descriptor in bytes.
pub(crate) const DESCRIPTOR_LEN: usize = 16;
/// RDBAL, TDBAL: what of the base is there.
const BASE: u64 = !0x1f;
/// RDLEN, TDLEN: what of the length is there.
const LENGTH: u32 = 0xffff0;
/// RDH, RDT, TDH, TDT: what of an index is there.
const INDEX: u32 = 0xffff;

/// The registers that both kinds of queues have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Ring {
    pub(crate) base: u64,
    pub(crate) length: u32,
    pub(crate) head: u32,
    pub(crate) control: u32,
}

impl Ring {
    pub(crate) fn enabled(&self) -> bool {
        self.control & DCTL_ENABLE != 0
    }

    /// Number of descriptors.
    pub(crate) fn count(&self) -> u32 {
        self.length / 16
    }

    /// Whether head and `tail` are in the ring of a queue that is on.
    pub(crate) fn runs(&self, tail: u32) -> bool {
        self.enabled() && self.head < self.count() && tail < self.count()
    }

    /// Base, length and head are for a queue that is off: whether they take effect in one that is on
    /// is up to the provider (clause rings), and here head and tail would be left beyond the ring.
    pub(crate) fn set_base(&mut self, high: bool, value: u32) {
        if !self.enabled() {
            self.base = with_half(self.base, high, value) & BASE;
        }
    }

    pub(crate) fn base_half(&self, high: bool) -> u32 {
        half(self.base, high)
    }

    pub(crate) fn set_length(&mut self, value: u32) {
        if !self.enabled() {
            self.length = value & LENGTH;
        }
    }

    pub(crate) fn set_head(&mut self, value: u32) {
        if !self.enabled() {
            self.head = value & INDEX;
        }
    }

    /// Writes RXDCTL or TXDCTL; returns whether the queue has been switched on.
    ///
    /// A queue without a ring stays off, and one whose head is beyond its ring starts from 0.
    pub(crate) fn set_control(&mut self, value: u32) -> bool {
        let was = self.enabled();
        self.control = value & !DCTL_FLUSH;
        if self.length == 0 {
            self.control &= !DCTL_ENABLE;
        }
        let switched = self.enabled() && !was;
        if switched && self.head >= self.count() {
            self.head = 0;
        }
        switched
    }

    pub(crate) fn reset(&mut self) {
        self.control &= !DCTL_ENABLE;
    }

    /// The tail as state: one beyond the ring gives the device nothing, as if it were the head (clause
    /// index-beyond-ring).
    pub(crate) fn saved_tail(&self, tail: u32) -> u32 {
        match self.enabled() {
            true if tail < self.count() => tail,
            true => self.head,
            false => tail & INDEX,
        }
    }

    /// The index that follows.
    pub(crate) fn next(&self, index: u32) -> u32 {
        let next = index.saturating_add(1);
        if next < self.count() {
            next
        } else {
            0
        }
    }

    /// The index before.
    pub(crate) fn previous(&self, index: u32) -> u32 {
        match index.checked_sub(1) {
            Some(previous) => previous,
            None => self.count().saturating_sub(1),
        }
    }

    /// The index `by` behind another one; both are less than the number of descriptors.
    pub(crate) fn advance(&self, index: u32, by: u32) -> u32 {
        let sum = index.saturating_add(by);
        sum.checked_sub(self.count()).unwrap_or(sum)
    }

    /// Number of descriptors from one index to another.
    pub(crate) fn distance(&self, from: u32, to: u32) -> u32 {
        match to.checked_sub(from) {
            Some(distance) => distance,
            None => self.count().saturating_sub(from).saturating_add(to),
        }
    }

    /// Address of a descriptor.
    ///
    /// # Errors
    ///
    /// It wraps.
    pub(crate) fn address(&self, index: u32) -> Result<u64, Fault> {
        let offset = u64::from(index).saturating_mul(16);
        let address = self.base.checked_add(offset).ok_or(Fault)?;
        address.checked_add(16).ok_or(Fault)?;
        Ok(address)
    }

    /// Reads a descriptor.
    ///
    /// # Errors
    ///
    /// It is where the device may not read.
    pub(crate) fn read(
        &self,
        index: u32,
        memory: &mut (impl Memory + ?Sized),
    ) -> Result<[u8; DESCRIPTOR_LEN], Fault> {
        let mut descriptor = [0; DESCRIPTOR_LEN];
        memory.read(self.address(index)?, &mut descriptor)?;
        Ok(descriptor)
    }
}
