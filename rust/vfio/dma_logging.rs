// SPDX-License-Identifier: GPL-2.0

//! Logging of the pages that a device writes to.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h), `struct vfio_log_ops`.

use crate::{
    bindings,
    migration::{
        Migration,
        RunRef, //
    },
    pci::{
        self,
        Device,
        Open, //
    }, //
};
use core::{
    marker::PhantomData,
    ops::RangeInclusive, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*, //
};

#[cfg(CONFIG_IOMMUFD_DRIVER)]
mod ops;
mod pages;

pub use self::pages::DirtyPages;

/// A device whose driver can tell which pages it has written to.
///
/// All functions are called with the session lock held and may sleep. The uAPI leaves it to drivers
/// to make sense of starting twice or stopping what was not started; here that is done once, in the
/// table, with [`Self::Log`] as the evidence that logging is on. A device in `ERROR` cannot be asked
/// for anything: [`EIO`].
///
/// A device without help of its own can be watched: [`Self::log_before_write()`] sees the doorbells
/// of a [trapped](crate::region::Traps) BAR, [`Device::read_guest()`] the descriptors that they are
/// about, and [`DirtyPages`] keeps what was found.
pub trait DmaLogging: Migration + pci::Driver<DmaLogging = Enabled<Self>> {
    /// Logging is on.
    type Log: Send + Unpin;

    /// Starts to log writes to `ranges`, and returns the page size it will report in, in bytes.
    ///
    /// `page_size` is what the user would like. Whatever the device writes after this has returned
    /// must be reported.
    fn log_start(
        dev: &Device<Self, Open>,
        run: RunRef<'_, Self>,
        ranges: &IovaRanges<'_>,
        page_size: u64,
    ) -> Result<(Self::Log, u64)>;

    /// The guest is about to write to a trapped register, see
    /// [`Traps::write32()`](crate::region::Traps::write32), which is called next.
    ///
    /// It cannot fail: a log that does not know any more has to report too much.
    fn log_before_write(
        dev: &Device<Self, Open>,
        run: RunRef<'_, Self>,
        log: &mut Self::Log,
        offset: usize,
        value: u32,
    );

    /// Collects what was written in `iova` since the last call, and forgets it.
    ///
    /// `dirty` is memory of the kernel: it reaches the user's bitmap, which may have to be faulted
    /// in, after the session lock was released.
    fn log_read_and_clear(
        dev: &Device<Self, Open>,
        run: RunRef<'_, Self>,
        log: &mut Self::Log,
        iova: RangeInclusive<u64>,
        dirty: &mut DirtyRanges,
    ) -> Result;

    /// Stops logging.
    fn log_stop(dev: &Device<Self, Open>, log: Self::Log);
}

/// The ranges of IOVA that a user wants logged.
pub struct IovaRanges<'a> {
    #[cfg_attr(not(CONFIG_IOMMUFD_DRIVER), expect(dead_code))]
    root: *mut kernel::bindings::rb_root_cached,
    _lifetime: PhantomData<&'a ()>,
}

/// The ranges of IOVA that a device was found to have written to.
#[derive(Default)]
pub struct DirtyRanges {
    ranges: KVVec<RangeInclusive<u64>>,
}

impl DirtyRanges {
    /// Adds a range; ranges may overlap.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn add(&mut self, iova: RangeInclusive<u64>) -> Result {
        if let Some(last) = self.ranges.last_mut() {
            // The usual case: page after page.
            if last.end().checked_add(1) == Some(*iova.start()) {
                *last = *last.start()..=*iova.end();
                return Ok(());
            }
        }
        Ok(self.ranges.push(iova, GFP_KERNEL_ACCOUNT)?)
    }

    /// Returns the number of ranges.
    fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Returns what was added.
    pub fn iter(&self) -> impl Iterator<Item = &RangeInclusive<u64>> {
        self.ranges.iter()
    }
}

/// The device implements [`DmaLogging`]; it is offered if the kernel can report,
/// `CONFIG_IOMMUFD_DRIVER`.
pub struct Enabled<T>(PhantomData<T>);

/// The device cannot log DMA, and says so: `log_ops` stays `NULL` and user space sees `ENOTTY`.
///
/// VMMs then take all of the guest's memory for dirty, which is always right.
pub struct Disabled;

/// Whether and how a device logs DMA; sealed.
pub trait Profile<T: pci::Driver>: private::Sealed {
    #[doc(hidden)]
    const OPS: Option<&'static bindings::vfio_log_ops>;
    /// Whether logging is on.
    #[doc(hidden)]
    type State: Default + Send + Unpin;
    /// Stops logging, if it is on.
    #[doc(hidden)]
    fn stop(dev: &Device<T, Open>, state: &mut Self::State);
    /// A trapped register is about to be written.
    #[doc(hidden)]
    fn before_write(
        _dev: &Device<T, Open>,
        _state: &mut Self::State,
        _run: RunRef<'_, T>,
        _offset: usize,
        _value: u32,
    ) where
        T: Migration,
    {
    }
}

impl<T: pci::Driver> Profile<T> for Disabled {
    const OPS: Option<&'static bindings::vfio_log_ops> = None;
    type State = ();

    fn stop(_: &Device<T, Open>, (): &mut ()) {}
}

/// The log, if logging is on.
pub struct Logging<T: DmaLogging>(Option<T::Log>);

impl<T: DmaLogging> Default for Logging<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: DmaLogging> Profile<T> for Enabled<T> {
    #[cfg(CONFIG_IOMMUFD_DRIVER)]
    const OPS: Option<&'static bindings::vfio_log_ops> = Some(&ops::Vtable::<T>::OPS);
    #[cfg(not(CONFIG_IOMMUFD_DRIVER))]
    const OPS: Option<&'static bindings::vfio_log_ops> = None;
    type State = Logging<T>;

    fn stop(dev: &Device<T, Open>, state: &mut Logging<T>) {
        if let Some(log) = state.0.take() {
            T::log_stop(dev, log);
        }
    }

    #[cfg(CONFIG_IOMMUFD_DRIVER)]
    fn before_write(
        dev: &Device<T, Open>,
        state: &mut Logging<T>,
        run: RunRef<'_, T>,
        offset: usize,
        value: u32,
    ) where
        T: Migration,
    {
        if let Some(log) = &mut state.0 {
            T::log_before_write(dev, run, log, offset, value);
        }
    }
}

#[cfg(not(CONFIG_IOMMUFD_DRIVER))]
impl IovaRanges<'_> {
    /// Calls `op` for each range, of which this kernel never has any.
    pub fn for_each(&self, _op: impl FnMut(RangeInclusive<u64>)) {}
}

mod private {
    pub trait Sealed {}
    impl Sealed for super::Disabled {}
    impl<T> Sealed for super::Enabled<T> {}
}
