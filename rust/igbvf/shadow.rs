// SPDX-License-Identifier: GPL-2.0

//! What the registers do not show: learnt by watching the guest.

use super::{
    control::{
        Control,
        Message,
        Reply,
        VF_RESET, //
    },
    mailbox,
    regs::{
        STATISTICS,
        V2PMAILBOX, //
    }, //
};
use vmf::Features;

/// Bits of `V2PMAILBOX` that reading clears.
pub(crate) const R2C: u32 = 0xb0;

/// The parts of a VF that can only be remembered, from open or reset on.
#[derive(Default)]
pub(crate) struct Shadow {
    /// `PSRTYPE`, which is write-only on some models.
    pub(crate) psrtype: u32,
    /// What to add to each counter, none of which can be set, so that the guest's goes on.
    pub(crate) statistics: [u32; STATISTICS],
    /// The mailbox as the guest sees it.
    pub(crate) mailbox: Mailbox,
}

impl Shadow {
    /// Returns the features of the profile that the guest uses.
    pub(crate) fn features(&self) -> Features {
        self.mailbox.control.features()
    }

    /// Takes up what a read of the mailbox's register by anyone has returned, and so cleared.
    ///
    /// `reply` reads the start of the mailbox memory, if there may be a reply.
    pub(crate) fn observe(&mut self, register: V2PMAILBOX, reply: impl FnOnce() -> Reply) {
        if mailbox::was_reset(register) {
            // The counters start again from 0.
            self.statistics = Default::default();
        }
        self.mailbox.observe(register, reply);
    }
}

/// The guest's side of the mailbox, and what has been agreed through it.
#[derive(Default)]
pub(crate) struct Mailbox {
    /// Bits that reading has cleared in the register and the guest has not seen.
    r2c: u32,
    /// The guest holds the buffer, and goes on to while it is stopped: what it has written, or is
    /// about to read, must not be overwritten. The physical function waits 11 ms at most.
    pub(crate) vfu: bool,
    /// The message that the guest has sent and that was not answered yet.
    request: Option<Message>,
    /// It has come from elsewhere, and the physical function of this device was not given it: the guest
    /// holds the buffer, or the physical function does.
    deferred: bool,
    /// The physical function has read it.
    taken: bool,
    /// It has, and did not answer in all the time that there is for that. It may still do so, and what
    /// it then agrees to stands.
    late: bool,
    /// The guest has sent a message since the device was scrubbed.
    used: bool,
    /// `VF_RESET` was answered: the physical function has switched the queues on.
    pub(crate) reset_done: bool,
    /// What the physical function does for us.
    pub(crate) control: Control,
}

impl Mailbox {
    fn observe(&mut self, register: V2PMAILBOX, reply: impl FnOnce() -> Reply) {
        if mailbox::was_reset(register) {
            // What the guest has not seen is void too; what comes with this is from after it. A
            // request stands, as it may have been sent meanwhile.
            self.r2c = 0;
            self.vfu = false;
            self.reset_done = false;
            self.control.forget_all();
        }
        self.r2c |= u32::from(register) & R2C;
        self.taken |= register.pfack();
        if !register.pfsts() {
            return;
        }
        if let Some(request) = self.request.as_ref().filter(|_| !self.deferred) {
            if self.control.settle(request, reply()) {
                let [kind, ..] = request;
                self.reset_done |= *kind == VF_RESET;
                self.request = None;
            }
        }
    }

    /// Returns what the guest reads, and forgets what it then has seen.
    pub(crate) fn guest_read(&mut self, register: V2PMAILBOX) -> u32 {
        u32::from(register) | core::mem::take(&mut self.r2c)
    }

    /// Returns the bits that the guest has not seen.
    pub(crate) fn unseen(&self) -> u32 {
        self.r2c
    }

    /// The guest has written the register; `message` is what is in the mailbox memory.
    pub(crate) fn guest_commanded(
        &mut self,
        register: V2PMAILBOX,
        message: impl FnOnce() -> Message,
    ) {
        if register.req() {
            self.request = Some(message());
            self.deferred = false;
            self.taken = false;
            self.late = false;
            self.used = true;
        }
        // A write without the bit lets go of the buffer; a request with it does not.
        self.vfu = register.vfu();
    }

    /// Returns whether there may be an answer still.
    pub(crate) fn is_asking(&self) -> bool {
        self.request.is_some()
    }

    /// Returns the message that the guest waits for an answer to, if there is time for one.
    pub(crate) fn pending(&self) -> Option<&Message> {
        self.request.as_ref().filter(|_| !self.late)
    }

    /// Returns whether an answer may be on its way, and there is time for it.
    pub(crate) fn is_waiting(&self) -> bool {
        self.pending().is_some() && !self.deferred
    }

    /// Notes whether the request was sent, or has to wait until the buffer is free.
    pub(crate) fn set_deferred(&mut self, deferred: bool) {
        self.deferred = deferred;
    }

    /// Returns whether a request waits for the guest to let go of the buffer, and it has.
    pub(crate) fn is_due(&self) -> bool {
        self.pending().is_some() && self.deferred && !self.vfu
    }

    /// The function was reset: the physical function has forgotten it. The registers of the mailbox
    /// do not change.
    pub(crate) fn forget(&mut self) {
        self.request = None;
        self.reset_done = false;
        self.control.forget_reset();
    }

    /// There was no answer in all the time that there is for one: a message that was taken is not
    /// sent again, and one that was not has got lost.
    pub(crate) fn give_up(&mut self) {
        self.late = self.taken;
    }

    /// Returns whether the physical function may keep anything for the guest.
    pub(crate) fn is_known(&self) -> bool {
        self.used
    }

    /// Makes the mailbox of a guest that comes from elsewhere.
    pub(crate) fn restored(
        r2c: u32,
        vfu: bool,
        request: Option<Message>,
        reset_done: bool,
        control: Control,
    ) -> Self {
        Self {
            r2c: r2c & R2C,
            vfu,
            request,
            deferred: false,
            taken: false,
            late: false,
            used: true,
            reset_done,
            control,
        }
    }
}
