// SPDX-License-Identifier: GPL-2.0

//! Memory of the guest, as the device sees it.
//!
//! C headers: [`include/linux/vfio.h`](srctree/include/linux/vfio.h), `vfio_dma_rw()`;
//! [`include/linux/iommufd.h`](srctree/include/linux/iommufd.h), `iommufd_access`.
//!
//! Which address space a device is attached to is the core's business for a container. With iommufd
//! the core only knows how to attach the device itself; the driver brings an access object of its
//! own that follows the device from one IOAS to the next. No page is pinned and nothing is mapped
//! here: whatever the user maps and unmaps meanwhile is left to the lock of the address space.

use crate::{
    bindings,
    pci::{
        Device,
        Driver,
        Open, //
    }, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

#[cfg(CONFIG_IOMMUFD)]
pub(crate) use self::access::GuestMemory;

/// Only containers here, which need nothing of ours.
#[cfg(not(CONFIG_IOMMUFD))]
pub(crate) struct GuestMemory;

#[cfg(not(CONFIG_IOMMUFD))]
impl GuestMemory {
    pub(crate) fn new() -> Self {
        Self
    }

    fn is_readable(&self) -> bool {
        true
    }

    fn read(&self, _: u64, _: &mut [u8]) -> Option<Result> {
        None
    }
}

impl<T: Driver> Device<T, Open> {
    /// Returns whether there is an address space to read in.
    ///
    /// There is none if user space has attached the device to a page table of its own making, and
    /// has more than one IOAS in the same iommufd. The answer can be out of date when it arrives: a
    /// read then fails. A page table that is nested in another is not told apart: addresses of the
    /// device are not those of the IOAS then.
    pub fn can_read_guest(&self) -> bool {
        self.guest_memory().is_readable()
    }

    /// Copies memory of the guest, from where the device would find it at `iova`.
    ///
    /// Call it from a task of the guest's VMM, as traps are. It may fault in the memory, and wait
    /// for `mmap_lock`: no [`MmioGuard`](crate::pci::MmioGuard) may be held, as page faults on a
    /// mapped BAR take `memory_lock` with that lock held.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`], [`ENOENT`], [`EPERM`]: not all of it is mapped for the device to read.
    /// - [`EFAULT`]: the user has mapped for the device what the task cannot read.
    pub fn read_guest(&self, iova: u64, buf: &mut [u8]) -> Result {
        if buf.is_empty() {
            return Ok(());
        }
        if let Some(result) = self.guest_memory().read(iova, buf) {
            return result;
        }
        // SAFETY: The device is open by its context, and so is the group whose container this goes
        // through; `buf` is ours for the time of the call. `vfio_iommu_type1_dma_rw()` looks up the
        // mapping with `vfio_iommu.lock` held until it has copied.
        to_result(unsafe {
            bindings::vfio_dma_rw(
                self.as_vdev(),
                iova,
                buf.as_mut_ptr().cast(),
                buf.len(),
                false,
            )
        })
    }
}

#[cfg(CONFIG_IOMMUFD)]
mod access {
    use crate::bindings;
    use core::ptr::null_mut;
    use kernel::{
        error::{
            from_err_ptr,
            to_result, //
        },
        ffi::{
            c_ulong,
            c_void, //
        },
        prelude::*,
        sync::atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        }, //
    };

    /// Where the search for an IOAS ends.
    const LAST_ID: u32 = 1024;

    /// The access object of a device that is bound to an iommufd.
    ///
    /// # Invariants
    ///
    /// - `access` is null or an access object that only this type destroys. It changes with
    ///   `dev_set->lock` held, while the device is not open.
    /// - `ioas` is the id of the IOAS that `access` is attached to, or 0. It changes with
    ///   `dev_set->lock` held.
    /// - `moves` grows before `access` is detached, with the same lock held: who reads and finds
    ///   another value afterwards may have read anywhere.
    pub(crate) struct GuestMemory {
        access: Atomic<*mut bindings::iommufd_access>,
        ioas: Atomic<u32>,
        moves: Atomic<u32>,
    }

    /// Pages are not pinned, so that there is nothing to give up.
    ///
    /// `iommufd_access_notify_unmap()` calls it all the same, if another device has pinned some.
    extern "C" fn unmap(_data: *mut c_void, _iova: c_ulong, _length: c_ulong) {}

    /// Without `needs_pin_pages`: any alignment of the mappings is fine.
    static OPS: bindings::iommufd_access_ops = bindings::iommufd_access_ops {
        unmap: Some(unmap),
        _bitfield_align_1: [],
        _bitfield_1: bindings::__BindgenBitfieldUnit::new([0]),
    };

    impl GuestMemory {
        pub(crate) fn new() -> Self {
            // INVARIANT: There is none.
            Self {
                access: Atomic::new(null_mut()),
                ioas: Atomic::new(0),
                moves: Atomic::new(0),
            }
        }

        /// Makes the access object of a device that is being bound.
        ///
        /// # Safety
        ///
        /// `dev_set->lock` must be held, the device must not be open, and `ictx` must be valid.
        pub(crate) unsafe fn create(&self, ictx: *mut bindings::iommufd_ctx) -> Result {
            // User space has no use for it.
            let mut id = 0;
            // SAFETY: `ictx` is the caller's promise. `unmap()` ignores its data.
            let access = from_err_ptr(unsafe {
                bindings::iommufd_access_create(ictx, &OPS, null_mut(), &mut id)
            })?;
            // INVARIANT: The caller holds the lock, and the device is not open.
            self.access.store(access, Release);
            Ok(())
        }

        /// Undoes [`Self::create()`], if it was called.
        ///
        /// # Safety
        ///
        /// `dev_set->lock` must be held, and the device must not be open.
        pub(crate) unsafe fn destroy(&self) {
            let access = self.access.load(Relaxed);
            if access.is_null() {
                return;
            }
            // SAFETY: The caller holds the lock.
            unsafe { self.detach() };
            // INVARIANT: The caller holds the lock, and the device is not open.
            self.access.store(null_mut(), Relaxed);
            // SAFETY: By the type invariant it is ours. Only a device that is open is read through,
            // see `read()`.
            unsafe { bindings::iommufd_access_destroy(access) };
        }

        /// Follows the device to an IOAS, or to that of a page table which user space has made.
        ///
        /// # Safety
        ///
        /// `dev_set->lock` must be held, and the device must be attached to `pt_id`.
        pub(crate) unsafe fn attach(&self, pt_id: u32) {
            if self.access.load(Relaxed).is_null() || self.ioas.load(Relaxed) != 0 {
                return;
            }
            // SAFETY: The caller holds the lock, and there is an access object that is not attached.
            let ioas = unsafe {
                match self.try_attach(pt_id) {
                    Ok(()) => Some(pt_id),
                    Err(_) => self.attach_to_the_only_one(),
                }
            };
            if let Some(ioas) = ioas {
                // INVARIANT: It is attached there, and the caller holds the lock.
                self.ioas.store(ioas, Release);
            }
        }

        /// Attaches the access object to the IOAS of this id, if it is that of one.
        ///
        /// # Safety
        ///
        /// `dev_set->lock` must be held. There must be an access object that is not attached.
        unsafe fn try_attach(&self, ioas: u32) -> Result {
            // SAFETY: By the type invariant it is valid, and the caller says that it is not attached.
            to_result(unsafe { bindings::iommufd_access_attach(self.access.load(Relaxed), ioas) })
        }

        /// Attaches to the IOAS of this iommufd, if it has one and no other, and returns its id.
        ///
        /// A page table that user space has made (`IOMMU_HWPT_ALLOC`) is one of an IOAS of the same
        /// iommufd, and keeps it alive, but nothing exported tells of which. VMMs have only one, and
        /// that one it is. Ids are given from 1 on: who hides another beyond [`LAST_ID`], or nests the
        /// page table in another, spoils what is reported to them, and nothing else.
        ///
        /// # Safety
        ///
        /// As [`Self::try_attach()`].
        unsafe fn attach_to_the_only_one(&self) -> Option<u32> {
            let mut only = None;

            for id in 1..=LAST_ID {
                // SAFETY: By the caller, and what was attached is detached again.
                match unsafe { self.try_attach(id) } {
                    // SAFETY: It is attached. Who still reads finds another value of `moves`.
                    Ok(()) => unsafe {
                        bindings::iommufd_access_detach(self.access.load(Relaxed));
                    },
                    // No object of this id, or one of another kind.
                    Err(ENOENT) => continue,
                    // There may be one, and it cannot be known.
                    Err(_) => return None,
                }
                if only.replace(id).is_some() {
                    return None;
                }
            }
            // SAFETY: By the caller; it is not attached.
            only.filter(|&id| unsafe { self.try_attach(id) }.is_ok())
        }

        /// Leaves the IOAS and returns its id, or 0 if there was none.
        ///
        /// # Safety
        ///
        /// `dev_set->lock` must be held.
        pub(crate) unsafe fn detach(&self) -> u32 {
            let ioas = self.ioas.load(Relaxed);
            if ioas != 0 {
                // INVARIANT: It is about to be, and the caller holds the lock.
                self.moves
                    .store(self.moves.load(Relaxed).wrapping_add(1), Relaxed);
                self.ioas.store(0, Relaxed);
                // SAFETY: By the type invariant it is valid and attached. `ioas_lock` of the access
                // makes who reads now come to an end first.
                unsafe { bindings::iommufd_access_detach(self.access.load(Relaxed)) };
            }
            ioas
        }

        pub(super) fn is_readable(&self) -> bool {
            // With a container there is no access object.
            self.access.load(Acquire).is_null() || self.ioas.load(Acquire) != 0
        }

        /// Reads through the access object; `None` if there is none.
        ///
        /// To be called for a device that is open.
        pub(super) fn read(&self, iova: u64, buf: &mut [u8]) -> Option<Result> {
            let access = self.access.load(Acquire);
            if access.is_null() {
                return None;
            }
            let moves = self.moves.load(Acquire);
            if self.ioas.load(Acquire) == 0 {
                return Some(Err(ENOENT));
            }
            let result = c_ulong::try_from(iova)
                .map_err(Error::from)
                .and_then(|iova| {
                    // SAFETY: By the type invariant the object lives at least until the device is
                    // closed. `iommufd_access_rw()` takes `ioas_lock`, and gives `ENOENT` if it is not
                    // attached; `iova_rwsem` of the IOAS keeps the mapping until it has copied. `buf`
                    // is ours for the time of the call.
                    to_result(unsafe {
                        bindings::iommufd_access_rw(
                            access,
                            iova,
                            buf.as_mut_ptr().cast(),
                            buf.len(),
                            bindings::IOMMUFD_ACCESS_RW_READ,
                        )
                    })
                });
            // Who has moved it meanwhile has taken `ioas_lock` after that, so the new value is seen.
            Some(if self.moves.load(Acquire) == moves {
                result
            } else {
                Err(ENOENT)
            })
        }
    }
}
