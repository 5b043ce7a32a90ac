// SPDX-License-Identifier: GPL-2.0

//! vfio-pci variant drivers.
//!
//! C header: [`include/linux/vfio_pci_core.h`](srctree/include/linux/vfio_pci_core.h)

mod adapter;
mod bus;
mod guest_memory;
#[cfg(CONFIG_IOMMUFD)]
mod iommufd;
mod mapping;
mod msix;
mod open;
mod ops;
mod page;

pub use self::{
    adapter::Adapter,
    bus::Pci,
    msix::VectorsGuard,
    open::MmioGuard,
    page::Taken, //
};

use self::open::Lock;

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

/// A variant driver of a PCI function.
pub trait Driver: crate::Driver<Bus = Pci> {
    /// What the id table says of each device.
    type IdInfo: 'static;

    /// The ids.
    const ID_TABLE: IdTable<Self::IdInfo>;

    /// Returns whether guest memory may be read through a container, see
    /// [`Device::read_guest()`](crate::Device::read_guest).
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
