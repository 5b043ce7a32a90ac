// SPDX-License-Identifier: GPL-2.0

//! Logging of the pages that a device writes to.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h), `struct vfio_log_ops`.

#[cfg(CONFIG_IOMMUFD_DRIVER)]
use crate::staging::user_worker::Worker;
use crate::{
    bindings,
    migration::{
        Migration,
        RunMut,
        RunRef, //
    },
    Device,
    Driver,
    Open, //
};
use core::{
    marker::PhantomData,
    ops::RangeInclusive, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*,
    time::Delta, //
};

#[cfg(CONFIG_IOMMUFD_DRIVER)]
pub(crate) mod ops;
mod pages;
#[cfg(CONFIG_IOMMUFD_DRIVER)]
mod watcher;

pub use self::pages::DirtyPages;

/// A device whose driver can tell which pages it has written to.
///
/// All functions are called with the session lock held and may sleep. The uAPI leaves it to drivers
/// to make sense of starting twice or stopping what was not started; here that is done once, in the
/// table, with [`Self::Log`] as the evidence that logging is on. A device in `ERROR` cannot be asked
/// for anything: [`EIO`].
///
/// A device without help of its own can be watched: the doorbells are rung in memory as long as DMA is
/// logged, see [`Device::take()`], [`Self::log_watch()`] carries them over, [`Device::read_guest()`]
/// reads the descriptors that they are about, and [`DirtyPages`] keeps what was found.
pub trait DmaLogging: Migration + Driver<DmaLogging = Enabled<Self>> {
    /// Logging is on.
    type Log: Send + Unpin;

    /// Time between two calls of [`Self::log_watch()`].
    const WATCH_PERIOD: Delta;

    /// Starts to log writes to `ranges`, and returns the page size it will report in, in bytes.
    ///
    /// If it is not `watched`, as no task could be made, [`Self::log_watch()`] is never called, and all is
    /// to be reported, as after [`Self::log_unwatched()`]. `page_size` is what the user would like. Whatever the device writes after this has returned
    /// must be reported.
    fn log_start(
        dev: &Device<Self, Open>,
        run: RunMut<'_, Self>,
        watched: bool,
        ranges: &IovaRanges<'_>,
        page_size: u64,
    ) -> Result<(Self::Log, u64)>;

    /// Carries over to the device what the guest has written in its place.
    ///
    /// Called all the time, by a task of the process that has started the log; before each access that
    /// is trapped, so that it is ordered after what the guest has written before; before each arc and
    /// each report.
    fn log_watch(dev: &Device<Self, Open>, run: RunMut<'_, Self>, log: &mut Self::Log);

    /// The task that watches is gone with the process that has started the log: all that is logged is to
    /// be reported until the log is stopped. It may be called more than once.
    fn log_unwatched(dev: &Device<Self, Open>, run: RunMut<'_, Self>, log: &mut Self::Log);

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

    /// Stops logging; `run` is `None` in `ERROR`, or for a device that was reset or is being closed.
    fn log_stop(dev: &Device<Self, Open>, run: Option<RunMut<'_, Self>>, log: Self::Log);
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
pub trait Profile<T: Driver>: private::Sealed {
    #[doc(hidden)]
    const OPS: Option<&'static bindings::vfio_log_ops>;
    /// Whether logging is on.
    #[doc(hidden)]
    type State: Default + Send + Unpin;
    /// Stops logging, if it is on, of a device that is being closed.
    #[doc(hidden)]
    fn stop(dev: &Device<T, Open>, state: &mut Self::State);
    /// The same of a device that was reset, unless it can go on.
    #[doc(hidden)]
    fn reset(dev: &Device<T, Open>, state: &mut Self::State) {
        Self::stop(dev, state);
    }
    /// Carries over what the guest has written, if logging is on.
    #[doc(hidden)]
    fn watch(_dev: &Device<T, Open>, _state: &mut Self::State, _run: Option<RunMut<'_, T>>)
    where
        T: Migration,
    {
    }
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

impl<T: Driver> Profile<T> for Disabled {
    const OPS: Option<&'static bindings::vfio_log_ops> = None;
    type State = ();

    fn stop(_: &Device<T, Open>, (): &mut ()) {}
}

/// Who watches, if there is anybody.
#[cfg(CONFIG_IOMMUFD_DRIVER)]
type Watching<T> = Option<Worker<watcher::Watcher<T>>>;
#[cfg(not(CONFIG_IOMMUFD_DRIVER))]
type Watching<T> = PhantomData<fn(T)>;

/// The log, if logging is on.
pub struct Logging<T: DmaLogging> {
    log: Option<T::Log>,
    watcher: Watching<T>,
}

impl<T: DmaLogging> Default for Logging<T> {
    fn default() -> Self {
        Self {
            log: None,
            watcher: Default::default(),
        }
    }
}

impl<T: DmaLogging> Logging<T> {
    /// Ends the log. Returns who has watched it, which finds nothing to do any more.
    fn end(&mut self, dev: &Device<T, Open>, run: Option<RunMut<'_, T>>) -> Watching<T> {
        if let Some(log) = self.log.take() {
            T::log_stop(dev, run, log);
        }
        core::mem::take(&mut self.watcher)
    }
}

impl<T: DmaLogging> Profile<T> for Enabled<T> {
    #[cfg(CONFIG_IOMMUFD_DRIVER)]
    const OPS: Option<&'static bindings::vfio_log_ops> = Some(&ops::Vtable::<T, Self>::OPS);
    #[cfg(not(CONFIG_IOMMUFD_DRIVER))]
    const OPS: Option<&'static bindings::vfio_log_ops> = None;
    type State = Logging<T>;

    fn stop(dev: &Device<T, Open>, state: &mut Logging<T>) {
        let _watcher = state.end(dev, None);
    }

    #[cfg(CONFIG_IOMMUFD_DRIVER)]
    fn watch(dev: &Device<T, Open>, state: &mut Logging<T>, run: Option<RunMut<'_, T>>)
    where
        T: Migration,
    {
        state.watch(dev, run);
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
        if let Some(log) = &mut state.log {
            T::log_before_write(dev, run, log, offset, value);
        }
    }
}

#[cfg(not(CONFIG_IOMMUFD_DRIVER))]
impl IovaRanges<'_> {
    /// Calls `op` for each range, of which this kernel never has any.
    pub fn for_each(&self, _op: impl FnMut(RangeInclusive<u64>)) {}
}

pub(crate) mod private {
    pub trait Sealed {}
    impl Sealed for super::Disabled {}
    impl<T> Sealed for super::Enabled<T> {}
}
