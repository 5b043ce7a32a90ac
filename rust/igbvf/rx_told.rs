// SPDX-License-Identifier: GPL-2.0

//! What the device was told of a receive queue whose registers user space writes to memory, and how
//! it is told the rest.

use super::{
    queues,
    regs::{
        Bar,
        BAR_SIZE,
        QUEUES,
        RDBAH,
        RDBAL,
        RDH,
        RDLEN,
        RDT,
        RXCTL,
        RXDCTL,
        SRRCTL, //
    },
    rx_regs::{
        self,
        Rx,
        STRIDE, //
    },
};
use kernel::{
    io::{
        register::{
            Array,
            Register, //
        },
        Io, //
    },
    prelude::*, //
};
use vfio::bar_memory::{
    replace,
    Memory, //
};

/// Looks at what a guest is writing; one that does not come to an end with it is not helped by more.
pub(crate) const LOOKS: usize = 8;

/// The copy of the BAR in memory.
pub(crate) type Copy<'a> = Memory<'a, BAR_SIZE>;

/// What the device was told last of a queue; of a stopped one, what it is to be told when it goes on.
#[derive(Clone, Copy, Default)]
pub(crate) struct Told {
    pub(crate) regs: Rx,
    /// The queue was switched on with nothing posted, and no doorbell has been rung since: DPDK writes
    /// the head only then.
    fresh: bool,
    /// The queue was told to stop, and had not when there was no more time.
    stopping: bool,
    /// Where the device was when it was last looked at. The guest is shown that as `regs.rdh`, unless it
    /// has written there.
    head: u32,
}

impl Told {
    pub(crate) fn new(regs: Rx) -> Self {
        Self {
            regs,
            head: regs.rdh,
            ..Self::default()
        }
    }

    /// Returns what the device acts upon. A queue that does not stop is on.
    pub(crate) fn in_effect(&self) -> Rx {
        let control = RXDCTL::from(self.regs.rxdctl);

        Rx {
            rdh: self.head,
            rxdctl: control
                .with_enable(control.enable() || self.stopping)
                .into(),
            ..self.regs
        }
    }

    /// The device has this now.
    fn set(&mut self, regs: Rx) {
        self.head = regs.rdh;
        self.regs = regs;
    }

    /// As [`Self::regs`], but off.
    pub(crate) fn switch_off(&mut self) {
        self.regs.rxdctl = RXDCTL::from(self.regs.rxdctl).with_enable(false).into();
        self.fresh = false;
    }

    /// Takes up where a queue is. One that is off or on, and was not told to be, was reset.
    pub(crate) fn look<const N: usize>(&mut self, bar: Bar<'_>, memory: Copy<'_>) {
        let enabled = bar.read(RXDCTL::at(N)).enable();

        if enabled != self.regs.is_enabled() {
            if !self.stopping {
                let regs = Rx::read::<N, _>(bar);

                regs.show::<N>(memory);
                *self = Self::new(regs);
            }
        } else if enabled && !self.fresh {
            self.note_head::<N>(bar, memory);
        }
        self.stopping &= enabled;
    }

    fn note_head<const N: usize>(&mut self, bar: Bar<'_>, memory: Copy<'_>) {
        self.head = bar.read(RDH::at(N)).into();
        // What the guest has written meanwhile stays, and is for the next time that it is looked at.
        if replace(memory, RDH::OFFSET + N * STRIDE, self.regs.rdh, self.head) {
            self.regs.rdh = self.head;
        }
    }

    /// Takes up where a queue is that has been stopped.
    pub(crate) fn note_stop<const N: usize>(&mut self, bar: Bar<'_>, memory: Copy<'_>) {
        self.stopping = false;
        self.note_head::<N>(bar, memory);
    }

    /// Carries over what the guest has written last, if that takes no waiting for a queue to stop or
    /// start; returns whether nothing else is left.
    pub(crate) fn carry_last<const N: usize>(&mut self, bar: Bar<'_>, memory: Copy<'_>) -> bool {
        let now = guest::<N>(memory);

        if now.is_set_up_as(&self.regs) {
            if now.rdt != self.regs.rdt {
                self.ring::<N>(bar, now.rdt);
            }
            return true;
        }
        if now.is_enabled() || self.regs.is_enabled() || self.stopping {
            return false;
        }
        self.set(write_setup::<N>(bar, memory, &now));
        queues::start_rx::<N>(bar, now.rxdctl, now.rdt).is_ok()
    }

    /// Switches a queue off, and sets it up as the guest has it. Returns what the device has made of
    /// that, and the queue is to be told.
    pub(crate) fn set_up<const N: usize>(&mut self, bar: Bar<'_>, memory: Copy<'_>) -> Result<Rx> {
        self.switch_off();
        self.stopping = true;
        queues::stop_rx::<N>(bar)?;
        self.stopping = false;
        // A guest that has left the head alone means that of the device.
        self.note_head::<N>(bar, memory);
        Ok(write_setup::<N>(bar, memory, &guest::<N>(memory)))
    }

    /// Switches a queue on that was set up, if it is to be, and moves its tail.
    pub(crate) fn switch_on<const N: usize>(&mut self, bar: Bar<'_>, regs: Rx) -> Result {
        if let Err(err) = queues::start_rx::<N>(bar, regs.rxdctl, regs.rdt) {
            self.set(regs);
            self.switch_off();
            // It may still come on.
            self.stopping = true;
            bar.write(RXDCTL::at(N), self.regs.rxdctl.into());
            return Err(err);
        }
        self.set(regs);
        self.fresh = regs.is_enabled() && regs.rdt == regs.rdh;
        Ok(())
    }

    /// The queue counts as off then, so that it is set up as any other when the device goes on, also if
    /// the guest has it by then as it was.
    pub(crate) fn settle_setup<const N: usize>(&mut self, bar: Bar<'_>, memory: Copy<'_>) {
        let now = guest::<N>(memory);

        if !now.is_set_up_as(&self.regs) {
            self.set(write_setup::<N>(bar, memory, &now));
            self.switch_off();
        }
    }

    /// Moves the tail of a queue.
    pub(crate) fn ring<const N: usize>(&mut self, bar: Bar<'_>, tail: u32) {
        if core::mem::take(&mut self.fresh) {
            bar.write(RDH::at(N), self.regs.rdh.into());
        }
        bar.write(RDT::at(N), tail.into());
        self.regs.rdt = tail;
    }

    pub(crate) fn start<const N: usize>(&mut self, bar: Bar<'_>, memory: Copy<'_>) -> Result {
        if guest::<N>(memory).is_set_up_as(&self.regs) {
            return queues::start_rx::<N>(bar, self.regs.rxdctl, self.regs.rdt);
        }
        // It is off: `RxPage::carry()` sets it up.
        self.switch_off();
        Ok(())
    }
}

/// Makes the memory look like the device.
pub(crate) fn fill(bar: Bar<'_>, memory: Copy<'_>) -> [Told; QUEUES] {
    let queues = rx_regs::read(bar);
    let [first, second] = &queues;

    first.show::<0>(memory);
    second.show::<1>(memory);
    queues.map(Told::new)
}

/// Reads what the guest has written, all of it as it was at one time.
pub(crate) fn guest<const N: usize>(memory: Copy<'_>) -> Rx {
    let mut last = Rx::read::<N, _>(memory);

    for _ in 0..LOOKS {
        let now = Rx::read::<N, _>(memory);
        if now == last {
            break;
        }
        last = now;
    }
    last
}

/// A flush is an action, which is over as soon as it is seen; it is not carried over.
pub(crate) fn end_flush<const N: usize>(memory: Copy<'_>) {
    let control = memory.read(RXDCTL::at(N));

    if control.swflsh() {
        replace(
            memory,
            RXDCTL::OFFSET + N * STRIDE,
            control.into(),
            control.with_swflsh(false).into(),
        );
    }
}

/// Sets up a queue that is off. The guest finds what the device has made of what it wrote.
fn write_setup<const N: usize>(bar: Bar<'_>, memory: Copy<'_>, now: &Rx) -> Rx {
    now.write_setup::<N, _>(bar);
    let shown = Rx {
        rdt: now.rdt,
        rxdctl: now.rxdctl,
        ..Rx::read::<N, _>(bar)
    };
    for (register, written, shown) in [
        (RDBAL::OFFSET, now.rdbal, shown.rdbal),
        (RDBAH::OFFSET, now.rdbah, shown.rdbah),
        (RDLEN::OFFSET, now.rdlen, shown.rdlen),
        (SRRCTL::OFFSET, now.srrctl, shown.srrctl),
        (RDH::OFFSET, now.rdh, shown.rdh),
        (RXCTL::OFFSET, now.rxctl, shown.rxctl),
    ] {
        // What the guest has written meanwhile stays, and is for the next time.
        replace(memory, register + N * STRIDE, written, shown);
    }
    shown
}
