// SPDX-License-Identifier: GPL-2.0

//! Memory of the guest, as the device sees it.
//!
//! C headers: [`include/linux/vfio.h`](srctree/include/linux/vfio.h), `vfio_dma_rw()`;
//! [`include/linux/iommufd.h`](srctree/include/linux/iommufd.h), `iommufd_access`.
//!
//! Which address space a device is attached to is the core's business for a container. With iommufd
//! the core only knows how to attach the device itself; the driver brings an access object of its
//! own that follows the device from one IOAS to the next. Whatever the user maps and unmaps meanwhile
//! is left to the lock of the address space.
//!
//! `vfio_dma_rw()` is made for devices whose DMA goes through the core, and warns if the owner of a
//! container has taken back the addresses behind its mappings (`VFIO_DMA_UNMAP_FLAG_VADDR`), which
//! only the presence of such a device forbids. So containers are read only if the driver has been
//! told to, see [`Driver::reads_containers()`].

use super::Driver;
use crate::{
    bindings,
    Device,
    Open, //
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

    fn is_readable(&self) -> Option<bool> {
        None
    }

    fn read(&self, _: u64, _: &mut [u8]) -> Option<Result> {
        None
    }
}

impl<T: Driver> Device<T, Open> {
    /// Returns whether there is an address space to read in.
    ///
    /// There is none if the device is not alone in its IOMMU group; if it is attached to a page table
    /// that is nested in another, as its addresses are not those of an IOAS then; to one of user
    /// space's making, and the same iommufd has more than one IOAS; or to a container, unless
    /// [`Driver::reads_containers()`]. The answer can be out of date when it arrives: a read then
    /// fails.
    pub fn can_read_guest(&self) -> bool {
        self.guest_memory()
            .is_readable()
            .unwrap_or_else(T::reads_containers)
    }

    /// Copies memory of the guest, from where the device would find it at `iova`.
    ///
    /// Call it from a task of the guest's VMM, as traps are. It may fault in the memory, which takes
    /// as long as that VMM likes, or until it is killed; and wait for `mmap_lock`: no
    /// [`MmioGuard`](crate::pci::MmioGuard) may be held, as page faults on a mapped BAR take
    /// `memory_lock` with that lock held.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: there is no address space to read in, see
    ///   [`can_read_guest()`](Self::can_read_guest).
    /// - [`EINVAL`], [`ENOENT`], [`EPERM`]: not all of it is mapped for the device to read.
    /// - [`EFAULT`]: the user has mapped for the device what the task cannot read.
    pub fn read_guest(&self, iova: u64, buf: &mut [u8]) -> Result {
        if buf.is_empty() {
            return Ok(());
        }
        if let Some(result) = self.guest_memory().read(iova, buf) {
            return result;
        }
        if !T::reads_containers() {
            return Err(EOPNOTSUPP);
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
            c_int,
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

    /// Returns whether nobody but `dev` can take `dev` to another address space: all devices of a group
    /// share one, and iommufd moves all of them when it moves one. There is no group, nor an address
    /// space, without an IOMMU.
    ///
    /// # Safety
    ///
    /// `dev` must be a valid device that is bound to a VFIO driver.
    unsafe fn is_alone(dev: *mut kernel::bindings::device) -> bool {
        let mut devices = 0u32;
        // SAFETY: `dev` is valid, and its group stays as long as it is bound to a VFIO driver.
        let group = unsafe { (*dev).iommu_group };

        if group.is_null() {
            return false;
        }
        // SAFETY: `group` is that of a device that is bound; `count_device()` is given what it takes.
        unsafe {
            kernel::bindings::iommu_group_for_each_dev(
                group,
                (&raw mut devices).cast(),
                Some(count_device),
            )
        };
        devices == 1
    }

    /// # Safety
    ///
    /// `count` must point to a `u32`.
    unsafe extern "C" fn count_device(
        _dev: *mut kernel::bindings::device,
        count: *mut c_void,
    ) -> c_int {
        // SAFETY: By the caller.
        unsafe { *count.cast::<u32>() += 1 };
        0
    }

    /// Returns whether the page table of `dev` is nested in another: a guest has that one, and may map
    /// what it likes.
    ///
    /// # Safety
    ///
    /// `dev` must be a valid device that is bound to a VFIO driver and [alone](is_alone) in its group,
    /// with `dev_set->lock` held.
    unsafe fn is_nested(dev: *mut kernel::bindings::device) -> bool {
        // SAFETY: iommufd has attached `dev` to a domain, which nobody replaces meanwhile: what
        // attaches or detaches a device that is alone holds its `dev_set->lock`.
        unsafe {
            let domain = kernel::bindings::iommu_get_domain_for_dev(dev);

            domain.is_null() || (*domain).type_ & kernel::bindings::IOMMU_DOMAIN_NESTED != 0
        }
    }

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
        /// `dev_set->lock` must be held, and `dev`, a valid device that is bound to a VFIO driver,
        /// must be attached to `pt_id`.
        pub(crate) unsafe fn attach(&self, dev: *mut kernel::bindings::device, pt_id: u32) {
            if self.access.load(Relaxed).is_null() || self.ioas.load(Relaxed) != 0 {
                return;
            }
            // SAFETY: The caller holds the lock, and there is an access object that is not attached;
            // the rest is passed on.
            let ioas = unsafe {
                if !is_alone(dev) || is_nested(dev) {
                    return;
                }
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
        /// iommufd, and keeps it alive, but nothing exported tells of which; VMMs have only one, and
        /// that one it is. Ids are the lowest that are free: one beyond [`LAST_ID`] takes a user who
        /// has had as many objects at a time, and it is their own log that is spoilt.
        /// `Documentation/upstreaming.rst` has the export that would replace this.
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

        /// `None` if there is no access object, as with a container.
        pub(super) fn is_readable(&self) -> Option<bool> {
            (!self.access.load(Acquire).is_null()).then(|| self.ioas.load(Acquire) != 0)
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
                return Some(Err(EOPNOTSUPP));
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
