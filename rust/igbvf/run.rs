// SPDX-License-Identifier: GPL-2.0

//! Stopping and starting: the run tokens.
//!
//! Their fields are private to this file, so that nothing else can claim a stopped device.
//!
//! Bus mastering is never used to stop the device: without it QEMU's model reads empty descriptors
//! and consumes a whole ring of them.

use super::{
    mailbox,
    mask::{
        self,
        Vectors, //
    },
    queues::{
        self,
        Held, //
    },
    regs::{
        Bar,
        BAR,
        QUEUES,
        TDT,
        V2PMAILBOX, //
    },
    rx_page::RxPage,
    scrub,
    shadow::{
        Shadow,
        R2C, //
    },
    snapshot,
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

/// The guest has the device.
pub(crate) struct Running {
    shadow: KBox<Shadow>,
    /// While DMA is logged.
    rx: Option<RxPage>,
}

/// The queues are off and interrupts masked; neither DMA nor MSI comes from the device.
///
/// The transmit page stays mapped: user space that writes there now, against the uAPI's advice, can
/// start its own queues, and the IOMMU is what protects everyone else, as ever.
pub(crate) struct Quiesced {
    shadow: KBox<Shadow>,
    held: Held,
    /// DMA is logged.
    watched: bool,
}

/// As [`Quiesced`]; nothing distinguishes the two on this device.
pub(crate) struct Stopped {
    shadow: KBox<Shadow>,
    held: Held,
    /// As in [`Quiesced`].
    watched: bool,
    arrived: Option<Arrived>,
}

/// Marks a device whose state was loaded and that has not run since.
struct Arrived {
    /// The tails of the transmit rings; the registers hold the heads.
    tdt: [u32; QUEUES],
    /// Where the registers were left: another value is a doorbell that the guest has rung.
    parked: [u32; QUEUES],
}

impl Running {
    /// Describes a device that was scrubbed, whose counters start from 0 for the new guest.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EIO`]: the device does not decode memory.
    pub(crate) fn fresh(dev: &Device) -> Result<Self> {
        let guard = dev.mmio(BAR)?;
        let shadow = Shadow {
            statistics: snapshot::counters(&guard).map(u32::wrapping_neg),
            ..Shadow::default()
        };

        Ok(Self {
            shadow: KBox::new(shadow, GFP_KERNEL_ACCOUNT)?,
            rx: None,
        })
    }

    pub(crate) fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    /// Returns the receive page, if it was taken.
    pub(crate) fn rx(&self) -> Option<&RxPage> {
        self.rx.as_ref()
    }

    pub(crate) fn parts_mut(&mut self) -> (&mut Shadow, Option<&mut RxPage>) {
        (&mut self.shadow, self.rx.as_mut())
    }

    /// Takes the receive page, if it is not: what the guest does with it is to be seen.
    ///
    /// # Errors
    ///
    /// As for [`RxPage::take()`].
    pub(crate) fn watch(&mut self, dev: &Device) -> Result {
        if self.rx.is_none() {
            self.rx = Some(RxPage::take(dev)?);
        }
        Ok(())
    }

    /// Gives it back.
    pub(crate) fn unwatch(&mut self, dev: &Device) {
        if let Some(rx) = self.rx.take() {
            rx.give_back(dev);
        }
    }

    /// Stops all DMA and interrupts.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: it runs on.
    /// - [`EIO`]: the device does not decode memory; it runs on.
    /// - [`ETIMEDOUT`]: a queue does not stop; it runs on.
    pub(crate) fn quiesce(mut self, dev: &Device) -> core::result::Result<Quiesced, (Self, Error)> {
        let watched = self.rx.is_some();
        let rx = match self.rx.take().map_or_else(|| RxPage::take(dev), Ok) {
            Ok(rx) => rx,
            Err(err) => return Err((self, err)),
        };
        let mut held = Held::new(rx);

        match self.quiesce_held(dev, &mut held) {
            Ok(()) => Ok(Quiesced {
                shadow: self.shadow,
                held,
                watched,
            }),
            Err(err) => {
                self.rx = Some(held.rx);
                if !watched {
                    self.unwatch(dev);
                }
                Err((self, err))
            }
        }
    }

    fn quiesce_held(&mut self, dev: &Device, held: &mut Held) -> Result {
        let vectors = dev.vectors(BAR)?;
        let bar: Bar<'_> = &vectors;

        held.txdctl = queues::read_txdctl(bar);
        if let Err(err) = queues::stop(dev, bar, held) {
            // What can be started again is; the guest's own driver deals with the rest.
            let _ = queues::start(dev, bar, held);
            return Err(err);
        }
        held.eims = mask::close(dev, &vectors);
        let register = mailbox::rest(bar, &mut self.shadow, mailbox::ANSWER_TIME);
        held.take_note(dev, bar, register);
        Ok(())
    }
}

impl Quiesced {
    pub(crate) fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    pub(crate) fn parts_mut(&mut self) -> (&mut Shadow, &mut Held) {
        (&mut self.shadow, &mut self.held)
    }

    /// DMA is logged from now on, or not any more: the receive page is to stay taken when the device
    /// goes on.
    pub(crate) fn set_watched(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// Goes on where [`Running::quiesce()`] has stopped.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the device does not decode memory; it stays stopped.
    /// - [`ETIMEDOUT`]: a queue does not start; all stay stopped.
    pub(crate) fn unquiesce(
        mut self,
        dev: &Device,
    ) -> core::result::Result<Running, (Self, Error)> {
        if let Err(err) = dev.vectors(BAR).and_then(|vectors| {
            look(dev, &vectors, &mut self.shadow, &mut self.held)?;
            start(dev, &vectors, &mut self.held)
        }) {
            return Err((self, err));
        }
        let mut running = Running {
            shadow: self.shadow,
            rx: Some(self.held.rx),
        };
        // What the guest has written meanwhile is carried over then, or by who logs.
        if !self.watched {
            running.unwatch(dev);
        }
        Ok(running)
    }

    /// Stops for good. A reply that is still out is waited for, so that the request goes on only if
    /// there was none.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the device does not decode memory.
    pub(crate) fn stop(mut self, dev: &Device) -> core::result::Result<Stopped, (Self, Error)> {
        if self.shadow.mailbox.is_waiting() {
            match dev.mmio(BAR) {
                Ok(guard) => {
                    // On the way to here there was the time for it, unless it is a later one.
                    let register = mailbox::rest(&guard, &mut self.shadow, mailbox::BUFFER_TIME);
                    self.held.take_note(dev, &guard, register);
                }
                Err(err) => return Err((self, err)),
            }
        }
        Ok(Stopped {
            shadow: self.shadow,
            held: self.held,
            watched: self.watched,
            arrived: None,
        })
    }
}

impl Stopped {
    pub(crate) fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    pub(crate) fn parts_mut(&mut self) -> (&mut Shadow, &mut Held) {
        (&mut self.shadow, &mut self.held)
    }

    /// DMA is logged from now on, or not any more: the receive page is to stay taken when the device
    /// goes on.
    pub(crate) fn set_watched(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// Makes this a device into which another one's state was loaded, with queues off and the
    /// transmit tails parked at the heads.
    pub(crate) fn arrive(
        &mut self,
        shadow: KBox<Shadow>,
        tdt: [u32; QUEUES],
        parked: [u32; QUEUES],
    ) {
        self.shadow = shadow;
        self.arrived = Some(Arrived { tdt, parked });
    }

    /// Takes up what the physical function has said; returns whether it has said anything.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the device is not there.
    pub(crate) fn look(&mut self, dev: &Device, bar: Bar<'_>) -> Result<bool> {
        let register = look(dev, bar, &mut self.shadow, &mut self.held)?;

        Ok(u32::from(register) & R2C != 0 || register.rsti())
    }

    /// Returns whether the guest has run here, and not just arrived.
    pub(crate) fn has_run(&self) -> bool {
        self.arrived.is_none()
    }

    /// Returns the transmit tails, given what the registers hold.
    pub(crate) fn tails(&self, registers: [u32; QUEUES]) -> [u32; QUEUES] {
        let mut tails = registers;
        if let (Some(arrived), false) = (&self.arrived, self.held.void) {
            for (tail, (&saved, &parked)) in tails
                .iter_mut()
                .zip(arrived.tdt.iter().zip(&arrived.parked))
            {
                if *tail == parked {
                    *tail = saved;
                }
            }
        }
        tails
    }

    /// Allows P2P DMA again, of which there is none yet.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: a queue is to be enabled on a device that just arrived and may not master the bus:
    ///   it would swallow its ring. VMMs restore `PCI_COMMAND` before this.
    pub(crate) fn start(mut self, dev: &Device) -> core::result::Result<Quiesced, (Self, Error)> {
        if self.arrived.is_some() {
            if let Err(err) = self.settle_in(dev) {
                return Err((self, err));
            }
        }
        Ok(Quiesced {
            shadow: self.shadow,
            held: self.held,
            watched: self.watched,
        })
    }

    /// Makes a device that just arrived one that was only stopped.
    fn settle_in(&mut self, dev: &Device) -> Result {
        let guard = dev.mmio(BAR)?;
        let bar: Bar<'_> = &guard;

        self.look(dev, bar)?;
        if self.held.starts_any(dev) && !dev.is_bus_master()? {
            dev.report(fmt!(
                "not started: queues are enabled and bus mastering is off"
            ));
            return Err(EIO);
        }
        // From here on the registers hold the tails, as on a device that never moved.
        if let Some(arrived) = &self.arrived {
            let [tail0, tail1] = self.tails([
                bar.read(TDT::at(0)).into(),
                bar.read(TDT::at(1)).into(), //
            ]);
            let [parked0, parked1] = arrived.parked;
            // The queues are off, so that this transmits nothing.
            if tail0 != parked0 {
                bar.write(TDT::at(0), tail0.into());
            }
            if tail1 != parked1 {
                bar.write(TDT::at(1), tail1.into());
            }
        }
        // What the guest has sent and the source's physical function has not answered.
        let register = mailbox::send_request(bar, &mut self.shadow);
        self.held.take_note(dev, bar, register);
        Ok(())
    }
}

/// Looks at the mailbox of a stopped device, on behalf of the guest.
///
/// # Errors
///
/// - [`EIO`]: the device is not there.
fn look(dev: &Device, bar: Bar<'_>, shadow: &mut Shadow, held: &mut Held) -> Result<V2PMAILBOX> {
    let register = mailbox::look(bar, shadow)?;

    held.take_note(dev, bar, register);
    Ok(register)
}

/// Lets the guest have the device.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: a queue does not start; all of them are off again.
fn start(dev: &Device, vectors: &Vectors<'_>, held: &mut Held) -> Result {
    let bar: Bar<'_> = vectors;

    if let Err(err) = queues::start(dev, bar, held) {
        scrub::quiet(bar);
        // As far as it goes: the device is to be as stopped as it was.
        let _ = queues::settle(bar, dev.data().heads());
        held.rx.note_heads(dev, bar);
        held.failed_starts = held.failed_starts.wrapping_add(1);
        return Err(err);
    }
    mask::open(vectors, held.eims, held.automatic);
    Ok(())
}
