// SPDX-License-Identifier: GPL-2.0

//! The virtual function of the Intel 82576 in software, as an emulated VFIO device.
//!
//! A second provider of the profile `vf.net.igbvf-82576`, which shares no code of the device with the
//! first: what the device does is `igbvf_model`'s, and this gives it a user, memory and a network.

#![crate_name = "igbvf_mdev"]

#[forbid(unsafe_code)]
mod attributes;
#[forbid(unsafe_code)]
mod config;
#[forbid(unsafe_code)]
mod function;
#[forbid(unsafe_code)]
mod migration;
#[forbid(unsafe_code)]
mod network;
#[forbid(unsafe_code)]
mod pages;
#[forbid(unsafe_code)]
mod traps;
#[forbid(unsafe_code)]
mod wire;

use config::Config;
use function::Function;
use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex, //
};
use pages::Pages;
use session::{
    Format,
    Provider, //
};
use vfio::{
    emulated::{
        self,
        Emulated,
        Next,
        CONFIG,
        REGIONS, //
    },
    migration::Migratable,
    region::Trapped,
    sysfs, //
};
use vmf::{
    profile::igbvf_82576::{
        State,
        PROFILE, //
    },
    registry::KEY_PROVIDER_DRIVER,
    Presented, //
};
use wire::Line;

/// BAR 0, the registers, and BAR 3, the MSI-X table and its pending bits, which are the VMM's; in
/// bytes.
const BAR_LEN: usize = 0x4000;
/// The BAR with the MSI-X table.
const MSIX_BAR: u32 = 3;

/// Who makes the streams.
const PROVIDER: &[(u16, &[u8])] = &[(KEY_PROVIDER_DRIVER, b"igbvf_mdev")];

/// One function.
#[pin_data]
pub(crate) struct IgbvfMdev {
    format: Format<State>,
    #[pin]
    config: Mutex<Config>,
    #[pin]
    function: Function,
    #[pin]
    pages: Pages,
    #[pin]
    line: Line,
}

/// A function that is open.
pub(crate) type Device = vfio::Device<IgbvfMdev, vfio::Open>;

impl IgbvfMdev {
    fn new() -> impl PinInit<Self, Error> {
        let presented = Presented {
            vendor: PROFILE.identity.vendor,
            device: PROFILE.identity.device,
            subvendor: 0x1af4,
            subdevice: 0x1100,
            revision: 1,
            class: PROFILE.identity.class,
            flags: Presented::FLAGS_IS_VF,
        };

        try_pin_init!(Self {
            format: Format::new(presented, &[], PROVIDER)?,
            config <- new_mutex!(Config::new()?, "igbvf_mdev::config"),
            function <- Function::new(),
            pages <- Pages::new(),
            line <- Line::new(),
        }? Error)
    }
}

#[vtable]
impl vfio::Driver for IgbvfMdev {
    type Bus = Emulated;
    type Migration = Migratable<Self>;
    type Regions = Trapped<Self>;
    type DmaLogging = emulated::Exact;
    type Attributes = sysfs::Enabled<Self>;
    type Handshake = session::Handshake<Self>;

    const NAME: &'static CStr = c"igbvf-mdev";

    fn open(dev: &Device) -> Result {
        dev.data().config.lock().set_open(true);
        power_on(dev);
        if let Err(err) = dev.data().line.open(dev) {
            dev.data().config.lock().set_open(false);
            return Err(err);
        }
        // It runs from the beginning.
        dev.data().line.start(dev);
        Ok(())
    }

    fn reset(dev: &Device) -> Result {
        dev.data().line.stop();
        power_on(dev);
        dev.data().line.start(dev);
        Ok(())
    }

    fn close(dev: &Device) {
        dev.data().line.close();
        dev.data().config.lock().set_open(false);
    }
}

impl emulated::Driver for IgbvfMdev {
    const SIZES: [u64; REGIONS] = {
        let mut sizes = [0; REGIONS];
        sizes[0] = BAR_LEN as u64;
        sizes[MSIX_BAR as usize] = BAR_LEN as u64;
        sizes[CONFIG as usize] = config::LEN as u64;
        sizes
    };
    const VECTORS: usize = igbvf_model::VECTORS;

    fn read(dev: &Device, region: u32, offset: usize, to: &mut [u8]) -> Result {
        match region {
            CONFIG => dev.data().config.lock().read(offset, to),
            // The VMM has a table of its own, and asks for nothing here.
            _ => {
                to.fill(0);
                Ok(())
            }
        }
    }

    fn write(dev: &Device, region: u32, offset: usize, from: &[u8]) -> Result {
        if region != CONFIG {
            return Ok(());
        }
        let mut config = dev.data().get_ref().config.lock();
        let before = config.is_bus_master();
        let reset = config.write(offset, from)?;
        let stopped = before && !config.is_bus_master();

        drop(config);
        if reset {
            dev.reset();
        }
        if stopped {
            dev.data().line.settle();
        }
        // It may be a bus master now.
        dev.data().line.kick(dev);
        Ok(())
    }

    fn round(dev: &Device) -> Next {
        dev.data().line.round(dev)
    }
}

/// As after power-on: of what was before nothing is left.
fn power_on(dev: &Device) {
    dev.data().config.lock().reset(&dev.data().get_ref().format);
    let this = dev.data().get_ref();

    this.function.power_on();
    this.pages.fill(dev.doorbells(), &this.function);
}

impl mdev::Driver for IgbvfMdev {
    const TYPE: &'static CStr = c"82576vf";
    const DESCRIPTION: &'static CStr = c"Intel 82576 virtual function in software";
    const INSTANCES: u32 = 1024;

    fn probe() -> impl PinInit<Self, Error> {
        Self::new()
    }
}

impl Provider for IgbvfMdev {
    type State = State;

    fn format(&self) -> &Format<State> {
        &self.format
    }
}

mdev::module_mdev_driver! {
    type: IgbvfMdev,
    name: "igbvf_mdev",
    authors: ["The VMF developers"],
    description: "Emulated VFIO device with live migration: the Intel 82576 virtual function in software",
    license: "GPL v2",
    imports_ns: ["IOMMUFD"],
}
