// SPDX-License-Identifier: GPL-2.0

//! The receive page while user space has memory in its place.
//!
//! A guest that is stopped, or watched, sets its receive queues up and rings their doorbells in
//! memory. What it has written is a matter of comparing values: each register is a level, and what
//! counts is the last. It is carried over in an order that suits the device, whatever the guest's was.

use super::{
    posted::RxRegs,
    regs::{
        Bar,
        BAR,
        QUEUES,
        RXDCTL, //
    },
    rx_regs::Rx,
    rx_told::{
        end_flush,
        fill,
        guest,
        Copy,
        Told,
        LOOKS, //
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
use vfio::pci::Taken;

/// Who has to know of what the guest has written before the device does.
pub(crate) trait Watch {
    /// A queue is off, and about to be set up in this way.
    fn before_setup(&mut self, dev: &Device, queue: usize, regs: RxRegs);
    /// The tail of a queue is about to be moved.
    fn before_doorbell(&mut self, dev: &Device, queue: usize, tail: u32);
}

/// Nobody.
impl Watch for () {
    fn before_setup(&mut self, _: &Device, _: usize, _: RxRegs) {}
    fn before_doorbell(&mut self, _: &Device, _: usize, _: u32) {}
}

/// The page, taken from user space.
pub(crate) struct RxPage {
    taken: Taken<Igbvf>,
    told: KBox<[Told; QUEUES]>,
}

impl RxPage {
    /// Takes the page; the guest finds in memory what it has written to the device.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EIO`]: the device does not decode memory.
    pub(crate) fn take(dev: &Device) -> Result<Self> {
        let mut told = KBox::new(<[Told; QUEUES]>::default(), GFP_KERNEL_ACCOUNT)?;
        let taken = dev.take(|bar, memory| *told = fill(bar, memory))?;

        Ok(Self { taken, told })
    }

    /// Gives the page back, with what the guest has written.
    ///
    /// One that writes again and again may lose what it has written last; a queue that does not stop or
    /// start is its to find out.
    pub(crate) fn give_back(mut self, dev: &Device) {
        for _ in 0..LOOKS {
            // What there is to wait for is waited for here, and not with everybody waiting.
            let _ = self.carry(dev, &mut ());
            let [first, second] = &mut *self.told;
            let result = dev.give_back(self.taken, |bar, memory| {
                let done = first.carry_last::<0>(bar, memory);
                second.carry_last::<1>(bar, memory) && done
            });
            self.taken = match result {
                Ok(()) => return,
                Err(taken) => taken,
            };
        }
        dev.drop_page(self.taken);
    }

    /// Returns what the guest reads, and has written.
    pub(crate) fn guest(&self, dev: &Device) -> [Rx; QUEUES] {
        let memory: Copy<'_> = self.taken.memory(dev);

        [guest::<0>(memory), guest::<1>(memory)]
    }

    /// Returns what the device acts upon; of one that runs the heads are older.
    pub(crate) fn in_effect(&self) -> [Rx; QUEUES] {
        (*self.told).map(|told| told.in_effect())
    }

    /// Answers an access to the page that is not through a mapping.
    pub(crate) fn read32(&self, dev: &Device, offset: usize) -> Result<u32> {
        let memory: Copy<'_> = self.taken.memory(dev);

        memory.try_read32(offset)
    }

    /// As [`Self::read32()`].
    pub(crate) fn write32(&mut self, dev: &Device, offset: usize, value: u32) -> Result {
        let memory: Copy<'_> = self.taken.memory(dev);

        memory.try_write32(value, offset)
    }

    /// Shows the guest what the device shows, after a reset.
    pub(crate) fn refill(&mut self, dev: &Device, bar: Bar<'_>) {
        *self.told = fill(bar, self.taken.memory(dev));
    }

    /// Both queues are off, as after a reset of the function.
    pub(crate) fn switch_off(&mut self, dev: &Device) {
        let off = |value: &mut u32| *value = RXDCTL::from(*value).with_enable(false).into();
        let mut queues = self.guest(dev);

        queues.iter_mut().for_each(|regs| off(&mut regs.rxdctl));
        self.told.iter_mut().for_each(Told::switch_off);
        let memory: Copy<'_> = self.taken.memory(dev);
        let [first, second] = &queues;
        memory.write(RXDCTL::at(0), first.rxdctl.into());
        memory.write(RXDCTL::at(1), second.rxdctl.into());
    }

    /// Shows the guest what it has written elsewhere.
    pub(crate) fn show(&mut self, dev: &Device, queues: [Rx; QUEUES]) {
        let memory: Copy<'_> = self.taken.memory(dev);
        let [first, second] = &queues;

        first.show::<0>(memory);
        second.show::<1>(memory);
        *self.told = queues.map(Told::new);
    }

    /// Takes up where the device is, and what it is: the physical function may have been reset.
    pub(crate) fn look(&mut self, dev: &Device, bar: Bar<'_>) {
        let memory: Copy<'_> = self.taken.memory(dev);
        let [first, second] = &mut *self.told;

        first.look::<0>(bar, memory);
        second.look::<1>(bar, memory);
    }

    /// Takes up where a device is that has been stopped.
    pub(crate) fn note_heads(&mut self, dev: &Device, bar: Bar<'_>) {
        let memory: Copy<'_> = self.taken.memory(dev);
        let [first, second] = &mut *self.told;

        first.note_stop::<0>(bar, memory);
        second.note_stop::<1>(bar, memory);
    }

    /// Tells a stopped device how the guest has set its queues up meanwhile: registers keep of it what
    /// they can. What starts them waits.
    pub(crate) fn settle_setup(&mut self, dev: &Device, bar: Bar<'_>) {
        let memory: Copy<'_> = self.taken.memory(dev);
        let [first, second] = &mut *self.told;

        first.settle_setup::<0>(bar, memory);
        second.settle_setup::<1>(bar, memory);
    }

    /// Tells the device what the guest has written.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the device does not decode memory.
    /// - [`ETIMEDOUT`]: a queue does not stop, or start.
    pub(crate) fn carry(&mut self, dev: &Device, watch: &mut impl Watch) -> Result {
        let first = self.carry_queue::<0>(dev, watch);

        self.carry_queue::<1>(dev, watch).and(first)
    }

    /// No guard is held while the watcher reads guest memory.
    fn carry_queue<const N: usize>(&mut self, dev: &Device, watch: &mut impl Watch) -> Result {
        let memory: Copy<'_> = self.taken.memory(dev);
        let now = guest::<N>(memory);
        let told = &mut self.told[N];

        end_flush::<N>(memory);
        if !now.is_set_up_as(&told.regs) {
            let regs = told.set_up::<N>(&dev.mmio(BAR)?, memory)?;
            watch.before_setup(dev, N, regs.regs());
            told.switch_on::<N>(&dev.mmio(BAR)?, regs)
        } else if now.rdt != told.regs.rdt {
            watch.before_doorbell(dev, N, now.rdt);
            told.ring::<N>(&dev.mmio(BAR)?, now.rdt);
            Ok(())
        } else {
            Ok(())
        }
    }

    /// Lets a stopped device go on as it was, as far as the guest has left that as it was.
    ///
    /// # Errors
    ///
    /// - [`ETIMEDOUT`]: a queue does not start.
    pub(crate) fn start(&mut self, dev: &Device, bar: Bar<'_>) -> Result {
        let memory: Copy<'_> = self.taken.memory(dev);
        let [first, second] = &mut *self.told;

        first.start::<0>(bar, memory)?;
        second.start::<1>(bar, memory)
    }
}
