// SPDX-License-Identifier: GPL-2.0

//! `struct pci_driver` of a variant driver: registration, probe, remove, error handlers.
//!
//! [`kernel::pci::Adapter`] cannot be used: it stores its own data in drvdata, where the vfio-pci
//! core insists on its `vfio_pci_core_device`; and it sets neither `driver_managed_dma`, without
//! which the kernel claims the DMA domain that user space needs, nor `err_handler`.

use super::Driver;
use crate::{
    bindings,
    sysfs::Profile as _,
    Common,
    Device, //
};
use core::marker::PhantomData;
use kernel::{
    device::CoreInternal,
    device_id::RawDeviceIdIndex,
    driver::{
        DriverLayout,
        RegistrationOps, //
    },
    error::{
        from_result,
        to_result, //
    },
    ffi::c_int,
    pci,
    prelude::*,
    sync::aref::ARef,
    types::Opaque, //
};

/// A registered driver, and what its devices have in common.
#[repr(C)]
#[derive(Default)]
pub struct DriverStruct {
    pdrv: kernel::bindings::pci_driver,
    common: Option<Common>,
}

/// Connects `struct pci_driver` with a [`Driver`].
pub struct Adapter<T: Driver>(PhantomData<T>);

// SAFETY:
// - `DriverStruct` is `repr(C)` and starts with a `pci_driver`, which embeds a `device_driver`.
// - drvdata is cleared before the driver core looks at it, see `remove_callback()`; were it not,
//   dropping a `KBox<()>` frees nothing.
unsafe impl<T: Driver> DriverLayout for Adapter<T> {
    type DriverType = DriverStruct;
    // The per-device data belongs to the reference count of the `vfio_device`.
    type DriverData<'bound> = ();
    const DEVICE_DRIVER_OFFSET: usize = core::mem::offset_of!(DriverStruct, pdrv)
        + core::mem::offset_of!(kernel::bindings::pci_driver, driver);
}

// SAFETY: `unregister()` undoes exactly what a successful `register()` has done.
unsafe impl<T: Driver> RegistrationOps for Adapter<T> {
    unsafe fn register(
        reg: &Opaque<Self::DriverType>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        let this = reg.get();
        let common = Common::new(name)?;

        // SAFETY: `reg` was initialised with `Default` and is not registered, so it is ours.
        unsafe {
            let pdrv = &raw mut (*this).pdrv;
            (*pdrv).name = name.as_char_ptr();
            (*pdrv).id_table = T::ID_TABLE.as_ptr();
            (*pdrv).probe = Some(Self::probe_callback);
            (*pdrv).remove = Some(Self::remove_callback);
            (*pdrv).err_handler = &Self::ERR_HANDLERS;
            (*pdrv).driver_managed_dma = true;
            (*pdrv).dev_groups = match T::Attributes::GROUPS {
                // C only reads the list.
                Some(groups) => groups.as_ptr().cast_mut(),
                None => core::ptr::null_mut(),
            };
            (*this).common = Some(common);
        }
        // SAFETY: `pdrv` is filled in, and by the requirement on the caller stays where it is
        // until `unregister()`.
        let result = to_result(unsafe {
            kernel::bindings::__pci_register_driver(
                &raw mut (*this).pdrv,
                module.as_ptr(),
                name.as_char_ptr(),
            )
        });
        if result.is_err() {
            // SAFETY: The driver is not registered, so nobody else looks at `common`.
            unsafe { (*this).common = None };
        }
        result
    }

    unsafe fn unregister(reg: &Opaque<Self::DriverType>) {
        let this = reg.get();
        // SAFETY: By the requirement on the caller the driver is registered.
        // `pci_unregister_driver()` returns after the last remove, so nobody else looks at
        // `common` then.
        unsafe {
            kernel::bindings::pci_unregister_driver(&raw mut (*this).pdrv);
            (*this).common = None;
        }
    }
}

impl<T: Driver> Adapter<T> {
    const ERR_HANDLERS: kernel::bindings::pci_error_handlers =
        kernel::bindings::pci_error_handlers {
            error_detected: Some(bindings::vfio_pci_core_aer_err_detected),
            reset_done: Some(Self::reset_done_callback),
            ..pin_init::zeroed()
        };

    extern "C" fn probe_callback(
        pdev: *mut kernel::bindings::pci_dev,
        id: *const kernel::bindings::pci_device_id,
    ) -> c_int {
        // SAFETY: The PCI core calls probe with a valid device, bound for the time of the call.
        let dev = unsafe { &*pdev.cast::<pci::Device<CoreInternal<'_>>>() };
        // SAFETY: `DeviceId` is a transparent wrapper of `pci_device_id`.
        let id = unsafe { &*id.cast::<super::DeviceId>() };
        // SAFETY: `id` is from `T::ID_TABLE`, or a dynamic one for which the PCI core has made sure
        // that `driver_data` occurs there, or `pci_device_id_any` with 0, which is `None`.
        let info = unsafe { id.info_unchecked_opt::<T::IdInfo>() };

        from_result(|| {
            // SAFETY: `dev.driver` is the driver whose probe this is, which `register()` has
            // embedded in a `DriverStruct`.
            let common = unsafe {
                let driver: *const u8 = (*pdev).dev.driver.cast();
                let this = driver
                    .sub(<Self as DriverLayout>::DEVICE_DRIVER_OFFSET)
                    .cast::<DriverStruct>();
                (*this).common.as_ref()
            }
            .ok_or(EINVAL)?;

            // SAFETY: `pdev` is being probed. The tables are as is asked for, see there.
            let this = unsafe {
                Device::<T>::new(
                    &raw mut (*pdev).dev,
                    common,
                    &Device::<T>::OPS_UNTIL_INITIALISED,
                    &Device::<T>::OPS,
                    T::probe(dev, info),
                )
            }?;
            // The core refuses to register a device that is not its driver's data.
            //
            // SAFETY: Probe has `pdev` for itself. The reference goes with the pointer.
            unsafe { (*pdev).dev.driver_data = this.as_core().cast() };
            // Last of all: from here on user space can open it.
            //
            // SAFETY: `this` is initialised, and drvdata points to its `vfio_pci_core_device`.
            let result = unsafe { bindings::vfio_pci_core_register_device(this.as_core()) };
            if let Err(err) = to_result(result) {
                // SAFETY: Probe has `pdev` for itself; the reference is dropped with `this`.
                unsafe { (*pdev).dev.driver_data = core::ptr::null_mut() };
                return Err(err);
            }
            let _ = ARef::into_raw(this);
            Ok(0)
        })
    }

    extern "C" fn remove_callback(pdev: *mut kernel::bindings::pci_dev) {
        // SAFETY: Remove follows a successful probe, which has left a `Device<T>` and a reference
        // to it in drvdata. `vfio_pci_core_unregister_device()` returns after the last close, so
        // that no callback of ours needs drvdata any more.
        unsafe {
            let core = (*pdev)
                .dev
                .driver_data
                .cast::<bindings::vfio_pci_core_device>();

            bindings::vfio_pci_core_unregister_device(core);
            Device::<T>::from_vdev(core.cast()).remove_debugfs();
            // Before `post_unbind_rust` takes it for a `KBox`.
            (*pdev).dev.driver_data = core::ptr::null_mut();
            kernel::bindings::put_device(&raw mut (*core).vdev.device);
        }
    }

    /// A reset is over. The core holds `memory_lock` for writing, which arcs take for reading with
    /// the session lock held: so no lock is taken here. Whoever takes the session lock next finds
    /// another epoch and settles it, see [`Device::with_session()`].
    extern "C" fn reset_done_callback(pdev: *mut kernel::bindings::pci_dev) {
        // SAFETY: The PCI core holds the device lock, so that the device stays bound; drvdata is
        // NULL or a `Device<T>`, whose `vfio_pci_core_device` comes first.
        if let Some(dev) = unsafe { (*pdev).dev.driver_data.cast::<Device<T>>().as_ref() } {
            dev.note_reset();
        }
    }
}
