// SPDX-License-Identifier: GPL-2.0

//! `struct vfio_migration_ops` of a driver.

use super::{
    fsm,
    Migration, //
};
use crate::{
    bindings,
    Device, //
};
use core::marker::PhantomData;
use kernel::{
    error::from_result,
    ffi::{
        c_int,
        c_ulong, //
    },
    sync::aref::ARef, //
};

pub(super) struct Vtable<T: Migration>(PhantomData<T>);

impl<T: Migration> Vtable<T> {
    pub(super) const OPS: bindings::vfio_migration_ops = bindings::vfio_migration_ops {
        migration_set_state: Some(Self::set_state),
        migration_get_state: Some(Self::get_state),
        migration_get_data_size: Some(Self::get_data_size),
    };

    /// # Safety
    ///
    /// Called by the vfio core with a device that this crate registered and that is open.
    unsafe extern "C" fn set_state(
        vdev: *mut bindings::vfio_device,
        goal: bindings::vfio_device_mig_state,
    ) -> *mut kernel::bindings::file {
        // SAFETY: The ops of this table are only ever set on a `Device<T>`.
        let dev = unsafe { Device::<T>::from_vdev(vdev) };

        match dev.with_session(|dev, session| fsm::set_state(dev, session, goal)) {
            // The core installs the file, or drops it if it can't.
            Ok(Some(file)) => ARef::into_raw(file).as_ptr().cast(),
            Ok(None) => core::ptr::null_mut(),
            Err(err) => err.to_ptr(),
        }
    }

    /// # Safety
    ///
    /// As [`Self::set_state()`], but the device need not be open, as the core's debugfs asks as well;
    /// `state` must be valid for writing.
    unsafe extern "C" fn get_state(
        vdev: *mut bindings::vfio_device,
        state: *mut bindings::vfio_device_mig_state,
    ) -> c_int {
        // SAFETY: The ops of this table are only ever set on a `Device<T>`.
        let dev = unsafe { Device::<T>::from_vdev(vdev) };

        from_result(|| {
            let value = dev.shown_state()?;
            // SAFETY: The core passes a pointer to a local variable.
            unsafe { *state = value };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// As [`Self::set_state()`]; `size` must be valid for writing.
    unsafe extern "C" fn get_data_size(
        vdev: *mut bindings::vfio_device,
        size: *mut c_ulong,
    ) -> c_int {
        // SAFETY: The ops of this table are only ever set on a `Device<T>`.
        let dev = unsafe { Device::<T>::from_vdev(vdev) };

        from_result(|| {
            let value = dev.with_session(|dev, _| T::data_size(dev))?;
            // SAFETY: The core passes a pointer to a local variable.
            unsafe { *size = value };
            Ok(0)
        })
    }
}
