// SPDX-License-Identifier: GPL-2.0

//! The mailbox, used by the host in place of the guest.
//!
//! The physical function keeps what makes packets reach this VF, and shows none of it. A message is
//! the only way to have it set: when a guest arrives, and when one leaves.
//!
//! Protocol: `drivers/net/ethernet/intel/igbvf/mbx.c`. While this runs the guest does not: its
//! accesses wait for the session lock.

use super::{
    regs::{
        Bar,
        MBMEM,
        V2PMAILBOX, //
    },
    shadow::{
        mac_from_words,
        words_from_mac,
        Mailbox,
        ACK,
        HEAD_WORDS,
        NACK,
        TYPE_MASK,
        VF_RESET,
        VF_SET_MAC_ADDR, //
    }, //
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

/// Time for the physical function to answer; usually far below a millisecond.
const ANSWER_TIME: Delta = Delta::from_millis(200);
/// Time for the physical function to let go of the buffer.
const BUFFER_TIME: Delta = Delta::from_millis(20);
/// Time between two looks.
const POLL_TIME: Delta = Delta::from_micros(50);
/// Attempts at a message: a ping of the physical function may overwrite it or its answer.
const ATTEMPTS: usize = 3;

/// Sends a message and returns the start of the answer.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: no answer; the physical function is down, or refuses to talk.
fn exchange(bar: Bar<'_>, message: [u32; HEAD_WORDS]) -> Result<[u32; HEAD_WORDS]> {
    let [kind, ..] = message;

    for _ in 0..ATTEMPTS {
        take_buffer(bar)?;
        // What is left of earlier exchanges, so that it is not taken for the answer.
        let _ = bar.read(V2PMAILBOX);
        write_head(bar, message);
        bar.write_reg(V2PMAILBOX::zeroed().with_req(true));

        let mut seen = 0;
        let answered = read_poll_timeout(
            || {
                seen |= u32::from(bar.read(V2PMAILBOX));
                Ok(V2PMAILBOX::from(seen))
            },
            |register| register.pfack() && register.pfsts(),
            POLL_TIME,
            ANSWER_TIME,
        );
        if answered.is_err() {
            continue;
        }
        take_buffer(bar)?;
        let reply = read_head(bar);
        bar.write_reg(V2PMAILBOX::zeroed().with_ack(true));

        let [verdict, ..] = reply;
        if verdict & (ACK | NACK) != 0 && verdict & TYPE_MASK == kind & TYPE_MASK {
            return Ok(reply);
        }
    }
    Err(ETIMEDOUT)
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

/// Reads the start of the mailbox memory.
pub(crate) fn read_head(bar: Bar<'_>) -> [u32; HEAD_WORDS] {
    [
        bar.read(MBMEM::at(0)).into(),
        bar.read(MBMEM::at(1)).into(),
        bar.read(MBMEM::at(2)).into(),
    ]
}

fn write_head(bar: Bar<'_>, [a, b, c]: [u32; HEAD_WORDS]) {
    bar.write(MBMEM::at(0), a.into());
    bar.write(MBMEM::at(1), b.into());
    bar.write(MBMEM::at(2), c.into());
}

/// Sends `VF_RESET` and returns the address that the host has set, if it has.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: no answer.
pub(crate) fn vf_reset(bar: Bar<'_>) -> Result<Option<[u8; 6]>> {
    let [verdict, low, high] = exchange(bar, [VF_RESET, 0, 0])?;

    Ok(if verdict & ACK != 0 {
        Some(mac_from_words(low, high))
    } else {
        None
    })
}

/// Has packets to this address sent to the VF.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: no answer.
/// - [`EPERM`]: refused; the host has set another address.
pub(crate) fn set_mac(bar: Bar<'_>, mac: [u8; 6]) -> Result {
    let (low, high) = words_from_mac(mac);
    let [verdict, ..] = exchange(bar, [VF_SET_MAC_ADDR, low, high])?;

    if verdict & ACK == 0 {
        return Err(EPERM);
    }
    Ok(())
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
            mailbox.observe(last, || read_head(bar));
            Ok(mailbox.is_waiting())
        },
        |waiting| !waiting,
        POLL_TIME,
        ANSWER_TIME,
    );
    last
}
