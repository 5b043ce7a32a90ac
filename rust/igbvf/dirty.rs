// SPDX-License-Identifier: GPL-2.0

//! Logging of DMA, by watching the doorbells.
//!
//! The device writes to buffers that it was given to receive into, and writes back to descriptors of
//! both kinds. What it was given is known from the writes to `RDT`, which are trapped, see
//! [`posted`](super::posted). How much of it was used is told by the descriptors, and by `RDH` alone
//! where the device was recognised as a model whose heads are [exact](Heads::Exact).
//!
//! Transmit rings are seldom more than four pages, and are reported as a whole. The guest has their
//! registers mapped: one that is elsewhere than in the last report may have been anywhere in between.

use super::{
    posted::{
        Posted,
        RxRegs, //
    },
    queues::Held,
    regs::{
        join,
        Bar,
        BAR,
        CTRL,
        QUEUES,
        RDBAH,
        RDBAL,
        RDH,
        RDLEN,
        RDT,
        RXDCTL,
        SRRCTL,
        TDBAH,
        TDBAL,
        TDH,
        TDLEN,
        TDT,
        TDWBAH,
        TDWBAL,
        TXDCTL,
        TX_COUNTER,
        TX_PAGE, //
    },
    slot::{
        Heads,
        DESCRIPTOR, //
    },
    Counter,
    Device,
    Igbvf, //
};
use core::ops::RangeInclusive;
use kernel::{
    io::{
        register::Array,
        Io, //
    },
    prelude::*, //
};
use vfio::{
    dma_logging::{
        DirtyPages,
        DirtyRanges,
        DmaLogging,
        IovaRanges, //
    },
    migration::RunRef, //
};

/// The finest that the uAPI has, and what is kept.
const PAGE_SIZE: u64 = 4096;

/// Logging is on.
pub(crate) struct Log {
    pages: DirtyPages,
    rx: [Posted; QUEUES],
    tx: [TxRegs; QUEUES],
    /// How often the device had become another one when this began.
    loads: u32,
    /// The device was running when it was looked at last.
    ran: bool,
}

/// What the registers say of a transmit queue. The guest has them mapped.
#[derive(Clone, Copy, Default, PartialEq)]
struct TxRegs {
    base: u64,
    /// In bytes.
    len: u32,
    write_back: u64,
    head: u32,
    tail: u32,
    enabled: bool,
    /// Packets that the function has sent, or the head could have gone round without a trace.
    sent: u32,
}

impl TxRegs {
    fn read<const N: usize>(bar: Bar<'_>, held: Option<&Held>) -> Self {
        let control = match held {
            Some(held) => TXDCTL::from(held.txdctl[N]),
            None => bar.read(TXDCTL::at(N)),
        };

        Self {
            base: join(bar.read(TDBAL::at(N)).into(), bar.read(TDBAH::at(N)).into()),
            len: bar.read(TDLEN::at(N)).into(),
            write_back: join(
                bar.read(TDWBAL::at(N)).into(),
                bar.read(TDWBAH::at(N)).into(),
            ),
            head: bar.read(TDH::at(N)).into(),
            tail: bar.read(TDT::at(N)).into(),
            enabled: control.enable(),
            sent: bar.try_read32(TX_COUNTER).unwrap_or(0),
        }
    }

    /// Returns whether the queue writes to the same places as `other`.
    fn is_same_ring(&self, other: &Self) -> bool {
        (self.base, self.len, self.write_back) == (other.base, other.len, other.write_back)
    }

    /// Returns whether the queue has work, and head or tail are outside of its ring: it may write
    /// anywhere.
    fn is_boundless(&self) -> bool {
        let slots = u64::from(self.len) / DESCRIPTOR;

        self.enabled
            && self.head != self.tail
            && (u64::from(self.head) >= slots || u64::from(self.tail) >= slots)
    }

    /// Marks the ring, and the place that the head is written to if the guest wants it.
    fn mark(&self, pages: &mut DirtyPages) {
        pages.mark(self.base, self.len.into());
        if self.write_back & 1 != 0 {
            pages.mark(self.write_back & !3, 4);
        }
    }
}

/// Where a register is that the log has to do with.
enum Place {
    Ctrl,
    /// `RDBAL`, `RDBAH`, `RDLEN`, `SRRCTL` or `RDH`, by its offset in the queue.
    RxSetup(usize, usize),
    Rdt(usize),
    RxdCtl(usize),
    /// Any of a transmit queue but the doorbell, if user space has not mapped them.
    Tx,
}

impl Place {
    fn of(offset: usize) -> Option<Self> {
        let queue = (offset >> 8) & 1;

        Some(match offset {
            0x0000 | 0x0004 => Place::Ctrl,
            0x2800 | 0x2804 | 0x2808 | 0x280c | 0x2810 | 0x2900 | 0x2904 | 0x2908 | 0x290c
            | 0x2910 => Place::RxSetup(queue, offset & 0xff),
            0x2818 | 0x2918 => Place::Rdt(queue),
            0x2828 | 0x2928 => Place::RxdCtl(queue),
            0x3818 | 0x3918 => return None,
            TX_PAGE.. => Place::Tx,
            _ => return None,
        })
    }
}

impl DmaLogging for Igbvf {
    type Log = Log;

    fn log_start(
        dev: &Device,
        run: RunRef<'_, Self>,
        ranges: &IovaRanges<'_>,
        page_size: u64,
    ) -> Result<(Log, u64)> {
        let heads = dev.data().heads();
        let (rx, tx) = read(dev, &run)?;
        let mut log = Log {
            pages: DirtyPages::new(ranges)?,
            rx: [Posted::new(), Posted::new()],
            tx,
            loads: dev.data().loads(),
            ran: true,
        };

        // Nobody is at the doorbells, as all of them wait for the session lock; but the device may
        // be receiving.
        for (posted, regs) in log.rx.iter_mut().zip(rx) {
            posted.load(dev, regs);
        }
        let (rx, _) = read(dev, &run)?;
        for (posted, regs) in log.rx.iter_mut().zip(rx) {
            posted.take_up(dev, regs.head, heads);
        }
        // The user's bits may stand for more than a page each, not for less.
        let granted = if page_size.is_power_of_two() {
            page_size.max(PAGE_SIZE)
        } else {
            PAGE_SIZE
        };
        Ok((log, granted))
    }

    fn log_before_write(
        dev: &Device,
        run: RunRef<'_, Self>,
        log: &mut Log,
        offset: usize,
        value: u32,
    ) {
        match Place::of(offset) {
            // The doorbell. The descriptors are read before the device can write to them.
            Some(Place::Rdt(queue)) => {
                if let Some(posted) = log.rx.get_mut(queue) {
                    posted.post(dev, value, &mut log.pages);
                }
            }
            Some(Place::Ctrl) if CTRL::from(value).rst() => log.before_reset(dev, &run),
            Some(Place::RxSetup(queue, register)) => {
                log.before_setup(dev, &run, queue, |regs| match register {
                    0x00 => regs.base = join(value & !0x1f, (regs.base >> 32) as u32),
                    0x04 => regs.base = join(regs.base as u32, value),
                    0x08 => regs.len = value & 0xf_fff0,
                    0x0c => regs.srrctl = value,
                    _ => regs.head = value & 0xffff,
                });
            }
            Some(Place::RxdCtl(queue)) => {
                let enabled = RXDCTL::from(value).enable();
                log.before_setup(dev, &run, queue, |regs| regs.enabled = enabled);
            }
            Some(Place::Tx) => log.settle(dev, &run),
            Some(Place::Ctrl) | None => (),
        }
    }

    fn log_read_and_clear(
        dev: &Device,
        run: RunRef<'_, Self>,
        log: &mut Log,
        iova: RangeInclusive<u64>,
        dirty: &mut DirtyRanges,
    ) -> Result {
        log.settle(dev, &run);
        if log.loads != dev.data().loads() {
            // Another guest's state was loaded; its buffers were posted elsewhere.
            log.pages.mark_all();
        }
        if log.pages.is_unknown() {
            dev.count(Counter::LogsOfAll as usize);
        }
        log.pages.take(iova, dirty)
    }

    fn log_stop(_dev: &Device, _log: Log) {}
}

impl Log {
    /// Accounts for what the device has done so far.
    fn settle(&mut self, dev: &Device, run: &RunRef<'_, Igbvf>) {
        let Ok((rx, tx)) = read(dev, run) else {
            // The device does not decode memory: what it has done cannot be seen now.
            self.pages.mark_all();
            return;
        };
        if !dev.can_read_guest() {
            // Nor is it known where: there may be no telling what is posted now.
            self.pages.mark_all();
        }
        let heads = dev.data().heads();
        let runs = matches!(run, RunRef::Running(_));
        // A device that was stopped has done what it had to, maybe since the last look: all that it
        // might have written to is told once more.
        let just_stopped = self.ran && !runs;

        self.ran = runs;
        for (last, now) in self.tx.iter_mut().zip(tx) {
            if !last.is_same_ring(&now) || runs && now.is_boundless() {
                self.pages.mark_all();
            }
            // Of a queue that is on it is not known which descriptors are still to be written back.
            let in_doubt = heads == Heads::Hints && runs && (now.enabled || last.enabled);
            if *last != now || in_doubt || just_stopped {
                now.mark(&mut self.pages);
            }
            *last = now;
        }
        for (posted, now) in self.rx.iter_mut().zip(rx) {
            if !posted.is(&now) {
                // A reset of the physical function, which is not trapped.
                posted.settle_all(&mut self.pages);
                posted.load(dev, now);
                continue;
            }
            if just_stopped {
                posted.mark_ring(&mut self.pages);
            }
            match heads {
                Heads::Hints if just_stopped => posted.settle_all(&mut self.pages),
                // It was all told in the first report.
                Heads::Hints if !runs => (),
                _ => posted.settle(dev, now.head, heads, &mut self.pages),
            }
        }
    }

    /// The guest is about to change a receive queue in a way that `change` knows.
    ///
    /// The device can go on until the write arrives, so that all that was posted counts as used.
    fn before_setup(
        &mut self,
        dev: &Device,
        run: &RunRef<'_, Igbvf>,
        queue: usize,
        change: impl FnOnce(&mut RxRegs),
    ) {
        let Some(posted) = self.rx.get_mut(queue) else {
            return;
        };
        posted.settle_all(&mut self.pages);
        let Ok((rx, _)) = read(dev, run) else {
            // The write is going to fail as well.
            return;
        };
        if let Some(mut regs) = rx.get(queue).copied() {
            change(&mut regs);
            posted.load(dev, regs);
        }
    }

    /// The guest is about to reset the function, which switches off the queues.
    fn before_reset(&mut self, dev: &Device, run: &RunRef<'_, Igbvf>) {
        self.settle(dev, run);
        for posted in &mut self.rx {
            posted.settle_all(&mut self.pages);
            posted.switch_off();
        }
        for regs in &self.tx {
            // A packet may go out until the reset arrives, and some devices forget the ring then.
            regs.mark(&mut self.pages);
        }
    }
}

/// Reads the registers of all queues, as the guest sees them.
///
/// `memory_lock` is released on return: guest memory must not be read with it.
fn read(dev: &Device, run: &RunRef<'_, Igbvf>) -> Result<([RxRegs; QUEUES], [TxRegs; QUEUES])> {
    let guard = dev.mmio(BAR)?;
    let bar: Bar<'_> = &guard;
    let held = match run {
        RunRef::Running(_) => None,
        RunRef::Quiesced(run) => Some(run.held()),
        RunRef::Stopped(run) => Some(run.held()),
    };

    Ok((
        [read_rx::<0>(bar, held), read_rx::<1>(bar, held)],
        [
            TxRegs::read::<0>(bar, held),
            TxRegs::read::<1>(bar, held), //
        ],
    ))
}

fn read_rx<const N: usize>(bar: Bar<'_>, held: Option<&Held>) -> RxRegs {
    let (rxdctl, tail) = match held {
        Some(held) => (RXDCTL::from(held.rxdctl[N]), held.rdt[N]),
        None => (bar.read(RXDCTL::at(N)), bar.read(RDT::at(N)).into()),
    };

    RxRegs {
        base: join(bar.read(RDBAL::at(N)).into(), bar.read(RDBAH::at(N)).into()),
        len: bar.read(RDLEN::at(N)).into(),
        srrctl: bar.read(SRRCTL::at(N)).into(),
        head: bar.read(RDH::at(N)).into(),
        tail,
        enabled: rxdctl.enable(),
    }
}
