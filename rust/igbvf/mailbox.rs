// SPDX-License-Identifier: GPL-2.0

//! The mailbox, used by the host in place of the guest.
//!
//! The physical function keeps what makes packets reach this VF, and shows none of it. A message is
//! the only way to have it set: when a guest arrives, and when one leaves.
//!
//! Protocol: `drivers/net/ethernet/intel/igbvf/mbx.c`. While this runs the guest does not: its
//! accesses wait for the session lock.

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
        MESSAGE_WORDS,
        NACK,
        PROMISC_MULTICAST,
        SET_LPE,
        SET_MAC_ADDR,
        SET_MULTICAST,
        SET_PROMISC,
        SET_VLAN,
        TYPE_MASK,
        VF_RESET, //
    },
    regs::{
        Bar,
        MBMEM,
        V2PMAILBOX, //
    },
    shadow::Mailbox, //
};
use kernel::{
    io::{
        poll::read_poll_timeout,
        register::Array,
        Io, //
    },
    prelude::*,
    time::Delta, //
};
use vmf::profile::igbvf_82576::Filters;

/// Time for the physical function to answer; usually far below a millisecond.
const ANSWER_TIME: Delta = Delta::from_millis(200);
/// Time for the physical function to let go of the buffer.
const BUFFER_TIME: Delta = Delta::from_millis(20);
/// Time between two looks.
const POLL_TIME: Delta = Delta::from_micros(50);
/// Attempts at a message: a ping of the physical function may overwrite it or its answer.
const ATTEMPTS: usize = 3;

/// Sends a message, again if it gets lost, and returns the answer.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: no answer; the physical function is down, or refuses to talk.
fn exchange(bar: Bar<'_>, message: &Message) -> Result<Reply> {
    for _ in 1..ATTEMPTS {
        match exchange_once(bar, message) {
            Err(err) if err == ETIMEDOUT => (),
            result => return result,
        }
    }
    exchange_once(bar, message)
}

/// Sends a message once, as one must not be sent again that has an effect each time.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: no answer.
fn exchange_once(bar: Bar<'_>, message: &Message) -> Result<Reply> {
    let [kind, ..] = message;

    take_buffer(bar)?;
    // What is left of earlier exchanges, so that it is not taken for the answer.
    let _ = bar.read(V2PMAILBOX);
    write_message(bar, message);
    bar.write_reg(V2PMAILBOX::zeroed().with_req(true));

    let mut seen = 0;
    read_poll_timeout(
        || {
            seen |= u32::from(bar.read(V2PMAILBOX));
            Ok(V2PMAILBOX::from(seen))
        },
        |register| register.pfack() && register.pfsts(),
        POLL_TIME,
        ANSWER_TIME,
    )?;
    take_buffer(bar)?;
    let reply = read_reply(bar);
    bar.write_reg(V2PMAILBOX::zeroed().with_ack(true));

    let [verdict, ..] = reply;
    if verdict & (ACK | NACK) != 0 && verdict & TYPE_MASK == kind & TYPE_MASK {
        Ok(reply)
    } else {
        Err(ETIMEDOUT)
    }
}

/// Makes a message of three words, as most are.
fn short(kind: u32, first: u32, second: u32) -> Message {
    let mut message = [0; MESSAGE_WORDS];
    let [a, b, c, ..] = &mut message;
    (*a, *b, *c) = (kind, first, second);
    message
}

/// Takes hold of the buffer.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: the physical function does not let go of it.
pub(crate) fn take_buffer(bar: Bar<'_>) -> Result {
    read_poll_timeout(
        || {
            bar.write_reg(V2PMAILBOX::zeroed().with_vfu(true));
            Ok(bar.read(V2PMAILBOX))
        },
        |register| register.vfu(),
        POLL_TIME,
        BUFFER_TIME,
    )?;
    Ok(())
}

/// Lets go of the buffer.
pub(crate) fn release_buffer(bar: Bar<'_>) {
    bar.write_reg(V2PMAILBOX::zeroed());
}

/// Reads the part of the mailbox memory that a reply is in.
pub(crate) fn read_reply(bar: Bar<'_>) -> Reply {
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

/// Sends a message of the guest, who waits for the answer. There is none if it cannot be sent.
pub(crate) fn send(bar: Bar<'_>, message: &Message) {
    if take_buffer(bar).is_ok() {
        write_message(bar, message);
        bar.write_reg(V2PMAILBOX::zeroed().with_req(true));
    }
}

/// Sends `VF_RESET` and returns the address that the host has set, if it has.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: no answer.
pub(crate) fn vf_reset(bar: Bar<'_>) -> Result<Option<[u8; 6]>> {
    let [verdict, low, high] = exchange(bar, &short(VF_RESET, 0, 0))?;

    Ok(if verdict & ACK != 0 {
        Some(mac_from_words(low, high))
    } else {
        None
    })
}

/// Has the physical function drop the further addresses of this VF.
///
/// It keeps them over a reset, in a table that all VFs share. It refuses if the host has set the
/// address of this VF, and then there are none.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: no answer.
pub(crate) fn clear_unicast(bar: Bar<'_>) -> Result {
    // The address has to be valid, and says nothing.
    let (low, high) = words_from_mac([0x02, 0, 0, 0, 0, 0x01]);

    exchange(bar, &short(MAC_FILTER_CLR, low, high)).map(|_| ())
}

/// Why an agreement could not be brought about again: a line for the log, and the message.
pub(crate) struct Refused {
    /// Which one.
    pub(crate) reason: &'static str,
    /// First word of the message, and of its reply, or 0 if there was none.
    pub(crate) message: u32,
    pub(crate) reply: u32,
}

/// Sends what a reply has to agree to.
fn ask(
    bar: Bar<'_>,
    message: &Message,
    reason: &'static str,
    send: fn(Bar<'_>, &Message) -> Result<Reply>,
) -> core::result::Result<(), Refused> {
    let [kind, ..] = *message;
    let refused = |reply| Refused {
        reason,
        message: kind,
        reply,
    };

    match send(bar, message) {
        Ok([reply, ..]) if reply & ACK != 0 => Ok(()),
        Ok([reply, ..]) => Err(refused(reply)),
        Err(_) => Err(refused(0)),
    }
}

/// Has the physical function do for this VF what another one did for its guest.
///
/// # Errors
///
/// The message that was refused, or not answered.
pub(crate) fn replay(bar: Bar<'_>, control: &Control) -> core::result::Result<(), Refused> {
    let preset = vf_reset(bar).map_err(|_| Refused {
        reason: "the PF does not answer VF_RESET",
        message: VF_RESET,
        reply: 0,
    })?;
    let mac = control.mac();

    if let Some(mac) = mac.filter(|&mac| preset != Some(mac)) {
        let (low, high) = words_from_mac(mac);
        let reason = "the PF refuses the guest's MAC address: has the host set another one?";
        ask(bar, &short(SET_MAC_ADDR, low, high), reason, exchange)?;
    }
    replay_unicast(bar, control, mac)?;
    if control.filters.flags & Filters::FLAGS_MAX_FRAME_VALID != 0 {
        let message = short(SET_LPE, control.filters.max_frame, 0);
        ask(bar, &message, "the PF refuses the frame size", exchange)?;
    }
    replay_vlans(bar, control)?;
    if control.filters.multicast_count != 0 {
        let info = u32::from(control.filters.multicast_count) << INFO_SHIFT;
        let mut message = short(SET_MULTICAST | info, 0, 0);
        let pairs = control.filters.multicast.chunks(2);
        for (word, pair) in message.iter_mut().skip(1).zip(pairs) {
            if let [low, high] = *pair {
                *word = u32::from(low) | u32::from(high) << 16;
            }
        }
        ask(bar, &message, "the PF refuses the multicast list", exchange)?;
    }
    if control.filters.flags & Filters::FLAGS_MULTI_PROMISC != 0 {
        let message = short(SET_PROMISC | PROMISC_MULTICAST << INFO_SHIFT, 0, 0);
        ask(bar, &message, "the PF refuses all multicast", exchange)?;
    }
    Ok(())
}

/// Entries of the last owner go first: the table is shared, and a message adds one each time.
fn replay_unicast(
    bar: Bar<'_>,
    control: &Control,
    mac: Option<[u8; 6]>,
) -> core::result::Result<(), Refused> {
    let Some(any) = mac.or(control.unicast().next()) else {
        return Ok(());
    };
    if control.unicast.count == 0 {
        return Ok(());
    }
    // The address has to be valid, and says nothing.
    let (low, high) = words_from_mac(any);
    let reason = "the PF refuses to clear its unicast filters";
    ask(bar, &short(MAC_FILTER_CLR, low, high), reason, exchange)?;
    for mac in control.unicast() {
        let (low, high) = words_from_mac(mac);
        let message = short(MAC_FILTER_ADD, low, high);
        ask(
            bar,
            &message,
            "the PF refuses a unicast filter",
            exchange_once,
        )?;
    }
    Ok(())
}

/// Whether tags are stripped follows the last message, which may have to be an empty one.
fn replay_vlans(bar: Bar<'_>, control: &Control) -> core::result::Result<(), Refused> {
    let set = |vid, add: bool| {
        let message = short(SET_VLAN | u32::from(add) << INFO_SHIFT, vid, 0);
        ask(bar, &message, "the PF refuses a VLAN", exchange)
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

/// Takes up what the physical function has said, and waits for its answer if the guest does.
///
/// Not getting one is no error: the guest has the time-outs for that. Returns the register as it
/// was read last.
pub(crate) fn rest(bar: Bar<'_>, mailbox: &mut Mailbox) -> V2PMAILBOX {
    let mut last = V2PMAILBOX::zeroed();
    let _ = read_poll_timeout(
        || {
            last = bar.read(V2PMAILBOX);
            mailbox.observe(last, || read_reply(bar));
            Ok(mailbox.request().is_some())
        },
        |waiting| !waiting,
        POLL_TIME,
        ANSWER_TIME,
    );
    last
}
