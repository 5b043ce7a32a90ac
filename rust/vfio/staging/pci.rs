// SPDX-License-Identifier: GPL-2.0

//! What [`kernel::pci::Device`] does not tell yet; upstream home: `rust/kernel/pci.rs`.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use kernel::{
    bindings,
    device,
    pci::Device,
    prelude::*, //
};

/// Returns whether the function is a virtual one, of the host that this kernel is.
pub fn is_virtfn<C: device::DeviceContext>(pdev: &Device<C>) -> bool {
    // SAFETY: `Device` is a transparent wrapper of `struct pci_dev`, which is valid. The bit was set
    // by `pci_iov_add_virtfn()` before the function was added.
    unsafe { (*core::ptr::from_ref(pdev).cast::<bindings::pci_dev>()).is_virtfn() != 0 }
}

/// Returns the number of MSI-X vectors that the function has.
///
/// # Errors
///
/// - [`EINVAL`]: it has no MSI-X capability.
pub fn msix_vec_count<C: device::DeviceContext>(pdev: &Device<C>) -> Result<u32> {
    // CAST: `Device` is a transparent wrapper of `struct pci_dev`.
    let pdev = core::ptr::from_ref(pdev)
        .cast_mut()
        .cast::<bindings::pci_dev>();
    // SAFETY: `pdev` is valid; `pci_msix_vec_count()` reads its configuration space.
    let count = unsafe { bindings::pci_msix_vec_count(pdev) };

    kernel::error::to_result(count)?;
    Ok(u32::try_from(count)?)
}
