// SPDX-License-Identifier: GPL-2.0

//! The guest's accesses to BAR 0.
//!
//! Pages 0 (mailbox, statistics) and 2 (receive) always come here. Pages 1 (interrupts) and 3
//! (transmit) are mapped into the guest; what comes here of them is from a VMM that does not.

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
        STATISTIC_OFFSETS,
        TX_PAGE,
        V2PMAILBOX, //
    },
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
    RxCtl(usize),
    Rdt(usize),
    RxdCtl(usize),
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
            0x2814 | 0x2914 => Place::RxCtl(queue),
            0x2818 | 0x2918 => Place::Rdt(queue),
            0x2828 | 0x2928 => Place::RxdCtl(queue),
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
    const MAPPED: &'static [Area] = &[
        Area {
            // CAST: widening.
            offset: IRQ_PAGE as u64,
            size: 0x1000,
        },
        Area {
            // CAST: widening.
            offset: TX_PAGE as u64,
            size: 0x1000,
        },
    ];

    fn read32(dev: &Device, run: RunMut<'_, Self>, offset: usize) -> Result<u32> {
        let guard = dev.mmio(BAR)?;
        let bar: Bar<'_> = &guard;
        let (shadow, held) = parts(run);

        Ok(match (Place::of(offset), held) {
            (Place::MailboxControl, held) => {
                let register = look(bar, shadow, held)?;
                shadow.mailbox.guest_read(register)
            }
            (Place::Statistic(index), _) => {
                let add = shadow.statistics.get(index).ok_or(EINVAL)?;
                bar.try_read32(offset)?.wrapping_add(*add)
            }
            (Place::Rdt(queue), Some(held)) => *held.rdt.get(queue).ok_or(EINVAL)?,
            (Place::RxdCtl(queue), Some(held)) => *held.rxdctl.get(queue).ok_or(EINVAL)?,
            (Place::TxdCtl(queue), Some(held)) => *held.txdctl.get(queue).ok_or(EINVAL)?,
            _ => bar.try_read32(offset)?,
        })
    }

    fn write32(dev: &Device, run: RunMut<'_, Self>, offset: usize, value: u32) -> Result {
        let guard = dev.mmio(BAR)?;
        let bar: Bar<'_> = &guard;
        let (shadow, held) = parts(run);

        match (Place::of(offset), held) {
            (Place::Ctrl, held) => {
                let control = CTRL::from(value);
                if control.rst() {
                    shadow.mailbox.forget();
                    if let Some(held) = held {
                        held.reset();
                    }
                }
                bar.write(CTRL, control);
            }
            (Place::MailboxMemory, held) => {
                if shadow.mailbox.is_asking() {
                    // Before the guest can write over the reply.
                    look(bar, shadow, held)?;
                }
                bar.try_write32(value, offset)?;
            }
            (Place::MailboxControl, held) => {
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
                    shadow.mailbox.vfu = look(bar, shadow, held)?.vfu();
                }
            }
            // It would clear pending interrupts of the physical function.
            (Place::PbaClear, _) => (),
            (Place::PsrType, _) => {
                shadow.psrtype = value;
                bar.try_write32(value, offset)?;
            }
            (Place::RxCtl(queue), _) => {
                *shadow.rxctl.get_mut(queue).ok_or(EINVAL)? = value;
                bar.try_write32(value, offset)?;
            }
            // What would start DMA waits until the device starts.
            (Place::Rdt(queue), Some(held)) => {
                *held.rdt.get_mut(queue).ok_or(EINVAL)? = value & 0xffff
            }
            (Place::RxdCtl(queue), Some(held)) => {
                *held.rxdctl.get_mut(queue).ok_or(EINVAL)? =
                    super::regs::RXDCTL::from(value).with_swflsh(false).into()
            }
            (Place::TxdCtl(queue), Some(held)) => {
                *held.txdctl.get_mut(queue).ok_or(EINVAL)? =
                    super::regs::TXDCTL::from(value).with_swflsh(false).into()
            }
            _ => bar.try_write32(value, offset)?,
        }
        Ok(())
    }
}

/// Looks at the mailbox on behalf of the guest.
///
/// # Errors
///
/// - [`EIO`]: the device is not there.
fn look(bar: Bar<'_>, shadow: &mut Shadow, held: Option<&mut Held>) -> Result<V2PMAILBOX> {
    let register = mailbox::look(bar, shadow)?;

    if let Some(held) = held {
        held.take_note(register);
    }
    Ok(register)
}

/// Returns what is remembered, and what is held back if the device is not running.
fn parts(run: RunMut<'_, Igbvf>) -> (&mut Shadow, Option<&mut Held>) {
    match run {
        RunMut::Running(run) => (run.shadow_mut(), None),
        RunMut::Quiesced(run) => {
            let (shadow, held) = run.parts_mut();
            (shadow, Some(held))
        }
        RunMut::Stopped(run) => {
            let (shadow, held) = run.parts_mut();
            (shadow, Some(held))
        }
    }
}
