// SPDX-License-Identifier: GPL-2.0

//! What a function is, in the words of its profile.

use super::config;
use kernel::{
    pci,
    prelude::*, //
};
use session::Format;
use vfio::staging::pci::{
    is_virtfn,
    msix_vec_count, //
};
use vmf::{
    profile::igbvf_82576::{
        State,
        LIMIT_MSIX_VECTORS,
        PROFILE,
        QUIRK_ONE_STEP_DMA, //
    },
    registry::KEY_PROVIDER_DRIVER,
    Presented, //
};

/// Who makes the streams.
const PROVIDER: &[(u16, &[u8])] = &[(KEY_PROVIDER_DRIVER, b"igbvf_vfio_pci")];

/// Finds out what the function can do.
///
/// # Errors
///
/// - [`ENODEV`]: it is another device; `driver_override` binds any.
/// - [`EINVAL`]: it has no MSI-X capability, or no extended configuration space that can be reached.
/// - [`ENOMEM`]
pub(crate) fn of(pdev: &pci::Device<kernel::device::Bound>) -> Result<Format<State>> {
    if !is_virtfn(pdev)
        || (pdev.vendor_id().as_raw(), pdev.device_id())
            != (PROFILE.identity.vendor, PROFILE.identity.device)
    {
        dev_err!(pdev, "no virtual function of an Intel 82576\n");
        return Err(ENODEV);
    }
    let [_, high, middle, low] = pdev.pci_class().as_raw().to_be_bytes();
    let presented = Presented {
        vendor: pdev.vendor_id().as_raw(),
        device: pdev.device_id(),
        subvendor: pdev.subsystem_vendor_id(),
        subdevice: pdev.subsystem_device_id(),
        revision: pdev.revision_id(),
        class: [low, middle, high],
        flags: Presented::FLAGS_IS_VF,
    };

    let vectors = msix_vec_count(pdev)?.into();
    let format = Format::new(presented, &[(LIMIT_MSIX_VECTORS, vectors)], PROVIDER)?;
    config::settle(pdev, &format)?;
    Ok(format)
}

/// Returns whether the registry says that packet, descriptor and head change in one step.
pub(crate) fn has_one_step_dma(format: &Format<State>) -> bool {
    let presented = format.presented();

    QUIRK_ONE_STEP_DMA.contains(&(presented.subvendor, presented.subdevice))
}
