// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The ioctls of VFIO: with those of TAP devices the only unsafe code of this tool.

#![allow(unsafe_code)]

use std::{
    ffi::{c_void, CStr},
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
};

use rustix::ioctl::{ioctl, opcode, Ioctl, IoctlOutput, Opcode};
use vfio_bindings::bindings::vfio::{self, vfio_device_feature_mig_state as MigState};

/// The numbers of the ioctls, from `VFIO_BASE`; the bindings do not have them.
const SET_IOMMU: u8 = 2;
const GROUP_GET_STATUS: u8 = 3;
const GROUP_SET_CONTAINER: u8 = 4;
const GROUP_GET_DEVICE_FD: u8 = 6;
const DEVICE_FEATURE: u8 = 17;
const DEVICE_BIND_IOMMUFD: u8 = 18;

/// An ioctl of VFIO that takes an integer or the address of a structure.
struct Call {
    number: u8,
    argument: *mut c_void,
}

// SAFETY: The argument is handed on as it is; that it is what the ioctl expects is up to `call()`.
unsafe impl Ioctl for Call {
    type Output = i32;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        const GROUP: u8 = b';';

        opcode::none(GROUP, self.number.wrapping_add(100))
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument
    }

    unsafe fn output_from_ptr(
        output: IoctlOutput,
        _: *mut c_void,
    ) -> rustix::io::Result<Self::Output> {
        Ok(output)
    }
}

/// Calls an ioctl whose argument is the structure `data`.
///
/// # Safety
///
/// `T` must be the structure that the ioctl reads and writes, `argsz` included.
unsafe fn call<T>(file: &File, number: u8, data: &mut T) -> io::Result<i32> {
    let argument = std::ptr::from_mut(data).cast();
    // SAFETY: `argument` is valid for reads and writes as a `T`, which is what the ioctl takes.
    Ok(unsafe { ioctl(file, Call { number, argument }) }?)
}

/// A length as it stands in `argsz`; all structures here are small.
fn argsz<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap_or(0)
}

/// `struct vfio_device_feature` with its data.
#[repr(C)]
struct Feature<T> {
    argsz: u32,
    flags: u32,
    data: T,
}

/// Gets or sets a feature; `T` has to be the data of the feature in `flags`.
///
/// # Safety
///
/// As said.
unsafe fn feature<T>(file: &File, flags: u32, data: T) -> io::Result<T> {
    let mut feature = Feature {
        argsz: argsz::<Feature<T>>(),
        flags,
        data,
    };
    // SAFETY: `Feature` is what this ioctl takes, if `T` is the data of the feature.
    unsafe { call(file, DEVICE_FEATURE, &mut feature) }?;
    Ok(feature.data)
}

/// What the device can do in a migration.
pub(super) fn migration_flags(device: &File) -> io::Result<u64> {
    let flags = vfio::VFIO_DEVICE_FEATURE_GET | vfio::VFIO_DEVICE_FEATURE_MIGRATION;
    // SAFETY: `struct vfio_device_feature_migration` is one 64-bit integer.
    unsafe { feature(device, flags, 0u64) }
}

/// An estimate of the bytes to save.
pub(super) fn data_size(device: &File) -> io::Result<u64> {
    let flags = vfio::VFIO_DEVICE_FEATURE_GET | vfio::VFIO_DEVICE_FEATURE_MIG_DATA_SIZE;
    // SAFETY: `struct vfio_device_feature_mig_data_size` is one 64-bit integer.
    unsafe { feature(device, flags, 0u64) }
}

/// Changes the state of the device; returns the data file of a session that this starts.
pub(super) fn set_state(device: &File, state: u32) -> io::Result<Option<OwnedFd>> {
    let flags = vfio::VFIO_DEVICE_FEATURE_SET | vfio::VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
    let wanted = MigState {
        device_state: state,
        data_fd: -1,
    };
    // SAFETY: `MigState` is the data of this feature.
    let got = unsafe { feature(device, flags, wanted) }?;
    // SAFETY: A descriptor that is not negative was opened by this ioctl, for us alone.
    Ok((got.data_fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(got.data_fd) }))
}

/// Opens a device that is a character device, on behalf of `iommu`.
pub(super) fn bind_iommufd(device: &File, iommu: &File) -> io::Result<()> {
    let mut bind = vfio::vfio_device_bind_iommufd {
        argsz: argsz::<vfio::vfio_device_bind_iommufd>(),
        iommufd: iommu.as_fd().as_raw_fd(),
        ..Default::default()
    };
    // SAFETY: This is the structure of the ioctl.
    unsafe { call(device, DEVICE_BIND_IOMMUFD, &mut bind) }.map(|_| ())
}

/// Whether all devices of the group are free for user space.
pub(super) fn group_viable(group: &File) -> io::Result<bool> {
    let mut status = vfio::vfio_group_status {
        argsz: argsz::<vfio::vfio_group_status>(),
        ..Default::default()
    };
    // SAFETY: This is the structure of the ioctl.
    unsafe { call(group, GROUP_GET_STATUS, &mut status) }?;
    Ok(status.flags & vfio::VFIO_GROUP_FLAGS_VIABLE != 0)
}

/// Puts the group into the container.
pub(super) fn group_set_container(group: &File, container: &File) -> io::Result<()> {
    let mut descriptor = container.as_raw_fd();
    // SAFETY: The ioctl reads the number of a file.
    unsafe { call(group, GROUP_SET_CONTAINER, &mut descriptor) }.map(|_| ())
}

/// Gives the container a type1 IOMMU.
pub(super) fn container_set_type1(container: &File) -> io::Result<()> {
    let argument = std::ptr::without_provenance_mut(vfio::VFIO_TYPE1v2_IOMMU as usize);
    let number = SET_IOMMU;
    // SAFETY: The argument of this ioctl is an integer.
    unsafe { ioctl(container, Call { number, argument }) }?;
    Ok(())
}

/// Opens the device `name` of the group.
pub(super) fn group_device(group: &File, name: &CStr) -> io::Result<OwnedFd> {
    let argument = name.as_ptr().cast_mut().cast();
    let number = GROUP_GET_DEVICE_FD;
    // SAFETY: The ioctl reads a string that ends with a NUL, and writes nothing.
    let descriptor = unsafe { ioctl(group, Call { number, argument }) }?;
    // SAFETY: The ioctl has opened this descriptor, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
