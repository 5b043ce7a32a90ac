// SPDX-License-Identifier: GPL-2.0

//! Registers to state.

use super::{
    mailbox::read_message,
    queues,
    regs::{
        join,
        Bar,
        BAR,
        EIAC,
        EIAM,
        EITR,
        IVAR,
        IVAR_MISC,
        QUEUES,
        RXDCTL,
        STATISTICS,
        STATISTIC_OFFSETS,
        TDBAH,
        TDBAL,
        TDH,
        TDLEN,
        TDT,
        TDWBAH,
        TDWBAL,
        TXCTL,
        TXDCTL,
        V2PMAILBOX, //
    },
    run::Stopped,
    rx_regs::{
        self,
        Rx, //
    },
    shadow::{
        Mailbox,
        Shadow, //
    },
    Device,
    Igbvf, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    io::{
        register::Array,
        Io, //
    },
    prelude::*, //
};
use vfio::migration::Live;
use vmf::profile::igbvf_82576::{
    Interrupts,
    Mailbox as SavedMailbox,
    RxQueue,
    State,
    Statistics,
    TxQueue, //
};

/// Takes the state of a stopped device.
///
/// If the physical function is in reset, or was since the device was stopped, that state is the one
/// after a reset, and the guest finds out at its destination.
///
/// # Errors
///
/// - [`ENOMEM`]
/// - [`EIO`]: the device does not decode memory, or is not there.
/// - [`EOPNOTSUPP`]: no destination could start it; it is logged.
pub(crate) fn save(dev: &Device, stopped: &mut Stopped) -> Result<KBox<State>> {
    let guard = dev.mmio(BAR)?;
    let bar: Bar<'_> = &guard;
    let mut state = read_stopped(dev, bar, stopped)?;

    if stopped.look(dev, bar)? {
        // The physical function has sent something meanwhile, or was reset.
        state = read_stopped(dev, bar, stopped)?;
    }
    // VMMs restore `PCI_COMMAND` of a device that has just arrived before they start it, not before.
    if stopped.has_run() {
        startable(dev, &state)?;
    }
    Ok(state)
}

/// Looks whether a destination would start the device: it has no descriptors to read for queues
/// that are on, and would swallow their rings.
///
/// # Errors
///
/// - [`EOPNOTSUPP`]: queues are enabled and bus mastering is off; it is logged.
/// - that of the access to config space.
fn startable(dev: &Device, state: &State) -> Result {
    let mut rx = state
        .rx_queue
        .iter()
        .map(|queue| RXDCTL::from(queue.rxdctl));
    let mut tx = state
        .tx_queue
        .iter()
        .map(|queue| TXDCTL::from(queue.txdctl));
    let starts_any = rx.any(|control| control.enable()) || tx.any(|control| control.enable());

    if starts_any && !dev.is_bus_master()? {
        dev.report(fmt!(
            "state not expressible: queues are enabled and bus mastering is off"
        ));
        return Err(EOPNOTSUPP);
    }
    Ok(())
}

fn read_stopped(dev: &Device, bar: Bar<'_>, stopped: &mut Stopped) -> Result<KBox<State>> {
    let (_, held) = stopped.parts_mut();
    held.rx.settle_setup(dev, bar);
    let held = stopped.held();
    let hidden = Hidden {
        rx: held.rx.guest(dev),
        txdctl: held.txdctl,
        tdt: stopped.tails(transmit_tails(bar)),
        eims: held.eims,
    };
    let mut state = read(bar, stopped.shadow(), &hidden)?;

    if held.pf_in_reset {
        // CAST: the bits are in the low byte.
        state.mailbox.r2c |= u32::from(V2PMAILBOX::zeroed().with_rstd(true)) as u8;
    }
    Ok(state)
}

/// Looks at what a guest can have set up in a way that the profile has no words for.
///
/// A source says no here, while the guest runs; what it finds out later costs a migration.
///
/// # Errors
///
/// - [`ENOMEM`]
/// - [`EIO`]: the device does not decode memory.
/// - [`EOPNOTSUPP`]: a value is out of the ranges of the profile, or no destination could start the
///   device; it is logged.
pub(crate) fn expressible(dev: &Device, live: Live<'_, Igbvf>) -> Result {
    let guard = dev.mmio(BAR)?;
    let bar: Bar<'_> = &guard;
    let (shadow, rx, txdctl) = match live {
        Live::Running(run) => (
            run.shadow(),
            run.rx()
                .map_or_else(|| rx_regs::read(bar), |rx| rx.guest(dev)),
            queues::read_txdctl(bar),
        ),
        Live::Quiesced(run) => (run.shadow(), run.held().rx.guest(dev), run.held().txdctl),
    };
    let hidden = Hidden {
        rx,
        txdctl,
        tdt: transmit_tails(bar),
        // Any mask can be expressed.
        eims: 0,
    };
    let state = read(bar, shadow, &hidden)?;

    state.validate().map_err(|refusal| {
        session::not_expressible(dev, refusal);
        EOPNOTSUPP
    })?;
    startable(dev, &state)
}

fn transmit_tails(bar: Bar<'_>) -> [u32; QUEUES] {
    [
        bar.read(TDT::at(0)).into(),
        bar.read(TDT::at(1)).into(), //
    ]
}

/// What is not in the registers of a stopped device.
struct Hidden {
    rx: [Rx; QUEUES],
    txdctl: [u32; QUEUES],
    tdt: [u32; QUEUES],
    eims: u32,
}

/// Reads all there is.
fn read(bar: Bar<'_>, shadow: &Shadow, hidden: &Hidden) -> Result<KBox<State>> {
    let control = &shadow.mailbox.control;
    // Most of a page, and the callers are deep in the stack already.
    let mut state = KBox::new(State::default(), GFP_KERNEL_ACCOUNT)?;

    state.rx_queue = hidden.rx.map(rx_queue);
    if let Some(first) = state.rx_queue.first_mut() {
        first.psrtype = shadow.psrtype;
    }
    state.tx_queue = [
        read_tx::<0>(bar, hidden),
        read_tx::<1>(bar, hidden), //
    ];
    state.interrupts = Interrupts {
        eims: hidden.eims,
        // Other bits are not this function's, count by themselves, or mean nothing, whatever was
        // written to them.
        eiac: u32::from(bar.read(EIAC)) & Interrupts::EIAC_MASK,
        eiam: u32::from(bar.read(EIAM)) & Interrupts::EIAM_MASK,
        eitr: [
            u32::from(bar.read(EITR::at(0))) & Interrupts::EITR_MASK,
            u32::from(bar.read(EITR::at(1))) & Interrupts::EITR_MASK,
            u32::from(bar.read(EITR::at(2))) & Interrupts::EITR_MASK,
        ],
        ivar: u32::from(bar.read(IVAR)) & Interrupts::IVAR_MASK,
        ivar_misc: u32::from(bar.read(IVAR_MISC)) & Interrupts::IVAR_MISC_MASK,
    };
    state.mailbox = read_mailbox(bar, &shadow.mailbox);
    state.filters = control.filters;
    state.statistics = read_statistics(bar, shadow);
    state.unicast = control.unicast;
    Ok(state)
}

/// Reads the counters of the device, which no guest has seen as they are.
pub(crate) fn counters(bar: Bar<'_>) -> [u32; STATISTICS] {
    STATISTIC_OFFSETS.map(|offset| bar.try_read32(offset).unwrap_or(0))
}

fn read_statistics(bar: Bar<'_>, shadow: &Shadow) -> Statistics {
    let mut seen = counters(bar);
    for (counter, add) in seen.iter_mut().zip(&shadow.statistics) {
        *counter = counter.wrapping_add(*add);
    }
    let [gprc, gptc, gorc, gotc, mprc, gprlbc, gptlbc, gorlbc, gotlbc] = seen;
    Statistics {
        gprc,
        gptc,
        gorc,
        gotc,
        mprc,
        gprlbc,
        gptlbc,
        gorlbc,
        gotlbc,
    }
}

fn rx_queue(rx: Rx) -> RxQueue {
    let rxdctl = RXDCTL::from(rx.rxdctl);

    RxQueue {
        rdba: join(rx.rdbal, rx.rdbah),
        rdlen: rx.rdlen,
        srrctl: rx.srrctl,
        rdh: rx.rdh,
        rdt: rx.rdt,
        rxdctl: rxdctl.with_enable(rxdctl.enable() && rx.rdlen != 0).into(),
        rxctl: rx.rxctl,
        psrtype: 0,
    }
}

fn read_tx<const N: usize>(bar: Bar<'_>, hidden: &Hidden) -> TxQueue {
    let tdlen = bar.read(TDLEN::at(N)).into();
    let txdctl = TXDCTL::from(hidden.txdctl[N]);

    TxQueue {
        tdba: join(bar.read(TDBAL::at(N)).into(), bar.read(TDBAH::at(N)).into()),
        tdwba: join(
            bar.read(TDWBAL::at(N)).into(),
            bar.read(TDWBAH::at(N)).into(),
        ),
        tdlen,
        tdh: bar.read(TDH::at(N)).into(),
        tdt: hidden.tdt[N],
        txdctl: txdctl.with_enable(txdctl.enable() && tdlen != 0).into(),
        txctl: bar.read(TXCTL::at(N)).into(),
    }
}

fn read_mailbox(bar: Bar<'_>, mailbox: &Mailbox) -> SavedMailbox {
    let mut flags = 0;
    for (flag, set) in [
        (SavedMailbox::FLAGS_VFU, mailbox.vfu),
        (SavedMailbox::FLAGS_VF_RESET_DONE, mailbox.reset_done),
        (
            SavedMailbox::FLAGS_REQUEST_PENDING,
            mailbox.pending().is_some(),
        ),
    ] {
        if set {
            flags |= flag;
        }
    }
    SavedMailbox {
        vmbmem: read_message(bar),
        request: mailbox.pending().copied().unwrap_or_default(),
        // CAST: the bits are in the low byte.
        r2c: mailbox.unseen() as u8,
        flags,
    }
}
