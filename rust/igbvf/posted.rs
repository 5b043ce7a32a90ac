// SPDX-License-Identifier: GPL-2.0

//! Which memory a receive queue has been given: what it may write to, or has.
//!
//! A descriptor says where a buffer is until the device writes back what it has received, over the
//! addresses. So descriptors are read when the guest hands them over, and remembered, slot by slot.
//!
//! When a slot may be forgotten is another question. The head register says where the device is,
//! and silicon does not promise that what is behind it has reached memory: a write-back may wait for
//! others, as long as it likes. What is promised is that a descriptor follows its buffers.

use super::{
    slot::{
        Batch,
        Heads,
        Slot,
        BATCH,
        DESCRIPTOR, //
    },
    Device, //
};
use core::ops::Range;
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*, //
};
use vfio::dma_logging::DirtyPages;

/// Largest buffer that the physical function can set for queues that name no size of their own.
const DEFAULT_BUFFER: u64 = 16 * 1024;

/// What the registers say of a receive queue; of a stopped device, what they would say.
#[derive(Clone, Copy, Default)]
pub(crate) struct RxRegs {
    pub(crate) base: u64,
    /// In bytes.
    pub(crate) len: u32,
    pub(crate) srrctl: u32,
    pub(crate) head: u32,
    pub(crate) tail: u32,
    pub(crate) enabled: bool,
}

impl RxRegs {
    fn slots(&self) -> usize {
        // The register has 20 bits; a device that is not there reads as all ones.
        //
        // CAST: at most 65535.
        (u64::from(self.len & 0xf_ffff) / DESCRIPTOR) as usize
    }

    /// Bytes that the device may write to a packet buffer: `BSIZEPKT`, in KiB.
    fn packet_size(&self) -> u64 {
        match u64::from(self.srrctl & 0x7f) * 1024 {
            0 => DEFAULT_BUFFER,
            size => size,
        }
    }

    /// Bytes that the device may write to a header buffer: `BSIZEHDR`, in 64 bytes.
    fn header_size(&self) -> u64 {
        match (self.srrctl >> 25) & 0x7 {
            // One buffer, legacy or advanced: the second address means nothing.
            0 | 1 => 0,
            _ => (u64::from(self.srrctl >> 8) & 0x3f) * 64,
        }
    }
}

/// The buffers of one receive queue.
pub(crate) struct Posted {
    /// As of the last event; `head` is not kept up.
    regs: RxRegs,
    slots: KVVec<Slot>,
    /// The queue may write anywhere: head or tail are outside of the ring, which the device then
    /// goes round and round, it has work and no ring, or there is no memory for the table.
    boundless: bool,
}

impl Posted {
    pub(crate) fn new() -> Self {
        Self {
            regs: RxRegs::default(),
            slots: KVVec::new(),
            boundless: false,
        }
    }

    /// Returns whether the queue is still the one that is known: nobody else than the guest, who is
    /// watched, has changed it.
    pub(crate) fn is(&self, now: &RxRegs) -> bool {
        let known = &self.regs;

        (
            known.base,
            known.len,
            known.srrctl,
            known.tail,
            known.enabled,
        ) == (now.base, now.len, now.srrctl, now.tail, now.enabled)
    }

    /// Accounts for the buffers that the device may have used, given its head.
    ///
    /// One that it is not known to be done with stays in doubt, and is accounted for each time.
    pub(crate) fn settle(&mut self, dev: &Device, head: u32, heads: Heads, pages: &mut DirtyPages) {
        if self.boundless {
            pages.mark_all();
            return;
        }
        for start in (0..self.slots.len()).step_by(BATCH) {
            let end = self.slots.len().min(start + BATCH);
            if heads == Heads::Hints && !self.holds_any(start..end) {
                continue;
            }
            let now = match heads {
                Heads::Hints => self.fetch(dev, start..end),
                Heads::Exact => None,
            };
            for at in start..end {
                let now = now.as_ref().map(|now| now.slot(at - start));
                self.settle_slot(at, head, heads, now, pages);
            }
        }
    }

    fn settle_slot(
        &mut self,
        at: usize,
        head: u32,
        heads: Heads,
        now: Option<Slot>,
        pages: &mut DirtyPages,
    ) {
        let Some(&slot) = self.slots.get(at) else {
            return;
        };
        let passed = !self.is_owned(at, head);
        let done = match heads {
            Heads::Exact => passed,
            Heads::Hints => now.is_some_and(|now| slot.is_done(now)),
        };

        // If memory cannot be read, it can have been used for all that is known.
        if passed || done || heads == Heads::Hints && now.is_none() {
            self.account(at, pages);
        }
        if passed && done {
            self.put(at, Slot::Empty);
        }
    }

    /// Returns whether the device has not come to a slot yet, by its head.
    fn is_owned(&self, at: usize, head: u32) -> bool {
        // CAST: 16 bits.
        let (head, tail) = (head as usize, self.regs.tail as usize);

        if head <= tail {
            (head..tail).contains(&at)
        } else {
            !(tail..head).contains(&at)
        }
    }

    fn holds_any(&self, slots: Range<usize>) -> bool {
        self.slots
            .get(slots)
            .is_some_and(|slots| slots.iter().any(|slot| !matches!(slot, Slot::Empty)))
    }

    /// Accounts for the descriptors of a ring, whatever they hold.
    pub(crate) fn mark_ring(&self, pages: &mut DirtyPages) {
        if !self.slots.is_empty() {
            pages.mark(self.regs.base, self.regs.len.into());
        }
    }

    /// Accounts for all buffers, as if the device had used them.
    pub(crate) fn settle_all(&mut self, pages: &mut DirtyPages) {
        if self.boundless {
            pages.mark_all();
        }
        for at in 0..self.slots.len() {
            self.account(at, pages);
        }
    }

    /// Looks at a ring anew, as the guest has set it up in another way.
    ///
    /// What was posted before must have been accounted for.
    pub(crate) fn load(&mut self, dev: &Device, regs: RxRegs) {
        let slots = if regs.enabled { regs.slots() } else { 0 };
        // CAST: 16 bits.
        let (head, tail) = (regs.head as usize, regs.tail as usize);

        self.regs = regs;
        self.boundless = false;
        self.slots.clear();
        if !regs.enabled || slots == 0 && head == tail {
            return;
        }
        if head >= slots
            || tail >= slots
            || self
                .slots
                .resize(slots, Slot::Empty, GFP_KERNEL_ACCOUNT)
                .is_err()
        {
            self.slots.clear();
            self.boundless = true;
            return;
        }
        self.read_wrapped(dev, head, tail, None);
    }

    /// Takes up a ring that the device is using, and has come to `head` with meanwhile.
    ///
    /// What it has done is from before the log. If the head does not tell, that is what was written
    /// back by now, and the rest of what is behind the head is in doubt.
    pub(crate) fn take_up(&mut self, dev: &Device, head: u32, heads: Heads) {
        for start in (0..self.slots.len()).step_by(BATCH) {
            let end = self.slots.len().min(start + BATCH);
            let now = match heads {
                Heads::Hints => self.fetch(dev, start..end),
                Heads::Exact => None,
            };
            for at in start..end {
                if self.is_owned(at, head) {
                    continue;
                }
                let slot = match (heads, &now) {
                    (Heads::Exact, _) => Slot::Empty,
                    (Heads::Hints, None) => Slot::Unreadable,
                    (Heads::Hints, Some(now)) => match now.slot(at - start) {
                        slot if slot.is_written_back() => Slot::Empty,
                        slot => slot,
                    },
                };
                self.put(at, slot);
            }
        }
    }

    /// The function is about to be reset, and with it the queue is switched off.
    ///
    /// What was posted must have been accounted for.
    pub(crate) fn switch_off(&mut self) {
        self.regs.enabled = false;
        self.boundless = false;
        self.slots.clear();
    }

    /// The guest is about to move the tail, and to hand over what is up to there.
    pub(crate) fn post(&mut self, dev: &Device, tail: u32, pages: &mut DirtyPages) {
        let tail = tail & 0xffff;
        let from = core::mem::replace(&mut self.regs.tail, tail);

        if !self.regs.enabled || self.boundless {
            // It is all read when it is enabled.
            return;
        }
        // CAST: 16 bits.
        let (from, tail) = (from as usize, tail as usize);
        if tail >= self.slots.len() {
            // To where it is, a ring of nothing has no work.
            if !self.slots.is_empty() || tail != from {
                self.settle_all(pages);
                self.boundless = true;
            }
            return;
        }
        self.read_wrapped(dev, from, tail, Some(pages));
    }

    /// Reads the descriptors from `from` up to `to`, around the end of the ring.
    ///
    /// With `pages`, slots that hold something are accounted for first: the guest gives a slot again
    /// when the device is done with it.
    fn read_wrapped(
        &mut self,
        dev: &Device,
        from: usize,
        to: usize,
        mut pages: Option<&mut DirtyPages>,
    ) {
        if from <= to {
            self.read(dev, from, to, pages);
        } else {
            self.read(dev, from, self.slots.len(), pages.as_deref_mut());
            self.read(dev, 0, to, pages);
        }
    }

    fn read(&mut self, dev: &Device, from: usize, to: usize, mut pages: Option<&mut DirtyPages>) {
        for start in (from..to).step_by(BATCH) {
            let end = to.min(start + BATCH);
            let batch = self.fetch(dev, start..end);

            for at in start..end {
                if let Some(pages) = pages.as_deref_mut() {
                    self.account(at, pages);
                }
                let slot = match &batch {
                    Some(batch) => batch.slot(at - start),
                    None => Slot::Unreadable,
                };
                self.put(at, slot);
            }
        }
    }

    /// Reads descriptors, [`BATCH`] at most; `None` if that cannot be done.
    fn fetch(&self, dev: &Device, slots: Range<usize>) -> Option<Batch> {
        let iova = self.descriptor(slots.start).ok()?;

        Batch::read(slots.len(), |bytes| dev.read_guest(iova, bytes))
    }

    fn descriptor(&self, at: usize) -> Result<u64> {
        // CAST: at most 65535.
        let offset = at as u64 * DESCRIPTOR;

        self.regs.base.checked_add(offset).ok_or(EINVAL)
    }

    fn put(&mut self, at: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }

    /// Marks what the device writes when it uses a slot: the buffers and the descriptor.
    fn account(&self, at: usize, pages: &mut DirtyPages) {
        match self.slots.get(at) {
            Some(&Slot::Posted { packet, header }) => {
                pages.mark(packet, self.regs.packet_size());
                // Its lowest bit is not part of the address.
                pages.mark(header & !1, self.regs.header_size());
                if let Ok(iova) = self.descriptor(at) {
                    pages.mark(iova, DESCRIPTOR);
                }
            }
            Some(Slot::Unreadable) => pages.mark_all(),
            Some(Slot::Empty) | None => (),
        }
    }
}
