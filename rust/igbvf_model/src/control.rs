// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The function as a whole: reset, link, mailbox, and what the administrator of the host sets.

use crate::{
    filters::{Administrator, Filters},
    mailbox::Mailbox,
    registers::{ControlRegister, CTRL_RST, STATUS_FD_1000, STATUS_LU},
    state::Conflict,
};
use vmf::profile::igbvf_82576 as profile;

/// What a write to a register asks of the other parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Effect {
    /// The guest has reset the function: [`crate::TxQueue::reset`], [`crate::RxQueue::reset`] of
    /// every queue.
    pub reset: bool,
    /// The filters may have changed: take them anew, and run every queue.
    pub filters: bool,
    /// The mailbox has something: [`crate::Cause::Mailbox`].
    pub mailbox: bool,
    /// The queue whose register it was may have become able to run: run it.
    pub kick: bool,
}

/// CTRL, STATUS, the mailbox and the filters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Control {
    mailbox: Mailbox,
    filters: Filters,
}

impl Control {
    /// Returns the registers as after power-on, with the link up.
    pub fn new(administrator: Administrator) -> Self {
        Self {
            mailbox: Mailbox::default(),
            filters: Filters::new(administrator),
        }
    }

    /// Reads a register; reading V2PMAILBOX clears what it says.
    pub fn read(&mut self, register: ControlRegister) -> u32 {
        match register {
            // RST clears itself, and no other bit is the guest's.
            ControlRegister::Ctrl => 0,
            ControlRegister::Status if self.filters.link => STATUS_FD_1000 | STATUS_LU,
            ControlRegister::Status => STATUS_FD_1000,
            ControlRegister::Mailbox => self.mailbox.read(),
            ControlRegister::Buffer(at) => self.mailbox.word(at),
        }
    }

    /// Writes a register at the time `now`, in nanoseconds.
    pub fn write(&mut self, register: ControlRegister, value: u32, now: u64) -> Effect {
        match register {
            ControlRegister::Ctrl if value & CTRL_RST != 0 => self.reset(now),
            ControlRegister::Ctrl | ControlRegister::Status => Effect::default(),
            ControlRegister::Mailbox => {
                let mailbox = self.mailbox.write(value, &mut self.filters, now);
                Effect {
                    mailbox,
                    filters: mailbox,
                    ..Effect::default()
                }
            }
            ControlRegister::Buffer(at) => {
                self.mailbox.set_word(at, value);
                Effect::default()
            }
        }
    }

    /// Leaves a function that nobody has used, as a function level reset does (`contract.reset` of
    /// the profile); what the administrator has set and the link are the host's and stay.
    ///
    /// All other parts are to be made anew, and tails to be 0.
    pub fn power_on(&mut self) -> Effect {
        self.filters.power_on();
        self.mailbox = Mailbox::default();
        Effect {
            filters: true,
            ..Effect::default()
        }
    }

    /// CTRL.RST, which leaves registers, frame size and further addresses.
    fn reset(&mut self, now: u64) -> Effect {
        self.filters.reset();
        self.mailbox.reset(now);
        Effect {
            reset: true,
            filters: true,
            ..Effect::default()
        }
    }

    /// Returns the filters, for a worker to have a copy.
    pub fn filters(&self) -> &Filters {
        &self.filters
    }

    /// Sets what the administrator of the host has decided; an address counts at once.
    ///
    /// Taking an address away leaves the function the one it has.
    pub fn set_administrator(&mut self, administrator: Administrator) -> Effect {
        self.filters.set_administrator(administrator);
        Effect {
            filters: true,
            ..Effect::default()
        }
    }

    /// Sets whether the link is up, and tells the guest of a change.
    pub fn set_link(&mut self, up: bool) -> Effect {
        if self.filters.link == up {
            return Effect::default();
        }
        self.filters.link = up;
        self.mailbox.ping(&self.filters);
        Effect {
            filters: true,
            mailbox: true,
            ..Effect::default()
        }
    }

    /// Starts after a load: the PF answers a request that came with the state.
    pub fn start(&mut self) -> Effect {
        let mailbox = self.mailbox.run(&mut self.filters);
        Effect {
            mailbox,
            filters: true,
            ..Effect::default()
        }
    }

    /// Takes a state over; the administrator's settings and the link are the host's and stay.
    ///
    /// # Errors
    ///
    /// The state has an address that the administrator does not let the guest have; nothing has
    /// changed then.
    pub fn load(&mut self, state: &profile::State) -> Result<(), Conflict> {
        crate::state::check(state, &self.filters.administrator)?;
        self.filters.load(state);
        self.mailbox.load(&state.mailbox);
        Ok(())
    }

    /// Gives the state.
    pub fn save(&self, state: &mut profile::State) {
        state.mailbox = self.mailbox.save(self.filters.served);
        state.filters = self.filters.state;
        state.unicast = self.filters.unicast;
    }
}
