// SPDX-License-Identifier: GPL-2.0

//! Logging of DMA, by watching the doorbells.
//!
//! The device writes to buffers that it was given to receive into, and writes back to descriptors of
//! both kinds. What it was given is known from the doorbells, which are rung in memory as long as DMA is
//! logged, see [`rx_page`](super::rx_page) and [`posted`](super::posted). How much of it was used is told by the descriptors, and by `RDH` alone
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
        RDH,
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
    rx_page::{
        RxPage,
        Watch, //
    },
    rx_regs,
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
    prelude::*,
    time::Delta, //
};
use vfio::{
    dma_logging::{
        DirtyPages,
        DirtyRanges,
        DmaLogging,
        IovaRanges, //
    },
    migration::{
        RunMut,
        RunRef, //
    }, //
};

/// Logging is on.
pub(crate) struct Log {
    pages: DirtyPages,
    rx: [Posted; QUEUES],
    tx: [TxRegs; QUEUES],
    /// How often the device had become another one when this began.
    loads: u32,
    /// The device has been running since the last report in which it was stopped.
    ran: bool,
    /// [`Held::failed_starts`] at the last look.
    failed_starts: u32,
    /// Nobody watches.
    blind: bool,
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

impl DmaLogging for Igbvf {
    type Log = Log;

    // A ring of 256 descriptors lasts for 3 ms at line rate.
    const WATCH_PERIOD: Delta = Delta::from_millis(1);

    fn log_start(
        dev: &Device,
        mut run: RunMut<'_, Self>,
        watched: bool,
        ranges: &IovaRanges<'_>,
        page_size: u64,
    ) -> Result<(Log, u64)> {
        let mut log = Log {
            pages: DirtyPages::new(ranges)?,
            rx: [Posted::new(), Posted::new()],
            tx: Default::default(),
            loads: dev.data().loads(),
            ran: true,
            failed_starts: 0,
            blind: !watched,
        };

        if watched {
            watch(dev, &mut run)?;
        }
        if let Err(err) = log.begin(dev, &run.as_ref()) {
            unwatch(dev, run);
            return Err(err);
        }
        Ok((log, DirtyPages::granted(page_size)))
    }

    fn log_watch(dev: &Device, run: RunMut<'_, Self>, log: &mut Log) {
        let RunMut::Running(run) = run else {
            return;
        };
        // There may be no report before it is stopped again.
        log.ran = true;
        let (_, Some(rx)) = run.parts_mut() else {
            return;
        };
        match dev.mmio(BAR) {
            Ok(bar) => rx.look(dev, &bar),
            // It can be anything that is done with it meanwhile.
            Err(_) => {
                log.pages.mark_all();
                return;
            }
        }
        // A queue that does not stop or start is tried again the next time.
        let _ = rx.carry(dev, log);
    }

    fn log_unwatched(dev: &Device, run: RunMut<'_, Self>, log: &mut Log) {
        log.blind = true;
        unwatch(dev, run);
    }

    fn log_before_write(
        dev: &Device,
        run: RunRef<'_, Self>,
        log: &mut Log,
        offset: usize,
        value: u32,
    ) {
        match offset {
            // Control, in both of its places.
            0x0000 | 0x0004 if CTRL::from(value).rst() => log.before_reset(dev, &run),
            // The doorbells change nothing that is looked at.
            0x3818 | 0x3918 => (),
            TX_PAGE.. => log.settle(dev, &run),
            _ => (),
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
        if log.blind || log.loads != dev.data().loads() {
            // Nobody has watched; or another guest's state was loaded, whose buffers were posted
            // elsewhere.
            log.pages.mark_all();
        }
        if log.pages.is_unknown() {
            dev.count(Counter::LogsOfAll as usize);
        }
        log.pages.take(iova, dirty)
    }

    fn log_stop(dev: &Device, run: Option<RunMut<'_, Self>>, _log: Log) {
        if let Some(run) = run {
            unwatch(dev, run);
        }
    }
}

/// From here on the guest rings its doorbells in memory.
fn watch(dev: &Device, run: &mut RunMut<'_, Igbvf>) -> Result {
    match run {
        RunMut::Running(run) => run.watch(dev)?,
        // It does so already, and is to go on with that.
        RunMut::Quiesced(run) => run.set_watched(true),
        RunMut::Stopped(run) => run.set_watched(true),
    }
    Ok(())
}

fn unwatch(dev: &Device, run: RunMut<'_, Igbvf>) {
    match run {
        RunMut::Running(run) => run.unwatch(dev),
        RunMut::Quiesced(run) => run.set_watched(false),
        RunMut::Stopped(run) => run.set_watched(false),
    }
}

impl Watch for Log {
    /// The device could go on until it was switched off: all that was posted counts as used.
    fn before_setup(&mut self, dev: &Device, queue: usize, regs: RxRegs) {
        if let Some(posted) = self.rx.get_mut(queue) {
            posted.settle_all(&mut self.pages);
            posted.load(dev, regs);
        }
    }

    /// The descriptors are read before the device can write to them.
    fn before_doorbell(&mut self, dev: &Device, queue: usize, tail: u32) {
        if let Some(posted) = self.rx.get_mut(queue) {
            posted.post(dev, tail, &mut self.pages);
        }
    }
}

impl Log {
    /// Takes up what the device has been given.
    fn begin(&mut self, dev: &Device, run: &RunRef<'_, Igbvf>) -> Result {
        let heads = dev.data().heads();
        let (rx, tx) = read(dev, run)?;

        self.tx = tx;
        for (posted, regs) in self.rx.iter_mut().zip(rx) {
            posted.load(dev, regs);
        }
        // The device may have received meanwhile.
        let (rx, _) = read(dev, run)?;
        for (posted, regs) in self.rx.iter_mut().zip(rx) {
            posted.take_up(dev, regs.head, heads);
        }
        Ok(())
    }

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
        let held = held(run);
        let runs = held.is_none();
        let failed_starts = held.map_or(0, |held| held.failed_starts);
        // A device that was stopped has done what it had to, maybe since the last look: all that it
        // might have written to is told once more.
        let just_stopped = !runs && (self.ran || self.failed_starts != failed_starts);

        self.ran = runs;
        self.failed_starts = failed_starts;
        for (last, now) in self.tx.iter_mut().zip(tx) {
            if !last.is_same_ring(&now) || (runs || just_stopped) && now.is_boundless() {
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
            let is_same = posted.is(&now);

            if just_stopped || !is_same {
                posted.mark_ring(&mut self.pages);
            }
            if !is_same {
                // A reset of the physical function, which is not trapped.
                posted.settle_all(&mut self.pages);
                posted.load(dev, now);
                continue;
            }
            match heads {
                Heads::Hints if just_stopped => posted.settle_all(&mut self.pages),
                // It was all told in the first report.
                Heads::Hints if !runs => (),
                _ => posted.settle(dev, now.head, heads, &mut self.pages),
            }
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

/// Returns what a stopped device has elsewhere; `None` of one that runs.
fn held<'a>(run: &RunRef<'a, Igbvf>) -> Option<&'a Held> {
    match run {
        RunRef::Running(_) => None,
        RunRef::Quiesced(run) => Some(run.held()),
        RunRef::Stopped(run) => Some(run.held()),
    }
}

/// Reads the registers of all queues, as the device was told them, and what it has made of that.
///
/// `memory_lock` is released on return: guest memory must not be read with it.
fn read(dev: &Device, run: &RunRef<'_, Igbvf>) -> Result<([RxRegs; QUEUES], [TxRegs; QUEUES])> {
    let guard = dev.mmio(BAR)?;
    let bar: Bar<'_> = &guard;
    let held = held(run);
    let rx = match run {
        RunRef::Running(run) => run.rx(),
        _ => held.map(|held| &held.rx),
    };
    let mut queues = rx
        .map_or_else(|| rx_regs::read(bar), RxPage::in_effect)
        .map(|rx| rx.regs());
    // Of a stopped device it is known; what is in the register then may be the guest's.
    if held.is_none() {
        let [first, second] = &mut queues;

        first.head = bar.read(RDH::at(0)).into();
        second.head = bar.read(RDH::at(1)).into();
    }
    Ok((
        queues,
        [
            TxRegs::read::<0>(bar, held),
            TxRegs::read::<1>(bar, held), //
        ],
    ))
}
