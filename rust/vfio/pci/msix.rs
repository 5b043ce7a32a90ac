// SPDX-License-Identifier: GPL-2.0

//! The MSI-X vectors of an open function: holding its messages back, and seeing which are.
//!
//! The user decides which vectors there are and where they lead, by `VFIO_DEVICE_SET_IRQS`; the
//! masks of single vectors are the host's, which moves them between CPUs. What is left for a driver
//! is the bit that masks all of them, `PCI_MSIX_FLAGS_MASKALL`. The host sets it only while it enables
//! MSI-X or restores it after a reset, and clears it then: what is left of it here is gone with the
//! next user.

use super::{
    MmioGuard,
    Pci, //
};
use crate::{
    Device,
    Driver,
    Open, //
};
use core::ops::Deref;
use kernel::{
    bindings,
    ffi::c_int,
    io::Io,
    prelude::*,
    sync::{
        Mutex,
        MutexGuard, //
    }, //
};

/// A BAR that may be accessed now, and the vectors of its function, which the user does not change
/// meanwhile.
///
/// Holds `igate`, and below it `memory_lock` for reading: the same user's `VFIO_DEVICE_SET_IRQS` and
/// resets wait for as long.
pub struct VectorsGuard<'a, T: Driver<Bus = Pci>, const SIZE: usize> {
    dev: &'a Device<T, Open>,
    // Dropped in this order.
    mmio: MmioGuard<'a, SIZE>,
    _igate: MutexGuard<'a, ()>,
}

impl<'a, T: Driver<Bus = Pci>, const SIZE: usize> Deref for VectorsGuard<'a, T, SIZE> {
    type Target = MmioGuard<'a, SIZE>;

    fn deref(&self) -> &Self::Target {
        &self.mmio
    }
}

impl<T: Driver<Bus = Pci>> Device<T, Open> {
    /// Gives access to a BAR as [`Self::mmio()`] does, and to the vectors of the function.
    ///
    /// # Errors
    ///
    /// As [`Self::mmio()`].
    pub fn vectors<const SIZE: usize>(&self, bar: usize) -> Result<VectorsGuard<'_, T, SIZE>> {
        // SAFETY: `vfio_pci_core_init_dev()` has initialised the mutex, which lives as long as the
        // device.
        let igate = unsafe { Mutex::<()>::from_raw(&raw mut (*self.as_core()).igate) };
        // `vfio_pci_set_irqs_ioctl()` takes `memory_lock` below it, too.
        let igate = igate.lock();

        Ok(VectorsGuard {
            dev: self,
            mmio: self.mmio(bar)?,
            _igate: igate,
        })
    }
}

impl<T: Driver<Bus = Pci>, const SIZE: usize> VectorsGuard<'_, T, SIZE> {
    /// Holds back the messages of all vectors, until [`Self::unmute()`]; what would have been sent is
    /// pending then.
    ///
    /// Without effect if MSI-X is off. Who enables it anew unmutes it, and so does a reset.
    pub fn mute(&self) {
        self.change(bindings::PCI_MSIX_FLAGS_MASKALL);
    }

    /// Lets the function send messages again, first of all those that are pending.
    pub fn unmute(&self) {
        self.change(0);
    }

    /// Sets the mask of all vectors, if MSI-X is on. A function that cannot be reached sends nothing.
    fn change(&self, mask: u32) {
        let (pdev, capability) = self.capability();
        let mut control = 0;

        if capability == 0 {
            return;
        }
        // CAST: offsets in config space; bits of a 16-bit register.
        let (at, enable, mask_all, mask) = (
            c_int::from(capability) + bindings::PCI_MSIX_FLAGS as c_int,
            bindings::PCI_MSIX_FLAGS_ENABLE as u16,
            bindings::PCI_MSIX_FLAGS_MASKALL as u16,
            mask as u16,
        );
        // The core writes this register in `vfio_msi_enable()` and `vfio_msi_disable()`, with `igate`
        // held, and in resets, with `memory_lock` held for writing.
        //
        // SAFETY: `pdev` is valid as long as the device; the value goes to a local variable.
        unsafe {
            if bindings::pci_read_config_word(pdev, at, &mut control) == 0
                && control & enable != 0
                && control & mask_all != mask
            {
                bindings::pci_write_config_word(pdev, at, control & !mask_all | mask);
            }
        }
    }

    /// Returns the pending bits of the first 32 vectors.
    ///
    /// A bit is set while there is a message that a mask holds back: one of the vector, one of all,
    /// or MSI-X is off. A vector that the user has not set up may keep it for ever.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the function has no MSI-X.
    /// - those of [`Device::mmio()`], of the BAR that the bits are in.
    pub fn pending(&self) -> Result<u32> {
        let (pdev, capability) = self.capability();
        let mut place = 0;

        if capability == 0 {
            return Err(ENODEV);
        }
        // CAST: an offset in config space.
        let at = c_int::from(capability) + bindings::PCI_MSIX_PBA as c_int;
        // SAFETY: `pdev` is valid as long as the device; the value goes to a local variable.
        kernel::error::to_result(unsafe { bindings::pci_read_config_dword(pdev, at, &mut place) })?;

        // CAST: widening.
        let bar = (place & bindings::PCI_MSIX_PBA_BIR) as usize;
        let offset = (place & bindings::PCI_MSIX_PBA_OFFSET) as usize;
        let guard = self.dev.mmio_beside::<0, SIZE>(&self.mmio, bar)?;
        (&guard).try_read32(offset)
    }

    fn capability(&self) -> (*mut bindings::pci_dev, u8) {
        // SAFETY: The core has set `pdev`, which is valid as long as the device; the offset was found
        // by `pci_msix_init()` before the function was added.
        unsafe {
            let pdev = (*self.dev.as_core()).pdev;
            (pdev, (*pdev).msix_cap)
        }
    }
}
