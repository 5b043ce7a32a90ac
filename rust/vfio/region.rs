// SPDX-License-Identifier: GPL-2.0

//! Which parts of the device user space may touch unseen.
//!
//! C header: [`include/uapi/linux/vfio.h`](srctree/include/uapi/linux/vfio.h),
//! `VFIO_REGION_INFO_CAP_SPARSE_MMAP`.
//!
//! The plan is fixed for the life of a device: VMMs read the sparse areas once, and a page that was
//! mapped cannot begin to trap. But it can become memory, see [`Device::take()`].

use crate::{
    bindings,
    dma_logging::Profile as _,
    migration::{
        Migration,
        RunMut, //
    },
    Device,
    Driver,
    Open, //
};
use core::{
    marker::PhantomData,
    ops::Range, //
};

use kernel::{
    ffi::c_ulong,
    prelude::*,
    uaccess::UserSlice, //
};

/// Part of a BAR that user space may map: offset and size in bytes, both multiples of the page
/// size.
#[derive(Clone, Copy)]
pub struct Area {
    /// Offset in the BAR.
    pub offset: u64,
    /// Size, not 0.
    pub size: u64,
}

impl Area {
    /// Returns whether the byte at `offset` of the BAR is in the area.
    pub(crate) const fn contains(&self, offset: u64) -> bool {
        offset >= self.offset && offset < self.offset + self.size
    }

    /// Returns whether `other` is a part of the area.
    const fn covers(&self, other: &Self) -> bool {
        other.offset >= self.offset && other.offset + other.size <= self.offset + self.size
    }

    /// Returns whether it is made of pages.
    const fn is_mappable(&self) -> bool {
        // CAST: widening.
        let page = kernel::page::PAGE_SIZE as u64;

        self.size != 0 && self.offset % page == 0 && self.size % page == 0
    }

    /// Returns its offsets. A BAR that can be trapped fits in memory.
    pub const fn range(self) -> Range<usize> {
        // CAST: below the size of the BAR.
        self.offset as usize..(self.offset + self.size) as usize
    }
}

/// A device with one BAR that the driver answers for.
///
/// All accesses through `pread()` and `pwrite()` come here, in pieces of 32 bits; narrower ones are
/// refused with [`EINVAL`], as no such device decodes them. The session lock is held, which makes it
/// the one lock between the guest's accesses and the arcs of the state machine.
pub trait Traps: Migration {
    /// Index of the BAR.
    const BAR: u32;
    /// Size of the BAR in bytes.
    const SIZE: u64;
    /// What may be mapped, four areas at most.
    const MAPPED: &'static [Area];
    /// What can be [taken](Device::take()) from user space, a part of what may be mapped.
    const TAKEN: Option<Area> = None;

    /// Answers a read of the aligned 32-bit register at `offset`.
    fn read32(dev: &Device<Self, Open>, run: RunMut<'_, Self>, offset: usize) -> Result<u32>;

    /// Carries out a write to the aligned 32-bit register at `offset`.
    fn write32(
        dev: &Device<Self, Open>,
        run: RunMut<'_, Self>,
        offset: usize,
        value: u32,
    ) -> Result;
}

/// The device implements [`Traps`].
pub struct Trapped<T>(PhantomData<T>);
/// User space may map all of the device, as with `vfio-pci`.
pub struct Passthrough;

/// How a driver deals with accesses to its regions; sealed.
pub trait Profile<T: Driver>: private::Sealed {
    #[doc(hidden)]
    const BAR: Option<u32>;
    #[doc(hidden)]
    const SIZE: u64;
    #[doc(hidden)]
    const MAPPED: &'static [Area];
    #[doc(hidden)]
    const TAKEN: Option<Area>;
    #[doc(hidden)]
    fn read32(dev: &Device<T>, offset: usize) -> Result<u32>;
    #[doc(hidden)]
    fn write32(dev: &Device<T>, offset: usize, value: u32) -> Result;
}

impl<T: Traps> Profile<T> for Trapped<T> {
    const BAR: Option<u32> = Some(T::BAR);
    const SIZE: u64 = T::SIZE;
    const MAPPED: &'static [Area] = {
        assert!(T::MAPPED.len() <= AREAS_MAX);
        let bar = Area {
            offset: 0,
            size: T::SIZE,
        };
        let mut at = 0;
        while at < T::MAPPED.len() {
            assert!(T::MAPPED[at].is_mappable() && bar.covers(&T::MAPPED[at]));
            at += 1;
        }
        T::MAPPED
    };
    const TAKEN: Option<Area> = {
        if let Some(taken) = T::TAKEN {
            let (mut at, mut mapped) = (0, false);
            while at < T::MAPPED.len() {
                mapped |= T::MAPPED[at].covers(&taken);
                at += 1;
            }
            // What is mapped is all of pages, and inside of the BAR.
            assert!(taken.is_mappable() && mapped);
        }
        T::TAKEN
    };

    fn read32(dev: &Device<T>, offset: usize) -> Result<u32> {
        dev.with_session(|dev, session| {
            T::DmaLogging::watch(dev, &mut session.dma_log, session.migration.run_mut());
            T::read32(dev, session.migration.run_mut().ok_or(EIO)?, offset)
        })
    }

    fn write32(dev: &Device<T>, offset: usize, value: u32) -> Result {
        dev.with_session(|dev, session| {
            T::DmaLogging::watch(dev, &mut session.dma_log, session.migration.run_mut());
            let run = session.migration.run_ref().ok_or(EIO)?;
            T::DmaLogging::before_write(dev, &mut session.dma_log, run, offset, value);

            let result = T::write32(dev, session.migration.run_mut().ok_or(EIO)?, offset, value);
            // It may have been to what was taken.
            T::DmaLogging::watch(dev, &mut session.dma_log, session.migration.run_mut());

            // What the guest does may be what makes the driver put more on the stream.
            if let Some(link) = session.migration.precopy_link() {
                link.wake();
            }
            result
        })
    }
}

impl<T: Driver> Profile<T> for Passthrough {
    const BAR: Option<u32> = None;
    const SIZE: u64 = 0;
    const MAPPED: &'static [Area] = &[];
    const TAKEN: Option<Area> = None;

    fn read32(_: &Device<T>, _: usize) -> Result<u32> {
        Err(EINVAL)
    }

    fn write32(_: &Device<T>, _: usize, _: u32) -> Result {
        Err(EINVAL)
    }
}

mod private {
    pub trait Sealed {}
    impl<T> Sealed for super::Trapped<T> {}
    impl Sealed for super::Passthrough {}
}

/// Width of a register in bytes.
const WIDTH: usize = 4;

/// Returns the index of the region that a file position is in.
pub(crate) fn index_of(pos: i64) -> Option<u32> {
    u32::try_from(pos >> bindings::VFIO_PCI_OFFSET_SHIFT).ok()
}

/// Returns the registers that `count` bytes from a file position are, by their offset in the region;
/// what is beyond its end is left out, as the core does.
fn registers<T: Driver>(pos: i64, count: usize) -> Result<Range<usize>> {
    let offset =
        usize::try_from(u64::try_from(pos)? & ((1 << bindings::VFIO_PCI_OFFSET_SHIFT) - 1))?;
    let rest = usize::try_from(T::Regions::SIZE)?
        .checked_sub(offset)
        .filter(|&rest| rest != 0)
        .ok_or(EINVAL)?;

    if offset % WIDTH != 0 || count % WIDTH != 0 {
        return Err(EINVAL);
    }
    Ok(offset..offset + count.min(rest))
}

/// Reads registers for user space.
///
/// # Errors
///
/// - [`EINVAL`]: it begins outside the BAR, or is not of aligned 32-bit registers.
/// - [`EFAULT`]: the user's buffer. The register was read all the same.
/// - whatever the driver gives.
pub(crate) fn read<T: Driver>(
    dev: &Device<T>,
    buf: UserPtr,
    count: usize,
    pos: &mut i64,
) -> Result<isize> {
    let registers = registers::<T>(*pos, count)?;
    let count = registers.len();
    let mut user = UserSlice::new(buf, count).writer();

    for at in registers.step_by(WIDTH) {
        let value = T::Regions::read32(dev, at)?;
        // The session lock has been released: this may fault, and wait for who holds it.
        user.write_slice(&value.to_le_bytes())?;
        // CAST: a small constant.
        *pos += WIDTH as i64;
    }
    // The vfs limits `count` to `MAX_RW_COUNT`.
    Ok(isize::try_from(count)?)
}

/// Writes registers for user space.
///
/// # Errors
///
/// As [`read()`]; after [`EFAULT`] the registers before it are written.
pub(crate) fn write<T: Driver>(
    dev: &Device<T>,
    buf: UserPtr,
    count: usize,
    pos: &mut i64,
) -> Result<isize> {
    let registers = registers::<T>(*pos, count)?;
    let count = registers.len();
    let mut user = UserSlice::new(buf, count).reader();

    for at in registers.step_by(WIDTH) {
        let mut value = [0; WIDTH];
        user.read_slice(&mut value)?;
        T::Regions::write32(dev, at, u32::from_le_bytes(value))?;
        // CAST: a small constant.
        *pos += WIDTH as i64;
    }
    Ok(isize::try_from(count)?)
}

/// Refuses to map what is trapped.
///
/// # Errors
///
/// - [`EINVAL`]: the mapping is not inside one of the areas that may be mapped.
pub(crate) fn may_map<T: Driver>(pgoff: c_ulong, len: c_ulong) -> Result {
    if !is_trapped::<T>(pgoff) {
        // The core decides.
        return Ok(());
    }
    // CAST: `c_ulong` fits in `u64`.
    let (pgoff, len) = (pgoff as u64, len as u64);
    let shift = bindings::VFIO_PCI_OFFSET_SHIFT - kernel::bindings::PAGE_SHIFT;
    let start = (pgoff & ((1 << shift) - 1)) << kernel::bindings::PAGE_SHIFT;
    let end = start.checked_add(len).ok_or(EINVAL)?;

    if T::Regions::MAPPED
        .iter()
        .any(|area| start >= area.offset && end <= area.offset + area.size)
    {
        Ok(())
    } else {
        Err(EINVAL)
    }
}

/// Returns whether a mapping that begins at this page of a device's file is one of the trapped BAR.
pub(crate) fn is_trapped<T: Driver>(pgoff: c_ulong) -> bool {
    let shift = bindings::VFIO_PCI_OFFSET_SHIFT - kernel::bindings::PAGE_SHIFT;

    u32::try_from(pgoff >> shift).ok() == T::Regions::BAR
}

/// Areas of one BAR.
const AREAS_MAX: usize = 4;

/// `vfio_region_info_cap_sparse_mmap` with room for some areas, in place of the flexible array.
#[repr(C)]
struct SparseAreas {
    header: bindings::vfio_info_cap_header,
    nr_areas: u32,
    reserved: u32,
    areas: [bindings::vfio_region_sparse_mmap_area; AREAS_MAX],
}

static_assert!(
    core::mem::offset_of!(SparseAreas, areas)
        == core::mem::offset_of!(bindings::vfio_region_info_cap_sparse_mmap, areas)
);

/// Tells user space which parts of the trapped BAR it may map.
///
/// # Safety
///
/// `caps` must be the capability chain that the core collects for `info`.
pub(crate) unsafe fn add_sparse_areas<T: Driver>(
    info: &bindings::vfio_region_info,
    caps: *mut bindings::vfio_info_cap,
) -> Result {
    if Some(info.index) != T::Regions::BAR || info.flags & bindings::VFIO_REGION_INFO_FLAG_MMAP == 0
    {
        return Ok(());
    }
    let mut sparse = SparseAreas {
        header: bindings::vfio_info_cap_header {
            // CAST: a small constant of the uAPI.
            id: bindings::VFIO_REGION_INFO_CAP_SPARSE_MMAP as u16,
            version: 1,
            next: 0,
        },
        nr_areas: 0,
        reserved: 0,
        areas: Default::default(),
    };
    for (area, mapped) in sparse.areas.iter_mut().zip(T::Regions::MAPPED) {
        (area.offset, area.size) = (mapped.offset, mapped.size);
        sparse.nr_areas += 1;
    }
    let unused = sparse.areas.len() - T::Regions::MAPPED.len();

    // SAFETY: `caps` is the caller's promise; the capability is copied, up to its last area.
    kernel::error::to_result(unsafe {
        bindings::vfio_info_add_capability(
            caps,
            (&raw mut sparse).cast(),
            core::mem::size_of::<SparseAreas>() - unused * core::mem::size_of_val(&sparse.areas[0]),
        )
    })
}
