// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Interrupts: causes, masks, vectors and their throttle.
//!
//! A vector fires when its bits in EICR and EIMS become set together, and its throttle allows it.
//! Then EIAC clears its cause and EIAM its mask: the device is one that masks automatically (clauses
//! causes and automatic-masking). A cause without EIAC has to be cleared by the guest, or the vector
//! masked and unmasked, before it fires again.

use crate::{registers::IrqRegister, VECTORS};
use vmf::profile::igbvf_82576 as profile;

/// The bits of EICS, EIMS, EIMC, EIAC, EIAM and EICR: one for each vector.
const ALL: u32 = 0x7;
/// VTIVAR, VTIVAR_MISC: the bits of an entry that are there, in each byte.
const IVAR: u32 = 0x8383_8383;
/// EITR: what the guest reads back; above are the counter and its control (clause throttle).
const EITR_STATE: u32 = 0xffff;
/// EITR: the interval, in units of a microsecond behind two reserved bits.
const EITR_INTERVAL: u32 = 0x7ffc;

/// EITR: the upper bits of the counter, in units of 4 microseconds.
const EITR_COUNTER: u32 = 0x7fe0_0000;
/// EITR: the counter is not written.
const EITR_CNT_INGR: u32 = 1 << 31;

/// What can cause an interrupt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A receive queue, 0 or 1, has written a descriptor back.
    Rx(usize),
    /// A transmit queue, 0 or 1, has written a descriptor or its head back.
    Tx(usize),
    /// The mailbox has a message or an acknowledgement.
    Mailbox,
}

/// What the caller is to do for the interrupts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Raise {
    /// Vectors to raise now: bit n is MSI-X vector n.
    pub vectors: u8,
    /// When to call [`Interrupts::expire`], in nanoseconds; it replaces any earlier answer.
    pub again: Option<u64>,
}

/// The interrupt registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interrupts {
    eicr: u32,
    eims: u32,
    eiac: u32,
    eiam: u32,
    eitr: [u32; VECTORS],
    ivar: u32,
    ivar_misc: u32,
    /// Vectors that have fired for the cause that is set.
    fired: u32,
    /// When each vector may fire again.
    allowed: [u64; VECTORS],
}

/// The bit of a vector; 0 if there is no such vector.
fn bit(vector: usize) -> u32 {
    let vector = u32::try_from(vector).unwrap_or(u32::MAX);
    1u32.checked_shl(vector).unwrap_or(0) & ALL
}

/// The bits of the vector in byte `at` of VTIVAR or VTIVAR_MISC, if it is valid.
fn entry(ivar: u32, at: usize) -> u32 {
    let entry = ivar.to_le_bytes().get(at).copied().unwrap_or(0);
    if entry & 0x80 == 0 {
        return 0;
    }
    bit((entry & 0x3).into())
}

impl Interrupts {
    /// Returns the registers as after power-on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a register; reading EICR clears it, which is up to the provider.
    pub fn read(&mut self, register: IrqRegister) -> u32 {
        match register {
            IrqRegister::CauseSet | IrqRegister::MaskClear => 0,
            IrqRegister::MaskSet => self.eims,
            IrqRegister::AutoClear => self.eiac,
            IrqRegister::AutoMask => self.eiam,
            IrqRegister::Cause => {
                self.fired = 0;
                core::mem::take(&mut self.eicr)
            }
            IrqRegister::Throttle(vector) => {
                self.eitr.get(usize::from(vector)).copied().unwrap_or(0)
            }
            IrqRegister::Vectors => self.ivar,
            IrqRegister::MailboxVector => self.ivar_misc,
        }
    }

    /// Writes a register at the time `now`, in nanoseconds.
    pub fn write(&mut self, register: IrqRegister, value: u32, now: u64) -> Raise {
        match register {
            IrqRegister::CauseSet => {
                self.eicr |= value & ALL;
                // So the guest's interrupt handler calls itself again.
                self.eims |= value & self.eiam;
            }
            IrqRegister::MaskSet => self.eims |= value & ALL,
            IrqRegister::MaskClear => self.eims &= !value,
            IrqRegister::AutoClear => self.eiac = value & ALL,
            IrqRegister::AutoMask => self.eiam = value & ALL,
            IrqRegister::Cause => self.eicr &= !value,
            IrqRegister::Throttle(vector) => self.set_throttle(vector.into(), value, now),
            IrqRegister::Vectors => self.ivar = value & IVAR,
            IrqRegister::MailboxVector => self.ivar_misc = value & IVAR,
        }
        self.expire(now)
    }

    /// Writing the register also sets the counter, most often to 0, by which the vector may fire at
    /// once, unless the write says to leave it alone.
    fn set_throttle(&mut self, vector: usize, value: u32, now: u64) {
        if let Some(eitr) = self.eitr.get_mut(vector) {
            *eitr = value & EITR_STATE;
        }
        if value & EITR_CNT_INGR != 0 {
            return;
        }
        let counter = u64::from((value & EITR_COUNTER) >> 19);
        if let Some(allowed) = self.allowed.get_mut(vector) {
            *allowed = now.saturating_add(counter.saturating_mul(1000));
        }
    }

    /// The least time between two interrupts of a vector, in nanoseconds.
    fn interval(&self, vector: usize) -> u64 {
        let eitr = self.eitr.get(vector).copied().unwrap_or(0);
        u64::from((eitr & EITR_INTERVAL) >> 2).saturating_mul(1000)
    }

    /// Takes note of a cause at the time `now`, in nanoseconds.
    pub fn cause(&mut self, cause: Cause, now: u64) -> Raise {
        self.eicr |= match cause {
            Cause::Rx(queue) => entry(self.ivar, queue.saturating_mul(2)),
            Cause::Tx(queue) => entry(self.ivar, queue.saturating_mul(2).saturating_add(1)),
            Cause::Mailbox => entry(self.ivar_misc, 0),
        };
        self.expire(now)
    }

    /// Looks which vectors may fire at the time `now`, in nanoseconds.
    pub fn expire(&mut self, now: u64) -> Raise {
        let mut raise = Raise::default();
        self.fired &= self.eicr & self.eims;
        for vector in 0..VECTORS {
            let bit = bit(vector);
            if self.eicr & self.eims & !self.fired & bit == 0 {
                continue;
            }
            let interval = self.interval(vector);
            let Some(allowed) = self.allowed.get_mut(vector) else {
                continue;
            };
            if now < *allowed {
                raise.again = Some(raise.again.map_or(*allowed, |again| again.min(*allowed)));
                continue;
            }
            *allowed = now.saturating_add(interval);
            raise.vectors |= crate::bytes::low8(bit);
            self.fired |= bit;
            self.eicr &= !(bit & self.eiac);
            self.eims &= !(bit & self.eiam);
        }
        self.fired &= self.eicr & self.eims;
        raise
    }

    /// Starts after a load at the time `now`, in nanoseconds: every vector has a cause, and fires
    /// once (clause start). What else causes an interrupt at the start is among these.
    ///
    /// One that is masked fires both now, as its last interrupt may not have reached the guest, and
    /// when the guest unmasks it, as it may have had a cause.
    pub fn start(&mut self, now: u64) -> Raise {
        let masked = ALL & !self.eims;
        (self.eicr, self.fired) = (ALL, 0);
        self.allowed = [now; VECTORS];
        let mut raise = self.expire(now);
        for vector in (0..VECTORS).filter(|&vector| masked & bit(vector) != 0) {
            let interval = self.interval(vector);
            if let Some(allowed) = self.allowed.get_mut(vector) {
                *allowed = now.saturating_add(interval);
            }
        }
        raise.vectors = crate::bytes::low8(ALL);
        raise
    }

    /// Takes the registers over; no cause is set, no throttle runs.
    pub fn load(&mut self, state: &profile::State) {
        let from = &state.interrupts;
        *self = Self {
            eims: from.eims,
            eiac: from.eiac,
            eiam: from.eiam,
            eitr: from.eitr,
            ivar: from.ivar,
            ivar_misc: from.ivar_misc,
            ..Self::default()
        };
    }

    /// Gives the registers.
    pub fn save(&self, state: &mut profile::State) {
        state.interrupts = profile::Interrupts {
            eims: self.eims,
            eiac: self.eiac,
            eiam: self.eiam,
            eitr: self.eitr,
            ivar: self.ivar,
            ivar_misc: self.ivar_misc,
        };
    }
}
