// SPDX-License-Identifier: GPL-2.0

//! State to registers.

use super::{
    control::Control,
    mailbox::Talk,
    mask::Automatic,
    regs::{
        low_high,
        Bar,
        BAR,
        EIAC,
        EIAM,
        EITR,
        IVAR,
        IVAR_MISC,
        PSRTYPE,
        RDBAH,
        RDBAL,
        RDH,
        RDLEN,
        RDT,
        RXCTL,
        SRRCTL,
        STATISTICS,
        TDBAH,
        TDBAL,
        TDH,
        TDLEN,
        TDT,
        TDWBAH,
        TDWBAL,
        TXCTL, //
    },
    replay,
    run::Stopped,
    rx_regs::Rx,
    scrub,
    shadow::{
        Mailbox,
        Shadow, //
    },
    snapshot::counters,
    Device, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    io::{
        register::Array,
        Io, //
    },
    prelude::*, //
};
use vmf::profile::igbvf_82576::{
    Interrupts,
    Mailbox as SavedMailbox,
    RxQueue,
    State,
    Statistics,
    TxQueue, //
};
use vmf::{
    Code,
    Refusal, //
};

/// Why a state could not be loaded: one line for the log, what was found, what should have been.
fn failed(reason: &'static str, got: u64, want: u64) -> Refusal {
    Refusal::new(Code::Io, reason, got, want)
}

/// Loads a validated state into a device whose queues are off, and leaves them off.
///
/// # Errors
///
/// What the device or the physical function did not take. Both are scrubbed then.
pub(crate) fn load(
    dev: &Device,
    stopped: &mut Stopped,
    state: &State,
) -> core::result::Result<(), Refusal> {
    let guard = dev
        .mmio(BAR)
        .map_err(|_| failed("the device does not decode memory", 0, 0))?;
    let bar: Bar<'_> = &guard;

    dev.data().note_load();
    if stopped.shadow().mailbox.is_known() {
        // Another guest ran here, and what the PF does for it must not add to what is to come.
        scrub::depart(dev, bar);
    }
    let result = load_quiet(dev, bar, stopped, state);
    if result.is_err() {
        // The guest goes on elsewhere, with the address that was claimed for it here.
        scrub::depart(dev, bar);
    }
    result
}

fn load_quiet(
    dev: &Device,
    bar: Bar<'_>,
    stopped: &mut Stopped,
    state: &State,
) -> core::result::Result<(), Refusal> {
    let [rx0, rx1] = &state.rx_queue;
    let [tx0, tx1] = &state.tx_queue;
    let interrupts = &state.interrupts;
    let has = |flag| state.mailbox.flags & flag != 0;
    let reset_done = has(SavedMailbox::FLAGS_VF_RESET_DONE);
    let mut control = Control {
        filters: state.filters,
        unicast: state.unicast,
    };

    if !reset_done {
        // What else there is was agreed to before the guest reset the function.
        control.forget_reset();
    }
    if control.unicast.count != 0 {
        dev.data().note_unicast();
    }
    let talk = Talk::begin(dev, bar, replay::REPLAY_TIME);
    replay::replay(&talk, bar, &control, reset_done)
        .map_err(|failure| failed(failure.reason, failure.reply.into(), failure.message.into()))?;

    bar.write(EITR::at(0), interrupts.eitr[0].into());
    bar.write(EITR::at(1), interrupts.eitr[1].into());
    bar.write(EITR::at(2), interrupts.eitr[2].into());
    bar.write(IVAR, interrupts.ivar.into());
    bar.write(IVAR_MISC, interrupts.ivar_misc.into());
    bar.write(EIAC, interrupts.eiac.into());
    bar.write(EIAM, interrupts.eiam.into());
    bar.write(PSRTYPE, rx0.psrtype.into());
    load_rx::<0>(bar, rx0);
    load_rx::<1>(bar, rx1);
    load_tx::<0>(bar, tx0);
    load_tx::<1>(bar, tx1);
    // The guest finds the message that it was about to write or read; igbvf takes the link for down
    // if the first word does not say that the physical function is ready.
    talk.end(&state.mailbox.vmbmem, has(SavedMailbox::FLAGS_VFU))
        .map_err(|why| failed(why.reason(), 0, 0))?;

    verify(bar, state)?;

    let shadow = Shadow {
        psrtype: rx0.psrtype,
        statistics: resume_statistics(bar, &state.statistics),
        mailbox: Mailbox::restored(
            state.mailbox.r2c.into(),
            has(SavedMailbox::FLAGS_VFU),
            has(SavedMailbox::FLAGS_REQUEST_PENDING).then_some(state.mailbox.request),
            reset_done,
            control,
        ),
    };
    let shadow =
        KBox::new(shadow, GFP_KERNEL_ACCOUNT).map_err(|_| failed("out of memory", 0, 0))?;
    stopped.arrive(shadow, [tx0.tdt, tx1.tdt], [tx0.tdh, tx1.tdh]);
    let (_, held) = stopped.parts_mut();
    held.rx.show(dev, [rx_regs(rx0), rx_regs(rx1)]);
    held.txdctl = [tx0.txdctl, tx1.txdctl];
    held.eims = interrupts.eims;
    held.automatic = Automatic::new(interrupts);
    held.pf_in_reset = false;
    held.void = false;
    Ok(())
}

/// Returns what the guest reads of a receive queue.
fn rx_regs(queue: &RxQueue) -> Rx {
    let (rdbal, rdbah) = low_high(queue.rdba);

    Rx {
        rdbal,
        rdbah,
        rdlen: queue.rdlen,
        srrctl: queue.srrctl,
        rdh: queue.rdh,
        rxctl: queue.rxctl,
        rdt: queue.rdt,
        rxdctl: queue.rxdctl,
    }
}

/// Returns what makes the counters of this device go on from where the guest's were.
fn resume_statistics(bar: Bar<'_>, saved: &Statistics) -> [u32; STATISTICS] {
    let mut add = [
        saved.gprc,
        saved.gptc,
        saved.gorc,
        saved.gotc,
        saved.mprc,
        saved.gprlbc,
        saved.gptlbc,
        saved.gorlbc,
        saved.gotlbc,
    ];
    for (add, counter) in add.iter_mut().zip(counters(bar)) {
        *add = add.wrapping_sub(counter);
    }
    add
}

/// In the end the tail equals the head: nothing can be received even if the queue were switched on.
fn load_rx<const N: usize>(bar: Bar<'_>, queue: &RxQueue) {
    let (low, high) = low_high(queue.rdba);
    bar.write(SRRCTL::at(N), queue.srrctl.into());
    bar.write(RDBAL::at(N), low.into());
    bar.write(RDBAH::at(N), high.into());
    bar.write(RDLEN::at(N), queue.rdlen.into());
    bar.write(RXCTL::at(N), queue.rxctl.into());
    bar.write(RDH::at(N), queue.rdh.into());
    bar.write(RDT::at(N), queue.rdh.into());
}

/// In the end the tail equals the head: nothing can be sent, as in [`load_rx()`].
fn load_tx<const N: usize>(bar: Bar<'_>, queue: &TxQueue) {
    let (low, high) = low_high(queue.tdba);
    bar.write(TDBAL::at(N), low.into());
    bar.write(TDBAH::at(N), high.into());
    bar.write(TDLEN::at(N), queue.tdlen.into());
    bar.write(TXCTL::at(N), queue.txctl.into());
    let (low, high) = low_high(queue.tdwba);
    bar.write(TDWBAL::at(N), low.into());
    bar.write(TDWBAH::at(N), high.into());
    bar.write(TDH::at(N), queue.tdh.into());
    bar.write(TDT::at(N), queue.tdh.into());
}

/// Compares what the device holds with what it was given: catches registers that are narrower than
/// the source's, and a device that is not there any more.
///
/// Registers that can only be added to, or read as something else on some models, are left out.
fn verify(bar: Bar<'_>, state: &State) -> core::result::Result<(), Refusal> {
    let [rx0, rx1] = &state.rx_queue;
    let [tx0, tx1] = &state.tx_queue;
    let interrupts = &state.interrupts;

    verify_rx::<0>(bar, rx0)?;
    verify_rx::<1>(bar, rx1)?;
    verify_tx::<0>(bar, tx0)?;
    verify_tx::<1>(bar, tx1)?;
    // The upper half counts.
    let eitr = |value: EITR| u32::from(value) & Interrupts::EITR_MASK;
    expect("EITR0", eitr(bar.read(EITR::at(0))), interrupts.eitr[0])?;
    expect("EITR1", eitr(bar.read(EITR::at(1))), interrupts.eitr[1])?;
    expect("EITR2", eitr(bar.read(EITR::at(2))), interrupts.eitr[2])?;
    expect(
        "IVAR_MISC",
        bar.read(IVAR_MISC).into(),
        interrupts.ivar_misc,
    )
}

fn verify_rx<const N: usize>(bar: Bar<'_>, queue: &RxQueue) -> core::result::Result<(), Refusal> {
    let (low, high) = low_high(queue.rdba);
    expect("RDBAL", bar.read(RDBAL::at(N)).into(), low)?;
    expect("RDBAH", bar.read(RDBAH::at(N)).into(), high)?;
    expect("RDLEN", bar.read(RDLEN::at(N)).into(), queue.rdlen)?;
    expect("SRRCTL", bar.read(SRRCTL::at(N)).into(), queue.srrctl)?;
    expect("RDH", bar.read(RDH::at(N)).into(), queue.rdh)
}

fn verify_tx<const N: usize>(bar: Bar<'_>, queue: &TxQueue) -> core::result::Result<(), Refusal> {
    let (low, high) = low_high(queue.tdba);
    expect("TDBAL", bar.read(TDBAL::at(N)).into(), low)?;
    expect("TDBAH", bar.read(TDBAH::at(N)).into(), high)?;
    expect("TDLEN", bar.read(TDLEN::at(N)).into(), queue.tdlen)?;
    expect("TDH", bar.read(TDH::at(N)).into(), queue.tdh)?;
    expect("TXCTL", bar.read(TXCTL::at(N)).into(), queue.txctl)?;
    let (low, high) = low_high(queue.tdwba);
    expect("TDWBAL", bar.read(TDWBAL::at(N)).into(), low)?;
    expect("TDWBAH", bar.read(TDWBAH::at(N)).into(), high)
}

fn expect(reason: &'static str, got: u32, want: u32) -> core::result::Result<(), Refusal> {
    if got == want {
        Ok(())
    } else {
        Err(failed(reason, got.into(), want.into()))
    }
}
