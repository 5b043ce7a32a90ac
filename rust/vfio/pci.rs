// SPDX-License-Identifier: GPL-2.0

//! vfio-pci variant drivers.
//!
//! C header: [`include/linux/vfio_pci_core.h`](srctree/include/linux/vfio_pci_core.h)

mod adapter;
mod context;
mod device;
#[cfg(CONFIG_IOMMUFD)]
mod iommufd;
mod msix;
mod open;
mod ops;
mod session;

pub use self::{
    adapter::Adapter,
    context::{
        Bound,
        Context,
        Normal,
        Open, //
    },
    device::Device,
    msix::VectorsGuard,
    open::MmioGuard, //
};

pub(crate) use self::{
    open::Lock,
    session::Session, //
};

use crate::{
    dma_logging,
    migration,
    region,
    sysfs, //
};
use kernel::{
    device::Core,
    device_id::{
        RawDeviceId,
        RawDeviceIdIndex, //
    },
    pci::{
        self,
        Vendor, //
    },
    prelude::*, //
};

/// A PCI id that binds only through `driver_override`, as C's `PCI_DRIVER_OVERRIDE_DEVICE_VFIO`.
///
/// It gives the module an alias `vfio_pci:v…d…`, by which libvirt finds the variant driver of a
/// device.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct DeviceId(kernel::bindings::pci_device_id);

impl DeviceId {
    /// Makes an id of a vendor and a device number, for every subsystem.
    pub const fn from_id(vendor: Vendor, device: u32) -> Self {
        // CAST: `PCI_ANY_ID` is all ones in 32 bits.
        let any = kernel::bindings::PCI_ANY_ID as u32;

        Self(kernel::bindings::pci_device_id {
            // CAST: widening.
            vendor: vendor.as_raw() as u32,
            device,
            subvendor: any,
            subdevice: any,
            class: 0,
            class_mask: 0,
            driver_data: 0,
            override_only: kernel::bindings::PCI_ID_F_VFIO_DRIVER_OVERRIDE,
        })
    }
}

// SAFETY: `DeviceId` is a `repr(transparent)` wrapper of `pci_device_id`, without invariants.
unsafe impl RawDeviceId for DeviceId {
    type RawType = kernel::bindings::pci_device_id;
}

// SAFETY: `DRIVER_DATA_OFFSET` is the offset of `driver_data`.
unsafe impl RawDeviceIdIndex for DeviceId {
    const DRIVER_DATA_OFFSET: usize =
        core::mem::offset_of!(kernel::bindings::pci_device_id, driver_data);
}

/// Table of the ids of a driver.
pub type IdTable<I> = &'static dyn kernel::device_id::IdTable<DeviceId, I>;

/// A variant driver; the implementing type **is** the per-device data.
///
/// It is allocated together with the `vfio_device` and dropped with its last reference, which may
/// be after the device was unbound: hence `'static`. BARs are not its to map; they belong to the
/// core and exist while the device is [`Open`].
// No function is optional in a C table; the macro is for `OwnerModule`, which is the `owner` of the
// data files.
#[vtable]
pub trait Driver: Sized + Send + Sync + 'static {
    /// What the id table says of each device.
    type IdInfo: 'static;
    /// [`Migratable`](migration::Migratable) or [`NotMigratable`](migration::NotMigratable).
    type Migration: migration::Profile<Self>;
    /// [`Trapped`](region::Trapped) or [`Passthrough`](region::Passthrough).
    type Regions: region::Profile<Self>;
    /// [`Enabled`](dma_logging::Enabled) or [`Disabled`](dma_logging::Disabled).
    type DmaLogging: dma_logging::Profile<Self>;
    /// [`Enabled`](sysfs::Enabled) or [`Disabled`](sysfs::Disabled).
    type Attributes: sysfs::Profile<Self>;

    /// Name of the `vfio_device_ops`, for messages of the core.
    const NAME: &'static CStr;
    /// The ids.
    const ID_TABLE: IdTable<Self::IdInfo>;
    /// Names of what [`Device::count()`] counts, four at most.
    const COUNTERS: &'static [&'static str] = &[];

    /// Returns whether guest memory may be read through a container, see
    /// [`Device::read_guest()`].
    ///
    /// The owner of a container can make the kernel warn then, once, until type1 is mended: nothing
    /// for a host whose administrator has not said so.
    fn reads_containers() -> bool {
        false
    }

    /// Makes the data of a device that is being bound; user space cannot reach it yet.
    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        id_info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound;

    /// Prepares a device that was opened, and reset by the core if it can be reset.
    ///
    /// Nothing of the last owner may be left that the new one could see or set off.
    fn open(dev: &Device<Self, Open>) -> Result;

    /// The device was reset while open. It must do nothing until its user sets it up again.
    fn reset(dev: &Device<Self, Open>) -> Result;

    /// The last user has gone; bus mastering is still on. Runs before the core resets the device.
    fn close(dev: &Device<Self, Open>);
}

/// Declares the id table of a driver, with its module alias.
#[macro_export]
macro_rules! vfio_pci_device_table {
    ($($tt:tt)*) => {
        ::kernel::module_device_table!("pci", $crate::pci::DeviceId, $($tt)*);
    };
}

/// Declares a kernel module that is one vfio-pci variant driver.
///
/// # Examples
///
/// ```ignore
/// vfio::module_vfio_pci_driver! {
///     type: MyDriver,
///     name: "my_vfio_pci",
///     authors: ["…"],
///     description: "…",
///     license: "GPL v2",
/// }
/// ```
#[macro_export]
macro_rules! module_vfio_pci_driver {
    ($($f:tt)*) => {
        ::kernel::module_driver!(<T>, $crate::pci::Adapter<T>, { $($f)* });
    };
}
