// SPDX-License-Identifier: GPL-2.0

//! A VFIO device of a variant driver, from probe to its last reference.

use crate::{
    bindings,
    bus::Bus,
    common::Common,
    counters::{
        self,
        Counters, //
    },
    dma_logging::Profile as _,
    last_error::LastError,
    limit::Limits,
    migration::Profile as _,
    session::Session,
    staging::user_worker::Reaper,
    stats::Stats,
    Bound,
    Context,
    Driver,
    Normal,
    Open, //
};
use core::{
    marker::PhantomData,
    mem::offset_of,
    ptr::NonNull, //
};
use kernel::{
    debugfs,
    error::from_err_ptr,
    fmt,
    new_mutex,
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        Arc,
        Mutex, //
    },
    types::Opaque, //
};

/// A device that is bound, or was when this reference was taken.
///
/// # Invariants
///
/// - `core` is at offset 0 and was initialised by the core of the bus.
/// - The reference count of the `vfio_device` owns the allocation.
/// - If `inner.session` is `Some`, the device is open.
#[repr(C)]
pub struct Device<T: Driver, C: Context = Normal> {
    core: Opaque<<T::Bus as Bus>::Core>,
    pub(crate) inner: Inner<T>,
    _context: PhantomData<C>,
}

/// In place of a state of the uAPI.
pub(crate) const NOT_OPEN: u32 = u32::MAX;

#[pin_data]
pub(crate) struct Inner<T: Driver> {
    /// Number of resets so far; wraps.
    reset_epoch: Atomic<u32>,
    /// Number of closes so far; wraps. Changes with `session` locked.
    pub(crate) closes: Atomic<u32>,
    /// What `session` holds, for those who must not wait for it: the state of the uAPI, or
    /// [`NOT_OPEN`], and the number of resets that it knows of.
    pub(crate) shown_state: Atomic<u32>,
    pub(crate) shown_epoch: Atomic<u32>,
    bus: <T::Bus as Bus>::State<T>,
    reaper: Arc<Reaper>,
    stats: Arc<Stats>,
    last_error: Arc<LastError>,
    #[pin]
    limits: Limits,
    counters: Arc<Counters>,
    /// Shows these as long as the device is bound; a data file can keep the rest for longer, and
    /// the names must be free when the device is bound again.
    #[pin]
    debugfs: Mutex<Option<Files>>,
    #[pin]
    pub(crate) session: Mutex<Option<Session<T>>>,
    #[pin]
    data: T,
}

type File<T> = Pin<KBox<debugfs::File<Arc<T>>>>;

/// The files in `<driver>/<BDF>` of debugfs; the directory goes with the last of them.
struct Files {
    _arcs: File<Stats>,
    _last_error: File<LastError>,
    _counters: File<Counters>,
    #[cfg(CONFIG_FAULT_INJECTION)]
    _faults: File<Stats>,
}

impl Files {
    fn new(
        dir: &debugfs::Dir,
        stats: &Arc<Stats>,
        last_error: &Arc<LastError>,
        counters: &Arc<Counters>,
    ) -> Result<Self> {
        Ok(Self {
            _arcs: KBox::pin_init(
                dir.read_callback_file(
                    c"arcs",
                    Ok::<_, Error>(stats.clone()),
                    &|stats: &Arc<Stats>, f| stats.show(f),
                ),
                GFP_KERNEL,
            )?,
            _last_error: KBox::pin_init(
                dir.read_callback_file(
                    c"last_error",
                    Ok::<_, Error>(last_error.clone()),
                    &|last_error: &Arc<LastError>, f| last_error.show(f),
                ),
                GFP_KERNEL,
            )?,
            _counters: KBox::pin_init(
                dir.read_callback_file(
                    c"counters",
                    Ok::<_, Error>(counters.clone()),
                    &|counters: &Arc<Counters>, f| counters.show(f),
                ),
                GFP_KERNEL,
            )?,
            #[cfg(CONFIG_FAULT_INJECTION)]
            _faults: KBox::pin_init(
                dir.read_callback_file(
                    c"faults",
                    Ok::<_, Error>(stats.clone()),
                    &|stats: &Arc<Stats>, f| stats.show_faults(f),
                ),
                GFP_KERNEL,
            )?,
        })
    }
}

impl<T: Driver> Inner<T> {
    fn new<'a>(
        data: impl PinInit<T, Error> + 'a,
        bus: <T::Bus as Bus>::State<T>,
        reaper: Arc<Reaper>,
        stats: Arc<Stats>,
        last_error: Arc<LastError>,
        counters: Arc<Counters>,
        files: Files,
    ) -> impl PinInit<Self, Error> + 'a {
        try_pin_init!(Self {
            reset_epoch: Atomic::new(0),
            closes: Atomic::new(0),
            shown_state: Atomic::new(NOT_OPEN),
            shown_epoch: Atomic::new(0),
            bus,
            reaper,
            stats,
            last_error,
            limits <- Limits::new(),
            counters,
            debugfs <- new_mutex!(Some(files), "vfio::Device::debugfs"),
            session <- new_mutex!(None, "vfio::Device::session"),
            data <- data,
        }? Error)
    }
}

impl<T: Driver> Device<T> {
    /// Allocates the device of a parent that is being probed, with its own directory in the driver's.
    ///
    /// # Safety
    ///
    /// `parent` must be a valid device. The release of `ops_until_initialised` must free the allocation
    /// and not touch `inner`; that of `ops` must drop `inner` before. The `init` of the former must
    /// initialise `core`.
    pub(crate) unsafe fn new<'a>(
        parent: *mut kernel::bindings::device,
        common: &Common,
        ops_until_initialised: &'static bindings::vfio_device_ops,
        ops: &'static bindings::vfio_device_ops,
        data: impl PinInit<T, Error> + 'a,
    ) -> Result<ARef<Self>> {
        const_assert!(offset_of!(Device<T>, core) == 0);
        const_assert!(T::COUNTERS.len() <= counters::MAX);

        // SAFETY: It is valid by the caller.
        let parent_device =
            unsafe { kernel::device::Device::<kernel::device::Normal>::from_raw(parent) };
        let name = parent_device.name();
        let bus = T::Bus::new_state::<T>()?;
        let stats = Arc::pin_init(Stats::new(), GFP_KERNEL)?;
        let last_error = Arc::pin_init(LastError::new(), GFP_KERNEL)?;
        let counters = Arc::new(Counters::new(T::COUNTERS), GFP_KERNEL)?;
        let reaper = common.reaper().clone();
        let dir = common.debugfs().subdir(name);
        let files = Files::new(&dir, &stats, &last_error, &counters)?;

        // SAFETY: `parent` is valid and being probed; the size is that of the type that is put there.
        // The ops are `'static` and drop nothing that is not initialised yet.
        let vdev = from_err_ptr(unsafe {
            bindings::_vfio_alloc_device(
                core::alloc::Layout::new::<Self>().pad_to_align().size(),
                parent,
                ops_until_initialised,
            )
        })?;
        let this = vdev.cast::<Self>();

        // SAFETY: `_vfio_alloc_device()` returned memory for a `Self`, zeroed, in which only `core`
        // is initialised; it does not move until it is freed.
        let result = unsafe {
            pin_init::raw_try_init(
                &raw mut (*this).inner,
                Inner::new(data, bus, reaper, stats, last_error, counters, files),
            )
        };
        if let Err(err) = result {
            // SAFETY: Drops the only reference; `ops_until_initialised` leaves `inner` alone.
            unsafe { kernel::bindings::put_device(&raw mut (*vdev).device) };
            return Err(err);
        }
        // SAFETY: The device is not registered, so nobody reads `ops`; `inner` is initialised.
        unsafe { (*vdev).ops = ops };

        // INVARIANT: `core` was initialised by the `init` callback, the session is `None`.
        // SAFETY: The reference that `_vfio_alloc_device()` has counted is ours.
        Ok(unsafe { ARef::from_raw(NonNull::new_unchecked(this)) })
    }

    /// Returns the data of the driver.
    pub fn data(&self) -> Pin<&T> {
        // SAFETY: The allocation does not move.
        unsafe { Pin::new_unchecked(&self.inner.data) }
    }

    /// Says what the device can do, to the core.
    ///
    /// # Safety
    ///
    /// Must be called from `init`, with its argument.
    pub(crate) unsafe fn declare(vdev: *mut bindings::vfio_device) {
        // SAFETY: `_vfio_alloc_device()` calls `init` with memory that nobody else knows yet.
        unsafe {
            (*vdev).migration_flags = T::Migration::FLAGS;
            (*vdev).mig_ops = match T::Migration::OPS {
                Some(ops) => ops,
                None => core::ptr::null(),
            };
            (*vdev).log_ops = match T::DmaLogging::OPS {
                Some(ops) => ops,
                None => core::ptr::null(),
            };
        }
    }

    pub(crate) fn as_core(&self) -> *mut <T::Bus as Bus>::Core {
        self.core.get()
    }

    pub(crate) fn as_vdev(&self) -> *mut bindings::vfio_device {
        // CAST: `vdev` is the first field, as `Bus` promises.
        self.as_core().cast()
    }

    /// # Safety
    ///
    /// `vdev` must have been allocated by [`Device::new()`] and be valid for `'a`.
    pub(crate) unsafe fn from_vdev<'a>(vdev: *mut bindings::vfio_device) -> &'a Self {
        // SAFETY: Both embeddings are at offset 0, one by `Bus`, the rest is the caller's promise.
        unsafe { &*vdev.cast::<Self>() }
    }

    pub(crate) fn bus_state(&self) -> &<T::Bus as Bus>::State<T> {
        &self.inner.bus
    }

    pub(crate) fn reaper(&self) -> Arc<Reaper> {
        self.inner.reaper.clone()
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.inner.stats
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) fn last_error(&self) -> &LastError {
        &self.inner.last_error
    }

    /// Sets `last_error` without a line in the log, see [`report()`](Device::report).
    pub(crate) fn set_last_error(&self, args: fmt::Arguments<'_>) {
        self.inner.last_error.set(args);
    }

    /// Adds one to a counter of the driver, which is at `index` of [`Driver::COUNTERS`].
    ///
    /// They are read in debugfs, `<driver>/<BDF>/counters`.
    pub fn count(&self, index: usize) {
        self.inner.counters.add(index);
    }

    /// The device is being unbound.
    pub(crate) fn remove_debugfs(&self) {
        let files = self.inner.debugfs.lock().take();

        // Outside of the lock: it waits for readers.
        drop(files);
    }

    /// Returns the number of resets so far.
    pub(crate) fn epoch(&self) -> u32 {
        self.inner.reset_epoch.load(Acquire)
    }

    pub(crate) fn note_reset(&self) {
        // Pairs with the `Acquire` in `epoch()`: who sees the number sees the reset device.
        self.inner.reset_epoch.fetch_add(1, Release);
    }

    /// Drops what `new()` has initialised.
    ///
    /// # Safety
    ///
    /// Must be called once, from `release`.
    pub(crate) unsafe fn drop_inner(vdev: *mut bindings::vfio_device) {
        // SAFETY: `release` is called once, with the last reference gone.
        unsafe { core::ptr::drop_in_place(&raw mut (*vdev.cast::<Self>()).inner) };
    }
}

impl<T: Driver> Device<T, Bound> {
    /// Returns the device that an attribute belongs to.
    ///
    /// # Safety
    ///
    /// Must be called from a callback of an attribute in `device_driver.dev_groups` of the driver `T`,
    /// with the device of the callback, and the reference must not outlive the callback.
    pub(crate) unsafe fn from_attribute<'a>(dev: *mut kernel::bindings::device) -> &'a Self {
        // SAFETY: `really_probe()` adds the groups after `probe_callback()` has left a `Device<T>`
        // in drvdata, with a reference of its own. `device_remove()` removes them, and waits for
        // callbacks in `kernfs_drain()`, before `remove_callback()` takes either away; the caller
        // is such a callback. The layout does not depend on the context.
        unsafe { &*(*dev).driver_data.cast::<Self>() }
    }

    /// Returns the device that this one is of.
    pub fn parent(&self) -> &kernel::device::Device<kernel::device::Bound> {
        // SAFETY: `vfio_init_device()` has set `dev`, which is bound to this driver by the context.
        unsafe { kernel::device::Device::from_raw((*self.as_vdev()).dev) }
    }
}

impl<T: Driver> Device<T, Open> {
    /// Returns the device that this one is of.
    pub fn parent(&self) -> &kernel::device::Device<kernel::device::Bound> {
        // SAFETY: `vfio_init_device()` has set `dev`, which is bound to this driver as long as the
        // device is open: `vfio_unregister_group_dev()` waits for the last close.
        unsafe { kernel::device::Device::from_raw((*self.as_vdev()).dev) }
    }

    /// Returns the device as one that is bound, which it is while it is open.
    pub(crate) fn as_bound(&self) -> &Device<T, Bound> {
        // SAFETY: The layout does not depend on the context. `vfio_unregister_group_dev()`, before
        // which the device is not unbound, waits for the last close.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }

    /// Returns whether user space asked for `VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2`.
    pub(crate) fn precopy_info_v2(&self) -> bool {
        // SAFETY: A byte that the core sets once while the device is open; a stale value is that of
        // a moment ago.
        unsafe { (&raw const (*self.as_vdev()).precopy_info_v2).read_volatile() != 0 }
    }
}

// SAFETY: `get_device()` and `put_device()` count the references of the `vfio_device`, whose
// release frees the allocation.
unsafe impl<T: Driver> AlwaysRefCounted for Device<T> {
    fn inc_ref(&self) {
        // SAFETY: The shared reference shows that the count is not zero.
        unsafe { kernel::bindings::get_device(&raw mut (*self.as_vdev()).device) };
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller gives up a reference.
        unsafe { kernel::bindings::put_device(&raw mut (*obj.as_ref().as_vdev()).device) };
    }
}

// SAFETY: `put_device()` may be called from any context that can sleep; `T: Send`, and the session
// is `Send` by the bounds of its parts.
unsafe impl<T: Driver> Send for Device<T> {}
// SAFETY: What is shared is either atomic, behind `session`, or `T: Sync`.
unsafe impl<T: Driver> Sync for Device<T> {}
