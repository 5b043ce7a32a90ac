// SPDX-License-Identifier: GPL-2.0

//! Drivers of mediated devices: VFIO devices that user space makes.
//!
//! C header: [`include/linux/mdev.h`](srctree/include/linux/mdev.h)
//!
//! A module has one parent, which is no hardware, and one type of device. Who writes a UUID to
//! `/sys/class/mdev_bus/<module>/mdev_supported_types/<module>-<type>/create` has made a device.
//!
//! Upstream home: `rust/kernel/vfio/mdev.rs`.

#![crate_name = "mdev"]

mod parent;

use self::parent::Parent;
use core::{
    marker::PhantomData,
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::{
    driver::{
        DriverLayout,
        RegistrationOps, //
    },
    error::{
        from_result,
        to_result, //
    },
    ffi::c_int,
    prelude::*,
    types::Opaque, //
};
use mdev_bindings as bindings;
use vfio::{
    emulated::{
        self,
        Registration, //
    },
    sysfs::Profile as _,
    Common, //
};

/// A driver of mediated devices.
pub trait Driver: emulated::Driver {
    /// The type of the devices: what its folder in sysfs is called, after the name of the module.
    const TYPE: &'static CStr;
    /// What it is.
    const DESCRIPTION: &'static CStr;
    /// How many there can be at a time.
    const INSTANCES: u32;

    /// Makes the data of a device that is being made; user space cannot open it yet.
    fn probe() -> impl PinInit<Self, Error>;
}

/// A registered driver, its one type of devices, and what they are made below.
#[repr(C)]
#[derive(Default)]
pub struct DriverStruct {
    driver: bindings::mdev_driver,
    parent: bindings::mdev_parent,
    type_: bindings::mdev_type,
    types: [Option<NonNull<bindings::mdev_type>>; 1],
    device: Option<Parent>,
    common: Option<Common>,
}

/// Connects `struct mdev_driver` with a [`Driver`].
pub struct Adapter<T: Driver>(PhantomData<T>);

// SAFETY:
// - `DriverStruct` is `repr(C)` and starts with an `mdev_driver`, which embeds a `device_driver`.
// - drvdata is cleared before the driver core looks at it, see `Registration`; were it not, dropping a
//   `KBox<()>` frees nothing.
unsafe impl<T: Driver> DriverLayout for Adapter<T> {
    type DriverType = DriverStruct;
    // The per-device data belongs to the reference count of the `vfio_device`.
    type DriverData<'bound> = ();
    const DEVICE_DRIVER_OFFSET: usize =
        offset_of!(DriverStruct, driver) + offset_of!(bindings::mdev_driver, driver);
}

// SAFETY: `unregister()` undoes exactly what a successful `register()` has done.
unsafe impl<T: Driver> RegistrationOps for Adapter<T> {
    unsafe fn register(
        reg: &Opaque<Self::DriverType>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        let this = reg.get();
        let device = Parent::new(name)?;
        let common = Common::new(name)?;

        // SAFETY: `reg` was initialised with `Default` and is not registered, so it is ours.
        unsafe {
            let driver = &raw mut (*this).driver;
            (*driver).device_api = c"vfio-pci".as_char_ptr();
            (*driver).max_instances = T::INSTANCES;
            (*driver).probe = Some(Self::probe_callback);
            (*driver).remove = Some(Self::remove_callback);
            (*driver).driver.name = name.as_char_ptr();
            (*driver).driver.owner = module.as_ptr();
            (*driver).driver.mod_name = name.as_char_ptr();
            (*driver).driver.dev_groups = match T::Attributes::GROUPS {
                // C only reads the list.
                Some(groups) => groups.as_ptr().cast_mut(),
                None => core::ptr::null_mut(),
            };
            (*this).type_.sysfs_name = T::TYPE.as_char_ptr();
            (*this).type_.pretty_name = T::DESCRIPTION.as_char_ptr();
            (*this).types = [NonNull::new(&raw mut (*this).type_)];
            (*this).common = Some(common);
        }
        // SAFETY: What is registered is filled in, and by the requirement on the caller stays where it
        // is until `unregister()`. Devices can be made as soon as the parent is registered.
        let result = unsafe {
            to_result(bindings::mdev_register_driver(&raw mut (*this).driver)).and_then(|()| {
                to_result(bindings::mdev_register_parent(
                    &raw mut (*this).parent,
                    device.as_raw(),
                    &raw mut (*this).driver,
                    (&raw mut (*this).types).cast(),
                    1,
                ))
                .inspect_err(|_| bindings::mdev_unregister_driver(&raw mut (*this).driver))
            })
        };
        // SAFETY: No device can have been made if that has failed, and nothing else looks at these.
        unsafe {
            match result {
                Ok(()) => (*this).device = Some(device),
                Err(_) => (*this).common = None,
            }
        }
        result
    }

    unsafe fn unregister(reg: &Opaque<Self::DriverType>) {
        let this = reg.get();
        // SAFETY: By the requirement on the caller all are registered. `mdev_unregister_parent()` removes
        // all devices, so nobody else looks at `common` then.
        unsafe {
            bindings::mdev_unregister_parent(&raw mut (*this).parent);
            bindings::mdev_unregister_driver(&raw mut (*this).driver);
            (*this).device = None;
            (*this).common = None;
        }
    }
}

impl<T: Driver> Adapter<T> {
    /// # Safety
    ///
    /// Called by the mdev core, with a device that is being bound to the driver in a [`DriverStruct`].
    unsafe extern "C" fn probe_callback(mdev: *mut bindings::mdev_device) -> c_int {
        from_result(|| {
            // SAFETY: `dev.driver` is the driver whose probe this is, which `register()` has embedded
            // in a `DriverStruct`. The device is being probed, and `remove_callback()` drops the
            // registration.
            let registration = unsafe {
                let driver: *const u8 = (*mdev).dev.driver.cast();
                let this = driver
                    .sub(<Self as DriverLayout>::DEVICE_DRIVER_OFFSET)
                    .cast::<DriverStruct>();
                let common = (*this).common.as_ref().ok_or(EINVAL)?;

                Registration::<T>::new(&raw mut (*mdev).dev, common, T::probe())
            }?;

            registration.into_drvdata();
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called by the mdev core, with a device that is being unbound.
    unsafe extern "C" fn remove_callback(mdev: *mut bindings::mdev_device) {
        // SAFETY: `probe_callback()` has left it there.
        drop(unsafe { Registration::<T>::from_drvdata(&raw mut (*mdev).dev) });
    }
}

/// Declares a kernel module that is one driver of mediated devices.
#[macro_export]
macro_rules! module_mdev_driver {
    ($($f:tt)*) => {
        ::kernel::module_driver!(<T>, $crate::Adapter<T>, { $($f)* });
    };
}
