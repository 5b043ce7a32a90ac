// SPDX-License-Identifier: GPL-2.0

//! Which memory a receive queue has been given: what it may write to, or has.
//!
//! A descriptor says where a buffer is until the device writes back what it has received, over the
//! addresses. So descriptors are read when the guest hands them over, and remembered, slot by slot.

use super::Device;
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*, //
};
use vfio::dma_logging::DirtyPages;

/// Size of a descriptor in bytes.
pub(crate) const DESCRIPTOR: u64 = 16;
/// Descriptors read from guest memory at a time.
const BATCH: usize = 64;
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
        // CAST: at most 65535.
        (u64::from(self.len) / DESCRIPTOR) as usize
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

/// What a slot of the ring holds.
#[derive(Clone, Copy)]
enum Slot {
    /// Nothing that was not accounted for.
    Empty,
    /// Addresses of the buffers that the device was given.
    Posted { packet: u64, header: u64 },
    /// The device was given something, and its descriptor could not be read.
    Unreadable,
}

/// The buffers of one receive queue.
pub(crate) struct Posted {
    /// As of the last event; `head` is not kept up.
    regs: RxRegs,
    slots: KVVec<Slot>,
    /// The queue may write anywhere: head or tail are outside of the ring, which the device then
    /// goes round and round, or there is no memory for the table.
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

    /// Accounts for the buffers that the device is done with, given its head.
    pub(crate) fn settle(&mut self, head: u32, pages: &mut DirtyPages) {
        if self.boundless {
            pages.mark_all();
            return;
        }
        // CAST: 16 bits.
        let (head, tail) = (head as usize, self.regs.tail as usize);
        for at in 0..self.slots.len() {
            let owned = if head <= tail {
                (head..tail).contains(&at)
            } else {
                !(tail..head).contains(&at)
            };
            if !owned {
                self.account(at, pages);
                self.put(at, Slot::Empty);
            }
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

        self.regs = regs;
        self.boundless = false;
        self.slots.clear();
        if slots == 0 {
            return;
        }
        // CAST: 16 bits.
        let (head, tail) = (regs.head as usize, regs.tail as usize);
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

    /// The function is about to be reset, and with it the queue is switched off.
    ///
    /// What was posted must have been accounted for.
    pub(crate) fn switch_off(&mut self) {
        self.regs.enabled = false;
        self.boundless = false;
        self.slots.clear();
    }

    /// The device has gone on to `head` while [`Self::load()`] was looking: descriptors up to there
    /// may have been written back when they were read. They are from before the log.
    pub(crate) fn skip_to(&mut self, head: u32) {
        // CAST: 16 bits.
        let (mut at, head) = (self.regs.head as usize, head as usize);
        if head >= self.slots.len() {
            return;
        }
        while at != head {
            self.put(at, Slot::Empty);
            at = (at + 1) % self.slots.len();
        }
    }

    /// The guest is about to move the tail, and to hand over what is up to there.
    pub(crate) fn post(&mut self, dev: &Device, tail: u32, pages: &mut DirtyPages) {
        let tail = tail & 0xffff;
        let from = core::mem::replace(&mut self.regs.tail, tail);

        if self.slots.is_empty() || self.boundless {
            // Not enabled: it is all read when it is.
            return;
        }
        // CAST: 16 bits.
        let (from, tail) = (from as usize, tail as usize);
        if tail >= self.slots.len() {
            self.settle_all(pages);
            self.boundless = true;
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
        let mut buf = [0; BATCH * DESCRIPTOR as usize];

        for start in (from..to).step_by(BATCH) {
            let end = to.min(start + BATCH);
            let Some(bytes) = buf.get_mut(..(end - start) * DESCRIPTOR as usize) else {
                return;
            };
            let known = self
                .descriptor(start)
                .and_then(|iova| dev.read_guest(iova, bytes))
                .is_ok();

            for (at, descriptor) in (start..end).zip(bytes.chunks_exact(DESCRIPTOR as usize)) {
                if let Some(pages) = pages.as_deref_mut() {
                    self.account(at, pages);
                }
                let slot = match <[u8; 16]>::try_from(descriptor) {
                    Ok(descriptor) if known => {
                        let both = u128::from_le_bytes(descriptor);
                        Slot::Posted {
                            // CAST: the two halves.
                            packet: both as u64,
                            header: (both >> 64) as u64,
                        }
                    }
                    _ => Slot::Unreadable,
                };
                self.put(at, slot);
            }
        }
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
