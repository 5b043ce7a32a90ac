// SPDX-License-Identifier: GPL-2.0

//! Pages that a device in software has written to.
//!
//! A container keeps account of that itself, in `vfio_iommu_type1_dma_rw()`, if all was written; iommufd
//! does not, and
//! without a log of the device's own VMMs lose what it writes. As there are no reports without
//! `CONFIG_IOMMUFD_DRIVER`, there is no log then, and there are containers only.

use super::Emulated;
#[cfg(CONFIG_IOMMUFD_DRIVER)]
use crate::dma_logging::{
    ops::{
        Keeper,
        Vtable, //
    },
    DirtyRanges,
    IovaRanges, //
};
use crate::{
    bindings,
    dma_logging::{
        private::Sealed,
        DirtyPages,
        Profile, //
    },
    Device,
    Driver,
    Open, //
};
#[cfg(CONFIG_IOMMUFD_DRIVER)]
use core::ops::RangeInclusive;
use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

/// The log of a device, if it is on.
#[pin_data]
pub(super) struct Written {
    /// Nothing is done with it held that waits for anyone.
    #[pin]
    pages: Mutex<Option<DirtyPages>>,
}

impl Written {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            pages <- new_mutex!(None, "vfio::emulated::Written"),
        })
    }

    pub(super) fn mark(&self, iova: u64, len: usize) {
        if let Some(pages) = &mut *self.pages.lock() {
            // CAST: widening.
            pages.mark(iova, len as u64);
        }
    }
}

/// The device is in software, and what it writes is known: [`Device::dma_write()`] logs it.
///
/// Offered if the kernel can report, `CONFIG_IOMMUFD_DRIVER`.
pub struct Exact;

impl Sealed for Exact {}

impl<T: Driver<Bus = Emulated>> Profile<T> for Exact {
    #[cfg(CONFIG_IOMMUFD_DRIVER)]
    const OPS: Option<&'static bindings::vfio_log_ops> = Some(&Vtable::<T, Self>::OPS);
    #[cfg(not(CONFIG_IOMMUFD_DRIVER))]
    const OPS: Option<&'static bindings::vfio_log_ops> = None;
    type State = ();

    fn stop(dev: &Device<T, Open>, (): &mut ()) {
        *dev.bus_state().written.pages.lock() = None;
    }

    /// What was written is in memory, whatever becomes of the device.
    fn reset(_: &Device<T, Open>, (): &mut ()) {}
}

#[cfg(CONFIG_IOMMUFD_DRIVER)]
impl<T: Driver<Bus = Emulated>> Keeper<T> for Exact {
    fn start(dev: &Device<T>, ranges: &IovaRanges<'_>, page_size: u64) -> Result<u64> {
        let log = DirtyPages::new(ranges)?;

        // With the session locked it is open, and stays so: close stops the log.
        dev.with_session(|dev, _| {
            let pages = &mut *dev.bus_state().written.pages.lock();
            if pages.is_some() {
                return Err(EINVAL);
            }
            *pages = Some(log);
            Ok(DirtyPages::granted(page_size))
        })
    }

    fn stop(dev: &Device<T>) -> Result {
        *dev.bus_state().written.pages.lock() = None;
        Ok(())
    }

    fn read_and_clear(
        dev: &Device<T>,
        iova: Option<RangeInclusive<u64>>,
        dirty: &mut DirtyRanges,
    ) -> Result {
        let pages = &mut *dev.bus_state().written.pages.lock();
        let pages = Option::as_mut(pages).ok_or(EINVAL)?;

        iova.map_or(Ok(()), |iova| pages.take(iova, dirty))
    }
}
