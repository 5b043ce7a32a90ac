// SPDX-License-Identifier: GPL-2.0

//! `struct vfio_device_ops` of a variant driver.

use super::Pci;
use crate::{
    bindings,
    handshake,
    region::{
        self,
        Profile as _, //
    },
    Device,
    Driver, //
};
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    ffi::{
        c_char,
        c_int,
        c_long,
        c_uint,
        c_ulong,
        c_void, //
    },
    ioctl,
    prelude::*, //
};

/// `VFIO_DEVICE_IOEVENTFD`: a function-like macro in C.
const VFIO_DEVICE_IOEVENTFD: u32 =
    // CAST: `';'` and small constants.
    ioctl::_IO(bindings::VFIO_TYPE as u32, bindings::VFIO_BASE + 16);

impl<T: Driver<Bus = Pci>> Device<T> {
    /// Until `inner` is initialised there is nothing of ours to drop.
    pub(super) const OPS_UNTIL_INITIALISED: bindings::vfio_device_ops = bindings::vfio_device_ops {
        name: T::NAME.to_bytes_with_nul().as_ptr().cast_mut(),
        init: Some(Self::init_callback),
        release: Some(bindings::vfio_pci_core_release_dev),
        ..pin_init::zeroed()
    };

    pub(super) const OPS: bindings::vfio_device_ops = bindings::vfio_device_ops {
        name: T::NAME.to_bytes_with_nul().as_ptr().cast_mut(),
        release: Some(Self::release_callback),
        open_device: Some(Self::open_device_callback),
        close_device: Some(Self::close_device_callback),
        read: Some(Self::read_callback),
        write: Some(Self::write_callback),
        ioctl: Some(Self::ioctl_callback),
        get_region_info_caps: Some(Self::get_region_info_caps_callback),
        mmap: Some(Self::mmap_callback),
        device_feature: Some(Self::device_feature_callback),
        request: Some(bindings::vfio_pci_core_request),
        match_: Some(bindings::vfio_pci_core_match),
        match_token_uuid: Some(bindings::vfio_pci_core_match_token_uuid),
        #[cfg(CONFIG_IOMMUFD)]
        bind_iommufd: Some(Self::bind_iommufd_callback),
        #[cfg(CONFIG_IOMMUFD)]
        unbind_iommufd: Some(Self::unbind_iommufd_callback),
        #[cfg(CONFIG_IOMMUFD)]
        attach_ioas: Some(Self::attach_ioas_callback),
        #[cfg(CONFIG_IOMMUFD)]
        detach_ioas: Some(Self::detach_ioas_callback),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    unsafe extern "C" fn init_callback(vdev: *mut bindings::vfio_device) -> c_int {
        // SAFETY: `_vfio_alloc_device()` calls this with memory that nobody else knows yet.
        unsafe {
            Self::declare(vdev);
            bindings::vfio_pci_core_init_dev(vdev)
        }
    }

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    unsafe extern "C" fn release_callback(vdev: *mut bindings::vfio_device) {
        // SAFETY: The last reference is gone, and `inner` was initialised before this table came in
        // force. `core` comes after it, as `inner` may look at it while it is dropped.
        unsafe {
            Self::drop_inner(vdev);
            bindings::vfio_pci_core_release_dev(vdev);
        }
    }

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    unsafe extern "C" fn open_device_callback(vdev: *mut bindings::vfio_device) -> c_int {
        // SAFETY: This table is only ever set on a `Device<T>`.
        let this = unsafe { Self::from_vdev(vdev) };

        from_result(|| {
            // SAFETY: The core calls this for the first opener, with `dev_set->lock` held.
            to_result(unsafe { bindings::vfio_pci_core_enable(this.as_core()) })?;
            // SAFETY: `vfio_pci_core_enable()` has succeeded.
            if let Err(err) = unsafe { this.open_session() } {
                // SAFETY: As above, `dev_set->lock` is held.
                unsafe { bindings::vfio_pci_core_disable(this.as_core()) };
                return Err(err);
            }
            // SAFETY: Follows a successful `vfio_pci_core_enable()`.
            unsafe { bindings::vfio_pci_core_finish_enable(this.as_core()) };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    unsafe extern "C" fn close_device_callback(vdev: *mut bindings::vfio_device) {
        // SAFETY: This table is only ever set on a `Device<T>`; the core calls this for the last
        // closer, with `dev_set->lock` held.
        unsafe {
            Self::from_vdev(vdev).close_session();
            bindings::vfio_pci_core_close_device(vdev);
        }
    }

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    unsafe extern "C" fn read_callback(
        vdev: *mut bindings::vfio_device,
        buf: *mut c_char,
        count: usize,
        ppos: *mut kernel::bindings::loff_t,
    ) -> isize {
        // SAFETY: This table is only ever set on a `Device<T>`, and `ppos` is the position of the
        // file or a local variable of the caller.
        let (this, pos) = unsafe { (Self::from_vdev(vdev), &mut *ppos) };

        if region::index_of(*pos) == T::Regions::BAR {
            return from_result(|| region::read(this, UserPtr::from_ptr(buf.cast()), count, pos));
        }
        // SAFETY: The arguments are those that the core has given us.
        unsafe { bindings::vfio_pci_core_read(vdev, buf, count, ppos) }
    }

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    unsafe extern "C" fn write_callback(
        vdev: *mut bindings::vfio_device,
        buf: *const c_char,
        count: usize,
        ppos: *mut kernel::bindings::loff_t,
    ) -> isize {
        // SAFETY: As in `read_callback()`.
        let (this, pos) = unsafe { (Self::from_vdev(vdev), &mut *ppos) };
        let region = region::index_of(*pos);

        if region == T::Regions::BAR {
            let buf = UserPtr::from_ptr(buf.cast_mut().cast());

            return from_result(|| region::write(this, buf, count, pos));
        }
        // SAFETY: The arguments are those that the core has given us.
        let result = unsafe { bindings::vfio_pci_core_write(vdev, buf, count, ppos) };
        if region == Some(bindings::VFIO_PCI_CONFIG_REGION_INDEX) {
            this.config_written();
        }
        result
    }

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    unsafe extern "C" fn ioctl_callback(
        vdev: *mut bindings::vfio_device,
        cmd: c_uint,
        arg: c_ulong,
    ) -> c_long {
        // SAFETY: This table is only ever set on a `Device<T>`.
        let this = unsafe { Self::from_vdev(vdev) };

        // It would let an eventfd write registers behind the back of the traps.
        if cmd == VFIO_DEVICE_IOEVENTFD && T::Regions::BAR.is_some() {
            // CAST: an errno.
            return ENOTTY.to_errno() as c_long;
        }
        // SAFETY: The arguments are those that the core has given us.
        let result = unsafe { bindings::vfio_pci_core_ioctl(vdev, cmd, arg) };
        // Reset is an ioctl, and the caller must find the device reset when it returns: what is
        // left to do must not come later, and then hit registers that were set up in between.
        this.settle();
        result
    }

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    unsafe extern "C" fn device_feature_callback(
        vdev: *mut bindings::vfio_device,
        flags: u32,
        arg: *mut c_void,
        argsz: usize,
    ) -> c_int {
        // SAFETY: This table is only ever set on a `Device<T>`; the file of the caller keeps it open,
        // see `vfio_df_close()`.
        let dev = unsafe { Self::from_vdev(vdev).as_open() };

        match handshake::feature(dev, flags, UserPtr::from_ptr(arg), argsz) {
            Some(result) => from_result(|| result.map(|()| 0)),
            // SAFETY: The arguments are those that the core has given us.
            None => unsafe { bindings::vfio_pci_core_ioctl_feature(vdev, flags, arg, argsz) },
        }
    }

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    unsafe extern "C" fn get_region_info_caps_callback(
        vdev: *mut bindings::vfio_device,
        info: *mut bindings::vfio_region_info,
        caps: *mut bindings::vfio_info_cap,
    ) -> c_int {
        from_result(|| {
            // SAFETY: The arguments are those that the core has given us.
            to_result(unsafe { bindings::vfio_pci_ioctl_get_region_info(vdev, info, caps) })?;
            // SAFETY: `info` is a local variable of the core, `caps` collects capabilities for it.
            unsafe { region::add_sparse_areas::<T>(&*info, caps) }?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    unsafe extern "C" fn mmap_callback(
        vdev: *mut bindings::vfio_device,
        vma: *mut kernel::bindings::vm_area_struct,
    ) -> c_int {
        from_result(|| {
            // SAFETY: `vma` is being set up and valid; `mmap_lock` is held for writing.
            let (start, end, pgoff) = unsafe {
                let range = &(*vma).__bindgen_anon_1.__bindgen_anon_1;
                (range.vm_start, range.vm_end, (*vma).vm_pgoff)
            };

            region::may_map::<T>(pgoff, end.wrapping_sub(start))?;
            // SAFETY: The arguments are those that the core has given us.
            to_result(unsafe { bindings::vfio_pci_core_mmap(vdev, vma) })?;
            if T::Regions::TAKEN.is_some() && region::is_trapped::<T>(pgoff) {
                // SAFETY: `vma` is being set up, and is one of a device with this table.
                unsafe { (*vma).vm_ops = &Self::VM_OPS };
            }
            Ok(0)
        })
    }
}
