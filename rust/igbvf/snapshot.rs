// SPDX-License-Identifier: GPL-2.0

//! Registers to state, and back.

use super::{
    mailbox,
    regs::{
        join,
        low_high,
        Bar,
        BAR,
        CAUSES,
        EIAC,
        EIAM,
        EITR,
        IVAR,
        IVAR_MISC,
        MBMEM,
        MBMEM_WORDS,
        PSRTYPE,
        QUEUES,
        RDBAH,
        RDBAL,
        RDH,
        RDLEN,
        RDT,
        RXCTL,
        SRRCTL,
        TDBAH,
        TDBAL,
        TDH,
        TDLEN,
        TDT,
        TDWBAH,
        TDWBAL,
        TXCTL,
        V2PMAILBOX, //
    },
    run::{
        Held,
        Stopped, //
    },
    scrub,
    shadow::{
        Mailbox,
        Shadow, //
    },
    stream,
    Device, //
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
use vmf::profile::igbvf_82576::{
    self as profile,
    Filters,
    Interrupts,
    RxQueue,
    State,
    TxQueue,
    FILTERS_MAC_VALID,
    MAILBOX_REQUEST_PENDING,
    MAILBOX_VFU,
    MAILBOX_VF_RESET_DONE, //
};

/// Time for the physical function to come out of its reset.
const PF_RESET_TIME: Delta = Delta::from_millis(1000);
const POLL_TIME: Delta = Delta::from_micros(500);

/// Why a state could not be loaded.
pub(crate) struct Refused {
    /// One line for the log.
    pub(crate) reason: &'static str,
    /// Offset of the register or type of the message, and what it said.
    pub(crate) got: u64,
    /// What it should have said.
    pub(crate) want: u64,
}

impl Refused {
    const fn new(reason: &'static str) -> Self {
        Self {
            reason,
            got: 0,
            want: 0,
        }
    }
}

/// Takes the state of a stopped device, without a side effect on it.
///
/// # Errors
///
/// - [`EIO`]: the device does not decode memory, or the physical function was reset, which voids
///   all registers.
pub(crate) fn save(dev: &Device, stopped: &Stopped) -> Result<State> {
    let guard = dev.mmio(BAR)?;
    let bar: Bar<'_> = &guard;
    let shadow = stopped.shadow();

    if stopped.held().void {
        dev_err!(dev.pci(), "not saved: the physical function was in reset\n");
        return Err(EIO);
    }
    let tdt = stopped.tails([
        bar.read(TDT::at(0)).into(),
        bar.read(TDT::at(1)).into(), //
    ]);
    Ok(State {
        rx: [
            RxQueue {
                psrtype: shadow.psrtype,
                ..save_rx::<0>(bar, stopped)
            },
            save_rx::<1>(bar, stopped),
        ],
        tx: [
            save_tx::<0>(bar, stopped, tdt),
            save_tx::<1>(bar, stopped, tdt),
        ],
        interrupts: Interrupts {
            eims: shadow.eims,
            // Other bits are not this function's, whatever was written to them.
            eiac: u32::from(bar.read(EIAC)) & CAUSES,
            eiam: u32::from(bar.read(EIAM)) & CAUSES,
            eitr: [
                bar.read(EITR::at(0)).into(),
                bar.read(EITR::at(1)).into(),
                bar.read(EITR::at(2)).into(),
            ],
            ivar: bar.read(IVAR).into(),
            ivar_misc: bar.read(IVAR_MISC).into(),
        },
        mailbox: save_mailbox(bar, &shadow.mailbox),
        filters: Filters {
            flags: if shadow.mailbox.mac.is_some() {
                FILTERS_MAC_VALID
            } else {
                0
            },
            mac: shadow.mailbox.mac.unwrap_or_default(),
            max_frame: 0,
        },
    })
}

/// Looks at what a guest can have set up in a way that the profile has no words for.
///
/// A source says no here, while the guest runs; what it finds out later costs a migration.
///
/// # Errors
///
/// - [`EIO`]: the device does not decode memory.
/// - [`EOPNOTSUPP`]: a value is out of the ranges of the profile; it is logged.
pub(crate) fn expressible(dev: &Device) -> Result {
    let guard = dev.mmio(BAR)?;
    let bar: Bar<'_> = &guard;
    let rx = |rdlen: u32| RxQueue {
        rdlen,
        ..RxQueue::default()
    };
    let tx = |tdlen: u32| TxQueue {
        tdlen,
        ..TxQueue::default()
    };

    State {
        rx: [
            rx(bar.read(RDLEN::at(0)).into()),
            rx(bar.read(RDLEN::at(1)).into()),
        ],
        tx: [
            tx(bar.read(TDLEN::at(0)).into()),
            tx(bar.read(TDLEN::at(1)).into()),
        ],
        interrupts: Interrupts {
            ivar: bar.read(IVAR).into(),
            ivar_misc: bar.read(IVAR_MISC).into(),
            ..Interrupts::default()
        },
        ..State::default()
    }
    .validate()
    .map_err(|refusal| stream::not_expressible(dev, refusal))
}

fn save_rx<const N: usize>(bar: Bar<'_>, stopped: &Stopped) -> RxQueue {
    RxQueue {
        rdba: join(bar.read(RDBAL::at(N)).into(), bar.read(RDBAH::at(N)).into()),
        rdlen: bar.read(RDLEN::at(N)).into(),
        srrctl: bar.read(SRRCTL::at(N)).into(),
        rdh: bar.read(RDH::at(N)).into(),
        rdt: stopped.held().rdt[N],
        rxdctl: stopped.held().rxdctl[N],
        rxctl: stopped.shadow().rxctl[N],
        psrtype: 0,
    }
}

fn save_tx<const N: usize>(bar: Bar<'_>, stopped: &Stopped, tdt: [u32; QUEUES]) -> TxQueue {
    TxQueue {
        tdba: join(bar.read(TDBAL::at(N)).into(), bar.read(TDBAH::at(N)).into()),
        tdwba: join(
            bar.read(TDWBAL::at(N)).into(),
            bar.read(TDWBAH::at(N)).into(),
        ),
        tdlen: bar.read(TDLEN::at(N)).into(),
        tdh: bar.read(TDH::at(N)).into(),
        tdt: tdt[N],
        txdctl: stopped.held().txdctl[N],
        txctl: bar.read(TXCTL::at(N)).into(),
    }
}

fn save_mailbox(bar: Bar<'_>, mailbox: &Mailbox) -> profile::Mailbox {
    let mut vmbmem = [0; MBMEM_WORDS];
    for (index, word) in vmbmem.iter_mut().enumerate() {
        if let Some(at) = MBMEM::try_at(index) {
            *word = bar.read(at).into();
        }
    }
    let mut flags = 0;
    if mailbox.vfu {
        flags |= MAILBOX_VFU;
    }
    if mailbox.reset_done {
        flags |= MAILBOX_VF_RESET_DONE;
    }
    if mailbox.is_waiting() {
        flags |= MAILBOX_REQUEST_PENDING;
    }
    profile::Mailbox {
        vmbmem,
        // CAST: the bits are in the low byte.
        r2c: mailbox.unseen() as u8,
        flags,
    }
}

/// Loads a validated state into a device whose queues are off, and leaves them off.
///
/// # Errors
///
/// What the device or the physical function did not take. Both are scrubbed then.
pub(crate) fn load(dev: &Device, state: &State) -> core::result::Result<Stopped, Refused> {
    let guard = dev
        .mmio(BAR)
        .map_err(|_| Refused::new("the device does not decode memory"))?;
    let bar: Bar<'_> = &guard;

    scrub::quiet(bar);
    let result = load_quiet(bar, state);
    if result.is_err() {
        // The guest goes on elsewhere, with the address that was claimed for it here.
        let _ = scrub::depart(bar);
    }
    result
}

fn load_quiet(bar: Bar<'_>, state: &State) -> core::result::Result<Stopped, Refused> {
    // A buffer held by a guest that is gone would block the physical function; the bits that this
    // clears are about it too.
    mailbox::release_buffer(bar);
    read_poll_timeout(
        || Ok(bar.read(V2PMAILBOX)),
        |register| !register.rsti(),
        POLL_TIME,
        PF_RESET_TIME,
    )
    .map_err(|_| Refused::new("the physical function stays in reset"))?;

    let mac = (state.filters.flags & FILTERS_MAC_VALID != 0).then_some(state.filters.mac);
    let reset_done = state.mailbox.flags & MAILBOX_VF_RESET_DONE != 0;
    if reset_done {
        rejoin_switch(bar, mac)?;
    }

    let interrupts = &state.interrupts;
    bar.write(EITR::at(0), interrupts.eitr[0].into());
    bar.write(EITR::at(1), interrupts.eitr[1].into());
    bar.write(EITR::at(2), interrupts.eitr[2].into());
    bar.write(IVAR, interrupts.ivar.into());
    bar.write(IVAR_MISC, interrupts.ivar_misc.into());
    bar.write(EIAC, interrupts.eiac.into());
    bar.write(EIAM, interrupts.eiam.into());

    let [rx0, rx1] = &state.rx;
    let [tx0, tx1] = &state.tx;
    bar.write(PSRTYPE, rx0.psrtype.into());
    load_rx::<0>(bar, rx0);
    load_rx::<1>(bar, rx1);
    load_tx::<0>(bar, tx0);
    load_tx::<1>(bar, tx1);
    load_mailbox(bar, &state.mailbox)?;

    verify(bar, state)?;

    Ok(Stopped::arrived(
        Shadow {
            eims: interrupts.eims,
            rxctl: [rx0.rxctl, rx1.rxctl],
            psrtype: rx0.psrtype,
            mailbox: Mailbox::restored(
                state.mailbox.r2c.into(),
                state.mailbox.flags & MAILBOX_VFU != 0,
                {
                    let [first, second, third, ..] = state.mailbox.vmbmem;
                    [first, second, third]
                },
                state.mailbox.flags & MAILBOX_REQUEST_PENDING != 0,
                reset_done,
                mac,
            ),
        },
        Held {
            rxdctl: [rx0.rxdctl, rx1.rxdctl],
            txdctl: [tx0.txdctl, tx1.txdctl],
            rdt: [rx0.rdt, rx1.rdt],
            void: false,
        },
        [tx0.tdt, tx1.tdt],
        [tx0.tdh, tx1.tdh],
    ))
}

/// Has the physical function switch the queues on and deliver what is for the guest's address.
fn rejoin_switch(bar: Bar<'_>, mac: Option<[u8; 6]>) -> core::result::Result<(), Refused> {
    let preset =
        mailbox::vf_reset(bar).map_err(|_| Refused::new("the PF does not answer VF_RESET"))?;

    match mac {
        Some(mac) if preset != Some(mac) => mailbox::set_mac(bar, mac).map_err(|err| {
            Refused::new(if err == EPERM {
                "the PF refuses the guest's MAC address: the host has set another one"
            } else {
                "the PF does not answer SET_MAC_ADDR"
            })
        }),
        _ => Ok(()),
    }
}

/// The tail equals the head: nothing can be received, even if the queue were switched on now.
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

/// The tail equals the head: nothing can be sent, as in [`load_rx()`].
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

/// The guest finds the message that it was about to write or read; igbvf takes the link for down
/// if the first word does not say that the physical function is ready.
fn load_mailbox(bar: Bar<'_>, mailbox: &profile::Mailbox) -> core::result::Result<(), Refused> {
    mailbox::take_buffer(bar).map_err(|_| Refused::new("the PF does not let go of the mailbox"))?;
    for (index, &word) in mailbox.vmbmem.iter().enumerate() {
        if let Some(at) = MBMEM::try_at(index) {
            bar.write(at, word.into());
        }
    }
    // Taken again on the way to RUNNING if the guest holds it.
    mailbox::release_buffer(bar);
    Ok(())
}

/// Compares what the device holds with what it was given: catches registers that are narrower than
/// the source's, and a device that is not there any more.
fn verify(bar: Bar<'_>, state: &State) -> core::result::Result<(), Refused> {
    let [rx0, rx1] = &state.rx;
    let [tx0, tx1] = &state.tx;
    let interrupts = &state.interrupts;

    verify_rx::<0>(bar, rx0)?;
    verify_rx::<1>(bar, rx1)?;
    verify_tx::<0>(bar, tx0)?;
    verify_tx::<1>(bar, tx1)?;
    expect("EITR0", bar.read(EITR::at(0)).into(), interrupts.eitr[0])?;
    expect("EITR1", bar.read(EITR::at(1)).into(), interrupts.eitr[1])?;
    expect("EITR2", bar.read(EITR::at(2)).into(), interrupts.eitr[2])?;
    expect(
        "IVAR_MISC",
        bar.read(IVAR_MISC).into(),
        interrupts.ivar_misc,
    )
}

fn verify_rx<const N: usize>(bar: Bar<'_>, queue: &RxQueue) -> core::result::Result<(), Refused> {
    let (low, high) = low_high(queue.rdba);
    expect("RDBAL", bar.read(RDBAL::at(N)).into(), low)?;
    expect("RDBAH", bar.read(RDBAH::at(N)).into(), high)?;
    expect("RDLEN", bar.read(RDLEN::at(N)).into(), queue.rdlen)?;
    expect("SRRCTL", bar.read(SRRCTL::at(N)).into(), queue.srrctl)?;
    expect("RDH", bar.read(RDH::at(N)).into(), queue.rdh)
}

fn verify_tx<const N: usize>(bar: Bar<'_>, queue: &TxQueue) -> core::result::Result<(), Refused> {
    let (low, high) = low_high(queue.tdba);
    expect("TDBAL", bar.read(TDBAL::at(N)).into(), low)?;
    expect("TDBAH", bar.read(TDBAH::at(N)).into(), high)?;
    expect("TDLEN", bar.read(TDLEN::at(N)).into(), queue.tdlen)?;
    expect("TDH", bar.read(TDH::at(N)).into(), queue.tdh)
}

fn expect(reason: &'static str, got: u32, want: u32) -> core::result::Result<(), Refused> {
    if got == want {
        Ok(())
    } else {
        Err(Refused {
            reason,
            got: got.into(),
            want: want.into(),
        })
    }
}
