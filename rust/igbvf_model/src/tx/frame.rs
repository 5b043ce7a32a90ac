// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Frames as they are found in the ring.

use super::{
    descriptor::{context_index, Data, CMD_EOP, DTYP_CONTEXT, DTYP_DATA},
    work::{TxFaults, TxWork},
    Slot, TxQueue, FRAME_DESCRIPTORS,
};
use crate::{
    host::{Fault, Memory},
    offload::{Context, HEADROOM},
};

/// Which counter a dropped frame adds to.
pub(super) type Reason = fn(&mut TxFaults) -> &mut u32;

/// A frame as it was found in the ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// The first data descriptor.
    pub(super) first: Option<Data>,
    /// Index and command of the last descriptor.
    pub(super) last: u32,
    pub(super) command: u32,
    /// Length in the scratch buffer, behind the headroom.
    pub(super) len: usize,
    pub(super) slots: [Slot; 2],
    pub(super) bad: Option<Reason>,
}

/// What is at the head.
pub(super) enum Found {
    /// A frame, all of it.
    Frame(Frame),
    /// Contexts only, too many to be left in the ring.
    Contexts([Slot; 2], u32),
    /// Too many descriptors: the rest is looked for, and dropped.
    Endless,
    /// The guest has not posted the end of the frame yet.
    Incomplete,
    /// The ring is where the device may not read.
    Fault,
}

impl TxQueue {
    /// Reads the frame at the head into `scratch`, as far as it is sound.
    pub(super) fn gather<M: Memory + ?Sized>(
        &mut self,
        tail: u32,
        memory: &mut M,
        scratch: &mut [u8],
        work: &mut TxWork,
    ) -> Found {
        let mut frame = Frame {
            first: None,
            last: self.ring.head,
            command: 0,
            len: 0,
            slots: self.slots,
            bad: None,
        };
        let mut index = self.ring.head;
        for _ in 0..FRAME_DESCRIPTORS {
            if index == tail {
                return Found::Incomplete;
            }
            let Ok(descriptor) = self.ring.read(index, memory) else {
                return Found::Fault;
            };
            work.descriptors = work.descriptors.saturating_add(1);
            frame.last = index;
            index = self.ring.next(index);
            let data = Data::decode(&descriptor);
            if data.is(DTYP_CONTEXT) {
                let slot = frame.slots.get_mut(context_index(data.options));
                match (slot, frame.first) {
                    (Some(slot), None) => *slot = Slot::Known(Context::decode(&descriptor)),
                    _ => frame.bad = Some(|faults| &mut faults.descriptor),
                }
                continue;
            }
            frame.first = frame.first.or(Some(data));
            frame.command = data.command;
            if !data.is(DTYP_DATA) {
                frame.bad = Some(|faults| &mut faults.descriptor);
            }
            if frame.bad.is_none() {
                match fetch(&data, frame.len, memory, scratch) {
                    Ok(len) => frame.len = len,
                    Err(reason) => frame.bad = Some(reason),
                }
            }
            if data.has(CMD_EOP) {
                return Found::Frame(frame);
            }
        }
        match frame.first {
            Some(_) => Found::Endless,
            None => Found::Contexts(frame.slots, index),
        }
    }
}

/// Appends what a data descriptor points to; returns the new length of the frame.
fn fetch<M: Memory + ?Sized>(
    data: &Data,
    len: usize,
    memory: &mut M,
    scratch: &mut [u8],
) -> Result<usize, Reason> {
    let more = (data.command & 0xffff) as usize;
    if more == 0 {
        return Ok(len);
    }
    let start = len.saturating_add(HEADROOM);
    let to = scratch.get_mut(start..start.saturating_add(more));
    let to = to.ok_or((|faults| &mut faults.long) as Reason)?;
    let wraps = data.address.checked_add(more as u64).is_none();
    match if wraps {
        Err(Fault)
    } else {
        memory.read(data.address, to)
    } {
        Ok(()) => Ok(len.saturating_add(more)),
        Err(Fault) => Err(|faults| &mut faults.memory),
    }
}
