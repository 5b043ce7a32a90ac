// SPDX-License-Identifier: GPL-2.0

//! Registers to state.

use super::{
    regs::{
        join,
        Bar,
        BAR,
        EIAC,
        EIAM,
        EITR,
        IVAR,
        IVAR_MISC,
        MBMEM,
        MBMEM_WORDS,
        QUEUES,
        RDBAH,
        RDBAL,
        RDH,
        RDLEN,
        RDT,
        RXDCTL,
        SRRCTL,
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
        TXDCTL, //
    },
    run::Stopped,
    shadow::{
        Mailbox,
        Shadow, //
    },
    stream,
    Device, //
};
use kernel::{
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

/// Takes the state of a stopped device, without a side effect on it.
///
/// # Errors
///
/// - [`ENOMEM`]
/// - [`EIO`]: the device does not decode memory, or the physical function was reset, which voids
///   all registers.
pub(crate) fn save(dev: &Device, stopped: &Stopped) -> Result<KBox<State>> {
    let guard = dev.mmio(BAR)?;
    let bar: Bar<'_> = &guard;
    let held = stopped.held();

    if held.void {
        dev_err!(dev.pci(), "not saved: the physical function was in reset\n");
        dev.set_last_error(fmt!("not saved: the physical function was in reset"));
        return Err(EIO);
    }
    let started = Started {
        rxdctl: held.rxdctl,
        txdctl: held.txdctl,
        rdt: held.rdt,
        tdt: stopped.tails([
            bar.read(TDT::at(0)).into(),
            bar.read(TDT::at(1)).into(), //
        ]),
    };
    read(bar, stopped.shadow(), &started)
}

/// Looks at what a guest can have set up in a way that the profile has no words for.
///
/// A source says no here, while the guest runs; what it finds out later costs a migration.
///
/// # Errors
///
/// - [`ENOMEM`]
/// - [`EIO`]: the device does not decode memory.
/// - [`EOPNOTSUPP`]: a value is out of the ranges of the profile; it is logged.
pub(crate) fn expressible(dev: &Device, shadow: &Shadow) -> Result {
    let guard = dev.mmio(BAR)?;
    let bar: Bar<'_> = &guard;
    let rxdctl = |value: RXDCTL| value.with_swflsh(false).into();
    let txdctl = |value: TXDCTL| value.with_swflsh(false).into();
    let started = Started {
        rxdctl: [
            rxdctl(bar.read(RXDCTL::at(0))),
            rxdctl(bar.read(RXDCTL::at(1))),
        ],
        txdctl: [
            txdctl(bar.read(TXDCTL::at(0))),
            txdctl(bar.read(TXDCTL::at(1))),
        ],
        rdt: [
            bar.read(RDT::at(0)).into(),
            bar.read(RDT::at(1)).into(), //
        ],
        tdt: [
            bar.read(TDT::at(0)).into(),
            bar.read(TDT::at(1)).into(), //
        ],
    };

    read(bar, shadow, &started)?.validate().map_err(|refusal| {
        stream::not_expressible(dev, refusal);
        EOPNOTSUPP
    })
}

/// What starts a queue, and so is not in the registers of a stopped device.
struct Started {
    rxdctl: [u32; QUEUES],
    txdctl: [u32; QUEUES],
    rdt: [u32; QUEUES],
    tdt: [u32; QUEUES],
}

fn read(bar: Bar<'_>, shadow: &Shadow, started: &Started) -> Result<KBox<State>> {
    let control = &shadow.mailbox.control;
    // Most of a page, and the callers are deep in the stack already.
    let mut state = KBox::new(State::default(), GFP_KERNEL)?;

    state.rx_queue = [
        RxQueue {
            psrtype: shadow.psrtype,
            ..read_rx::<0>(bar, shadow, started)
        },
        read_rx::<1>(bar, shadow, started),
    ];
    state.tx_queue = [read_tx::<0>(bar, started), read_tx::<1>(bar, started)];
    state.interrupts = Interrupts {
        eims: shadow.eims,
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

fn read_rx<const N: usize>(bar: Bar<'_>, shadow: &Shadow, started: &Started) -> RxQueue {
    let rdlen = bar.read(RDLEN::at(N)).into();
    let rxdctl = RXDCTL::from(started.rxdctl[N]);

    RxQueue {
        rdba: join(bar.read(RDBAL::at(N)).into(), bar.read(RDBAH::at(N)).into()),
        rdlen,
        srrctl: bar.read(SRRCTL::at(N)).into(),
        rdh: bar.read(RDH::at(N)).into(),
        rdt: started.rdt[N],
        rxdctl: rxdctl.with_enable(rxdctl.enable() && rdlen != 0).into(),
        rxctl: shadow.rxctl[N],
        psrtype: 0,
    }
}

fn read_tx<const N: usize>(bar: Bar<'_>, started: &Started) -> TxQueue {
    let tdlen = bar.read(TDLEN::at(N)).into();
    let txdctl = TXDCTL::from(started.txdctl[N]);

    TxQueue {
        tdba: join(bar.read(TDBAL::at(N)).into(), bar.read(TDBAH::at(N)).into()),
        tdwba: join(
            bar.read(TDWBAL::at(N)).into(),
            bar.read(TDWBAH::at(N)).into(),
        ),
        tdlen,
        tdh: bar.read(TDH::at(N)).into(),
        tdt: started.tdt[N],
        txdctl: txdctl.with_enable(txdctl.enable() && tdlen != 0).into(),
        txctl: bar.read(TXCTL::at(N)).into(),
    }
}

fn read_mailbox(bar: Bar<'_>, mailbox: &Mailbox) -> SavedMailbox {
    let mut vmbmem = [0; MBMEM_WORDS];
    for (index, word) in vmbmem.iter_mut().enumerate() {
        if let Some(at) = MBMEM::try_at(index) {
            *word = bar.read(at).into();
        }
    }
    let mut flags = 0;
    for (flag, set) in [
        (SavedMailbox::FLAGS_VFU, mailbox.vfu),
        (SavedMailbox::FLAGS_VF_RESET_DONE, mailbox.reset_done),
        (
            SavedMailbox::FLAGS_REQUEST_PENDING,
            mailbox.request().is_some(),
        ),
    ] {
        if set {
            flags |= flag;
        }
    }
    SavedMailbox {
        vmbmem,
        request: mailbox.request().copied().unwrap_or_default(),
        // CAST: the bits are in the low byte.
        r2c: mailbox.unseen() as u8,
        flags,
    }
}
