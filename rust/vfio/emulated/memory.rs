// SPDX-License-Identifier: GPL-2.0

//! Memory of the guest, for a device in software.

use super::Emulated;
use crate::{
    bindings,
    Device,
    Driver,
    Open, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

impl<T: Driver<Bus = Emulated>> Device<T, Open> {
    /// Copies memory of the guest to `buf`.
    ///
    /// May be called from any task. It may fault in the memory, which takes as long as the guest's VMM
    /// likes, and waits for `mmap_lock` of that: call it without a lock that others wait for.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`], [`ENOENT`], [`EPERM`]: not all of it is mapped for the device to read.
    /// - [`EFAULT`]: the user has mapped for the device what is no memory.
    pub fn dma_read(&self, iova: u64, buf: &mut [u8]) -> Result {
        // SAFETY: `buf` is ours for the time of the call, and a read only writes to it.
        unsafe { self.dma(iova, buf.as_mut_ptr(), buf.len(), false) }
    }

    /// Copies `buf` to memory of the guest, and logs it, see [`Exact`](super::Exact).
    ///
    /// As [`Self::dma_read()`].
    ///
    /// # Errors
    ///
    /// - [`EINVAL`], [`ENOENT`], [`EPERM`]: not all of it is mapped for the device to write.
    /// - [`EFAULT`]: as above. Some of it may be written.
    pub fn dma_write(&self, iova: u64, buf: &[u8]) -> Result {
        // SAFETY: `buf` is valid for the time of the call, and a write only reads from it.
        let result = unsafe { self.dma(iova, buf.as_ptr().cast_mut(), buf.len(), true) };

        // Not before: who was told of it, and has copied the page since, would not hear of it again.
        self.bus_state().written.mark(iova, buf.len());
        result
    }

    /// # Safety
    ///
    /// `data` must be valid for `len` bytes, to be written to, or to be read from if `write`.
    unsafe fn dma(&self, iova: u64, data: *mut u8, len: usize, write: bool) -> Result {
        if len == 0 {
            return Ok(());
        }
        // It would be taken for a negative offset.
        iova.checked_add(len as u64).ok_or(EINVAL)?;
        // SAFETY: The device is open by its context, and so its container or iommufd stays what it
        // is. `data` is valid by the caller.
        to_result(unsafe { bindings::vfio_dma_rw(self.as_vdev(), iova, data.cast(), len, write) })
    }
}
