// SPDX-License-Identifier: GPL-2.0

//! What can be done with the hardware of an open device.

use super::Pci;
use crate::{
    bindings,
    staging::{
        pm_runtime::Active,
        rwsem::{
            ReadGuard,
            WriteGuard, //
        }, //
    },
    stats::{
        Counted,
        MmioStats, //
    },
    Bound,
    Device,
    Driver,
    Open, //
};
use kernel::{
    device,
    error::{
        from_err_ptr,
        to_result, //
    },
    ffi::c_int,
    io::{
        IoBase,
        Mmio,
        MmioRaw,
        Region, //
    },
    pci,
    prelude::*, //
};

impl<T: Driver<Bus = Pci>> Device<T, Bound> {
    /// Returns the PCI function.
    pub fn pci(&self) -> &pci::Device<device::Bound> {
        // SAFETY: `vfio_pci_core_init_dev()` has set `pdev`, which is bound to this driver by the
        // context.
        unsafe { &*(*self.as_core()).pdev.cast::<pci::Device<device::Bound>>() }
    }
}

impl<T: Driver<Bus = Pci>> Device<T, Open> {
    /// Returns the PCI function.
    pub fn pci(&self) -> &pci::Device<device::Bound> {
        // SAFETY: `vfio_pci_core_init_dev()` has set `pdev`, which is bound to this driver as long
        // as the device is open: `vfio_pci_core_unregister_device()` waits for the last close.
        unsafe { &*(*self.as_core()).pdev.cast::<pci::Device<device::Bound>>() }
    }

    /// Gives access to a BAR of at least `SIZE` bytes.
    ///
    /// Takes `memory_lock` for reading until the guard is dropped: keep it for a batch of accesses,
    /// and drop it before anything that waits for user space. Do not take a second one meanwhile: a
    /// writer that waits in between would never come to its turn.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the function does not decode memory now: it is switched off, or in D3.
    /// - [`EINVAL`], [`ENODEV`] or what `vfio_pci_core_enable()` met: there is no such BAR, it is
    ///   smaller or one of I/O ports, or it could not be mapped.
    pub fn mmio<const SIZE: usize>(&self, bar: usize) -> Result<MmioGuard<'_, SIZE>> {
        // SAFETY: `vfio_pci_core_init_dev()` has initialised the semaphore, which lives as long as
        // the device.
        let lock = unsafe { ReadGuard::lock(&raw mut (*self.as_core()).memory_lock) };

        self.mmio_under(Lock::Own(lock), bar)
    }

    /// Gives access to a BAR, as long as `lock` is held.
    ///
    /// # Errors
    ///
    /// As [`Self::mmio()`].
    pub(crate) fn mmio_under<'a, const SIZE: usize>(
        &'a self,
        lock: Lock<'a>,
        bar: usize,
    ) -> Result<MmioGuard<'a, SIZE>> {
        // INVARIANT: The guard holds the lock.
        Ok(MmioGuard {
            raw: self.decoded(&lock, bar)?,
            stats: self.stats().mmio(),
            lock,
        })
    }

    /// Returns where a BAR of at least `SIZE` bytes is; `memory_lock` is held.
    ///
    /// # Errors
    ///
    /// As [`Self::mmio()`].
    fn decoded<const SIZE: usize>(
        &self,
        _memory_lock: &Lock<'_>,
        bar: usize,
    ) -> Result<MmioRaw<Region<SIZE>>> {
        let core = self.as_core();
        // SAFETY: `memory_lock` is held, which is what this function asks for.
        if !unsafe { bindings::__vfio_pci_memory_enabled(core) } {
            return Err(EIO);
        }
        // SAFETY: The maps are set up by `vfio_pci_core_enable()` and do not change while open.
        let map = *unsafe { &(*core).barmap }.get(bar).ok_or(EINVAL)?;
        if map.is_null() {
            return Err(ENODEV);
        }
        let map = from_err_ptr(map)?;
        // The core maps I/O ports as well, to a cookie that is no address.
        //
        // SAFETY: `pdev` is valid as long as the device, whose resources do not change while it is
        // bound.
        let flags = unsafe { &(*(*core).pdev).resource }
            .get(bar)
            .map_or(0, |r| r.flags);
        // CAST: widening.
        if flags & kernel::bindings::IORESOURCE_MEM as usize == 0 {
            return Err(EINVAL);
        }
        let len = self.pci().resource_len(u32::try_from(bar)?)?;

        MmioRaw::new_region(map.addr(), usize::try_from(len)?)
    }

    /// Gives access to a further BAR, while there is access to another one.
    ///
    /// # Errors
    ///
    /// As [`Self::mmio()`].
    pub(crate) fn mmio_beside<'a, const SIZE: usize, const OTHER: usize>(
        &'a self,
        other: &'a MmioGuard<'_, OTHER>,
        bar: usize,
    ) -> Result<MmioGuard<'a, SIZE>> {
        self.mmio_under(Lock::Borrowed(&other.lock), bar)
    }

    /// Keeps the function out of the low power state, as the core does for each access of its own:
    /// the user is told if it was in it, and the host may suspend it again afterwards.
    ///
    /// Takes `memory_lock` for writing if it has to resume it.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: it does not resume.
    pub(crate) fn resumed(&self) -> Result<Active<'_>> {
        // SAFETY: `pdev` is bound to this driver by the context, and so valid.
        unsafe { Active::get(&raw mut (*(*self.as_core()).pdev).dev) }.map_err(|_| EIO)
    }

    /// As [`Self::resumed()`], if the function need not be resumed for that.
    #[cfg(CONFIG_IOMMUFD_DRIVER)]
    pub(crate) fn if_resumed(&self) -> Option<Active<'_>> {
        // SAFETY: `pdev` is bound to this driver by the context, and so valid.
        unsafe { Active::get_if_active(&raw mut (*(*self.as_core()).pdev).dev) }
    }

    /// Returns whether the function may start DMA: `PCI_COMMAND_MASTER`.
    ///
    /// # Errors
    ///
    /// - that of the config space access.
    pub fn is_bus_master(&self) -> Result<bool> {
        let mut command = 0;
        // SAFETY: `pdev` is valid as long as the device; the value goes to a local variable.
        to_result(unsafe {
            kernel::bindings::pci_read_config_word(
                (*self.as_core()).pdev,
                // CAST: the offset in the header, 4.
                kernel::bindings::PCI_COMMAND as c_int,
                &mut command,
            )
        })?;
        Ok(u32::from(command) & kernel::bindings::PCI_COMMAND_MASTER != 0)
    }

    /// Has a virtual function decode memory, whatever user space has written to `PCI_COMMAND`.
    ///
    /// By the SR-IOV specification a VF has no Memory Space Enable bit and decodes as long as its PF
    /// lets it; the core takes it so (`no_command_memory`), and VMMs clear the bit before a reset.
    /// QEMU's models have the bit, and do not decode without it. On silicon this has no effect.
    pub(crate) fn decode_memory(&self) {
        let mut command = 0;
        // SAFETY: The core has set `pdev`, which is valid as long as the device.
        let pdev = unsafe { (*self.as_core()).pdev };

        // SAFETY: A bit that `pci_iov_scan_device()` has set before the function was added.
        if unsafe { (*pdev).no_command_memory() } == 0 {
            return;
        }
        // CAST: the offset in the header, 4; a bit of a 16-bit register.
        let (at, memory) = (
            kernel::bindings::PCI_COMMAND as c_int,
            kernel::bindings::PCI_COMMAND_MEMORY as u16,
        );
        // Writes of the user to this register go through `vfio_basic_config_write()`, which holds
        // the same lock for writing.
        //
        // SAFETY: `vfio_pci_core_init_dev()` has initialised the semaphore, which lives as long as
        // the device.
        let _lock = unsafe { WriteGuard::lock(&raw mut (*self.as_core()).memory_lock) };
        // A function that cannot be reached shows when it is used.
        //
        // SAFETY: `pdev` is valid as long as the device; the value goes to a local variable.
        unsafe {
            if kernel::bindings::pci_read_config_word(pdev, at, &mut command) == 0
                && command & memory == 0
            {
                kernel::bindings::pci_write_config_word(pdev, at, command | memory);
            }
        }
    }
}

/// A BAR that may be accessed now.
///
/// All accesses are 32 bits wide and counted, see [`Stats`]; use them through
/// [`kernel::io::Io`].
///
/// # Invariants
///
/// `raw` is a BAR of an open device that decodes memory as long as `lock` is held.
pub struct MmioGuard<'a, const SIZE: usize> {
    raw: MmioRaw<Region<SIZE>>,
    stats: &'a MmioStats,
    lock: Lock<'a>,
}

/// `memory_lock` of the device, which is held.
pub(crate) enum Lock<'a> {
    Own(#[expect(dead_code)] ReadGuard<'a>),
    Borrowed(#[expect(dead_code)] &'a Lock<'a>),
    Written(#[expect(dead_code)] &'a WriteGuard<'a>),
}

impl<'a, const SIZE: usize> IoBase<'a> for &'a MmioGuard<'_, SIZE> {
    type Backend = crate::stats::CountedBackend;
    type Target = Region<SIZE>;

    fn as_view(self) -> Counted<'a, Region<SIZE>> {
        // SAFETY: By the type invariant the region is mapped and decodes as long as `self` lives.
        Counted::new(unsafe { Mmio::from_raw(self.raw) }, self.stats)
    }
}
