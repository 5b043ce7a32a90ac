// SPDX-License-Identifier: GPL-2.0

//! `struct vfio_device_ops` of a device in software.

use super::{
    irqs,
    Driver,
    REGIONS, //
};
use crate::{
    bindings,
    handshake,
    region::{
        self,
        Profile as _, //
    },
    Device,
    Open, //
};
use core::marker::PhantomData;
use kernel::{
    error::from_result,
    ffi::{
        c_char,
        c_int,
        c_long,
        c_uint,
        c_ulong,
        c_void, //
    },
    ioctl,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// Requests of user space, function-like macros in C.
const fn request(number: u32) -> u32 {
    // CAST: `';'` and small constants.
    ioctl::_IO(bindings::VFIO_TYPE as u32, bindings::VFIO_BASE + number)
}
const VFIO_DEVICE_GET_INFO: u32 = request(7);
const VFIO_DEVICE_GET_IRQ_INFO: u32 = request(9);
const VFIO_DEVICE_SET_IRQS: u32 = request(10);
const VFIO_DEVICE_RESET: u32 = request(11);

/// Length in bytes of `struct vfio_device_info` up to `num_irqs`, and of `struct vfio_irq_info`.
const INFO: usize = 16;
/// Bytes that are copied at a time.
const PIECE: usize = 64;

/// The tables of a driver.
pub(super) struct Ops<T: Driver>(PhantomData<T>);

impl<T: Driver> Ops<T> {
    /// Until `inner` is initialised there is nothing of ours to drop.
    pub(super) const UNTIL_INITIALISED: bindings::vfio_device_ops = bindings::vfio_device_ops {
        name: T::NAME.to_bytes_with_nul().as_ptr().cast_mut(),
        init: Some(Self::init_callback),
        ..pin_init::zeroed()
    };

    pub(super) const TABLE: bindings::vfio_device_ops = bindings::vfio_device_ops {
        name: T::NAME.to_bytes_with_nul().as_ptr().cast_mut(),
        release: Some(Self::release_callback),
        open_device: Some(Self::open_device_callback),
        close_device: Some(Self::close_device_callback),
        read: Some(Self::read_callback),
        write: Some(Self::write_callback),
        ioctl: Some(Self::ioctl_callback),
        device_feature: Some(Self::device_feature_callback),
        mmap: Some(Self::mmap_callback),
        get_region_info_caps: Some(Self::get_region_info_caps_callback),
        request: Some(Self::request_callback),
        #[cfg(CONFIG_IOMMUFD)]
        bind_iommufd: Some(bindings::vfio_iommufd_emulated_bind),
        #[cfg(CONFIG_IOMMUFD)]
        unbind_iommufd: Some(bindings::vfio_iommufd_emulated_unbind),
        #[cfg(CONFIG_IOMMUFD)]
        attach_ioas: Some(bindings::vfio_iommufd_emulated_attach_ioas),
        #[cfg(CONFIG_IOMMUFD)]
        detach_ioas: Some(bindings::vfio_iommufd_emulated_detach_ioas),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with the arguments that
    /// [`struct vfio_device_ops`](srctree/include/linux/vfio.h) documents.
    unsafe extern "C" fn init_callback(vdev: *mut bindings::vfio_device) -> c_int {
        // SAFETY: `_vfio_alloc_device()` calls this.
        unsafe { Device::<T>::declare(vdev) };
        0
    }

    /// # Safety
    ///
    /// As [`Self::init_callback()`].
    unsafe extern "C" fn release_callback(vdev: *mut bindings::vfio_device) {
        // SAFETY: The last reference is gone, and `inner` was initialised before this table came in
        // force.
        unsafe { Device::<T>::drop_inner(vdev) };
    }

    /// # Safety
    ///
    /// As [`Self::init_callback()`].
    unsafe extern "C" fn open_device_callback(vdev: *mut bindings::vfio_device) -> c_int {
        // SAFETY: This table is only ever set on a `Device<T>`.
        let this = unsafe { Device::<T>::from_vdev(vdev) };

        from_result(|| {
            // SAFETY: The core calls this for the first opener, who is given a file afterwards.
            unsafe { this.bus_state().doorbells.renew::<T>() }?;
            // SAFETY: As above; there is nothing to enable. `close_device_callback()` stops the task.
            unsafe { this.task().start(this) }?;
            // SAFETY: As above.
            unsafe { this.open_session() }.inspect_err(|_| this.task().stop())?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// As [`Self::init_callback()`].
    unsafe extern "C" fn close_device_callback(vdev: *mut bindings::vfio_device) {
        // SAFETY: This table is only ever set on a `Device<T>`.
        let this = unsafe { Device::<T>::from_vdev(vdev) };

        // SAFETY: The core calls this for the last closer.
        unsafe { this.close_session() };
        this.task().stop();
        this.irqs().forget();
    }

    /// Returns the device of an operation on its file, which keeps it open.
    ///
    /// # Safety
    ///
    /// Must be called from `read`, `write`, `ioctl` or `device_feature`, and the reference must not outlive the call.
    unsafe fn of_file<'a>(
        vdev: *mut bindings::vfio_device,
    ) -> (&'a Device<T>, &'a Device<T, Open>) {
        // SAFETY: This table is only ever set on a `Device<T>`; the file of the caller keeps it open,
        // see `vfio_df_close()`.
        unsafe {
            let this = Device::<T>::from_vdev(vdev);
            (this, this.as_open())
        }
    }

    /// # Safety
    ///
    /// As [`Self::init_callback()`].
    unsafe extern "C" fn read_callback(
        vdev: *mut bindings::vfio_device,
        buf: *mut c_char,
        count: usize,
        ppos: *mut kernel::bindings::loff_t,
    ) -> isize {
        // SAFETY: As is asked for; `ppos` is the position of the file or a local variable.
        let ((this, dev), pos) = unsafe { (Self::of_file(vdev), &mut *ppos) };
        let buf = UserPtr::from_ptr(buf.cast());

        from_result(|| {
            let (region, offset, count) = match place::<T>(*pos, count)? {
                (region, ..) if Some(region) == T::Regions::BAR => {
                    return region::read(this, buf, count, pos)
                }
                place => place,
            };
            let (mut bytes, mut user) = ([0; PIECE], UserSlice::new(buf, count).writer());
            for at in (0..count).step_by(PIECE) {
                let piece = bytes.get_mut(..PIECE.min(count - at)).ok_or(EINVAL)?;
                T::read(dev, region, offset + at, piece)?;
                user.write_slice(piece)?;
            }
            *pos += i64::try_from(count)?;
            Ok(isize::try_from(count)?)
        })
    }

    /// # Safety
    ///
    /// As [`Self::init_callback()`].
    unsafe extern "C" fn write_callback(
        vdev: *mut bindings::vfio_device,
        buf: *const c_char,
        count: usize,
        ppos: *mut kernel::bindings::loff_t,
    ) -> isize {
        // SAFETY: As in `read_callback()`.
        let ((this, dev), pos) = unsafe { (Self::of_file(vdev), &mut *ppos) };
        let buf = UserPtr::from_ptr(buf.cast_mut().cast());

        from_result(|| {
            let (region, offset, count) = match place::<T>(*pos, count)? {
                (region, ..) if Some(region) == T::Regions::BAR => {
                    return region::write(this, buf, count, pos)
                }
                place => place,
            };
            let (mut bytes, mut user) = ([0; PIECE], UserSlice::new(buf, count).reader());
            for at in (0..count).step_by(PIECE) {
                let piece = bytes.get_mut(..PIECE.min(count - at)).ok_or(EINVAL)?;
                user.read_slice(piece)?;
                T::write(dev, region, offset + at, piece)?;
            }
            *pos += i64::try_from(count)?;
            Ok(isize::try_from(count)?)
        })
    }

    /// # Safety
    ///
    /// As [`Self::init_callback()`].
    unsafe extern "C" fn ioctl_callback(
        vdev: *mut bindings::vfio_device,
        cmd: c_uint,
        arg: c_ulong,
    ) -> c_long {
        // SAFETY: This table is only ever set on a `Device<T>`.
        let this = unsafe { Device::<T>::from_vdev(vdev) };
        let arg = UserPtr::from_addr(arg);

        from_result(|| {
            match cmd {
                VFIO_DEVICE_GET_INFO => {
                    let flags = bindings::VFIO_DEVICE_FLAGS_RESET | bindings::VFIO_DEVICE_FLAGS_PCI;
                    inform(arg, |_| {
                        Ok([flags, REGIONS as u32, bindings::VFIO_PCI_NUM_IRQS])
                    })
                }
                VFIO_DEVICE_GET_IRQ_INFO => inform(arg, |[_, index, _]| {
                    let (count, flags) = irqs::info::<T>(index)?;
                    Ok([flags, index, count])
                }),
                VFIO_DEVICE_SET_IRQS => this.set_irqs(arg),
                VFIO_DEVICE_RESET => {
                    this.note_reset();
                    this.settle();
                    Ok(())
                }
                _ => Err(ENOTTY),
            }?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// As [`Self::init_callback()`].
    unsafe extern "C" fn device_feature_callback(
        vdev: *mut bindings::vfio_device,
        flags: u32,
        arg: *mut c_void,
        argsz: usize,
    ) -> c_int {
        // SAFETY: As is asked for.
        let (_, dev) = unsafe { Self::of_file(vdev) };

        from_result(|| {
            handshake::feature(dev, flags, UserPtr::from_ptr(arg), argsz).unwrap_or(Err(ENOTTY))?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// As [`Self::init_callback()`].
    unsafe extern "C" fn mmap_callback(
        vdev: *mut bindings::vfio_device,
        vma: *mut kernel::bindings::vm_area_struct,
    ) -> c_int {
        // SAFETY: This table is only ever set on a `Device<T>`; `vma` is being set up.
        from_result(|| unsafe { Device::<T>::from_vdev(vdev).map(vma) }.map(|()| 0))
    }

    /// # Safety
    ///
    /// As [`Self::init_callback()`].
    unsafe extern "C" fn get_region_info_caps_callback(
        _vdev: *mut bindings::vfio_device,
        info: *mut bindings::vfio_region_info,
        caps: *mut bindings::vfio_info_cap,
    ) -> c_int {
        // SAFETY: A local variable of the core.
        let info = unsafe { &mut *info };

        from_result(|| {
            // CAST: widening.
            info.size = *T::SIZES.get(info.index as usize).ok_or(EINVAL)?;
            info.offset = u64::from(info.index) << bindings::VFIO_PCI_OFFSET_SHIFT;
            info.flags = match info.size {
                0 => 0,
                _ => bindings::VFIO_REGION_INFO_FLAG_READ | bindings::VFIO_REGION_INFO_FLAG_WRITE,
            };
            if Some(info.index) == T::Regions::BAR && !T::Regions::MAPPED.is_empty() {
                info.flags |= bindings::VFIO_REGION_INFO_FLAG_MMAP;
            }
            // SAFETY: `caps` collects capabilities for `info`.
            unsafe { region::add_sparse_areas::<T>(info, caps) }?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// As [`Self::init_callback()`].
    unsafe extern "C" fn request_callback(vdev: *mut bindings::vfio_device, count: c_uint) {
        // SAFETY: This table is only ever set on a `Device<T>`.
        let this = unsafe { Device::<T>::from_vdev(vdev) };

        if !this.irqs().request() && count == 0 {
            // SAFETY: `vfio_init_device()` has set `dev`, which is bound until this device is gone.
            let parent =
                unsafe { kernel::device::Device::<kernel::device::Normal>::from_raw((*vdev).dev) };
            dev_notice!(
                parent,
                "no device request channel registered, blocked until released by user\n"
            );
        }
    }
}

/// Returns region, offset and number of bytes of an access.
///
/// # Errors
///
/// - [`EINVAL`]: it begins outside of any region.
fn place<T: Driver>(pos: i64, count: usize) -> Result<(u32, usize, usize)> {
    let region = region::index_of(pos).ok_or(EINVAL)?;
    // CAST: widening.
    let size = *T::SIZES.get(region as usize).ok_or(EINVAL)?;
    let offset = u64::try_from(pos)? & ((1 << bindings::VFIO_PCI_OFFSET_SHIFT) - 1);
    let rest = size
        .checked_sub(offset)
        .filter(|&rest| rest != 0)
        .ok_or(EINVAL)?;

    Ok((
        region,
        usize::try_from(offset)?,
        count.min(usize::try_from(rest)?),
    ))
}

/// Answers a request whose argument is `argsz` and three words more.
///
/// # Errors
///
/// - [`EINVAL`]: `argsz` is less than that.
/// - [`EFAULT`]
/// - what `answer` gives.
fn inform(arg: UserPtr, answer: impl FnOnce([u32; 3]) -> Result<[u32; 3]>) -> Result {
    let (mut reader, mut writer) = UserSlice::new(arg, INFO).reader_writer();
    let argsz: u32 = reader.read()?;
    let asked = [reader.read()?, reader.read()?, reader.read()?];

    // CAST: widening.
    if (argsz as usize) < INFO {
        return Err(EINVAL);
    }
    writer.write(&argsz)?;
    for word in answer(asked)? {
        writer.write(&word)?;
    }
    Ok(())
}
