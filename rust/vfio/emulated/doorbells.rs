// SPDX-License-Identifier: GPL-2.0

//! Pages of the trapped BAR that user space maps: memory, which the driver reads.
//!
//! What user space writes there is no trap, and nobody is told: the driver looks, in its rounds, as
//! often as it likes. When it has not found anything for a while it hides the pages, which empties the
//! mappings. The next touch fills them in and wakes up the task of the device. So a busy device is not
//! trapped, and one at rest is not looked after.
//!
//! The pages are hidden and shown under a lock of their own, which nothing is waited for with. KVM gets
//! at them as at any memory, and begins anew if they are gone when it looks.

use super::{
    Driver,
    Emulated, //
};
use crate::{
    bar_memory::{
        BarMemory,
        Memory, //
    },
    bindings,
    region::{
        self,
        Area,
        Profile as _,
        Traps, //
    },
    Device,
    Open, //
};
use core::cell::UnsafeCell;
use kernel::{
    bindings::{
        vm_area_struct,
        vm_fault,
        vm_fault_t,
        PAGE_SHIFT, //
    },
    mm::virt::VmaNew,
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

/// The memory.
///
/// # Invariants
///
/// It is as long as the BAR, if the driver has pages to be mapped, and is another one each time that the
/// device is opened: who had it before may still have the pages, which can be pinned.
#[pin_data]
pub(super) struct Doorbells {
    memory: UnsafeCell<BarMemory>,
    /// A mapping may have been filled in since the pages were hidden.
    #[pin]
    shown: Mutex<bool>,
}

impl Doorbells {
    pub(super) fn new<T: crate::Driver<Bus = Emulated>>() -> impl PinInit<Self, Error> {
        // INVARIANT: As long as the BAR.
        try_pin_init!(Self {
            memory: UnsafeCell::new(memory::<T>()?),
            shown <- new_mutex!(false, "vfio::emulated::Doorbells"),
        }? Error)
    }

    /// Takes other memory, of which nobody knows.
    ///
    /// # Safety
    ///
    /// Nobody else must look at it: the device is being opened by the first opener, before its task is
    /// started, or the session.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(super) unsafe fn renew<T: crate::Driver<Bus = Emulated>>(&self) -> Result {
        let memory = memory::<T>()?;

        // INVARIANT: As long as the BAR.
        //
        // SAFETY: By the caller there is no reference to what is in there: neither a `Device` that is
        // open nor a mapping, each of which has a file.
        unsafe { *self.memory.get() = memory };
        *self.shown.lock() = false;
        Ok(())
    }
}

// SAFETY: `memory` is written to by `renew()` only, whose caller sees to it that nobody looks.
unsafe impl Sync for Doorbells {}

/// Memory as long as the BAR, if there is something to be mapped.
fn memory<T: crate::Driver<Bus = Emulated>>() -> Result<BarMemory> {
    BarMemory::new(match T::Regions::MAPPED {
        [] => 0,
        _ => T::Regions::SIZE,
    })
}

impl<T: Traps + Driver> Device<T, Open> {
    /// Returns what user space sees of the BAR where it is mapped.
    pub fn doorbells<const SIZE: usize>(&self) -> Memory<'_, SIZE> {
        const_assert!(!T::Regions::MAPPED.is_empty() && SIZE as u64 <= T::Regions::SIZE);

        // SAFETY: By the type invariant of `Doorbells` it is as long as the BAR, of which `SIZE` is no
        // more than all, and stays as long as the device is open, which it is by the context.
        unsafe { (*self.bus_state().doorbells.memory.get()).view() }
    }

    /// Returns whether user space can write there without anybody being told.
    pub fn doorbells_are_shown(&self) -> bool {
        *self.bus_state().doorbells.shown.lock()
    }

    /// Has the next touch wake up the task of the device. What was written before is in memory when this
    /// returns.
    pub fn hide_doorbells(&self) {
        let mut shown = self.bus_state().doorbells.shown.lock();

        for Area { offset, size } in T::MAPPED {
            let start = (u64::from(T::BAR) << bindings::VFIO_PCI_OFFSET_SHIFT) + offset;

            // SAFETY: The inode is that of all files of the device, see `vfio_device_fs_inode_new()`,
            // and lives as long as the device.
            unsafe {
                kernel::bindings::unmap_mapping_range(
                    (*(*self.as_vdev()).inode).i_mapping,
                    // CAST: both are far below 2^63.
                    start as i64,
                    *size as i64,
                    1,
                );
            }
        }
        *shown = false;
    }
}

impl<T: Driver> Device<T> {
    const DOORBELL_OPS: kernel::bindings::vm_operations_struct =
        kernel::bindings::vm_operations_struct {
            fault: Some(Self::doorbell_fault_callback),
            ..pin_init::zeroed()
        };

    /// Sets up a mapping.
    ///
    /// # Safety
    ///
    /// `vma` must be one of a file of the device that is being set up, with `mmap_lock` held for
    /// writing.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: it is not inside one of the areas that may be mapped, or not shared.
    pub(super) unsafe fn map(&self, vma: *mut vm_area_struct) -> Result {
        // SAFETY: `vma` is valid by the caller.
        let (start, end, pgoff, flags) = unsafe {
            let range = &(*vma).__bindgen_anon_1.__bindgen_anon_1;
            let flags = (*vma).__bindgen_anon_2.vm_flags;
            (range.vm_start, range.vm_end, (*vma).vm_pgoff, flags)
        };

        // CAST: a flag of the low word.
        if !region::is_trapped::<T>(pgoff) || flags & kernel::mm::virt::flags::SHARED == 0 {
            return Err(EINVAL);
        }
        region::may_map::<T>(pgoff, end.wrapping_sub(start))?;
        // SAFETY: By the caller.
        let new = unsafe { VmaNew::from_raw(vma) };
        new.set_mixedmap();
        new.set_dontexpand();
        new.set_dontdump();
        // SAFETY: `vma` is being set up; its file keeps the device.
        unsafe {
            (*vma).vm_ops = &Self::DOORBELL_OPS;
            (*vma).vm_private_data = self.as_vdev().cast();
        }
        Ok(())
    }

    /// # Safety
    ///
    /// Called by the memory management for a mapping that [`Self::map()`] has set up.
    unsafe extern "C" fn doorbell_fault_callback(vmf: *mut vm_fault) -> vm_fault_t {
        // SAFETY: `vmf` is valid for the time of the call, and the file of the mapping keeps its device
        // open.
        let (this, pgoff) = unsafe {
            let fault = &(*vmf).__bindgen_anon_1;
            (
                Self::from_vdev((*fault.vma).vm_private_data.cast()),
                fault.pgoff,
            )
        };
        let bar_pages = (1 << (bindings::VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT)) - 1;
        let doorbells = &this.bus_state().doorbells;
        // CAST: widening.
        //
        // SAFETY: The file of the mapping keeps the device open, and with it the memory.
        let memory = unsafe { &*doorbells.memory.get() };
        let Some(page) = memory.page(((pgoff & bar_pages) as u64) << PAGE_SHIFT) else {
            return kernel::bindings::vm_fault_reason_VM_FAULT_SIGBUS;
        };
        let mut shown = doorbells.shown.lock();
        // SAFETY: `vmf` is that of this call, of a mapping with `VM_MIXEDMAP`; the page is memory of
        // vmalloc, which may be mapped.
        let result = unsafe { kernel::bindings::vmf_insert_page_mkwrite(vmf, page, true) };

        *shown = true;
        drop(shown);
        if let Some(waker) = this.waker() {
            waker.wake();
        }
        result
    }
}
