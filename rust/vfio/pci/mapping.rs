// SPDX-License-Identifier: GPL-2.0

//! How mappings of the trapped BAR are filled in: with the device, or with the memory that stands in
//! for a page that was [taken](super::page).

use super::Pci;
use crate::{
    bindings,
    region::Profile as _,
    staging::rwsem::ReadGuard,
    Device,
    Driver, //
};
use kernel::bindings::{
    vm_fault,
    vm_fault_t,
    PAGE_SHIFT, //
};

impl<T: Driver<Bus = Pci>> Device<T> {
    /// For mappings of the trapped BAR, if the driver has a page to take.
    pub(crate) const VM_OPS: kernel::bindings::vm_operations_struct =
        kernel::bindings::vm_operations_struct {
            fault: Some(Self::fault_callback),
            ..pin_init::zeroed()
        };

    /// # Safety
    ///
    /// Called by the memory management for a mapping that `vfio_pci_core_mmap()` has set up.
    unsafe extern "C" fn fault_callback(vmf: *mut vm_fault) -> vm_fault_t {
        // SAFETY: `vmf` is valid for the time of the call; `vfio_pci_core_mmap()` has left its device
        // in the mapping, whose file keeps it open.
        let (vma, this) = unsafe {
            let vma = (*vmf).__bindgen_anon_1.vma;
            (vma, Self::from_vdev((*vma).vm_private_data.cast()))
        };
        // SAFETY: `vfio_pci_core_init_dev()` has initialised the semaphore, which lives as long as
        // the device.
        let lock = unsafe { ReadGuard::lock(&raw mut (*this.as_core()).memory_lock) };
        // SAFETY: `vmf` is that of this call.
        let result = unsafe { this.fill_in(vmf, &lock) };
        if result != kernel::bindings::vm_fault_reason_VM_FAULT_NOPAGE {
            return result;
        }
        this.stand_in().note_fault();
        drop(lock);

        // Who asked for the page may look at it only after it was taken away again, and KVM takes that
        // for an error. Asked to try again it begins anew, and finds what is there then.
        //
        // SAFETY: `vmf` is valid. With `FAULT_FLAG_ALLOW_RETRY` and without `FAULT_FLAG_RETRY_NOWAIT`
        // the caller holds `mmap_lock` for reading, and expects it to be released if it is told to
        // retry, as by `ttm_bo_vm_reserve()`; no handler of a mapping without `map_pages` is called
        // with the lock of the mapping alone, see `vmf_can_call_fault()`. Nothing of the mapping or
        // the device is touched afterwards.
        unsafe {
            let (allowed, not_again) = (
                kernel::bindings::fault_flag_FAULT_FLAG_ALLOW_RETRY,
                kernel::bindings::fault_flag_FAULT_FLAG_TRIED
                    | kernel::bindings::fault_flag_FAULT_FLAG_RETRY_NOWAIT,
            );
            if (*vmf).flags & allowed != 0 && (*vmf).flags & not_again == 0 {
                kernel::bindings::mmap_read_unlock((*vma).vm_mm);
                return kernel::bindings::vm_fault_reason_VM_FAULT_RETRY;
            }
        }
        result
    }

    /// Fills in what a mapping shows: the device, or memory where it was taken.
    ///
    /// # Safety
    ///
    /// `vmf` must be that of a fault of a mapping of the trapped BAR, which has not been answered.
    unsafe fn fill_in(&self, vmf: *mut vm_fault, _memory_lock: &ReadGuard<'_>) -> vm_fault_t {
        let core = self.as_core();
        let bar_pages = (1 << (bindings::VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT)) - 1;

        // SAFETY: `vmf` and what it points to are valid, by the requirement on the caller; the device
        // of a mapping is open, and its resources do not change. `memory_lock` is held for reading, as
        // both of the functions that read the state of the device ask for.
        unsafe {
            let fault = &(*vmf).__bindgen_anon_1;
            let page = fault.pgoff & bar_pages;
            // CAST: widening.
            let offset = (page as u64) << PAGE_SHIFT;
            let shows_memory = self.stand_in().is_shown()
                && T::Regions::TAKEN.is_some_and(|area| area.contains(offset));

            if !shows_memory {
                let bar = fault.pgoff >> (bindings::VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT);
                let resources = &(*(*core).pdev).resource;
                let start = resources.get(bar).map_or(0, |resource| resource.start);
                let pfn = (start as usize >> PAGE_SHIFT) + page;
                return bindings::vfio_pci_vmf_insert_pfn(core, vmf, pfn, 0);
            }
            match self.stand_in().pfn(offset) {
                // As `vfio_pci_vmf_insert_pfn()` does it: without the device no memory either.
                Some(pfn)
                    if !(*core).pm_runtime_engaged && bindings::__vfio_pci_memory_enabled(core) =>
                {
                    kernel::bindings::vmf_insert_pfn_prot(
                        fault.vma,
                        fault.address,
                        pfn,
                        // That of the mapping is for a device: not cached, and not encrypted.
                        kernel::bindings::vm_get_page_prot((*fault.vma).__bindgen_anon_2.vm_flags),
                    )
                }
                _ => kernel::bindings::vm_fault_reason_VM_FAULT_SIGBUS,
            }
        }
    }
}
