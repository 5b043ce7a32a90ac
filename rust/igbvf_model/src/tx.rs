// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A transmit queue.
//!
//! The head moves over whole frames: from the context descriptors before a frame to its end of
//! packet. What is saved thus never starts within a frame, and seldom behind a context that is still
//! to be used (clauses frames and contexts).

mod descriptor;
mod frame;
mod work;

pub use self::work::{Stop, TxFaults, TxWork};

use self::{
    descriptor::{context_index, Data, CMD_EOP, CMD_RS, DTYP_CONTEXT},
    frame::{Found, Frame, Reason},
};
use crate::{
    bytes::{half, with_half},
    control::Effect,
    filters::{Filters, ETH_HLEN},
    host::{Fault, Memory, Wire},
    offload::{prepare, Context, Prepared, HEADROOM},
    registers::QueueRegister,
    ring::Ring,
    segment::{self, Outcome},
    stats::Counts,
};
use vmf::profile::igbvf_82576 as profile;

/// Most descriptors of one frame, contexts included; a longer one is dropped.
pub const FRAME_DESCRIPTORS: u32 = 128;
/// Length of a scratch buffer into which every frame fits that hardware takes; in bytes.
pub const SCRATCH_LEN: usize = HEADROOM + 0x1_0000 + 128;
/// Most descriptors that are looked at for a lost context: the longest ring of the guest's driver.
const RECOVERY: u32 = 4096;

const STATUS_DD: u32 = 1;
/// TDWBAL: the head is written back, and descriptors are not.
const WB_ENABLE: u64 = 1;
/// TDWBAL: the bits that are no address.
const WB_FLAGS: u64 = 3;

/// One of the two contexts of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Slot {
    #[default]
    Empty,
    Known(Context),
    /// The state came without: what it was is still in the ring.
    Lost,
}

/// One transmit queue, but for its tail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TxQueue {
    ring: Ring,
    write_back: u64,
    cache_access: u32,
    slots: [Slot; 2],
    /// Descriptors of the frame at the head that were seen to belong to one that is dropped.
    skipped: u32,
    faults: TxFaults,
}

impl TxQueue {
    /// Returns a queue as after power-on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a register.
    pub fn read(&self, register: QueueRegister) -> u32 {
        match register {
            QueueRegister::BaseLow => self.ring.base_half(false),
            QueueRegister::BaseHigh => self.ring.base_half(true),
            QueueRegister::Length => self.ring.length,
            QueueRegister::Head => self.ring.head,
            QueueRegister::CacheAccess => self.cache_access,
            QueueRegister::Control => self.ring.control,
            QueueRegister::WriteBackLow => half(self.write_back, false),
            QueueRegister::WriteBackHigh => half(self.write_back, true),
            QueueRegister::Buffers | QueueRegister::SplitTypes => 0,
        }
    }

    /// Writes a register. Base, length and head can be changed only while the queue is off.
    pub fn write(&mut self, register: QueueRegister, value: u32) -> Effect {
        let mut effect = Effect::default();
        match register {
            QueueRegister::BaseLow => self.ring.set_base(false, value),
            QueueRegister::BaseHigh => self.ring.set_base(true, value),
            QueueRegister::Length => self.ring.set_length(value),
            QueueRegister::Head => self.ring.set_head(value),
            QueueRegister::CacheAccess => self.cache_access = value,
            QueueRegister::Control => {
                effect.kick = self.ring.set_control(value);
                if effect.kick {
                    self.slots = [Slot::Empty; 2];
                    self.skipped = 0;
                }
            }
            QueueRegister::WriteBackLow => {
                self.write_back = with_half(self.write_back, false, value)
            }
            QueueRegister::WriteBackHigh => {
                self.write_back = with_half(self.write_back, true, value)
            }
            QueueRegister::Buffers | QueueRegister::SplitTypes => {}
        }
        effect
    }

    /// Switches the queue off, as [`Effect::reset`] asks for. After a function level reset there is
    /// a [new](Self::new) one instead.
    pub fn reset(&mut self) {
        self.ring.reset();
    }

    /// Returns what the guest has got wrong.
    pub fn faults(&self) -> &TxFaults {
        &self.faults
    }

    fn fault(&mut self, reason: Reason) {
        let count = reason(&mut self.faults);
        *count = count.wrapping_add(1);
    }

    /// Sends frames from the head up to `tail`.
    ///
    /// No frame is begun once `budget` descriptors were looked at, or segments cut; the last one can
    /// have up to [`FRAME_DESCRIPTORS`]. `scratch` holds one frame, see [`SCRATCH_LEN`].
    pub fn run<M: Memory + ?Sized, W: Wire + ?Sized>(
        &mut self,
        tail: u32,
        filters: &Filters,
        memory: &mut M,
        wire: &mut W,
        scratch: &mut [u8],
        budget: u32,
    ) -> TxWork {
        let mut work = TxWork::default();
        loop {
            if !self.ring.enabled() || !filters.enabled() {
                work.stop = Stop::Off;
                return work;
            }
            if !self.ring.runs(tail) {
                self.fault(|faults| &mut faults.tail);
                return work;
            }
            if self.ring.head == tail {
                return work;
            }
            if work.used() >= budget {
                work.stop = Stop::Budget;
                return work;
            }
            let done = if self.skipped != 0 {
                self.skip(tail, memory, budget, &mut work)
            } else {
                match self.gather(tail, memory, scratch, &mut work) {
                    Found::Frame(frame) => {
                        self.send(frame, tail, filters, memory, wire, scratch, &mut work)
                    }
                    Found::Contexts(slots, head) => {
                        self.slots = slots;
                        self.ring.head = head;
                        Ok(())
                    }
                    Found::Endless => {
                        self.skipped = FRAME_DESCRIPTORS;
                        Ok(())
                    }
                    Found::Incomplete => Err(Stop::Idle),
                    Found::Fault => Err(Stop::Fault),
                }
            };
            if let Err(stop) = done {
                if stop == Stop::Fault {
                    self.fault(|faults| &mut faults.memory);
                }
                work.stop = stop;
                return work;
            }
        }
    }

    /// Looks for the end of a frame that is dropped. The head stays until it is found, so that what
    /// is saved meanwhile does not start within a frame.
    fn skip<M: Memory + ?Sized>(
        &mut self,
        tail: u32,
        memory: &mut M,
        budget: u32,
        work: &mut TxWork,
    ) -> Result<(), Stop> {
        let pending = self.ring.distance(self.ring.head, tail);
        // The guest has taken descriptors back.
        if pending < self.skipped {
            self.skipped = 0;
            return Ok(());
        }
        let mut index = self.ring.advance(self.ring.head, self.skipped);
        while index != tail {
            if work.used() >= budget {
                return Err(Stop::Budget);
            }
            let descriptor = self.ring.read(index, memory).map_err(|_| Stop::Fault)?;
            work.descriptors = work.descriptors.saturating_add(1);
            let data = Data::decode(&descriptor);
            if !data.is(DTYP_CONTEXT) && data.has(CMD_EOP) {
                self.skipped = 0;
                self.fault(|faults| &mut faults.long);
                self.complete(index, data.command, memory, work);
                return Ok(());
            }
            self.skipped = self.skipped.saturating_add(1);
            index = self.ring.next(index);
        }
        Err(Stop::Idle)
    }

    /// Sends a frame, or drops it, and moves the head behind it.
    #[allow(clippy::too_many_arguments)]
    fn send<M: Memory + ?Sized, W: Wire + ?Sized>(
        &mut self,
        frame: Frame,
        tail: u32,
        filters: &Filters,
        memory: &mut M,
        wire: &mut W,
        scratch: &mut [u8],
        work: &mut TxWork,
    ) -> Result<(), Stop> {
        let mut slots = frame.slots;
        let end = frame.len.saturating_add(HEADROOM);
        let sent = match (frame.bad, scratch.get_mut(..end)) {
            (Some(reason), _) => Err(reason),
            (None, None) => Err((|faults| &mut faults.long) as Reason),
            (None, Some(buffer)) => self
                .prepare(&frame, &mut slots, tail, memory, buffer)
                .and_then(|prepared| {
                    transmit(&prepared, buffer, filters, wire, &mut work.segments)
                }),
        };
        // Also if the frame is to be sent later, so that what is recovered is looked for once.
        self.slots = slots;
        match sent {
            Ok(None) => return Err(Stop::WireFull),
            Ok(Some(counts)) => work.counts.add(&counts),
            Err(reason) => self.fault(reason),
        }
        self.complete(frame.last, frame.command, memory, work);
        Ok(())
    }

    /// Does for a frame what its first descriptor asks for.
    fn prepare<M: Memory + ?Sized>(
        &self,
        frame: &Frame,
        slots: &mut [Slot; 2],
        tail: u32,
        memory: &mut M,
        buffer: &mut [u8],
    ) -> Result<Prepared, Reason> {
        if frame.len < ETH_HLEN {
            return Err(|faults| &mut faults.short);
        }
        let first = frame
            .first
            .ok_or((|faults| &mut faults.descriptor) as Reason)?;
        let request = first.request();
        let mut context = None;
        if request.needs_context() {
            let index = context_index(first.options);
            let slot = slots.get_mut(index);
            let slot = slot.ok_or((|faults| &mut faults.context) as Reason)?;
            if *slot == Slot::Lost {
                *slot = match self.recover(index, tail, memory) {
                    Some(context) => Slot::Known(context),
                    None => Slot::Empty,
                };
            }
            match slot {
                Slot::Known(known) => context = Some(&*known),
                _ => return Err(|faults| &mut faults.context),
            }
        }
        prepare(request, context, buffer).map_err(|_| (|faults| &mut faults.offload) as Reason)
    }

    /// Looks backwards from the head for the last context that was there before the state was taken.
    ///
    /// What is not in the ring any more is done without (clause contexts).
    fn recover<M: Memory + ?Sized>(
        &self,
        wanted: usize,
        tail: u32,
        memory: &mut M,
    ) -> Option<Context> {
        let pending = self.ring.distance(self.ring.head, tail);
        let behind = self.ring.count().saturating_sub(pending).min(RECOVERY);
        let mut index = self.ring.head;
        for _ in 0..behind {
            index = self.ring.previous(index);
            let descriptor = self.ring.read(index, memory).ok()?;
            let data = Data::decode(&descriptor);
            if data.is(DTYP_CONTEXT) && context_index(data.options) == wanted {
                return Some(Context::decode(&descriptor));
            }
        }
        None
    }

    /// Moves the head behind a frame, and tells the guest if it wants to know.
    fn complete<M: Memory + ?Sized>(
        &mut self,
        last: u32,
        command: u32,
        memory: &mut M,
        work: &mut TxWork,
    ) {
        let head = self.ring.next(last);
        if command & CMD_RS != 0 {
            let told = if self.write_back & WB_ENABLE != 0 {
                self.write_back_head(head, memory)
            } else {
                // Only the word with the status: the rest of the descriptor is still of use.
                let address = self.ring.address(last).map(|at| at.saturating_add(12));
                address.and_then(|at| memory.publish(at, STATUS_DD))
            };
            if told.is_err() {
                self.fault(|faults| &mut faults.memory);
            }
            work.interrupt = true;
        }
        self.ring.head = head;
    }

    fn write_back_head<M: Memory + ?Sized>(&self, head: u32, memory: &mut M) -> Result<(), Fault> {
        let address = self.write_back & !WB_FLAGS;
        address.checked_add(4).ok_or(Fault)?;
        memory.write(address, &head.to_le_bytes())
    }

    /// Takes a state over; returns the tail.
    pub fn load(&mut self, state: &profile::TxQueue) -> u32 {
        *self = Self {
            ring: Ring {
                base: state.tdba,
                length: state.tdlen,
                head: state.tdh,
                control: state.txdctl,
            },
            write_back: state.tdwba,
            cache_access: state.txctl,
            slots: [Slot::Lost; 2],
            skipped: 0,
            faults: TxFaults::default(),
        };
        state.tdt
    }

    /// Gives the state.
    pub fn save(&self, tail: u32) -> profile::TxQueue {
        profile::TxQueue {
            tdba: self.ring.base,
            tdwba: self.write_back,
            tdlen: self.ring.length,
            tdh: self.ring.head,
            tdt: self.ring.saved_tail(tail),
            txdctl: self.ring.control,
            txctl: self.cache_access,
        }
    }
}

/// Hands a frame to the network; `None` if that takes none now.
fn transmit<W: Wire + ?Sized>(
    prepared: &Prepared,
    buffer: &mut [u8],
    filters: &Filters,
    wire: &mut W,
    segments: &mut u32,
) -> Result<Option<Counts>, Reason> {
    let frame = buffer.get_mut(prepared.start..).unwrap_or_default();
    if !filters.sends(frame) {
        return Err(|faults| &mut faults.spoofed);
    }
    let sent = match &prepared.cut {
        None => wire.send(&prepared.header, frame).is_ok(),
        Some(cut) => {
            *segments = segments.saturating_add(prepared.counts.tx_packets);
            match segment::send(cut, frame, wire) {
                Outcome::Sent => true,
                Outcome::Full => false,
                Outcome::Lost => return Err(|faults| &mut faults.lost),
            }
        }
    };
    Ok(sent.then_some(prepared.counts))
}
