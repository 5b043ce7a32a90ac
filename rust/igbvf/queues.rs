// SPDX-License-Identifier: GPL-2.0

//! Switching the queues off and on.
//!
//! Only the run tokens do it, see [`run`](super::run).

use super::{
    mailbox,
    mask::Automatic,
    regs::{
        Bar,
        QUEUES,
        RDH,
        RDT,
        RXDCTL,
        TDH,
        TDT,
        TXDCTL,
        V2PMAILBOX, //
    },
    rx_page::RxPage,
    rx_regs::Rx,
    scrub,
    slot::Heads,
    Device, //
};
use kernel::{
    io::{
        poll::read_poll_timeout,
        register::Array,
        Io, //
    },
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// Time that Intel's drivers give a function to finish when all of its queues were switched off, see
/// `igbvf_down()` in `drivers/net/ethernet/intel/igbvf/netdev.c`.
const SETTLE_TIME: Delta = Delta::from_millis(10);
/// Time for a queue to finish what it is doing, on silicon. QEMU is done when the store returns.
const DRAIN_TIME: Delta = Delta::from_millis(100);
const POLL_TIME: Delta = Delta::from_micros(100);
/// A transmit queue whose head stays put for so many looks is not going to move: it is blocked by
/// the physical function, or the guest rang no doorbell after it was enabled.
const STALLED: u32 = 100;

/// What a stopped device does not have in its registers.
pub(crate) struct Held {
    /// What belongs in the receive page.
    pub(crate) rx: RxPage,
    /// `TXDCTL`, which would start DMA.
    pub(crate) txdctl: [u32; QUEUES],
    /// The interrupt mask.
    pub(crate) eims: u32,
    /// What a guest that has just arrived gets beyond it.
    pub(crate) automatic: Automatic,
    /// The physical function is in reset; the guest is to find out that it was.
    pub(crate) pf_in_reset: bool,
    /// It was reset since the device was stopped, and all registers with it.
    pub(crate) void: bool,
    /// How often the device was to go on and did not: some of its queues may have been on for a while.
    pub(crate) failed_starts: u32,
}

/// Reads `TXDCTL`. The flush is an action, which is over.
pub(crate) fn read_txdctl(bar: Bar<'_>) -> [u32; QUEUES] {
    let txdctl = |value: TXDCTL| value.with_swflsh(false).into();

    [
        txdctl(bar.read(TXDCTL::at(0))),
        txdctl(bar.read(TXDCTL::at(1))),
    ]
}

impl Held {
    pub(crate) fn new(rx: RxPage) -> Self {
        Self {
            rx,
            txdctl: [0; QUEUES],
            eims: 0,
            automatic: Automatic::default(),
            pf_in_reset: false,
            void: false,
            failed_starts: 0,
        }
    }

    /// Takes note of what the register of the mailbox says while the device is stopped: a reset of
    /// the physical function resets all registers of the VF.
    pub(crate) fn take_note(&mut self, dev: &Device, bar: Bar<'_>, register: V2PMAILBOX) {
        if mailbox::was_reset(register) {
            // One of the queues comes out of it switched on.
            scrub::queues_off(bar);
            self.rx.refill(dev, bar);
            self.txdctl = [0; QUEUES];
            self.void = true;
        }
        self.pf_in_reset = register.rsti() && !register.rstd();
    }

    /// Returns whether any queue is to be switched on.
    pub(crate) fn starts_any(&self, dev: &Device) -> bool {
        self.rx.guest(dev).iter().any(Rx::is_enabled)
            || self
                .txdctl
                .iter()
                .any(|&value| TXDCTL::from(value).enable())
    }

    /// The function was reset while it was stopped: its queues are off.
    pub(crate) fn reset(&mut self, dev: &Device) {
        self.rx.switch_off(dev);
        for value in &mut self.txdctl {
            *value = TXDCTL::from(*value).with_enable(false).into();
        }
    }
}

/// Switches off all queues. Nothing is under way any more when this returns, 710 ms later at most.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: a queue does not stop.
pub(crate) fn stop(dev: &Device, bar: Bar<'_>, held: &mut Held) -> Result {
    let [tx0, tx1] = held.txdctl;

    // Receive first: what still arrives may make the guest send, never the other way round.
    stop_rx::<0>(bar)?;
    stop_rx::<1>(bar)?;
    stop_tx::<0>(bar, tx0)?;
    stop_tx::<1>(bar, tx1)?;
    // Also if all were off: the guest may have switched them off just now.
    settle(bar, dev.data().heads())?;
    held.rx.note_heads(dev, bar);
    Ok(())
}

/// Switches a receive queue off; on silicon it ends after the packet it is storing.
pub(crate) fn stop_rx<const N: usize>(bar: Bar<'_>) -> Result {
    let control = bar.read(RXDCTL::at(N));

    if !control.enable() {
        return Ok(());
    }
    bar.write(RXDCTL::at(N), control.with_enable(false));
    read_poll_timeout(
        || Ok(bar.read(RXDCTL::at(N))),
        |control| !control.enable(),
        POLL_TIME,
        DRAIN_TIME,
    )?;
    Ok(())
}

/// Switches a transmit queue off, after it has sent what it is going to send.
fn stop_tx<const N: usize>(bar: Bar<'_>, txdctl: u32) -> Result {
    let control = TXDCTL::from(txdctl);

    if !control.enable() {
        return Ok(());
    }
    let tail = u32::from(bar.read(TDT::at(N)));
    let mut last = u32::MAX;
    let mut looks = 0;
    // What is not sent by then is sent by who starts the queue again: the head says where.
    let _ = read_poll_timeout(
        || {
            let head = u32::from(bar.read(TDH::at(N)));
            looks = if head == last { looks + 1 } else { 0 };
            last = head;
            Ok(head == tail || looks >= STALLED)
        },
        |&done| done,
        POLL_TIME,
        DRAIN_TIME,
    );
    bar.write(TXDCTL::at(N), control.with_enable(false));
    // What is being read or written back comes to its end first; the read also makes sure that the
    // write has arrived.
    read_poll_timeout(
        || Ok(bar.read(TXDCTL::at(N))),
        |control| !control.enable(),
        POLL_TIME,
        DRAIN_TIME,
    )?;
    Ok(())
}

/// Waits until a function whose queues are off has written what it had to: no register says so, but
/// the heads stay put. A model whose heads are exact has nothing left to do.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: a head still moves after 100 ms.
pub(crate) fn settle(bar: Bar<'_>, heads: Heads) -> Result {
    let now = || -> [u32; 2 * QUEUES] {
        [
            bar.read(RDH::at(0)).into(),
            bar.read(RDH::at(1)).into(),
            bar.read(TDH::at(0)).into(),
            bar.read(TDH::at(1)).into(),
        ]
    };

    if heads == Heads::Exact {
        return Ok(());
    }
    let mut last = now();
    fsleep(SETTLE_TIME);
    read_poll_timeout(
        || {
            let before = core::mem::replace(&mut last, now());
            Ok(before == last)
        },
        |&quiet| quiet,
        SETTLE_TIME,
        DRAIN_TIME,
    )?;
    Ok(())
}

/// Switches on what was held.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: a queue does not start.
pub(crate) fn start(dev: &Device, bar: Bar<'_>, held: &mut Held) -> Result {
    let [tx0, tx1] = held.txdctl;

    held.rx.start(dev, bar)?;
    start_tx::<0>(bar, tx0)?;
    start_tx::<1>(bar, tx1)
}

/// Sets the control register of a receive queue, and then its tail.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: the queue does not start.
pub(crate) fn start_rx<const N: usize>(bar: Bar<'_>, rxdctl: u32, tail: u32) -> Result {
    let control = RXDCTL::from(rxdctl);
    bar.write(RXDCTL::at(N), control);
    if control.enable() {
        read_poll_timeout(
            || Ok(bar.read(RXDCTL::at(N))),
            |control| control.enable(),
            POLL_TIME,
            DRAIN_TIME,
        )?;
    }
    // After the queue is on: silicon ignores it before, and QEMU delivers what waits for it.
    bar.write(RDT::at(N), tail.into());
    Ok(())
}

fn start_tx<const N: usize>(bar: Bar<'_>, txdctl: u32) -> Result {
    let control = TXDCTL::from(txdctl);
    bar.write(TXDCTL::at(N), control);
    if control.enable() {
        read_poll_timeout(
            || Ok(bar.read(TXDCTL::at(N))),
            |control| control.enable(),
            POLL_TIME,
            DRAIN_TIME,
        )?;
        // Enabling does not transmit, a doorbell does. It is rung only if there is a reason to: the
        // guest has the register mapped, and may be ringing it itself.
        let head = u32::from(bar.read(TDH::at(N)));
        let tail = bar.read(TDT::at(N));
        if u32::from(tail) != head {
            bar.write(TDT::at(N), tail);
        }
    }
    Ok(())
}
