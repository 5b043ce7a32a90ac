// SPDX-License-Identifier: GPL-2.0

//! Memory in the place of a BAR, or of some pages of it, that user space sees.

use core::mem::size_of;
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    io::{
        Io,
        Region,
        SysMem, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Full, //
    }, //
};

/// A copy of the BAR in memory, registers where they are in the device, of which user space sees some
/// pages.
pub type Memory<'a, const SIZE: usize> = SysMem<'a, Region<SIZE>>;

/// Writes to the register at `offset` of the memory if user space has not: it still holds `old`.
/// Returns whether it did.
pub fn replace<const SIZE: usize>(
    memory: Memory<'_, SIZE>,
    offset: usize,
    old: u32,
    new: u32,
) -> bool {
    let Some(last) = offset.checked_add(size_of::<u32>() - 1) else {
        return false;
    };
    if offset % size_of::<u32>() != 0 || last >= Io::size(memory) {
        return false;
    }
    // SAFETY: `offset` is aligned and in the memory, which lives as long as `memory`, and nothing but
    // volatile accesses, and those of user space, go there.
    let word = unsafe { Atomic::from_ptr(memory.as_ptr().cast::<u8>().add(offset).cast::<u32>()) };

    word.cmpxchg(old, new, Full).is_ok()
}

/// The memory.
///
/// # Invariants
///
/// `bytes` is never resized.
pub(crate) struct BarMemory {
    bytes: VVec<u8>,
}

impl BarMemory {
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new(len: u64) -> Result<Self> {
        // INVARIANT: It is private, and nothing here resizes it.
        Ok(Self {
            bytes: VVec::from_elem(0, usize::try_from(len)?, GFP_KERNEL_ACCOUNT)?,
        })
    }

    /// Gives access to it.
    ///
    /// # Safety
    ///
    /// It must be `SIZE` bytes long, or longer.
    pub(crate) unsafe fn view<const SIZE: usize>(&self) -> Memory<'_, SIZE> {
        // Nothing but volatile accesses, and those of user space, ever go there.
        let region =
            Region::ptr_from_raw_parts_mut(self.bytes.as_ptr().cast_mut(), self.bytes.len());

        // SAFETY: It is as long as that by the caller, and is never resized; memory of vmalloc is aligned
        // to pages, and lives as long as `self`.
        unsafe { SysMem::new(region) }
    }

    /// Returns where the byte at `offset` is.
    fn at(&self, offset: u64) -> Option<*const u8> {
        let offset = usize::try_from(offset)
            .ok()
            .filter(|&offset| offset < self.bytes.len())?;

        Some(self.bytes.as_ptr().wrapping_add(offset))
    }

    /// Returns the number of the page that the byte at `offset` is in.
    pub(crate) fn pfn(&self, offset: u64) -> Option<usize> {
        let at = self.at(offset)?;

        // SAFETY: The address is in `bytes`, which is memory of vmalloc, by its allocator.
        Some(unsafe { kernel::bindings::vmalloc_to_pfn(at.cast()) })
    }

    /// Returns that page, which stays as long as `self`.
    pub(crate) fn page(&self, offset: u64) -> Option<*mut kernel::bindings::page> {
        let at = self.at(offset)?;

        // SAFETY: As in `pfn()`.
        Some(unsafe { kernel::bindings::vmalloc_to_page(at.cast()) })
    }
}
