// SPDX-License-Identifier: GPL-2.0

//! A page of the trapped BAR that is the device's at some times and memory at others.
//!
//! User space maps it as the other pages that it may map, once. When the driver takes the page, the
//! mapping is emptied, and shows memory from its next touch on: what user space writes there reaches
//! the device when the driver carries it there. When the driver gives the page back, the mapping shows
//! the device again. VMMs and guests notice nothing, and nothing is trapped at any time.
//!
//! One lock decides: the mode of the page changes with `memory_lock` held for writing and all mappings
//! emptied, and mappings are filled in with it held for reading.
//!
//! # Examples
//!
//! ```ignore
//! // While the device is stopped, user space rings its doorbells in memory.
//! let taken = dev.take::<BAR_SIZE>(|bar, memory| memory.write(TAIL, bar.read(TAIL)))?;
//! stop(&dev.mmio::<BAR_SIZE>(BAR)?)?;
//! // …
//! let tail = taken.memory::<BAR_SIZE>(dev).read(TAIL);
//! // …
//! let result = dev.give_back::<BAR_SIZE>(taken, |bar, memory| {
//!     bar.write(TAIL, memory.read(TAIL));
//!     true
//! });
//! ```

use super::{
    Lock,
    MmioGuard,
    Pci, //
};
use crate::{
    bar_memory::{
        BarMemory,
        Memory, //
    },
    bindings,
    region::{
        Area,
        Profile as _,
        Traps, //
    },
    staging::rwsem::WriteGuard,
    Device,
    Driver,
    Open, //
};
use core::{
    marker::PhantomData,
    mem::size_of, //
};
use kernel::{
    io::Io,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// How old the last fault has to be before mappings are emptied once more, see
/// [`Device::memory_lock()`].
const FAULT_TIME: Delta = Delta::from_millis(10);
/// How often that is waited for: who makes faults all the time has to live with what comes of it.
const FAULT_WAITS: usize = 4;

/// The memory that stands in for the page of the device.
///
/// # Invariants
///
/// `memory` is as long as the BAR, if the driver has a page to take.
pub(crate) struct StandIn {
    memory: BarMemory,
    /// User space is shown memory. Changes with `memory_lock` held for writing.
    shown: Atomic<bool>,
    /// When a mapping was filled in last, in nanoseconds of the monotonic clock.
    filled: Atomic<i64>,
}

impl StandIn {
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new<T: Driver<Bus = Pci>>() -> Result<Self> {
        let len = match T::Regions::TAKEN {
            Some(_) => T::Regions::SIZE,
            None => 0,
        };

        // INVARIANT: As long as the BAR.
        Ok(Self {
            memory: BarMemory::new(len)?,
            shown: Atomic::new(false),
            filled: Atomic::new(0),
        })
    }

    /// Is user space shown memory? To be asked with `memory_lock` held.
    pub(super) fn is_shown(&self) -> bool {
        self.shown.load(Relaxed)
    }

    /// A mapping was filled in, see [`Device::memory_lock()`].
    pub(super) fn note_fault(&self) {
        self.filled.store(now(), Relaxed);
    }

    /// Returns where user space sees the memory at `offset` of the BAR.
    pub(super) fn pfn(&self, offset: u64) -> Option<usize> {
        self.memory.pfn(offset)
    }
}

fn now() -> i64 {
    // SAFETY: May be called from any context.
    unsafe { kernel::bindings::ktime_get() }
}

/// Shows that user space does not reach the page of the device, but the memory that stands in for it.
///
/// There is one at most for each device. It is void after a reset and after close: the page is the
/// device's again then.
#[must_use = "a page that is not given back stays memory until the device is reset or closed"]
pub struct Taken<T: Traps>(PhantomData<fn(T)>);

impl<T: Traps + Driver<Bus = Pci>> Taken<T> {
    /// Returns the memory that user space sees.
    pub fn memory<'a, const SIZE: usize>(&self, dev: &'a Device<T, Open>) -> Memory<'a, SIZE> {
        dev.memory()
    }
}

impl<T: Traps + Driver<Bus = Pci>> Device<T, Open> {
    /// Takes the page from user space. `fill` is to make the memory look like the device, and must not
    /// wait for anybody: faults of all mappings wait for it.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: it is taken.
    /// - those of [`Self::mmio()`]; the page stays the device's.
    pub fn take<const SIZE: usize>(
        &self,
        fill: impl FnOnce(&MmioGuard<'_, SIZE>, Memory<'_, SIZE>),
    ) -> Result<Taken<T>> {
        self.switch::<SIZE>(true, |mmio, memory| {
            // What an earlier owner has left there, where the driver has no register.
            for offset in T::TAKEN.map_or(0..0, Area::range).step_by(size_of::<u32>()) {
                let _ = memory.try_write32(0, offset);
            }
            fill(mmio, memory);
            true
        })?;
        Ok(Taken(PhantomData))
    }

    /// Gives the page back to user space. `drain` is to carry over what user space has written since the
    /// driver looked last: it does not reach the memory any more, and the device not yet. If that is
    /// more than can be done without waiting for anybody it returns false.
    ///
    /// # Errors
    ///
    /// The page stays memory: `drain` has returned false, or the function does not decode memory.
    pub fn give_back<const SIZE: usize>(
        &self,
        taken: Taken<T>,
        drain: impl FnOnce(&MmioGuard<'_, SIZE>, Memory<'_, SIZE>) -> bool,
    ) -> core::result::Result<(), Taken<T>> {
        self.switch(false, drain).map_err(|_| taken)
    }

    /// Gives the page back without what user space has written to it last.
    pub fn drop_page(&self, taken: Taken<T>) {
        let Taken(_) = taken;

        self.discard_page();
    }

    /// # Errors
    ///
    /// - [`EBUSY`]: it is as it should be already.
    /// - [`EAGAIN`]: `copy` has returned false.
    /// - those of [`Self::mmio()`].
    fn switch<const SIZE: usize>(
        &self,
        to_memory: bool,
        copy: impl FnOnce(&MmioGuard<'_, SIZE>, Memory<'_, SIZE>) -> bool,
    ) -> Result {
        let lock = self.memory_lock();
        let stand_in = self.stand_in();

        if stand_in.is_shown() == to_memory {
            return Err(EBUSY);
        }
        let mmio = self.mmio_under(Lock::Written(&lock), usize::try_from(T::BAR)?)?;
        self.empty_mappings(&lock);
        if !copy(&mmio, self.memory()) {
            return Err(EAGAIN);
        }
        stand_in.shown.store(to_memory, Relaxed);
        Ok(())
    }

    fn memory<const SIZE: usize>(&self) -> Memory<'_, SIZE> {
        const_assert!(T::Regions::TAKEN.is_some() && SIZE as u64 <= T::Regions::SIZE);

        // SAFETY: By the type invariant of `StandIn` it is as long as the BAR, of which `SIZE` is no more
        // than all.
        unsafe { self.stand_in().memory.view() }
    }
}

impl<T: Driver<Bus = Pci>> Device<T> {
    /// Takes `memory_lock` for writing, at a time when no fault should be half way.
    ///
    /// KVM looks for a page, has a fault fill it in, and looks once more: if it is gone by then, it ends
    /// the virtual machine with `EFAULT` (`hva_to_pfn_remapped()`). The handler has it begin anew
    /// instead, but for who comes upon what another's fault has just filled in, and who then is held up
    /// for longer than this waits.
    fn memory_lock(&self) -> WriteGuard<'_> {
        // SAFETY: `vfio_pci_core_init_dev()` has initialised the semaphore, which lives as long as
        // the device.
        let lock = || unsafe { WriteGuard::lock(&raw mut (*self.as_core()).memory_lock) };

        for _ in 0..FAULT_WAITS {
            let guard = lock();
            // Faults wait for the lock that is held now.
            if now() - self.stand_in().filled.load(Relaxed) >= FAULT_TIME.as_nanos() {
                return guard;
            }
            drop(guard);
            fsleep(FAULT_TIME);
        }
        lock()
    }

    /// Has the next touch of the page fault, in all mappings that there are.
    fn empty_mappings(&self, _memory_lock: &WriteGuard<'_>) {
        let (Some(bar), Some(area)) = (T::Regions::BAR, T::Regions::TAKEN) else {
            return;
        };
        let start = (u64::from(bar) << bindings::VFIO_PCI_OFFSET_SHIFT) + area.offset;

        // SAFETY: The inode is that of all files of the device, see `vfio_device_fs_inode_new()`, and
        // lives as long as the device.
        unsafe {
            kernel::bindings::unmap_mapping_range(
                (*(*self.as_vdev()).inode).i_mapping,
                // CAST: both are far below 2^63.
                start as i64,
                area.size as i64,
                1,
            );
        }
    }

    /// Drops what is in the memory, and shows the device again: after a reset, and before close.
    pub(crate) fn discard_page(&self) {
        let stand_in = self.stand_in();

        // It changes with the session lock held, which the caller holds.
        if !stand_in.is_shown() {
            return;
        }
        let lock = self.memory_lock();
        self.empty_mappings(&lock);
        stand_in.shown.store(false, Relaxed);
    }
}
