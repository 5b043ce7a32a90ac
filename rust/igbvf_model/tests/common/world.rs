// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A function in the hands of [`super::exercise`], with what is demanded of everything it does.

use super::input::{edit, Input, Judge, Reached};
use super::memory::{Ram, Write};
use igbvf_model::registers::*;
use igbvf_model::{
    Administrator, Device, NetHeader, Outcome, Raise, Received, Register, Stop, FRAME_DESCRIPTORS,
};
use vmf::profile::igbvf_82576::{Filters, Mailbox};

pub const RAM_LEN: usize = 0x8000;
/// Most descriptors that a recovery of both contexts looks at.
const RECOVERIES: usize = 2 * 4096;

pub struct World {
    pub device: Device,
    pub ram: Ram,
    pub now: u64,
    pub scratch: Vec<u8>,
    pub offsets: Vec<u32>,
    pub reached: Reached,
}

pub fn all_registers() -> Vec<u32> {
    let there = |&offset: &u32| Register::at(offset) != Register::None;
    (0..BAR_LEN).filter(there).collect()
}

/// What the descriptors of a queue allow, before it runs.
pub struct Allowed {
    ring: Option<(u64, u32, u32, u32)>,
    buffers: Vec<(u64, u64)>,
    /// Offset and length of what may be written in a descriptor.
    within: (u64, u64),
}

impl World {
    pub fn read(&mut self, offset: u32) -> u32 {
        self.device.read(offset)
    }

    pub fn write(&mut self, offset: u32, value: u32) {
        let (_, raise) = self.device.write(offset, value, self.now);
        self.judge(raise);
    }

    pub fn judge(&self, raise: Raise) {
        assert!(raise.vectors & !7 == 0);
        assert!(raise.again.is_none_or(|again| again > self.now));
    }

    pub fn address(&self, offset: u16) -> u64 {
        self.ram
            .base
            .wrapping_add(u64::from(offset) % RAM_LEN as u64)
    }

    pub fn ring(&mut self, queue: u32) -> Option<(u64, u32, u32, u32)> {
        let base = u64::from(self.read(queue + BAH)) << 32 | u64::from(self.read(queue + BAL));
        let count = self.read(queue + LEN) / 16;
        let (head, tail) = (self.read(queue + HEAD), self.read(queue + TAIL));
        let on = self.read(queue + DCTL) & DCTL_ENABLE != 0 && head < count && tail < count;
        on.then_some((base, count, head, tail))
    }

    /// Memory of the guest, if it is there.
    pub fn peek(&self, at: u64, len: u64) -> Option<&[u8]> {
        let at = usize::try_from(at.checked_sub(self.ram.base)?).ok()?;
        self.ram.bytes.get(at..at.checked_add(len as usize)?)
    }

    pub fn tx_allowed(&mut self, queue: u32) -> Allowed {
        let ring = self.ring(queue);
        let wb = u64::from(self.read(queue + WBAH)) << 32 | u64::from(self.read(queue + WBAL));
        let head = (wb & 1 != 0).then_some((wb & !3, 4));
        Allowed {
            ring,
            buffers: head.into_iter().collect(),
            within: (12, 4),
        }
    }

    pub fn rx_allowed(&mut self) -> Allowed {
        let ring = self.ring(RX);
        let srrctl = self.read(RX + SRRCTL);
        let packet = match srrctl & 0x7f {
            0 => 2048,
            kib => u64::from(kib) << 10,
        };
        let header = u64::from(srrctl >> 8 & 0xf) << 6;
        let split = srrctl >> 25 & 7 == 5;
        let mut buffers = Vec::new();
        if let Some((base, count, head, tail)) = ring {
            let mut index = head;
            while index != tail && buffers.len() < 20 {
                let at = base.checked_add(u64::from(index) * 16);
                if let Some(descriptor) = at.and_then(|at| self.peek(at, 16)) {
                    let word =
                        |at: usize| u64::from_le_bytes(descriptor[at..at + 8].try_into().unwrap());
                    buffers.push((word(0), packet));
                    if split {
                        buffers.push((word(8), header));
                    }
                }
                index = (index + 1) % count;
            }
        }
        Allowed {
            ring,
            buffers,
            within: (0, 16),
        }
    }

    pub fn check_writes(&self, allowed: &Allowed) {
        self.ram.assert_log_is_all();
        for write in &self.ram.log {
            assert!(allowed.allows(write), "{:x?}", write.range());
        }
    }

    pub fn transmit(&mut self, number: usize, budget: u32, room: usize) {
        let allowed = self.tx_allowed(TX + 0x100 * number as u32);
        self.ram.begin();
        let reached = Reached::default();
        let mut wire = Judge {
            room,
            frames: 0,
            reached,
        };
        let before = *self.device.tx[number].faults();
        let (work, raise) = self.device.transmit(
            number,
            &mut self.ram,
            &mut wire,
            &mut self.scratch,
            budget,
            self.now,
        );
        self.judge(raise);
        self.check_writes(&allowed);
        let most = budget + FRAME_DESCRIPTORS;
        assert!(work.descriptors <= most);
        assert!(self.ram.reads <= 2 * most as usize + RECOVERIES);
        assert!(work.stop != Stop::Budget || work.used() >= budget);
        assert!(work.stop != Stop::WireFull || wire.room == 0);
        self.reached.add(wire.reached);
        self.reached.full += usize::from(work.stop == Stop::WireFull);
        self.reached.cut += usize::from(wire.frames > 1 && work.descriptors == 2);
        self.reached.dropped += usize::from(before != *self.device.tx[number].faults());
        assert!(work.counts.tx_packets as usize >= usize::from(wire.frames > 0) || room < 9000);
    }

    pub fn receive(&mut self, header: &NetHeader, loopback: bool, frame: &[u8]) {
        let allowed = self.rx_allowed();
        let head = self.read(RX + HEAD);
        self.ram.begin();
        let mut given = frame.to_vec();
        let (outcome, raise) =
            self.device
                .receive(header, loopback, &mut given, &mut self.ram, self.now);
        self.judge(raise);
        self.check_writes(&allowed);
        let moved = self.read(RX + HEAD) != head;
        match outcome {
            Outcome::Queue(Received::Done(counts)) => {
                assert_eq!(counts.rx_octets as usize, frame.len() + 4);
                assert!(moved);
                self.reached.received += 1;
                self.reached.stripped += usize::from(given != frame && frame[12] == 0x81);
            }
            Outcome::Queue(Received::Dropped { interrupt }) => {
                assert_eq!(interrupt, moved);
                self.reached.failed += 1;
            }
            Outcome::Queue(Received::NoDescriptor { .. } | Received::Off)
            | Outcome::Rejected(_) => {
                assert!(!moved && self.ram.log.is_empty());
                assert_eq!(given, frame);
                self.reached.no_descriptor += usize::from(matches!(
                    outcome,
                    Outcome::Queue(Received::NoDescriptor { .. })
                ));
            }
        }
    }

    /// Saves, loads into another device, and goes on with that if `start`.
    pub fn migrate(&mut self, administrator: Administrator, start: bool) {
        let state = self.device.save();
        state.validate().unwrap();
        let mut other = Device::new(administrator);
        if other.load(&state).is_err() {
            assert!(administrator.mac.is_some() && !administrator.trusted);
            return;
        }
        assert_eq!(other.save(), state);
        if start {
            self.reached.loaded += 1;
            self.device = other;
            let raise = self.device.start(self.now);
            assert_eq!(raise.vectors, 7);
        }
    }

    /// Loads an edited state, if the profile allows it.
    pub fn load_edited(&mut self, input: &mut Input<'_>) {
        let mut state = self.device.save();
        edit(&mut state, input);
        let before = self.device;
        match self.device.load(&state) {
            Ok(()) => {
                state.validate().unwrap();
                if state.mailbox.flags & Mailbox::FLAGS_VF_RESET_DONE == 0 {
                    // Only the frame size counts then.
                    state.filters = Filters {
                        flags: state.filters.flags & Filters::FLAGS_MAX_FRAME_VALID,
                        max_frame: state.filters.max_frame,
                        ..Filters::default()
                    };
                }
                assert_eq!(self.device.save(), state);
                self.reached.edited += 1;
            }
            Err(_) => assert_eq!(self.device, before),
        }
    }

    pub fn ask(&mut self, words: &[u32]) {
        self.write(V2PMAILBOX, V2P_VFU);
        for (at, word) in (0..16).zip(words) {
            self.write(VMBMEM + 4 * at, *word);
        }
        self.write(V2PMAILBOX, V2P_REQ);
        assert_ne!(self.read(V2PMAILBOX) & V2P_PFACK, 0);
    }
}

impl Allowed {
    fn allows(&self, write: &Write) -> bool {
        let range = write.range();
        let in_buffer = |&(at, len): &(u64, u64)| {
            at <= range.start && at.checked_add(len).is_none_or(|end| range.end <= end)
        };
        self.buffers.iter().any(in_buffer) || self.in_ring(write)
    }

    fn in_ring(&self, write: &Write) -> bool {
        let Some((base, count, head, tail)) = self.ring else {
            return false;
        };
        let Some(offset) = write.iova.checked_sub(base) else {
            return false;
        };
        let (index, at) = (offset / 16, offset % 16);
        let (from, len) = self.within;
        if index >= count.into() || at < from || at + write.bytes.len() as u64 > from + len {
            return false;
        }
        let behind = |index: u32| (index + count - head) % count;
        behind(index as u32) < behind(tail)
    }
}
