// SPDX-License-Identifier: GPL-2.0

//! vfio-pci variant driver of the Intel 82576 virtual function, with live migration.
//!
//! The device is not modified and has no help for migration to offer: all state is taken from, and
//! put into, the registers that the guest itself uses. What they do not show is learnt by watching
//! the guest, see [`shadow`]; what the physical function keeps for us is brought back by asking for
//! it as the guest did, see [`replay`].
//!
//! `Documentation/driver-api/igbvf-vfio-pci.rst` says what is exact and what is lost.

#![crate_name = "igbvf"]

#[forbid(unsafe_code)]
mod config;
#[forbid(unsafe_code)]
mod control;
#[forbid(unsafe_code)]
mod dirty;
#[forbid(unsafe_code)]
mod format;
#[forbid(unsafe_code)]
mod handshake;
#[forbid(unsafe_code)]
mod mailbox;
#[forbid(unsafe_code)]
mod mask;
#[forbid(unsafe_code)]
mod migration;
#[forbid(unsafe_code)]
mod posted;
#[forbid(unsafe_code)]
mod queues;
#[forbid(unsafe_code)]
mod regs;
#[forbid(unsafe_code)]
mod replay;
#[forbid(unsafe_code)]
mod restore;
#[forbid(unsafe_code)]
mod run;
#[forbid(unsafe_code)]
mod rx_page;
#[forbid(unsafe_code)]
mod rx_regs;
#[forbid(unsafe_code)]
mod rx_told;
#[forbid(unsafe_code)]
mod scrub;
#[forbid(unsafe_code)]
mod shadow;
#[forbid(unsafe_code)]
mod slot;
#[forbid(unsafe_code)]
mod snapshot;
#[forbid(unsafe_code)]
mod traps;

use kernel::{
    device::Core,
    pci::{
        self,
        Vendor, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};
use session::{
    Format,
    Provider, //
};
use slot::Heads;
use vfio::{
    dma_logging,
    migration::Migratable,
    pci as vfio_pci,
    region::Trapped,
    sysfs, //
};
use vmf::profile::igbvf_82576::State;

vfio::vfio_pci_device_table!(
    PCI_TABLE,
    <Igbvf as vfio_pci::Driver>::IdInfo,
    [(vfio_pci::DeviceId::from_id(Vendor::INTEL, 0x10ca), ())]
);

/// One virtual function. What changes while it is used belongs to the run tokens, see [`run`].
pub(crate) struct Igbvf {
    format: Format<State>,
    heads: Heads,
    /// The physical function may keep further unicast addresses for this function.
    unicast: Atomic<bool>,
    /// `EIMS` shows the interrupt mask, and not what was written last.
    shows_mask: Atomic<bool>,
    /// How often the state of another device was loaded; wraps.
    loads: Atomic<u32>,
}

impl Igbvf {
    /// Returns what the head registers of this device say.
    fn heads(&self) -> Heads {
        self.heads
    }

    /// The physical function is about to be asked for a further unicast address.
    fn note_unicast(&self) {
        self.unicast.store(true, Relaxed);
    }

    /// Returns whether the interrupt mask can be read.
    fn shows_mask(&self) -> bool {
        self.shows_mask.load(Relaxed)
    }

    /// Returns how often the device has become another one.
    fn loads(&self) -> u32 {
        self.loads.load(Relaxed)
    }

    /// The device is about to become another one. The session lock is held, as by who looks.
    fn note_load(&self) {
        self.loads.fetch_add(1, Relaxed);
    }
}

/// What is counted, in the order of [`Driver::COUNTERS`](vfio::Driver::COUNTERS).
pub(crate) enum Counter {
    /// Messages that the host has sent to the physical function.
    MailboxMessages,
    /// Attempts that were made again, as there was no answer or the buffer was not free.
    MailboxRepeats,
    /// Reports of a log that did not know what was written, and said all.
    LogsOfAll,
}

/// A virtual function that is open.
pub(crate) type Device = vfio::Device<Igbvf, vfio::Open>;

#[vtable]
impl vfio::Driver for Igbvf {
    type Bus = vfio_pci::Pci;
    type Migration = Migratable<Self>;
    type Regions = Trapped<Self>;
    type DmaLogging = dma_logging::Enabled<Self>;
    type Attributes = sysfs::Enabled<Self>;
    type Handshake = session::Handshake<Self>;

    const NAME: &'static CStr = c"igbvf-vfio-pci";
    const COUNTERS: &'static [&'static str] =
        &["mailbox_messages", "mailbox_repeats", "logs_of_all"];

    fn open(dev: &Device) -> Result {
        // The last owner may have come by another driver.
        dev.data().note_unicast();
        scrub::before_use(dev)?;
        config::settle(dev.pci(), dev.data().get_ref().format())?;
        let shown = mask::is_shown(&dev.mmio(regs::BAR)?);
        dev.data().shows_mask.store(shown, Relaxed);
        Ok(())
    }

    fn reset(dev: &Device) -> Result {
        scrub::before_use(dev)
    }

    fn close(dev: &Device) {
        if let Err(err) = scrub::after_use(dev) {
            // Not fatal: whoever is next scrubs again.
            dev.warn(fmt!("traces of the last user may be left: {err:?}"));
        }
    }
}

impl vfio_pci::Driver for Igbvf {
    type IdInfo = ();

    const ID_TABLE: vfio_pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        format::of(pdev).map(|format| {
            let recognised = format::has_one_step_dma(&format);
            let heads = if recognised && module_parameters::recognise_models.value() {
                dev_info!(pdev, "a model with one-step-dma: its heads are relied on\n");
                Heads::Exact
            } else {
                Heads::Hints
            };

            Self {
                format,
                heads,
                unicast: Atomic::new(false),
                shows_mask: Atomic::new(false),
                loads: Atomic::new(0),
            }
        })
    }

    fn reads_containers() -> bool {
        module_parameters::log_containers.value()
    }
}

impl Provider for Igbvf {
    type State = State;

    fn format(&self) -> &Format<State> {
        &self.format
    }
}

vfio::module_vfio_pci_driver! {
    type: Igbvf,
    name: "igbvf_vfio_pci",
    authors: ["The VMF developers"],
    description: "VFIO PCI driver with live migration for Intel 82576 virtual functions",
    license: "GPL v2",
    imports_ns: ["IOMMUFD"],
    params: {
        recognise_models: bool {
            default: true,
            description: "Rely on what the registry says of a model of the device, if this is one",
        },
        log_containers: bool {
            default: false,
            description: "Log DMA exactly in type1 containers, whose owner can then make the kernel warn",
        },
    },
}
