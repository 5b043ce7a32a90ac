// SPDX-License-Identifier: GPL-2.0

//! What VMMs compare of configuration space, last of all and with the guest stopped.
//!
//! They compare what each end showed when it was opened. So nothing of a former owner may be left in
//! it, and what there is has to be known before, to who writes descriptors and who judges them.

use kernel::{
    device,
    io::Io,
    pci,
    prelude::*, //
};
use session::Format;
use vmf::profile::igbvf_82576::{
    State,
    PROFILE, //
};

/// Clears what a former owner has left, and notes what the device then shows. After the next close the
/// core restores that, so that it is what the open after that will find.
///
/// Nobody else writes to configuration space: the device is being bound or opened.
///
/// # Errors
///
/// - [`EIO`]: the function does not answer.
/// - [`EINVAL`]: the host cannot reach extended configuration space, which the profile is in part about.
pub(crate) fn settle(pdev: &pci::Device<device::Bound>, format: &Format<State>) -> Result {
    let space = pdev.config_space_extended()?;

    for spec in PROFILE.config {
        let raw = space.try_read32(spec.offset.into())?;
        // No word of the profile is like that: nobody is there.
        if raw == u32::MAX {
            return Err(EIO);
        }
        if let Some(value) = spec.clearing(raw) {
            space.try_write32(value, spec.offset.into())?;
        }
    }
    // Behind the last write: the header of an error goes with its status on some devices.
    format.set_config(|spec| space.try_read32(spec.offset.into()).unwrap_or(spec.value));
    Ok(())
}
