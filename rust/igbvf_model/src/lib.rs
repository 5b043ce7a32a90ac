// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The virtual function of the Intel 82576 in software: an engine without I/O.
//!
//! The engine is what a guest's `igbvf` driver sees of its device: the registers of BAR 0, the
//! physical function (PF) behind the mailbox, two queue pairs and three vectors. Configuration
//! space, BAR 3 with the MSI-X table, guest memory, the network and the clock belong to the caller,
//! who hands in [`Memory`], [`Wire`] and the time in nanoseconds. Its state goes in and out as
//! [`vmf::profile::igbvf_82576::State`], so that it is a provider of the profile
//! `vf.net.igbvf-82576`.
//!
//! What it does is in the contract of that profile; comments name the clause, and where the profile
//! leaves something to the provider, what this one does.
//!
//! There is no allocation, no `unsafe`, and no path that panics. Nothing here sleeps or loops
//! longer than its budget.
//!
//! # Parts and locks
//!
//! The state is in parts, each of which the caller puts behind a lock of its own:
//!
//! | part | what it has | who takes its lock |
//! |---|---|---|
//! | [`Control`] | CTRL, STATUS, mailbox, [`Filters`] | MMIO, the host's administrator |
//! | [`Interrupts`] | EICR to VTIVAR_MISC, throttle | MMIO, workers, the timer |
//! | [`Statistics`] | the counters | MMIO, workers |
//! | [`TxQueue`], two | one transmit queue but for its tail | MMIO except tail, its worker |
//! | [`RxQueue`], two | one receive queue but for its tail | MMIO except tail, its worker |
//!
//! No part calls another one, so that no two of these locks need be held together, and there is no
//! order among them. What one part wants of the others comes back as a value: [`Effect`] of a
//! register, [`TxWork`] and [`Received`] of a queue, [`Raise`] of the interrupts.
//!
//! - *Tails.* TDT and RDT ([`Register::TxTail`], [`Register::RxTail`]) are no part's: the caller keeps
//!   them where a write needs no lock (an atomic, stored with release and loaded with acquire
//!   semantics), hands them to each run of a queue, and to [`TxQueue::save`] and [`RxQueue::save`].
//!   Thus a guest that rings a doorbell never waits for a frame that is being copied.
//! - *Filters.* A worker goes by its own copy of [`Control::filters`], which it takes anew
//!   when [`Effect::filters`] was set. A frame may meanwhile be judged by the old one, as on a wire.
//! - *Reset.* There are two. The guest's own, by CTRL.RST, leaves its registers: [`Effect::reset`]
//!   asks for [`TxQueue::reset`] and [`RxQueue::reset`] of all queues, each under its lock, before the
//!   guest's write is complete. A function level reset leaves a function that nobody has used: the
//!   caller calls [`Control::power_on`], makes all other parts anew with `new()`, and sets tails to 0.
//! - *Interrupts.* A [`Raise`] is acted on before the lock of [`Interrupts`] is given back, so that a
//!   timer is never set by an older answer than the last one.
//! - *Time* is that of one monotonic clock, in nanoseconds.
//!
//! [`Device`] is all of this under one owner, for whoever has no use for several locks, and as an
//! example.
//!
//! # Life
//!
//! A new part is as after power-on. `load()` of every part takes a state, `save()` gives it; what is
//! loaded and saved again is the same. The parts take states that are valid
//! ([`State::validate`](vmf::profile::igbvf_82576::State::validate)), and are to be loaded and saved
//! while nothing else runs. [`check()`] tells beforehand whether the host stands against a state. When
//! the device starts to run after a load the caller calls [`Control::start`] and
//! [`Interrupts::start`], and runs every queue.
//!
//! # A hostile guest
//!
//! Whatever is in registers and memory: the engine writes to descriptors between head and tail of an
//! enabled ring, to buffers posted in such descriptors, at most as long as SRRCTL says, and to the
//! head write-back address, and nowhere else; the caller's [`Memory`] decides which of it the guest
//! owns. A frame that is malformed is dropped up to its end, and counted in [`TxFaults`] or
//! [`RxFaults`].

#![crate_name = "igbvf_model"]
#![cfg_attr(not(MODULE), no_std)]
#![forbid(unsafe_code)]

mod bytes;
mod checksum;
mod control;
mod device;
mod filters;
mod host;
mod irq;
mod mailbox;
mod offload;
mod packet;
pub mod registers;
mod ring;
mod rx;
mod segment;
mod split;
mod state;
mod stats;
mod tx;

pub use self::{
    control::{Control, Effect},
    device::{Device, Outcome},
    filters::{Accepted, Administrator, Filters, Rejected},
    host::{Fault, Full, Memory, NetHeader, Wire},
    irq::{Cause, Interrupts, Raise},
    registers::Register,
    rx::{Received, RxChecksum, RxFaults, RxQueue},
    state::{check, Conflict, LoadError},
    stats::{Counts, Statistics},
    tx::{Stop, TxFaults, TxQueue, TxWork, FRAME_DESCRIPTORS, SCRATCH_LEN},
};

/// Number of queue pairs of a function.
pub const QUEUES: usize = 2;
/// Number of MSI-X vectors of a function.
pub const VECTORS: usize = 3;
