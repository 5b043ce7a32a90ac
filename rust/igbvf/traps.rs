// SPDX-License-Identifier: GPL-2.0

//! The guest's accesses to BAR 0.
//!
//! Page 0 (mailbox, statistics) always comes here. Pages 1 (interrupts), 2 (receive) and 3 (transmit)
//! are mapped into the guest; what comes here of them is from a VMM that does not.

use super::{
    control::adds_unicast,
    mailbox,
    queues::Held,
    regs::{
        Bar,
        BAR,
        BAR_SIZE,
        CTRL,
        IRQ_PAGE,
        RX_PAGE,
        STATISTIC_OFFSETS,
        TX_PAGE,
        V2PMAILBOX, //
    },
    rx_page::RxPage,
    shadow::Shadow,
    Device,
    Igbvf, //
};
use kernel::{
    io::{
        register::Register,
        Io, //
    },
    prelude::*, //
};
use vfio::{
    migration::RunMut,
    region::{
        Area,
        Traps, //
    }, //
};

/// What an offset means to the traps; everything else is passed through.
enum Place {
    Ctrl,
    MailboxMemory,
    MailboxControl,
    PbaClear,
    PsrType,
    Statistic(usize),
    Rx,
    TxdCtl(usize),
    Other,
}

impl Place {
    fn of(offset: usize) -> Self {
        // The two queues are 0x100 apart in their pages.
        let queue = (offset >> 8) & 1;

        match offset {
            0x0000 | 0x0004 => Place::Ctrl,
            0x0800..=0x083c => Place::MailboxMemory,
            V2PMAILBOX::OFFSET => Place::MailboxControl,
            super::regs::PBACL::OFFSET => Place::PbaClear,
            super::regs::PSRTYPE::OFFSET => Place::PsrType,
            RX_PAGE..TX_PAGE => Place::Rx,
            0x3828 | 0x3928 => Place::TxdCtl(queue),
            _ => match STATISTIC_OFFSETS.iter().position(|&at| at == offset) {
                Some(index) => Place::Statistic(index),
                None => Place::Other,
            },
        }
    }
}

impl Traps for Igbvf {
    // CAST: 0.
    const BAR: u32 = BAR as u32;
    // CAST: widening.
    const SIZE: u64 = BAR_SIZE as u64;
    const MAPPED: &'static [Area] = &[Area {
        // CAST: widening.
        offset: IRQ_PAGE as u64,
        size: (BAR_SIZE - IRQ_PAGE) as u64,
    }];
    const TAKEN: Option<Area> = Some(Area {
        // CAST: widening.
        offset: RX_PAGE as u64,
        size: (TX_PAGE - RX_PAGE) as u64,
    });

    fn read32(dev: &Device, run: RunMut<'_, Self>, offset: usize) -> Result<u32> {
        let guard = dev.mmio(BAR)?;
        let bar: Bar<'_> = &guard;
        let (shadow, mut rest) = parts(run);

        Ok(match (Place::of(offset), &mut rest) {
            (Place::MailboxControl, rest) => {
                let register = look(dev, bar, shadow, rest)?;
                shadow.mailbox.guest_read(register)
            }
            (Place::Statistic(index), _) => {
                let add = shadow.statistics.get(index).ok_or(EINVAL)?;
                bar.try_read32(offset)?.wrapping_add(*add)
            }
            (Place::Rx, Rest::Running(Some(rx))) => rx.read32(dev, offset)?,
            (Place::Rx, Rest::Held(held)) => held.rx.read32(dev, offset)?,
            (Place::TxdCtl(queue), Rest::Held(held)) => *held.txdctl.get(queue).ok_or(EINVAL)?,
            _ => bar.try_read32(offset)?,
        })
    }

    fn write32(dev: &Device, run: RunMut<'_, Self>, offset: usize, value: u32) -> Result {
        let guard = dev.mmio(BAR)?;
        let bar: Bar<'_> = &guard;
        let (shadow, mut rest) = parts(run);

        match (Place::of(offset), &mut rest) {
            (Place::Ctrl, rest) => {
                let control = CTRL::from(value);
                bar.write(CTRL, control);
                if control.rst() {
                    shadow.mailbox.forget();
                    match rest {
                        Rest::Running(None) => (),
                        Rest::Running(Some(rx)) => rx.refill(dev, bar),
                        Rest::Held(held) => held.reset(dev),
                    }
                }
            }
            (Place::MailboxMemory, rest) => {
                if shadow.mailbox.is_asking() {
                    // Before the guest can write over the reply.
                    look(dev, bar, shadow, rest)?;
                }
                bar.try_write32(value, offset)?;
            }
            (Place::MailboxControl, rest) => {
                let message = || {
                    let message = mailbox::read_message(bar);
                    if adds_unicast(&message) {
                        dev.data().note_unicast();
                    }
                    message
                };
                shadow.mailbox.guest_commanded(value.into(), message);
                bar.write(V2PMAILBOX, value.into());
                if shadow.mailbox.vfu {
                    // Granted only if the physical function does not hold the buffer.
                    shadow.mailbox.vfu = look(dev, bar, shadow, rest)?.vfu();
                }
                if shadow.mailbox.is_due() {
                    let register = mailbox::send_request(bar, shadow);
                    note(dev, bar, rest, register);
                }
            }
            // It would clear pending interrupts of the physical function.
            (Place::PbaClear, _) => (),
            (Place::PsrType, _) => {
                shadow.psrtype = value;
                bar.try_write32(value, offset)?;
            }
            (Place::Rx, Rest::Running(Some(rx))) => rx.write32(dev, offset, value)?,
            // What would start DMA waits until the device starts.
            (Place::Rx, Rest::Held(held)) => held.rx.write32(dev, offset, value)?,
            (Place::TxdCtl(queue), Rest::Held(held)) => {
                *held.txdctl.get_mut(queue).ok_or(EINVAL)? =
                    super::regs::TXDCTL::from(value).with_swflsh(false).into()
            }
            _ => bar.try_write32(value, offset)?,
        }
        Ok(())
    }
}

/// What there is beside the shadow.
enum Rest<'a> {
    /// The receive page, if it was taken.
    Running(Option<&'a mut RxPage>),
    /// What is held back.
    Held(&'a mut Held),
}

/// Looks at the mailbox on behalf of the guest.
///
/// # Errors
///
/// - [`EIO`]: the device is not there.
fn look(
    dev: &Device,
    bar: Bar<'_>,
    shadow: &mut Shadow,
    rest: &mut Rest<'_>,
) -> Result<V2PMAILBOX> {
    let register = mailbox::look(bar, shadow)?;

    note(dev, bar, rest, register);
    Ok(register)
}

/// Takes note of what the register of the mailbox says.
fn note(dev: &Device, bar: Bar<'_>, rest: &mut Rest<'_>, register: V2PMAILBOX) {
    match rest {
        Rest::Running(Some(rx)) if mailbox::was_reset(register) => rx.refill(dev, bar),
        Rest::Running(_) => (),
        Rest::Held(held) => held.take_note(dev, bar, register),
    }
}

fn parts(run: RunMut<'_, Igbvf>) -> (&mut Shadow, Rest<'_>) {
    match run {
        RunMut::Running(run) => {
            let (shadow, rx) = run.parts_mut();
            (shadow, Rest::Running(rx))
        }
        RunMut::Quiesced(run) => {
            let (shadow, held) = run.parts_mut();
            (shadow, Rest::Held(held))
        }
        RunMut::Stopped(run) => {
            let (shadow, held) = run.parts_mut();
            (shadow, Rest::Held(held))
        }
    }
}
