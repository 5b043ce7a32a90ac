// SPDX-License-Identifier: GPL-2.0

//! The mailbox, used by the host in place of the guest.
//!
//! Protocol: `drivers/net/ethernet/intel/igbvf/mbx.c`. While this runs the guest does not: its
//! accesses wait for the session lock.

use super::{
    control::{
        Message,
        Reply,
        ACK,
        CTS,
        MESSAGE_WORDS,
        NACK,
        TYPE_MASK,
        VF_RESET, //
    },
    regs::{
        Bar,
        IVAR_MISC,
        MBMEM,
        V2PMAILBOX, //
    },
    shadow::Shadow,
    Counter,
    Device, //
};
use core::cell::Cell;
use kernel::{
    io::{
        poll::read_poll_timeout,
        register::Array,
        Io, //
    },
    prelude::*,
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// Time for the physical function to answer; usually far below a millisecond.
pub(crate) const ANSWER_TIME: Delta = Delta::from_millis(200);
/// Time for the physical function to let go of the buffer.
pub(crate) const BUFFER_TIME: Delta = Delta::from_millis(20);
/// Time between two looks.
const POLL_TIME: Delta = Delta::from_micros(50);
/// Time between two looks for the end of a reset.
const RESET_POLL_TIME: Delta = Delta::from_micros(500);
/// Attempts at a message: a ping of the physical function may overwrite it or its answer.
const ATTEMPTS: usize = 3;

/// Why a message has no answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The time is over: the physical function does not listen.
    Silent,
    /// The physical function is, or was, in reset, and has forgotten what was agreed on.
    Reset,
    /// The physical function takes this VF for one that has not sent `VF_RESET`.
    Forgotten,
}

impl Unanswered {
    /// Returns one line for the log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Unanswered::Silent => "the PF does not answer",
            Unanswered::Reset => "the PF is in reset, or was meanwhile",
            Unanswered::Forgotten => "the PF has reset this VF meanwhile",
        }
    }
}

/// A conversation with the physical function, which has to be over in time.
pub(crate) struct Talk<'a> {
    dev: &'a Device,
    bar: Bar<'a>,
    start: Instant<Monotonic>,
    time: Delta,
    /// Anything was said.
    sent: Cell<bool>,
}

impl<'a> Talk<'a> {
    /// Begins a conversation, which drops what is left of others: bits that reading clears, and the
    /// hold on the buffer of a guest that is gone, which would block the physical function.
    ///
    /// The mailbox has no vector from here on, as its interrupts are not for the guest: they would
    /// wait for it as pending causes.
    pub(crate) fn begin(dev: &'a Device, bar: Bar<'a>, time: Delta) -> Self {
        bar.write(IVAR_MISC, 0.into());
        release_buffer(bar);
        let _ = read(bar);
        Self {
            dev,
            bar,
            start: Instant::now(),
            time,
            sent: Cell::new(false),
        }
    }

    /// Returns whether the physical function is in reset now, at the price of the bits that tell of
    /// earlier ones.
    pub(crate) fn in_reset(&self) -> bool {
        seen(self.bar).rsti()
    }

    /// Waits until the physical function is not in reset.
    ///
    /// # Errors
    ///
    /// - [`Unanswered::Reset`]: it still is after `time`.
    pub(crate) fn await_reset(&self, time: Delta) -> core::result::Result<(), Unanswered> {
        read_poll_timeout(
            || Ok(self.in_reset()),
            |&in_reset| !in_reset,
            RESET_POLL_TIME,
            self.within(time),
        )
        .map(|_| ())
        .map_err(|_| Unanswered::Reset)
    }

    /// Sends a message, again if it gets lost, and returns the answer.
    ///
    /// # Errors
    ///
    /// Those of [`Unanswered`].
    pub(crate) fn exchange(&self, message: &Message) -> core::result::Result<Reply, Unanswered> {
        for _ in 1..ATTEMPTS {
            match self.exchange_once(message) {
                Err(Unanswered::Silent) => self.dev.count(Counter::MailboxRepeats as usize),
                result => return result,
            }
        }
        self.exchange_once(message)
    }

    /// Sends a message once, as one has to be sent that has an effect each time.
    ///
    /// # Errors
    ///
    /// As for [`Self::exchange()`].
    pub(crate) fn exchange_once(
        &self,
        message: &Message,
    ) -> core::result::Result<Reply, Unanswered> {
        let [kind, ..] = *message;
        let bar = self.bar;

        self.take_buffer()?;
        // What is left of earlier messages, so that it is not taken for the answer.
        if was_reset(seen(bar)) {
            return Err(Unanswered::Reset);
        }
        write_message(bar, message);
        bar.write_reg(V2PMAILBOX::zeroed().with_req(true));
        self.sent.set(true);
        self.dev.count(Counter::MailboxMessages as usize);

        let mut bits = V2PMAILBOX::zeroed();
        let _ = read_poll_timeout(
            || {
                bits = V2PMAILBOX::from(u32::from(bits) | u32::from(seen(bar)));
                Ok(bits)
            },
            |&bits| was_reset(bits) || bits.pfack() && bits.pfsts(),
            POLL_TIME,
            self.within(ANSWER_TIME),
        );
        if was_reset(bits) {
            return Err(Unanswered::Reset);
        }
        if !bits.pfsts() {
            // It reads, and does not answer, who has not sent `VF_RESET`.
            return Err(if bits.pfack() {
                Unanswered::Forgotten
            } else {
                Unanswered::Silent
            });
        }
        self.take_buffer()?;
        let reply = read_reply(bar);
        bar.write_reg(V2PMAILBOX::zeroed().with_ack(true));

        let [verdict, ..] = reply;
        if verdict & (ACK | NACK) == 0 || verdict & TYPE_MASK != kind & TYPE_MASK {
            // A ping has taken the place of the message or of its answer.
            Err(Unanswered::Silent)
        } else if kind != VF_RESET && verdict & CTS == 0 {
            Err(Unanswered::Forgotten)
        } else {
            Ok(reply)
        }
    }

    /// Ends the conversation with what a guest is to find in the mailbox memory, and whether it holds
    /// the buffer.
    ///
    /// # Errors
    ///
    /// - [`Unanswered::Silent`]: the physical function does not let go of the buffer.
    /// - [`Unanswered::Reset`]: it has forgotten what it was told, if it was told anything.
    pub(crate) fn end(self, message: &Message, vfu: bool) -> core::result::Result<(), Unanswered> {
        let reset = match self.take_buffer() {
            Err(Unanswered::Reset) => true,
            result => {
                result?;
                false
            }
        };
        for (index, &word) in message.iter().enumerate() {
            if let Some(at) = MBMEM::try_at(index) {
                self.bar.write(at, word.into());
            }
        }
        // Bits about messages that the guest has not sent.
        let register = seen(self.bar);
        if !vfu {
            release_buffer(self.bar);
        }
        if self.sent.get() && (reset || was_reset(register)) {
            return Err(Unanswered::Reset);
        }
        Ok(())
    }

    fn take_buffer(&self) -> core::result::Result<(), Unanswered> {
        let bits = take_buffer(self.bar, self.within(BUFFER_TIME));

        if was_reset(bits) {
            Err(Unanswered::Reset)
        } else if bits.vfu() {
            Ok(())
        } else {
            Err(Unanswered::Silent)
        }
    }

    /// Returns `time`, or what is left of the time for all.
    fn within(&self, time: Delta) -> Delta {
        time.min(self.time - self.start.elapsed())
    }
}

/// Reads the register.
///
/// # Errors
///
/// - [`EIO`]: it is all ones, of which bits 31 to 8 do not exist: the device is not there, and has
///   said nothing.
fn read(bar: Bar<'_>) -> Result<V2PMAILBOX> {
    match bar.read(V2PMAILBOX) {
        register if u32::from(register) == u32::MAX => Err(EIO),
        register => Ok(register),
    }
}

/// Reads the register of a device that may not be there: it then says nothing.
fn seen(bar: Bar<'_>) -> V2PMAILBOX {
    read(bar).unwrap_or(V2PMAILBOX::zeroed())
}

/// Returns whether the register tells of a reset of the physical function.
pub(crate) fn was_reset(register: V2PMAILBOX) -> bool {
    register.rsti() || register.rstd()
}

/// Makes a message of three words, as most are.
pub(crate) fn short(kind: u32, first: u32, second: u32) -> Message {
    let mut message = [0; MESSAGE_WORDS];
    let [a, b, c, ..] = &mut message;
    (*a, *b, *c) = (kind, first, second);
    message
}

/// Tries to take hold of the buffer; returns all bits that were seen meanwhile, as reading clears
/// some.
fn take_buffer(bar: Bar<'_>, time: Delta) -> V2PMAILBOX {
    let mut bits = V2PMAILBOX::zeroed();
    let _ = read_poll_timeout(
        || {
            bar.write_reg(V2PMAILBOX::zeroed().with_vfu(true));
            bits = V2PMAILBOX::from(u32::from(bits) | u32::from(seen(bar)));
            Ok(bits)
        },
        |bits| bits.vfu(),
        POLL_TIME,
        time,
    );
    bits
}

/// Lets go of the buffer.
pub(crate) fn release_buffer(bar: Bar<'_>) {
    bar.write_reg(V2PMAILBOX::zeroed());
}

/// Reads the part of the mailbox memory that a reply is in.
fn read_reply(bar: Bar<'_>) -> Reply {
    [
        bar.read(MBMEM::at(0)).into(),
        bar.read(MBMEM::at(1)).into(),
        bar.read(MBMEM::at(2)).into(),
    ]
}

/// Writes a message, up to its last word that is not 0, but the words that every message has.
fn write_message(bar: Bar<'_>, message: &Message) {
    let last = message.iter().rposition(|&word| word != 0).unwrap_or(0);

    for (index, &word) in message.iter().enumerate().take(3.max(last + 1)) {
        if let Some(at) = MBMEM::try_at(index) {
            bar.write(at, word.into());
        }
    }
}

/// Reads the message that is in the mailbox memory, as it is about to be sent: what the guest has not
/// written of it is there from other messages, its own and those of the physical function.
pub(crate) fn read_message(bar: Bar<'_>) -> Message {
    let mut message = [0; MESSAGE_WORDS];

    for (index, word) in message.iter_mut().enumerate() {
        if let Some(at) = MBMEM::try_at(index) {
            *word = bar.read(at).into();
        }
    }
    message
}

/// Reads the register on behalf of the guest, who has not seen what this clears.
///
/// # Errors
///
/// - [`EIO`]: the device is not there.
pub(crate) fn look(bar: Bar<'_>, shadow: &mut Shadow) -> Result<V2PMAILBOX> {
    let register = read(bar)?;

    shadow.observe(register, || read_reply(bar));
    Ok(register)
}

/// Sends the message that the guest waits for the answer of, unless the guest holds the buffer: what
/// it has written there, or is about to read, is its own, and the physical function gives up on a
/// message that it cannot read. It then has to be sent when the guest lets go.
///
/// Returns all bits that were seen, as [`look()`] does.
pub(crate) fn send_request(bar: Bar<'_>, shadow: &mut Shadow) -> V2PMAILBOX {
    let Some(&request) = shadow.mailbox.pending() else {
        return V2PMAILBOX::zeroed();
    };
    if shadow.mailbox.vfu {
        shadow.mailbox.set_deferred(true);
        return V2PMAILBOX::zeroed();
    }
    let bits = take_buffer(bar, BUFFER_TIME);

    shadow.observe(bits.with_pfsts(false), || read_reply(bar));
    shadow.mailbox.set_deferred(!bits.vfu());
    if bits.vfu() {
        write_message(bar, &request);
        bar.write_reg(V2PMAILBOX::zeroed().with_req(true));
    }
    bits
}

/// Takes up what the physical function has said, and waits for its answer if the guest does.
///
/// Not getting one is no error: the guest has the time-outs for that. Returns all bits that were
/// seen, as [`look()`] does.
pub(crate) fn rest(bar: Bar<'_>, shadow: &mut Shadow, time: Delta) -> V2PMAILBOX {
    let mut bits = V2PMAILBOX::zeroed();
    let answered = read_poll_timeout(
        || {
            let register = look(bar, shadow).unwrap_or(V2PMAILBOX::zeroed());

            bits = V2PMAILBOX::from(u32::from(bits) | u32::from(register));
            Ok(!shadow.mailbox.is_waiting() || register.rsti())
        },
        |&done| done,
        POLL_TIME,
        time,
    );
    if answered.is_err() {
        shadow.mailbox.give_up();
    }
    bits
}
