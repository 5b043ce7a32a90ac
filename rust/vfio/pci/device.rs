// SPDX-License-Identifier: GPL-2.0

//! A VFIO device of a variant driver, from probe to its last reference.

use super::Driver;
use crate::{
    bindings,
    dma_logging::Profile as _,
    migration::Profile as _,
    staging::rwsem::ReadGuard,
    stats::{
        Counted,
        MmioStats,
        Stats, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::offset_of,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    debugfs,
    device::CoreInternal,
    error::{
        from_err_ptr,
        to_result, //
    },
    io::{
        IoBase,
        Mmio,
        MmioRaw,
        Region, //
    },
    new_mutex,
    pci,
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

/// What a reference to a [`Device`] allows; sealed.
pub trait Context: private::Sealed {}

/// The device is allocated. It may be unbound; nothing of the hardware can be reached.
pub struct Normal;

/// The device is between `open_device()` and `close_device()`: its BARs are mapped.
pub struct Open;

impl Context for Normal {}
impl Context for Open {}

mod private {
    pub trait Sealed {}
    impl Sealed for super::Normal {}
    impl Sealed for super::Open {}
}

/// Everything that exists only while the device is open.
pub(crate) struct Session<T: Driver> {
    /// Number of resets that `migration` knows of.
    pub(crate) epoch: u32,
    pub(crate) migration: <T::Migration as crate::migration::Profile<T>>::State,
    pub(crate) dma_log: <T::DmaLogging as crate::dma_logging::Profile<T>>::State,
}

/// A device that is bound, or was when this reference was taken.
///
/// # Invariants
///
/// - `core` is at offset 0 and was initialised by `vfio_pci_core_init_dev()`.
/// - The reference count of the `vfio_device` owns the allocation.
/// - If `inner.session` is `Some`, the device is open.
#[repr(C)]
pub struct Device<T: Driver, C: Context = Normal> {
    core: Opaque<bindings::vfio_pci_core_device>,
    inner: Inner<T>,
    _context: PhantomData<C>,
}

#[pin_data]
pub(super) struct Inner<T: Driver> {
    /// Number of resets so far; wraps.
    reset_epoch: Atomic<u32>,
    stats: Arc<Stats>,
    /// Shows `stats` as long as the device is bound; a data file can keep the rest for longer, and
    /// the name must be free when the device is bound again.
    #[pin]
    debugfs: Mutex<Option<StatsFile>>,
    #[pin]
    session: Mutex<Option<Session<T>>>,
    #[pin]
    data: T,
}

type StatsFile = Pin<KBox<debugfs::File<Arc<Stats>>>>;

impl<T: Driver> Inner<T> {
    fn new<'a>(
        data: impl PinInit<T, Error> + 'a,
        stats: Arc<Stats>,
        file: StatsFile,
    ) -> impl PinInit<Self, Error> + 'a {
        try_pin_init!(Self {
            reset_epoch: Atomic::new(0),
            stats,
            debugfs <- new_mutex!(Some(file), "vfio::Device::debugfs"),
            session <- new_mutex!(None, "vfio::Device::session"),
            data <- data,
        }? Error)
    }
}

impl<T: Driver> Device<T> {
    /// Allocates the device of a PCI function that is being probed.
    pub(super) fn new(
        pdev: &pci::Device<CoreInternal<'_>>,
        info: Option<&T::IdInfo>,
        debugfs: &debugfs::Dir,
    ) -> Result<ARef<Self>> {
        const_assert!(offset_of!(Device<T>, core) == 0);

        // CAST: `pci::Device` is a transparent wrapper of `struct pci_dev`.
        let raw = core::ptr::from_ref(pdev)
            .cast_mut()
            .cast::<kernel::bindings::pci_dev>();
        // SAFETY: `pdev` is valid and being probed; the size is that of the type that is put there.
        // The ops are `'static` and drop nothing that is not initialised yet.
        let vdev = from_err_ptr(unsafe {
            bindings::_vfio_alloc_device(
                core::alloc::Layout::new::<Self>().pad_to_align().size(),
                &raw mut (*raw).dev,
                &Self::OPS_UNTIL_INITIALISED,
            )
        })?;
        let this = vdev.cast::<Self>();

        // A reference to `pci::Device<Core>`, which is what drivers are given.
        let core_dev: &pci::Device<kernel::device::Core<'_>> = pdev;
        let bdf: &kernel::device::Device = pdev.as_ref();
        let stats = Arc::pin_init(Stats::new(), GFP_KERNEL)?;
        let file = KBox::pin_init(
            debugfs.subdir(bdf.name()).read_callback_file(
                c"arcs",
                Ok::<_, Error>(stats.clone()),
                &|stats: &Arc<Stats>, f| stats.show(f),
            ),
            GFP_KERNEL,
        )?;
        // SAFETY: `_vfio_alloc_device()` returned memory for a `Self`, zeroed, in which only `core`
        // is initialised; it does not move until it is freed.
        let result = unsafe {
            pin_init::raw_try_init(
                &raw mut (*this).inner,
                Inner::new(T::probe(core_dev, info), stats, file),
            )
        };
        if let Err(err) = result {
            // SAFETY: Drops the only reference; `OPS_UNTIL_INITIALISED` leaves `inner` alone.
            unsafe { kernel::bindings::put_device(&raw mut (*vdev).device) };
            return Err(err);
        }
        // SAFETY: The device is not registered, so nobody reads `ops`; `inner` is initialised.
        unsafe { (*vdev).ops = &Self::OPS };

        // INVARIANT: `core` was initialised by the `init` callback, the session is `None`.
        // SAFETY: The reference that `_vfio_alloc_device()` has counted is ours.
        Ok(unsafe { ARef::from_raw(NonNull::new_unchecked(this)) })
    }

    /// Returns the data of the driver.
    pub fn data(&self) -> Pin<&T> {
        // SAFETY: The allocation does not move.
        unsafe { Pin::new_unchecked(&self.inner.data) }
    }

    pub(crate) fn as_core(&self) -> *mut bindings::vfio_pci_core_device {
        self.core.get()
    }

    pub(crate) fn as_vdev(&self) -> *mut bindings::vfio_device {
        // CAST: `vdev` is the first field, see `from_vdev()`.
        self.as_core().cast()
    }

    /// # Safety
    ///
    /// `vdev` must have been allocated by [`Device::new()`] and be valid for `'a`.
    pub(crate) unsafe fn from_vdev<'a>(vdev: *mut bindings::vfio_device) -> &'a Self {
        const_assert!(offset_of!(bindings::vfio_pci_core_device, vdev) == 0);
        // SAFETY: Both embeddings are at offset 0, the rest is the caller's promise.
        unsafe { &*vdev.cast::<Self>() }
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.inner.stats
    }

    /// The device is being unbound.
    pub(super) fn remove_debugfs(&self) {
        let file = self.inner.debugfs.lock().take();

        // Outside of the lock: it waits for readers.
        drop(file);
    }

    /// Returns the number of resets so far.
    pub(crate) fn epoch(&self) -> u32 {
        self.inner.reset_epoch.load(Acquire)
    }

    pub(super) fn note_reset(&self) {
        // Pairs with the `Acquire` in `epoch()`: who sees the number sees the reset device.
        self.inner.reset_epoch.fetch_add(1, Release);
    }

    /// Opens the session of a device that the core has enabled.
    ///
    /// # Safety
    ///
    /// Must be called from `open_device()`, after `vfio_pci_core_enable()`.
    pub(super) unsafe fn open_session(&self) -> Result {
        // Before anything is looked at: a reset from here on is noticed.
        let epoch = self.epoch();
        let mut session = self.inner.session.lock();
        // SAFETY: By the requirement on the caller the BARs are mapped, and stay so during the
        // call.
        let dev = unsafe { self.as_open() };

        T::open(dev)?;
        let migration = T::Migration::initial(dev)?;
        // INVARIANT: The device is open.
        *session = Some(Session {
            epoch,
            migration,
            dma_log: Default::default(),
        });
        Ok(())
    }

    /// Ends the session, and with it every data file.
    ///
    /// # Safety
    ///
    /// Must be called from `close_device()`, before `vfio_pci_core_close_device()`.
    pub(super) unsafe fn close_session(&self) {
        let mut session = self.inner.session.lock();
        // SAFETY: By the requirement on the caller the BARs are still mapped.
        let dev = unsafe { self.as_open() };

        // INVARIANT: The device is being closed.
        if let Some(mut session) = session.take() {
            T::DmaLogging::stop(dev, &mut session.dma_log);
        }
        T::close(dev);
    }

    /// Runs `op` with the session locked, after any reset has been settled.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the device is not open.
    pub(crate) fn with_session<R>(
        &self,
        op: impl FnOnce(&Device<T, Open>, &mut Session<T>) -> Result<R>,
    ) -> Result<R> {
        let mut guard = self.inner.session.lock();
        let session = (*guard).as_mut().ok_or(ENODEV)?;
        // SAFETY: By the type invariant the device is open, and as `close_device()` takes the
        // session lock it stays so as long as `guard` lives.
        let dev = unsafe { self.as_open() };

        let epoch = self.epoch();
        if session.epoch != epoch {
            // The old state goes first: it drops the links to the data files.
            session.migration = T::Migration::error();
            T::DmaLogging::stop(dev, &mut session.dma_log);
            session.migration = T::reset(dev)
                .and_then(|()| T::Migration::initial(dev))
                .unwrap_or_else(|err| {
                    dev_err!(dev.pci(), "not usable after a reset: {err:?}\n");
                    T::Migration::error()
                });
            session.epoch = epoch;
        }
        op(dev, session)
    }

    /// Settles a reset now, if there was one, and not at the next access.
    pub(super) fn settle(&self) {
        // `ENODEV` is fine: a device that is not open has nothing to settle.
        let _ = self.with_session(|_, _| Ok(()));
    }

    /// # Safety
    ///
    /// The device must be between `vfio_pci_core_enable()` and `vfio_pci_core_disable()` for as
    /// long as the reference is used.
    unsafe fn as_open(&self) -> &Device<T, Open> {
        // SAFETY: The layout does not depend on the context; the caller promises the rest.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }

    /// Drops what `new()` has initialised.
    ///
    /// # Safety
    ///
    /// Must be called once, from `release`.
    pub(super) unsafe fn drop_inner(vdev: *mut bindings::vfio_device) {
        // SAFETY: `release` is called once, with the last reference gone.
        unsafe { core::ptr::drop_in_place(&raw mut (*vdev.cast::<Self>()).inner) };
    }
}

impl<T: Driver> Deref for Device<T, Open> {
    type Target = Device<T>;

    fn deref(&self) -> &Device<T> {
        // SAFETY: The layout does not depend on the context, and `Normal` promises less.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}

impl<T: Driver> Device<T, Open> {
    /// Returns the PCI function.
    pub fn pci(&self) -> &pci::Device {
        // SAFETY: `vfio_pci_core_init_dev()` has set `pdev`, which is bound to this driver as long
        // as the device is open: `vfio_pci_core_unregister_device()` waits for the last close.
        unsafe { &*(*self.as_core()).pdev.cast::<pci::Device>() }
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
    ///   smaller, or it could not be mapped.
    pub fn mmio<const SIZE: usize>(&self, bar: usize) -> Result<MmioGuard<'_, SIZE>> {
        let core = self.as_core();
        // SAFETY: `vfio_pci_core_init_dev()` has initialised the semaphore, which lives as long as
        // the device.
        let lock = unsafe { ReadGuard::lock(&raw mut (*core).memory_lock) };
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
        let len = self.pci().resource_len(u32::try_from(bar)?)?;

        Ok(MmioGuard {
            raw: MmioRaw::new_region(map.addr(), usize::try_from(len)?)?,
            stats: self.stats().mmio(),
            _lock: lock,
        })
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

    /// Returns whether user space asked for `VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2`.
    pub(crate) fn precopy_info_v2(&self) -> bool {
        // SAFETY: A byte that the core sets once while the device is open; a stale value is that of
        // a moment ago.
        unsafe { (&raw const (*self.as_vdev()).precopy_info_v2).read_volatile() != 0 }
    }
}

use kernel::ffi::c_int;

/// A BAR that may be accessed now.
///
/// All accesses are 32 bits wide and counted, see [`Stats`]; use them through
/// [`kernel::io::Io`].
///
/// # Invariants
///
/// `raw` is a BAR of an open device that decodes memory as long as `_lock` is held.
pub struct MmioGuard<'a, const SIZE: usize> {
    raw: MmioRaw<Region<SIZE>>,
    stats: &'a MmioStats,
    _lock: ReadGuard<'a>,
}

impl<'a, const SIZE: usize> IoBase<'a> for &'a MmioGuard<'_, SIZE> {
    type Backend = crate::stats::CountedBackend;
    type Target = Region<SIZE>;

    fn as_view(self) -> Counted<'a, Region<SIZE>> {
        // SAFETY: By the type invariant the region is mapped and decodes as long as `self` lives.
        Counted::new(unsafe { Mmio::from_raw(self.raw) }, self.stats)
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
