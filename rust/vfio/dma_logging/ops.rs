// SPDX-License-Identifier: GPL-2.0

//! `struct vfio_log_ops` of a driver.

use super::{
    watcher::Watcher,
    DirtyRanges,
    DmaLogging,
    Enabled,
    IovaRanges, //
};
use crate::{
    bindings,
    Device,
    Driver, //
};
use core::{
    marker::PhantomData,
    ops::RangeInclusive, //
};
use kernel::{
    error::from_result,
    ffi::{
        c_int,
        c_ulong, //
    },
    prelude::*, //
};

/// Who keeps the log of a device.
///
/// The uAPI leaves it to drivers to make sense of starting twice or stopping what was not started:
/// the one is [`EINVAL`], the other nothing.
pub(crate) trait Keeper<T: Driver> {
    /// Starts the log of `ranges`; returns the page size, in bytes, in place of that which is wanted.
    fn start(dev: &Device<T>, ranges: &IovaRanges<'_>, page_size: u64) -> Result<u64>;

    fn stop(dev: &Device<T>) -> Result;

    /// Moves what was written in `iova` to `dirty`; [`EINVAL`] without a log, also for no range.
    fn read_and_clear(
        dev: &Device<T>,
        iova: Option<RangeInclusive<u64>>,
        dirty: &mut DirtyRanges,
    ) -> Result;
}

/// The table of a driver whose log is kept by `K`.
pub(crate) struct Vtable<T, K>(PhantomData<(T, K)>);

impl<T: Driver, K: Keeper<T>> Vtable<T, K> {
    pub(crate) const OPS: bindings::vfio_log_ops = bindings::vfio_log_ops {
        log_start: Some(Self::log_start),
        log_stop: Some(Self::log_stop),
        log_read_and_clear: Some(Self::log_read_and_clear),
    };

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with `ranges` and `page_size` that are
    /// its own for the time of the call.
    unsafe extern "C" fn log_start(
        vdev: *mut bindings::vfio_device,
        ranges: *mut kernel::bindings::rb_root_cached,
        _nodes: u32,
        page_size: *mut u64,
    ) -> c_int {
        // SAFETY: This table is only ever set on a `Device<T>`.
        let dev = unsafe { Device::<T>::from_vdev(vdev) };
        let ranges = IovaRanges {
            root: ranges,
            _lifetime: PhantomData,
        };

        from_result(|| {
            // SAFETY: The caller's, and nobody else's.
            let page_size = unsafe { &mut *page_size };

            *page_size = K::start(dev, &ranges, *page_size)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table.
    unsafe extern "C" fn log_stop(vdev: *mut bindings::vfio_device) -> c_int {
        // SAFETY: This table is only ever set on a `Device<T>`.
        let dev = unsafe { Device::<T>::from_vdev(vdev) };

        from_result(|| K::stop(dev).map(|()| 0))
    }

    /// # Safety
    ///
    /// Called by the vfio core for a device with this table, with a `bitmap` that is its own for
    /// the time of the call.
    unsafe extern "C" fn log_read_and_clear(
        vdev: *mut bindings::vfio_device,
        iova: c_ulong,
        length: c_ulong,
        bitmap: *mut kernel::bindings::iova_bitmap,
    ) -> c_int {
        // SAFETY: This table is only ever set on a `Device<T>`.
        let dev = unsafe { Device::<T>::from_vdev(vdev) };

        from_result(|| {
            let mut dirty = DirtyRanges::default();
            // CAST: `c_ulong` fits in `u64`.
            let (first, length) = (iova as u64, length as u64);

            // The core does not refuse a user who asks for nothing.
            let iova = match length.checked_sub(1) {
                Some(more) => Some(first..=first.checked_add(more).ok_or(EINVAL)?),
                None => None,
            };
            let last = iova.as_ref().map_or(first, |iova| *iova.end());
            K::read_and_clear(dev, iova, &mut dirty)?;
            for range in dirty.iter() {
                // The bitmap ends with what was asked for, whatever the driver has found.
                let (first, last) = (first.max(*range.start()), last.min(*range.end()));
                let Some(more) = last.checked_sub(first) else {
                    continue;
                };
                let start = usize::try_from(first)?;
                let len = usize::try_from(more)?.checked_add(1).ok_or(EINVAL)?;
                // May fault in the user's bitmap: no lock of ours is held.
                //
                // SAFETY: `bitmap` is the core's, which has asked for this range.
                unsafe { bindings::iova_bitmap_set(bitmap, start, len) };
            }
            Ok(0)
        })
    }
}

impl<T: DmaLogging> Keeper<T> for Enabled<T> {
    fn start(dev: &Device<T>, ranges: &IovaRanges<'_>, page_size: u64) -> Result<u64> {
        // Before there is anything to watch, and without a lock.
        let mut watcher = Watcher::start(dev)?;

        dev.with_session(|dev, session| {
            if session.dma_log.log.is_some() {
                return Err(EINVAL);
            }
            let run = session.migration.run_mut().ok_or(EIO)?;
            let (log, granted) = T::log_start(dev, run, watcher.is_some(), ranges, page_size)?;
            session.dma_log.log = Some(log);
            session.dma_log.watcher = watcher.take();
            Ok(granted)
        })
    }

    fn stop(dev: &Device<T>) -> Result {
        // Who watches is waited for without a lock.
        let watcher = dev
            .with_session(|dev, session| Ok(session.dma_log.end(dev, session.migration.run_mut())));

        watcher.map(drop)
    }

    fn read_and_clear(
        dev: &Device<T>,
        iova: Option<RangeInclusive<u64>>,
        dirty: &mut DirtyRanges,
    ) -> Result {
        dev.with_session(|dev, session| {
            if session.dma_log.log.is_none() {
                return Err(EINVAL);
            }
            let Some(iova) = iova else {
                return Ok(());
            };
            session.dma_log.watch(dev, session.migration.run_mut());
            let log = session.dma_log.log.as_mut().ok_or(EINVAL)?;
            let run = session.migration.run_ref().ok_or(EIO)?;
            T::log_read_and_clear(dev, run, log, iova, dirty)
        })
    }
}

impl IovaRanges<'_> {
    /// Calls `op` for each range, in ascending order.
    pub fn for_each(&self, mut op: impl FnMut(RangeInclusive<u64>)) {
        // SAFETY: The tree belongs to the caller of `log_start()`, who does not change it.
        let mut node =
            unsafe { kernel::bindings::interval_tree_iter_first(self.root, 0, c_ulong::MAX) };

        // SAFETY: Either NULL or a node of the tree.
        while let Some(range) = unsafe { node.as_ref() } {
            // CAST: `c_ulong` fits in `u64`.
            op(range.start as u64..=range.last as u64);
            // SAFETY: `node` is a node of the tree.
            node = unsafe { kernel::bindings::interval_tree_iter_next(node, 0, c_ulong::MAX) };
        }
    }
}
