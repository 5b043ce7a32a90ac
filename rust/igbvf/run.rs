// SPDX-License-Identifier: GPL-2.0

//! Stopping and starting: the run tokens.
//!
//! Their fields are private to this file, so that nothing else can claim a stopped device.
//!
//! Bus mastering is never used to stop the device: without it QEMU's model reads empty descriptors
//! and consumes a whole ring of them.

use super::{
    mailbox,
    regs::{
        Bar,
        BAR,
        CAUSES,
        EICS,
        EIMC,
        EIMS,
        QUEUES,
        RDT,
        RXDCTL,
        TDH,
        TDT,
        TXDCTL,
        V2PMAILBOX, //
    },
    scrub,
    shadow::Shadow,
    snapshot,
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

/// The guest has the device.
pub(crate) struct Running {
    shadow: KBox<Shadow>,
}

/// The queues are off and interrupts masked; neither DMA nor MSI comes from the device, but for
/// interrupts whose throttle was running (33 ms at most).
///
/// The transmit page stays mapped: user space that writes there now, against the uAPI's advice, can
/// start its own queues, and the IOMMU is what protects everyone else, as ever.
pub(crate) struct Quiesced {
    shadow: KBox<Shadow>,
    held: Held,
}

/// As [`Quiesced`]; nothing distinguishes the two on this device.
pub(crate) struct Stopped {
    shadow: KBox<Shadow>,
    held: Held,
    arrived: Option<Arrived>,
}

/// Marks a device whose state was loaded and that has not run since.
struct Arrived {
    /// The tails of the transmit rings; the registers hold the heads.
    tdt: [u32; QUEUES],
    /// Where the registers were left: another value is a doorbell that the guest has rung.
    parked: [u32; QUEUES],
}

/// Values that would start DMA or interrupts if they were in their registers.
pub(crate) struct Held {
    /// `RXDCTL`
    pub(crate) rxdctl: [u32; QUEUES],
    /// `TXDCTL`
    pub(crate) txdctl: [u32; QUEUES],
    /// `RDT`, which silicon ignores while the queue is off.
    pub(crate) rdt: [u32; QUEUES],
    /// The physical function was in reset, which voids all registers of the VF: nothing to save.
    pub(crate) void: bool,
}

impl Held {
    /// The function was reset while it was stopped: its queues are off.
    pub(crate) fn reset(&mut self) {
        for value in &mut self.rxdctl {
            *value = RXDCTL::from(*value).with_enable(false).into();
        }
        for value in &mut self.txdctl {
            *value = TXDCTL::from(*value).with_enable(false).into();
        }
    }
}

/// Time for a queue to finish what it is doing, on silicon. QEMU is done when the store returns.
const DRAIN_TIME: Delta = Delta::from_millis(100);
const POLL_TIME: Delta = Delta::from_micros(100);
/// A transmit queue whose head stays put for so many looks is not going to move: it is blocked by
/// the physical function, or the guest rang no doorbell after it was enabled.
const STALLED: u32 = 100;

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
            shadow: KBox::new(shadow, GFP_KERNEL)?,
        })
    }

    pub(crate) fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    pub(crate) fn shadow_mut(&mut self) -> &mut Shadow {
        &mut self.shadow
    }

    /// Stops all DMA and interrupts.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the device does not decode memory; it runs on.
    /// - [`ETIMEDOUT`]: a queue does not stop; it runs on.
    pub(crate) fn quiesce(mut self, dev: &Device) -> core::result::Result<Quiesced, (Self, Error)> {
        let guard = match dev.mmio(BAR) {
            Ok(guard) => guard,
            Err(err) => return Err((self, err)),
        };
        let bar: Bar<'_> = &guard;
        let rx = [bar.read(RXDCTL::at(0)), bar.read(RXDCTL::at(1))];
        let tx = [bar.read(TXDCTL::at(0)), bar.read(TXDCTL::at(1))];
        let mut held = Held {
            // The flush is an action, which is over.
            rxdctl: rx.map(|value| value.with_swflsh(false).into()),
            txdctl: tx.map(|value| value.with_swflsh(false).into()),
            rdt: [
                bar.read(RDT::at(0)).into(),
                bar.read(RDT::at(1)).into(), //
            ],
            void: false,
        };

        // Receive first: what still arrives may make the guest send, never the other way round.
        if let Err(err) = stop_rx::<0>(bar, rx[0])
            .and_then(|()| stop_rx::<1>(bar, rx[1]))
            .and_then(|()| stop_tx::<0>(bar, tx[0]))
            .and_then(|()| stop_tx::<1>(bar, tx[1]))
        {
            // What can be started again is; the guest's own driver deals with the rest.
            let _ = start_queues(bar, &held);
            return Err((self, err));
        }
        bar.write(EIMC, CAUSES.into());
        held.void = mailbox::rest(bar, &mut self.shadow.mailbox).rsti();
        if self.shadow.mailbox.vfu {
            // The guest holds the buffer; the physical function must not wait for it meanwhile.
            mailbox::release_buffer(bar);
        }
        Ok(Quiesced {
            shadow: self.shadow,
            held,
        })
    }
}

impl Quiesced {
    pub(crate) fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    pub(crate) fn parts_mut(&mut self) -> (&mut Shadow, &mut Held) {
        (&mut self.shadow, &mut self.held)
    }

    /// Goes on where [`Running::quiesce()`] has stopped.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the device does not decode memory; it stays stopped.
    /// - [`ETIMEDOUT`]: a queue does not start; all stay stopped.
    pub(crate) fn unquiesce(self, dev: &Device) -> core::result::Result<Running, (Self, Error)> {
        match dev
            .mmio(BAR)
            .and_then(|guard| start(&guard, &self.shadow, &self.held))
        {
            Ok(()) => Ok(Running {
                shadow: self.shadow,
            }),
            Err(err) => Err((self, err)),
        }
    }

    /// Stops for good. A reply that is still out is waited for, so that the request goes on only if
    /// there was none.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the device does not decode memory.
    pub(crate) fn stop(mut self, dev: &Device) -> core::result::Result<Stopped, (Self, Error)> {
        if self.shadow.mailbox.request().is_some() {
            match dev.mmio(BAR) {
                Ok(guard) => {
                    mailbox::rest(&guard, &mut self.shadow.mailbox);
                }
                Err(err) => return Err((self, err)),
            }
        }
        Ok(Stopped {
            shadow: self.shadow,
            held: self.held,
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

    /// Describes a device into which another one's state was loaded, with queues off and the
    /// transmit tails parked at the heads.
    pub(crate) fn arrived(
        shadow: KBox<Shadow>,
        held: Held,
        tdt: [u32; QUEUES],
        parked: [u32; QUEUES],
    ) -> Self {
        Self {
            shadow,
            held,
            arrived: Some(Arrived { tdt, parked }),
        }
    }

    /// Returns the transmit tails, given what the registers hold.
    pub(crate) fn tails(&self, registers: [u32; QUEUES]) -> [u32; QUEUES] {
        let mut tails = registers;
        if let Some(arrived) = &self.arrived {
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
    pub(crate) fn start(self, dev: &Device) -> core::result::Result<Quiesced, (Self, Error)> {
        let Some(arrived) = &self.arrived else {
            return Ok(Quiesced {
                shadow: self.shadow,
                held: self.held,
            });
        };
        let enabled = self
            .held
            .rxdctl
            .iter()
            .any(|&value| RXDCTL::from(value).enable())
            || self
                .held
                .txdctl
                .iter()
                .any(|&value| TXDCTL::from(value).enable());

        if enabled {
            match dev.is_bus_master() {
                Ok(true) => (),
                Ok(false) => {
                    dev_err!(
                        dev.pci(),
                        "not started: queues are enabled and bus mastering is off\n"
                    );
                    return Err((self, EIO));
                }
                Err(err) => return Err((self, err)),
            }
        }
        // From here on the registers hold the tails, as on a device that never moved.
        match dev.mmio(BAR) {
            Ok(guard) => {
                let bar: Bar<'_> = &guard;
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
                if let Some(request) = self.shadow.mailbox.request() {
                    // The guest has sent a message that the source's PF has not answered.
                    mailbox::send(bar, request);
                }
                Ok(Quiesced {
                    shadow: self.shadow,
                    held: self.held,
                })
            }
            Err(err) => Err((self, err)),
        }
    }
}

/// Switches a receive queue off; on silicon it ends after the packet it is storing.
fn stop_rx<const N: usize>(bar: Bar<'_>, control: RXDCTL) -> Result {
    if !control.enable() {
        return Ok(());
    }
    bar.write(RXDCTL::at(N), control.with_enable(false).with_swflsh(false));
    read_poll_timeout(
        || Ok(bar.read(RXDCTL::at(N))),
        |control| !control.enable(),
        POLL_TIME,
        DRAIN_TIME,
    )?;
    Ok(())
}

/// Switches a transmit queue off, after it has sent what it is going to send.
fn stop_tx<const N: usize>(bar: Bar<'_>, control: TXDCTL) -> Result {
    if !control.enable() {
        return Ok(());
    }
    let tail = u32::from(bar.read(TDT::at(N)));
    let mut last = u32::MAX;
    let mut looks = 0;
    // What is not sent by then is sent by who starts the queue again: the head says where.
    let _ = read_poll_timeout(
        || {
            let head = u32::from(bar.read(TDH::at(N)));
            looks = if head == last { looks + 1 } else { 0 };
            last = head;
            Ok(head == tail || looks >= STALLED)
        },
        |&done| done,
        POLL_TIME,
        DRAIN_TIME,
    );
    bar.write(TXDCTL::at(N), control.with_enable(false));
    Ok(())
}

/// Switches on what was held.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: a queue does not start.
fn start_queues(bar: Bar<'_>, held: &Held) -> Result {
    start_queue::<0>(bar, held)?;
    start_queue::<1>(bar, held)
}

fn start_queue<const N: usize>(bar: Bar<'_>, held: &Held) -> Result {
    let control = RXDCTL::from(held.rxdctl[N]);
    bar.write(RXDCTL::at(N), control);
    if control.enable() {
        read_poll_timeout(
            || Ok(bar.read(RXDCTL::at(N))),
            |control| control.enable(),
            POLL_TIME,
            DRAIN_TIME,
        )?;
    }
    // After the queue is on: silicon ignores it before, and QEMU delivers what waits for it.
    bar.write(RDT::at(N), held.rdt[N].into());

    let control = TXDCTL::from(held.txdctl[N]);
    bar.write(TXDCTL::at(N), control);
    if control.enable() {
        read_poll_timeout(
            || Ok(bar.read(TXDCTL::at(N))),
            |control| control.enable(),
            POLL_TIME,
            DRAIN_TIME,
        )?;
        // Enabling does not transmit, a doorbell does. It is rung only if there is a reason to: the
        // guest has the register mapped, and may be ringing it itself.
        let head = u32::from(bar.read(TDH::at(N)));
        let tail = bar.read(TDT::at(N));
        if u32::from(tail) != head {
            bar.write(TDT::at(N), tail);
        }
    }
    Ok(())
}

/// Lets the guest have the device.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: a queue does not start; all of them are off again.
fn start(bar: Bar<'_>, shadow: &Shadow, held: &Held) -> Result {
    if let Err(err) = start_queues(bar, held) {
        scrub::quiet(bar);
        return Err(err);
    }
    if shadow.mailbox.vfu {
        bar.write_reg(V2PMAILBOX::zeroed().with_vfu(true));
    }
    bar.write(EIMS, shadow.eims.into());
    // No register shows which causes were pending or throttled. One interrupt too many per vector
    // is harmless, one too few is not; a masked one waits for the guest to unmask it.
    bar.write(EICS, CAUSES.into());
    Ok(())
}
