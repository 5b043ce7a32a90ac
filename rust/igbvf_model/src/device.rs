// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! All parts under one owner.

use crate::{
    control::{Control, Effect},
    filters::{Administrator, Rejected},
    host::{Memory, NetHeader, Wire},
    irq::{Cause, Interrupts, Raise},
    registers::Register,
    rx::{Received, RxChecksum, RxQueue},
    state::LoadError,
    stats::Statistics,
    tx::{TxQueue, TxWork},
    QUEUES,
};
use vmf::profile::igbvf_82576::State;

/// A function, with the tails of its queues.
///
/// A caller with several threads has the same fields, each behind its lock, and does with them what
/// the methods do.
///
/// ```
/// use igbvf_model::{registers, Administrator, Device, Fault, Full, Memory, NetHeader, Stop, Wire};
///
/// /// No memory and no network at all.
/// struct Nothing;
///
/// impl Memory for Nothing {
///     fn read(&mut self, _iova: u64, _to: &mut [u8]) -> Result<(), Fault> {
///         Err(Fault)
///     }
///     fn write(&mut self, _iova: u64, _from: &[u8]) -> Result<(), Fault> {
///         Err(Fault)
///     }
/// }
///
/// impl Wire for Nothing {
///     fn send(&mut self, _header: &NetHeader, _frame: &[u8]) -> Result<(), Full> {
///         Err(Full)
///     }
/// }
///
/// let mut device = Device::new(Administrator::default());
/// // The guest resets, and asks the PF to serve it.
/// let (effect, _) = device.write(registers::CTRL, registers::CTRL_RST, 0);
/// assert!(effect.reset);
/// let _ = device.write(registers::VMBMEM, 1, 0);
/// let (effect, raise) = device.write(registers::V2PMAILBOX, registers::V2P_REQ, 0);
/// assert!(effect.mailbox && raise.vectors == 0);
/// // Its queue is off.
/// let mut scratch = [0; 64];
/// let (work, _) = device.transmit(0, &mut Nothing, &mut Nothing, &mut scratch, 32, 0);
/// assert_eq!(work.stop, Stop::Off);
///
/// let state = device.save();
/// let mut other = Device::new(Administrator::default());
/// other.load(&state).unwrap();
/// assert_eq!(other.start(0).vectors, 7);
/// assert_eq!(other.save(), state);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Device {
    /// CTRL, STATUS, mailbox, filters.
    pub control: Control,
    /// The interrupt registers.
    pub interrupts: Interrupts,
    /// The counters.
    pub statistics: Statistics,
    /// The receive queues.
    pub rx: [RxQueue; QUEUES],
    /// RDT of each.
    pub rx_tails: [u32; QUEUES],
    /// The transmit queues.
    pub tx: [TxQueue; QUEUES],
    /// TDT of each.
    pub tx_tails: [u32; QUEUES],
}

/// What became of a frame from the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is not for this function.
    Rejected(Rejected),
    /// What the queue says.
    Queue(Received),
}

impl Device {
    /// Returns a function as after power-on, with the link up.
    pub fn new(administrator: Administrator) -> Self {
        Self {
            control: Control::new(administrator),
            ..Self::default()
        }
    }

    /// Reads a register; `offset` is that in BAR 0, in bytes.
    pub fn read(&mut self, offset: u32) -> u32 {
        match Register::at(offset) {
            Register::Control(register) => self.control.read(register),
            Register::Interrupt(register) => self.interrupts.read(register),
            Register::Statistic(register) => self.statistics.read(register),
            Register::Rx(queue, register) => self.rx.get(queue).map_or(0, |rx| rx.read(register)),
            Register::Tx(queue, register) => self.tx.get(queue).map_or(0, |tx| tx.read(register)),
            Register::RxTail(queue) => self.rx_tails.get(queue).copied().unwrap_or(0),
            Register::TxTail(queue) => self.tx_tails.get(queue).copied().unwrap_or(0),
            Register::None => 0,
        }
    }

    /// Writes a register at the time `now`, in nanoseconds, and does what that asks for but for
    /// running queues: the answer says so.
    pub fn write(&mut self, offset: u32, value: u32, now: u64) -> (Effect, Raise) {
        let mut effect = Effect::default();
        let mut raise = None;
        match Register::at(offset) {
            Register::Control(register) => effect = self.control.write(register, value, now),
            Register::Interrupt(register) => {
                raise = Some(self.interrupts.write(register, value, now))
            }
            Register::Rx(queue, register) => {
                if let Some(rx) = self.rx.get_mut(queue) {
                    effect = rx.write(register, value);
                }
            }
            Register::Tx(queue, register) => {
                if let Some(tx) = self.tx.get_mut(queue) {
                    effect = tx.write(register, value);
                }
            }
            Register::RxTail(queue) => effect.kick = set_tail(&mut self.rx_tails, queue, value),
            Register::TxTail(queue) => effect.kick = set_tail(&mut self.tx_tails, queue, value),
            Register::Statistic(_) | Register::None => {}
        }
        if effect.reset {
            self.rx.iter_mut().for_each(RxQueue::reset);
            self.tx.iter_mut().for_each(TxQueue::reset);
        }
        let raise = match raise {
            Some(raise) => raise,
            None if effect.mailbox => self.interrupts.cause(Cause::Mailbox, now),
            None => self.interrupts.expire(now),
        };
        (effect, raise)
    }

    /// Leaves a function that nobody has used, as a function level reset does; the guest's own reset
    /// is a write to CTRL.
    pub fn power_on(&mut self) -> Effect {
        let effect = self.control.power_on();
        *self = Self {
            control: self.control,
            ..Self::default()
        };
        effect
    }

    /// Runs a transmit queue, 0 or 1, as [`TxQueue::run`] does, at the time `now`, in nanoseconds.
    #[allow(clippy::too_many_arguments)]
    pub fn transmit<M: Memory + ?Sized, W: Wire + ?Sized>(
        &mut self,
        queue: usize,
        memory: &mut M,
        wire: &mut W,
        scratch: &mut [u8],
        budget: u32,
        now: u64,
    ) -> (TxWork, Raise) {
        let tail = self.tx_tails.get(queue).copied().unwrap_or(0);
        let filters = self.control.filters();
        let work = match self.tx.get_mut(queue) {
            Some(tx) => tx.run(tail, filters, memory, wire, scratch, budget),
            None => TxWork::default(),
        };
        self.statistics.add(&work.counts);
        let raise = if work.interrupt {
            self.interrupts.cause(Cause::Tx(queue), now)
        } else {
            self.interrupts.expire(now)
        };
        (work, raise)
    }

    /// Takes a frame from the network at the time `now`, in nanoseconds.
    ///
    /// It goes to queue 0 (clause receive).
    /// `header` says what is known of its checksum; a frame that is still to be segmented is not for a
    /// guest, which has a largest frame.
    pub fn receive<M: Memory + ?Sized>(
        &mut self,
        header: &NetHeader,
        loopback: bool,
        frame: &mut [u8],
        memory: &mut M,
        now: u64,
    ) -> (Outcome, Raise) {
        let accepted = match self.control.filters().receives(frame) {
            Ok(accepted) => accepted,
            Err(rejected) => return (Outcome::Rejected(rejected), self.interrupts.expire(now)),
        };
        let [rx, ..] = &mut self.rx;
        let [tail, ..] = self.rx_tails;
        let known = RxChecksum::of(header);
        let received = rx.receive(tail, accepted, known, loopback, frame, memory);
        let interrupt = match &received {
            Received::Done(counts) => {
                self.statistics.add(counts);
                true
            }
            Received::Dropped { interrupt } => *interrupt,
            Received::NoDescriptor { .. } | Received::Off => false,
        };
        let raise = if interrupt {
            self.interrupts.cause(Cause::Rx(0), now)
        } else {
            self.interrupts.expire(now)
        };
        (Outcome::Queue(received), raise)
    }

    /// Takes a state over. What runs is to be started with [`Self::start`].
    ///
    /// # Errors
    ///
    /// The state is not one of the profile, or the administrator of the host does not let the guest
    /// have it; nothing has changed then.
    pub fn load(&mut self, state: &State) -> Result<(), LoadError> {
        state.validate()?;
        self.control.load(state)?;
        self.interrupts.load(state);
        self.statistics.load(state);
        let queues = self.rx.iter_mut().zip(&mut self.rx_tails);
        for ((rx, tail), state) in queues.zip(&state.rx_queue) {
            *tail = rx.load(state);
        }
        let queues = self.tx.iter_mut().zip(&mut self.tx_tails);
        for ((tx, tail), state) in queues.zip(&state.tx_queue) {
            *tail = tx.load(state);
        }
        Ok(())
    }

    /// Starts what was loaded at the time `now`, in nanoseconds; then every queue is to be run.
    pub fn start(&mut self, now: u64) -> Raise {
        // An answer of the mailbox needs no cause of its own: every vector has one.
        let _ = self.control.start();
        self.interrupts.start(now)
    }

    /// Gives the state; the device does not run.
    pub fn save(&self) -> State {
        let mut state = State::default();
        self.control.save(&mut state);
        self.interrupts.save(&mut state);
        self.statistics.save(&mut state);
        let queues = self.rx.iter().zip(self.rx_tails);
        for ((rx, tail), state) in queues.zip(&mut state.rx_queue) {
            *state = rx.save(tail);
        }
        let queues = self.tx.iter().zip(self.tx_tails);
        for ((tx, tail), state) in queues.zip(&mut state.tx_queue) {
            *state = tx.save(tail);
        }
        state
    }
}

/// Writes a tail; returns whether there is such a queue.
fn set_tail(tails: &mut [u32; QUEUES], queue: usize, value: u32) -> bool {
    let tail = tails.get_mut(queue);
    tail.map(|tail| *tail = value & 0xffff).is_some()
}
