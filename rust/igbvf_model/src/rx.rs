// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A receive queue.
//!
//! A frame is written to as many descriptors as it takes, or to none: the head is never within one
//! (clauses receive and frames).

mod told;

use self::told::{Told, TAG_LEN};
use crate::{
    bytes::{be16_at, le64_at, len32, put},
    checksum::checksum,
    control::Effect,
    filters::Accepted,
    host::{Fault, Memory, NetHeader},
    registers::QueueRegister,
    ring::{Ring, DESCRIPTOR_LEN},
    split::{Format, Layout, Part, DESCRIPTORS_MAX},
    stats::{Counts, FCS_LEN},
};
use vmf::profile::igbvf_82576 as profile;

/// Where UDP has its checksum, which is never sent as 0.
const UDP_CHECK: u16 = 6;
/// What is known of the checksum of a frame's transport header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RxChecksum {
    /// Nothing: the guest verifies it.
    #[default]
    Unknown,
    /// It was verified.
    Valid,
    /// Its field has that of the pseudo header only: it is completed here.
    Partial {
        /// Where it begins, from the start of the frame; in bytes.
        start: u16,
        /// Where it goes, from `start`; in bytes.
        offset: u16,
    },
}

impl RxChecksum {
    /// Returns what the network says.
    pub fn of(header: &NetHeader) -> Self {
        if header.flags & NetHeader::NEEDS_CSUM != 0 {
            Self::Partial {
                start: header.csum_start,
                offset: header.csum_offset,
            }
        } else if header.flags & NetHeader::DATA_VALID != 0 {
            Self::Valid
        } else {
            Self::Unknown
        }
    }
}

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Received {
    /// The guest has it, and gets an interrupt: [`crate::Cause::Rx`].
    Done(Counts),
    /// There is no descriptor for it: neither frame nor ring have changed.
    NoDescriptor {
        /// The guest wants such frames dropped; else the caller may keep it and try again when the
        /// tail moves.
        drop: bool,
    },
    /// The queue is off: neither frame nor ring have changed.
    Off,
    /// It was dropped, see [`RxFaults`]. If `interrupt`, descriptors were used, and the last one
    /// tells of an error.
    Dropped {
        /// [`crate::Cause::Rx`].
        interrupt: bool,
    },
}

/// Frames that were dropped, and other faults of the guest; the counters wrap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RxFaults {
    /// Accesses to memory that were refused, or wrapped.
    pub memory: u32,
    /// Frames for a descriptor type that is reserved.
    pub descriptor: u32,
    /// Frames that would fill too many buffers.
    pub long: u32,
    /// Frames whose checksum is to be completed where they have none.
    pub checksum: u32,
    /// Frames that came when the tail was beyond the ring.
    pub tail: u32,
    /// Frames for which there was no descriptor, each attempt one.
    pub full: u32,
}

/// One receive queue, but for its tail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RxQueue {
    ring: Ring,
    srrctl: u32,
    cache_access: u32,
    split_types: u32,
    faults: RxFaults,
}

impl RxQueue {
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
            QueueRegister::Buffers => self.srrctl,
            QueueRegister::Head => self.ring.head,
            QueueRegister::CacheAccess => self.cache_access,
            QueueRegister::Control => self.ring.control,
            QueueRegister::SplitTypes => self.split_types,
            QueueRegister::WriteBackLow | QueueRegister::WriteBackHigh => 0,
        }
    }

    /// Writes a register. Base, length and head can be changed only while the queue is off.
    pub fn write(&mut self, register: QueueRegister, value: u32) -> Effect {
        let mut effect = Effect::default();
        match register {
            QueueRegister::BaseLow => self.ring.set_base(false, value),
            QueueRegister::BaseHigh => self.ring.set_base(true, value),
            QueueRegister::Length => self.ring.set_length(value),
            QueueRegister::Buffers => self.srrctl = value,
            QueueRegister::Head => self.ring.set_head(value),
            QueueRegister::CacheAccess => self.cache_access = value,
            QueueRegister::Control => effect.kick = self.ring.set_control(value),
            QueueRegister::SplitTypes => self.split_types = value,
            QueueRegister::WriteBackLow | QueueRegister::WriteBackHigh => {}
        }
        effect
    }

    /// Switches the queue off, as [`Effect::reset`] asks for. After a function level reset there is
    /// a [new](Self::new) one instead.
    pub fn reset(&mut self) {
        self.ring.reset();
    }

    /// Returns what the guest has got wrong.
    pub fn faults(&self) -> &RxFaults {
        &self.faults
    }

    fn fault(&mut self, reason: fn(&mut RxFaults) -> &mut u32) {
        let count = reason(&mut self.faults);
        *count = count.wrapping_add(1);
    }

    fn dropped(&mut self, reason: fn(&mut RxFaults) -> &mut u32) -> Received {
        self.fault(reason);
        Received::Dropped { interrupt: false }
    }

    /// Gives the guest a frame that [`crate::Filters::receives`] has accepted.
    ///
    /// `frame` is without frame check sequence; it is changed unless the answer is
    /// [`Received::NoDescriptor`] or [`Received::Off`]. `loopback` says that it is from another
    /// function of the same device.
    pub fn receive<M: Memory + ?Sized>(
        &mut self,
        tail: u32,
        accepted: Accepted,
        known: RxChecksum,
        loopback: bool,
        frame: &mut [u8],
        memory: &mut M,
    ) -> Received {
        if !self.ring.enabled() {
            return Received::Off;
        }
        let Some(layout) = Layout::decode(self.srrctl) else {
            return self.dropped(|faults| &mut faults.descriptor);
        };
        let on_wire = frame.len();
        let tag = if accepted.strip { TAG_LEN } else { 0 };
        let len = on_wire.saturating_sub(tag);
        let wanted = layout.descriptors(len);
        if wanted > DESCRIPTORS_MAX {
            return self.dropped(|faults| &mut faults.long);
        }
        if !self.ring.runs(tail) {
            self.fault(|faults| &mut faults.tail);
            return Received::NoDescriptor { drop: layout.drop };
        }
        if self.ring.distance(self.ring.head, tail) < len32(wanted) {
            self.fault(|faults| &mut faults.full);
            return Received::NoDescriptor { drop: layout.drop };
        }
        let mut descriptors = [[0; DESCRIPTOR_LEN]; DESCRIPTORS_MAX];
        let mut index = self.ring.head;
        for descriptor in descriptors.iter_mut().take(wanted) {
            match self.ring.read(index, memory) {
                Ok(read) => *descriptor = read,
                Err(Fault) => return self.dropped(|faults| &mut faults.memory),
            }
            index = self.ring.next(index);
        }
        if complete(known, frame).is_none() {
            return self.dropped(|faults| &mut faults.checksum);
        }
        let mut told = Told::of(frame, known != RxChecksum::Unknown, loopback);
        if accepted.strip {
            told.strip(frame);
        }
        let stored = frame.get(tag..).unwrap_or_default();
        self.store(&layout, &descriptors, wanted, stored, told, memory)
            .map_or(Received::Dropped { interrupt: true }, |()| {
                Received::Done(counts(on_wire, accepted.multicast, loopback))
            })
    }

    /// Writes a frame to its buffers, and its descriptors back.
    ///
    /// # Errors
    ///
    /// A buffer was refused; what the guest sees of that is up to the provider (clause access). Its
    /// descriptors are used: the last one tells of an error, and a driver drops what there is.
    fn store<M: Memory + ?Sized>(
        &mut self,
        layout: &Layout,
        descriptors: &[[u8; DESCRIPTOR_LEN]; DESCRIPTORS_MAX],
        wanted: usize,
        frame: &[u8],
        mut told: Told,
        memory: &mut M,
    ) -> Result<(), Fault> {
        let mut outcome = Ok(());
        for (number, descriptor) in descriptors.iter().take(wanted).enumerate() {
            let part = layout.part(frame.len(), number);
            if fill(descriptor, &part, frame, memory).is_err() {
                self.fault(|faults| &mut faults.memory);
                outcome = Err(Fault);
                told.fail();
            }
        }
        let mut index = self.ring.head;
        for number in 0..wanted {
            let part = layout.part(frame.len(), number);
            let written = match layout.format {
                Format::Advanced => told.advanced(&part),
                Format::Legacy => told.legacy(&part),
            };
            let address = self.ring.address(index);
            if address.and_then(|at| written.to(at, memory)).is_err() {
                self.fault(|faults| &mut faults.memory);
            }
            index = self.ring.next(index);
        }
        self.ring.head = index;
        outcome
    }

    /// Takes a state over; returns the tail.
    pub fn load(&mut self, state: &profile::RxQueue) -> u32 {
        *self = Self {
            ring: Ring {
                base: state.rdba,
                length: state.rdlen,
                head: state.rdh,
                control: state.rxdctl,
            },
            srrctl: state.srrctl,
            cache_access: state.rxctl,
            split_types: state.psrtype,
            faults: RxFaults::default(),
        };
        state.rdt
    }

    /// Gives the state.
    pub fn save(&self, tail: u32) -> profile::RxQueue {
        profile::RxQueue {
            rdba: self.ring.base,
            rdlen: self.ring.length,
            srrctl: self.srrctl,
            rdh: self.ring.head,
            rdt: self.ring.saved_tail(tail),
            rxdctl: self.ring.control,
            rxctl: self.cache_access,
            psrtype: self.split_types,
        }
    }
}

fn counts(len: usize, multicast: bool, loopback: bool) -> Counts {
    let octets = len32(len).saturating_add(FCS_LEN);
    Counts {
        rx_packets: 1,
        rx_octets: octets,
        rx_multicast: multicast.into(),
        rx_loopback_packets: loopback.into(),
        rx_loopback_octets: if loopback { octets } else { 0 },
        ..Counts::default()
    }
}

/// Completes a checksum that is partial; `None` if the frame has no place for it.
fn complete(known: RxChecksum, frame: &mut [u8]) -> Option<()> {
    let RxChecksum::Partial { start, offset } = known else {
        return Some(());
    };
    let packet = frame.get_mut(usize::from(start)..)?;
    be16_at(packet, offset.into())?;
    let check = match checksum(packet, 0) {
        0 if offset == UDP_CHECK => 0xffff,
        check => check,
    };
    put(packet, offset.into(), &check.to_be_bytes())
}

/// Writes the parts of a frame that one descriptor takes.
fn fill<M: Memory + ?Sized>(
    descriptor: &[u8; DESCRIPTOR_LEN],
    part: &Part,
    frame: &[u8],
    memory: &mut M,
) -> Result<(), Fault> {
    for (at, from, to) in [(8, 0, part.header_end), (0, part.start, part.end)] {
        let bytes = frame.get(from..to).unwrap_or_default();
        if bytes.is_empty() {
            continue;
        }
        let address = le64_at(descriptor, at).unwrap_or(0);
        address.checked_add(bytes.len() as u64).ok_or(Fault)?;
        memory.write(address, bytes)?;
    }
    Ok(())
}
