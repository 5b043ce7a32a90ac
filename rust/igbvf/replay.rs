// SPDX-License-Identifier: GPL-2.0

//! What the host says to the physical function: when a guest arrives, and when one leaves.
//!
//! The physical function keeps what makes packets reach this VF, and shows none of it. A message is
//! the only way to have it set. See `igb_rcv_msg_from_vf()` in
//! `drivers/net/ethernet/intel/igb/igb_main.c`.

use super::{
    control::{
        mac_from_words,
        words_from_mac,
        Control,
        Message,
        Reply,
        ACK,
        INFO_SHIFT,
        MAC_FILTER_ADD,
        MAC_FILTER_CLR,
        PROMISC_MULTICAST,
        SET_LPE,
        SET_MAC_ADDR,
        SET_MULTICAST,
        SET_PROMISC,
        SET_VLAN,
        VF_RESET, //
    },
    mailbox::{
        short,
        Talk,
        Unanswered, //
    },
    regs::{
        Bar,
        CTRL, //
    },
    scrub, //
};
use kernel::{
    io::Io,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};
use vmf::profile::igbvf_82576::Filters;

/// Time for a whole replay, of some 60 messages at most: the tables of the physical function have no
/// more room.
pub(crate) const REPLAY_TIME: Delta = Delta::from_millis(2000);
/// Time for the few messages that clear what a user has left.
pub(crate) const LEAVE_TIME: Delta = Delta::from_millis(500);
/// Time for the physical function to come out of its reset.
const PF_RESET_TIME: Delta = Delta::from_millis(1000);
/// Time for the physical function to notice a reset of the VF, usually well below a millisecond.
///
/// If it takes the next message first, the reset undoes what the message did; there is nothing by
/// which the VF could tell.
const RESET_NOTICE_TIME: Delta = Delta::from_millis(20);
/// Attempts at all of it, as the physical function may forget in between what was agreed on.
const ATTEMPTS: usize = 3;
/// Frame size that has the effect of none, but for 4 bytes that a frame without a VLAN tag can be
/// longer; what Linux sends at its default MTU.
const NO_LPE: u32 = 1522;

/// Why an agreement could not be brought about: a line for the log, and the message.
pub(crate) struct Failure {
    pub(crate) reason: &'static str,
    /// First word of the message.
    pub(crate) message: u32,
    /// First word of its reply, or 0 if there was none.
    pub(crate) reply: u32,
    /// There was no reply, as this VF is not known any more: all of it has to be said again.
    forgotten: bool,
}

impl Failure {
    fn refused(reason: &'static str, message: &Message, reply: u32) -> Self {
        let [kind, ..] = *message;

        Self {
            reason,
            message: kind,
            reply,
            forgotten: false,
        }
    }

    fn unanswered(message: &Message, why: Unanswered) -> Self {
        Self {
            forgotten: why != Unanswered::Silent,
            ..Self::refused(why.reason(), message, 0)
        }
    }
}

type Outcome<T = ()> = core::result::Result<T, Failure>;

/// Has the physical function do for this VF what another one did for its guest.
///
/// The VF has to be as after [`leave()`]. With `up` the guest has sent `VF_RESET`; without, it is
/// about to, and what the physical function keeps over a reset is to be there then.
///
/// # Errors
///
/// The message that was refused, or not answered.
pub(crate) fn replay(talk: &Talk<'_>, bar: Bar<'_>, control: &Control, up: bool) -> Outcome {
    for attempt in 1..ATTEMPTS {
        match replay_once(talk, bar, control, up, attempt > 1) {
            Err(failure) if failure.forgotten => (),
            result => return result,
        }
    }
    replay_once(talk, bar, control, up, true)
}

fn replay_once(talk: &Talk<'_>, bar: Bar<'_>, control: &Control, up: bool, again: bool) -> Outcome {
    let ready = talk.await_reset(PF_RESET_TIME);

    // VF 0 comes out of a reset of the physical function with its queues on.
    scrub::quiet(bar);
    if !up && !control.outlasts_reset() {
        return Ok(());
    }
    ready.map_err(|_| Failure::refused("the PF stays in reset", &short(VF_RESET, 0, 0), 0))?;
    let preset = vf_reset(talk)?;

    if let Some(mac) = control.mac().filter(|&mac| preset != Some(mac)) {
        let (low, high) = words_from_mac(mac);
        let reason = "the PF refuses the guest's MAC address: has the host set another one?";
        ask(talk, &short(SET_MAC_ADDR, low, high), reason)?;
    }
    add_unicast(talk, control, again)?;
    if control.filters.flags & Filters::FLAGS_MAX_FRAME_VALID != 0 {
        let message = short(SET_LPE, control.filters.max_frame, 0);
        ask(talk, &message, "the PF refuses the frame size")?;
    }
    add_vlans(talk, control)?;
    if control.filters.multicast_count != 0 {
        let info = u32::from(control.filters.multicast_count) << INFO_SHIFT;
        let mut message = short(SET_MULTICAST | info, 0, 0);
        let pairs = control.filters.multicast.chunks(2);
        for (word, pair) in message.iter_mut().skip(1).zip(pairs) {
            if let [low, high] = *pair {
                *word = u32::from(low) | u32::from(high) << 16;
            }
        }
        ask(talk, &message, "the PF refuses the multicast list")?;
    }
    if control.filters.flags & Filters::FLAGS_MULTI_PROMISC != 0 {
        let message = short(SET_PROMISC | PROMISC_MULTICAST << INFO_SHIFT, 0, 0);
        ask(talk, &message, "the PF refuses all multicast")?;
    }
    if !up {
        reset(bar);
    }
    Ok(())
}

/// Each message takes an entry of a table that all VFs share, even if the address has one, and
/// nothing but a message gives it back: when one gets lost, all of them go and are sent again.
fn add_unicast(talk: &Talk<'_>, control: &Control, again: bool) -> Outcome {
    let mut failed = None;

    for _ in 0..ATTEMPTS {
        if (again || failed.is_some()) && control.unicast.count != 0 {
            clear_unicast(talk)?;
        }
        failed = control
            .unicast()
            .find_map(|mac| add_one_unicast(talk, mac).err());
        match &failed {
            Some(failure) if failure.reply == 0 && !failure.forgotten => (),
            _ => break,
        }
    }
    failed.map_or(Ok(()), Err)
}

fn add_one_unicast(talk: &Talk<'_>, mac: [u8; 6]) -> Outcome {
    let (low, high) = words_from_mac(mac);
    let message = short(MAC_FILTER_ADD, low, high);

    agreed(
        &message,
        "the PF refuses a unicast filter",
        talk.exchange_once(&message),
    )
}

/// Whether tags are stripped follows the last message, which may have to be an empty one.
fn add_vlans(talk: &Talk<'_>, control: &Control) -> Outcome {
    let set = |vid, add: bool| {
        let message = short(SET_VLAN | u32::from(add) << INFO_SHIFT, vid, 0);
        ask(talk, &message, "the PF refuses a VLAN")
    };
    let mut any = false;

    for vid in control.vlans() {
        set(vid, true)?;
        any = true;
    }
    match (control.strips(), any) {
        (false, true) => set(0, true),
        // There is no VLAN 4095, and removing one that is not there is agreed to.
        (true, false) => set(0xfff, false),
        _ => Ok(()),
    }
}

/// Has the physical function drop all that it keeps for this VF; returns the address that stays, as
/// the host has set it and only the host can remove it.
///
/// A reset makes it forget the address but not the filter, which would go on to swallow what the
/// host and its other VFs send to a guest that has moved on. `VF_RESET` writes the filter, with no
/// address then. It also keeps further addresses, the frame size, and what a guest has set beside it
/// by a size that makes no sense.
///
/// With `after_reset` the VF was just reset, and the physical function has noticed; `unicast`
/// says whether there may be further addresses, and is cleared when the physical function was asked, as
/// igb writes a line to the host's log for each refusal: it is asked again for the next owner.
///
/// # Errors
///
/// As for [`replay()`].
pub(crate) fn leave(
    talk: &Talk<'_>,
    bar: Bar<'_>,
    mut after_reset: bool,
    unicast: &Atomic<bool>,
) -> Outcome<Option<[u8; 6]>> {
    for _ in 1..ATTEMPTS {
        match leave_once(talk, bar, after_reset, unicast) {
            Err(failure) if failure.forgotten => after_reset = false,
            result => return result,
        }
    }
    leave_once(talk, bar, after_reset, unicast)
}

fn leave_once(
    talk: &Talk<'_>,
    bar: Bar<'_>,
    after_reset: bool,
    unicast: &Atomic<bool>,
) -> Outcome<Option<[u8; 6]>> {
    // Nothing reaches this VF before the next `VF_RESET`, and the device is cleared before that.
    if talk.in_reset() {
        return Ok(None);
    }
    if !after_reset {
        reset(bar);
    }
    let mut preset = vf_reset(talk)?;
    if preset.is_some() && after_reset {
        // Set by the host, or by the last user of a function that only resets itself.
        reset(bar);
        preset = vf_reset(talk)?;
    }
    if unicast.load(Relaxed) {
        match clear_unicast(talk) {
            // The host has set the address, and lets the VF change nothing: the caller says so.
            Err(failure) if failure.reply != 0 && preset.is_some() => (),
            result => result?,
        }
        unicast.store(false, Relaxed);
    }
    let message = short(SET_LPE, NO_LPE, 0);
    ask(talk, &message, "the PF refuses the frame size")?;
    let message = short(SET_PROMISC, 0, 0);
    ask(talk, &message, "the PF refuses to filter multicast")?;
    // `VF_RESET` has switched the queues of the VF on.
    reset(bar);
    Ok(preset)
}

/// Resets the function, and gives the physical function the time to notice.
fn reset(bar: Bar<'_>) {
    bar.write_reg(CTRL::zeroed().with_rst(true));
    fsleep(RESET_NOTICE_TIME);
}

/// Sends `VF_RESET`; returns the address that the physical function has for this VF.
fn vf_reset(talk: &Talk<'_>) -> Outcome<Option<[u8; 6]>> {
    let message = short(VF_RESET, 0, 0);
    let [verdict, low, high] = talk
        .exchange(&message)
        .map_err(|why| Failure::unanswered(&message, why))?;

    // NACK is success too: there is no address.
    Ok((verdict & ACK != 0).then(|| mac_from_words(low, high)))
}

/// Has the physical function drop the further addresses of this VF. It refuses if the host has set
/// the address of this VF, and does not trust it.
fn clear_unicast(talk: &Talk<'_>) -> Outcome {
    // The address has to be valid, and says nothing.
    let (low, high) = words_from_mac([0x02, 0, 0, 0, 0, 0x01]);
    let message = short(MAC_FILTER_CLR, low, high);

    ask(talk, &message, "the PF refuses to clear unicast filters")
}

/// Sends what a reply has to agree to.
fn ask(talk: &Talk<'_>, message: &Message, reason: &'static str) -> Outcome {
    agreed(message, reason, talk.exchange(message))
}

fn agreed(
    message: &Message,
    reason: &'static str,
    answer: core::result::Result<Reply, Unanswered>,
) -> Outcome {
    match answer {
        Ok([reply, ..]) if reply & ACK != 0 => Ok(()),
        Ok([reply, ..]) => Err(Failure::refused(reason, message, reply)),
        Err(why) => Err(Failure::unanswered(message, why)),
    }
}
