// SPDX-License-Identifier: GPL-2.0

//! The part of `struct vfio_device_ops` that is about iommufd.
//!
//! The core's functions attach the device; around them, the driver's own access to the same memory
//! is attached. It is never attached to anything else than the device is: while the device changes
//! from one address space to another, nothing can be read.

use super::Pci;
use crate::{
    bindings,
    Device,
    Driver, //
};
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    ffi::c_int, //
};

impl<T: Driver<Bus = Pci>> Device<T> {
    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    pub(super) unsafe extern "C" fn bind_iommufd_callback(
        vdev: *mut bindings::vfio_device,
        ictx: *mut bindings::iommufd_ctx,
        out_device_id: *mut u32,
    ) -> c_int {
        // SAFETY: This table is only ever set on a `Device<T>`.
        let this = unsafe { Self::from_vdev(vdev) };

        from_result(|| {
            // SAFETY: The arguments are those that the core has given us.
            to_result(unsafe { bindings::vfio_iommufd_physical_bind(vdev, ictx, out_device_id) })?;
            // SAFETY: `vfio_df_device_first_open()` calls this with `dev_set->lock` held, before it
            // opens the device; `ictx` belongs to the file that is being opened.
            if let Err(err) = unsafe { this.guest_memory().create(ictx) } {
                // SAFETY: Undoes the above, with the same lock held.
                unsafe { bindings::vfio_iommufd_physical_unbind(vdev) };
                return Err(err);
            }
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// As [`Self::bind_iommufd_callback()`].
    pub(super) unsafe extern "C" fn unbind_iommufd_callback(vdev: *mut bindings::vfio_device) {
        // SAFETY: This table is only ever set on a `Device<T>`. `vfio_df_device_last_close()` calls
        // this with `dev_set->lock` held, after it has closed the device, and
        // `vfio_df_device_first_open()` if it could not open it.
        unsafe {
            Self::from_vdev(vdev).guest_memory().destroy();
            bindings::vfio_iommufd_physical_unbind(vdev);
        }
    }

    /// # Safety
    ///
    /// As [`Self::bind_iommufd_callback()`].
    pub(super) unsafe extern "C" fn attach_ioas_callback(
        vdev: *mut bindings::vfio_device,
        pt_id: *mut u32,
    ) -> c_int {
        // SAFETY: This table is only ever set on a `Device<T>`.
        let this = unsafe { Self::from_vdev(vdev) };
        let memory = this.guest_memory();
        // The core puts the id of the page table there.
        //
        // SAFETY: A local variable of the caller.
        let id = unsafe { *pt_id };

        // SAFETY: The core holds `dev_set->lock`, see `vfio_df_ioctl_attach_pt()` and
        // `vfio_iommufd_compat_attach_ioas()`. The arguments are those that it has given us.
        unsafe {
            let last = memory.detach();
            let result = bindings::vfio_iommufd_physical_attach_ioas(vdev, pt_id);

            // If it fails, the device stays where it was, which may be nowhere.
            let now = if result == 0 { id } else { last };
            if now != 0 {
                memory.attach((*vdev).dev, now);
            }
            result
        }
    }

    /// # Safety
    ///
    /// As [`Self::bind_iommufd_callback()`].
    pub(super) unsafe extern "C" fn detach_ioas_callback(vdev: *mut bindings::vfio_device) {
        // SAFETY: This table is only ever set on a `Device<T>`, and the core holds `dev_set->lock`,
        // see `vfio_df_ioctl_detach_pt()`.
        unsafe {
            Self::from_vdev(vdev).guest_memory().detach();
            bindings::vfio_iommufd_physical_detach_ioas(vdev);
        }
    }
}
