// SPDX-License-Identifier: GPL-2.0

//! VFIO devices in software: PCI functions that there are only for their user.
//!
//! Nothing is mapped through an IOMMU; what such a device reads and writes of the guest's memory goes
//! through `vfio_dma_rw()`, and what it has to say through eventfds.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h)

mod doorbells;
mod irqs;
mod memory;
mod ops;
mod task;
mod written;

pub use self::{
    task::Waker,
    written::Exact, //
};
pub use crate::staging::user_worker::Next;

use self::{
    doorbells::Doorbells,
    irqs::Irqs,
    ops::Ops,
    task::Task,
    written::Written, //
};
use crate::{
    bindings,
    bus::{
        private::Sealed,
        Bus, //
    },
    Common,
    Device,
    Open, //
};
use core::ptr::NonNull;
use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::ARef, //
};

/// Regions of a PCI function, `VFIO_PCI_NUM_REGIONS`.
pub const REGIONS: usize = bindings::VFIO_PCI_NUM_REGIONS as usize;
/// The region of configuration space, `VFIO_PCI_CONFIG_REGION_INDEX`.
pub const CONFIG: u32 = bindings::VFIO_PCI_CONFIG_REGION_INDEX;

/// A driver of devices in software.
pub trait Driver: crate::Driver<Bus = Emulated> {
    /// Sizes in bytes of the regions, 0 for one that there is not. That of the BAR which is
    /// [trapped](crate::region::Traps) has to be what is said there.
    const SIZES: [u64; REGIONS];
    /// Number of MSI-X vectors, eight at most.
    const VECTORS: usize;

    /// Reads from a region other than the trapped BAR; it is all inside.
    ///
    /// # Errors
    ///
    /// What the driver likes; user space is given it.
    fn read(dev: &Device<Self, Open>, region: u32, offset: usize, to: &mut [u8]) -> Result;

    /// Writes to a region other than the trapped BAR; it is all inside.
    ///
    /// # Errors
    ///
    /// As [`Self::read()`].
    fn write(dev: &Device<Self, Open>, region: u32, offset: usize, from: &[u8]) -> Result;

    /// Does what the device does by itself, and says when to be called again.
    ///
    /// Called in a task of the process that has opened the device, without any lock, beside everything
    /// else: that it is to be still is between the driver and its arcs. It may sleep.
    fn round(dev: &Device<Self, Open>) -> Next;
}

/// Devices that there are in software only.
pub struct Emulated;

impl Sealed for Emulated {}

/// What is kept for each device.
pub struct State<T: crate::Driver<Bus = Emulated>> {
    irqs: Pin<KBox<Irqs>>,
    written: Pin<KBox<Written>>,
    task: Pin<KBox<Task<T>>>,
    doorbells: Pin<KBox<Doorbells>>,
}

// SAFETY: It is a `vfio_device`.
unsafe impl Bus for Emulated {
    type Core = bindings::vfio_device;
    type State<T: crate::Driver<Bus = Self>> = State<T>;
    type Awake<'a> = ();

    fn new_state<T: crate::Driver<Bus = Self>>() -> Result<State<T>> {
        Ok(State {
            irqs: KBox::pin_init(Irqs::new(), GFP_KERNEL)?,
            written: KBox::pin_init(Written::new(), GFP_KERNEL)?,
            task: KBox::pin_init(Task::new(), GFP_KERNEL)?,
            doorbells: KBox::pin_init(Doorbells::new::<T>(), GFP_KERNEL)?,
        })
    }

    fn wake<T: crate::Driver<Bus = Self>>(_: &Device<T, Open>) -> Result {
        Ok(())
    }

    #[cfg(CONFIG_IOMMUFD_DRIVER)]
    fn if_awake<T: crate::Driver<Bus = Self>>(_: &Device<T, Open>) -> Option<()> {
        Some(())
    }

    fn make_reachable<T: crate::Driver<Bus = Self>>(_: &Device<T, Open>) {}

    fn forget<T: crate::Driver<Bus = Self>>(_: &Device<T, Open>) {}
}

impl<T: Driver> Device<T> {
    /// Returns what has the device do a round; `None` if it is not open.
    pub fn waker(&self) -> Option<Waker<T>> {
        self.task().waker()
    }

    fn task(&self) -> &Task<T> {
        &self.bus_state().task
    }
}

impl<T: Driver> Device<T, Open> {
    /// Resets the device, as its user can: it is done when this returns.
    ///
    /// It takes the session lock: for [`Driver::write()`], and not for traps, arcs or rounds.
    pub fn reset(&self) {
        self.note_reset();
        self.settle();
    }
}

/// A device that user space can open, until this is dropped.
///
/// # Invariants
///
/// The device is registered with the vfio core, and drvdata of its parent points to it.
pub struct Registration<T: Driver>(ARef<Device<T>>);

impl<T: Driver> Registration<T> {
    /// Makes and registers the device of a parent that is being probed.
    ///
    /// # Safety
    ///
    /// `parent` must be a valid device whose drvdata is ours, and stay bound until the registration was
    /// dropped.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`], or what `data` gives, or the vfio core.
    pub unsafe fn new<'a>(
        parent: *mut kernel::bindings::device,
        common: &Common,
        data: impl PinInit<T, Error> + 'a,
    ) -> Result<Self> {
        const_assert!(T::VECTORS <= irqs::VECTORS_MAX);

        // SAFETY: `parent` is valid by the caller. The tables are as is asked for, see there.
        let dev = unsafe {
            Device::<T>::new(
                parent,
                common,
                &Ops::<T>::UNTIL_INITIALISED,
                &Ops::<T>::TABLE,
                data,
            )
        }?;
        // Attributes look there, as those of a PCI function do.
        //
        // SAFETY: It is ours by the caller.
        unsafe { (*parent).driver_data = dev.as_vdev().cast() };

        // Last of all: from here on user space can open it.
        //
        // SAFETY: `dev` is initialised.
        to_result(unsafe { bindings::vfio_register_emulated_iommu_dev(dev.as_vdev()) })
            // SAFETY: As above; `dev` is dropped.
            .inspect_err(|_| unsafe { (*parent).driver_data = core::ptr::null_mut() })?;
        // INVARIANT: It is registered now.
        Ok(Self(dev))
    }

    /// Leaves the registration to drvdata of the parent.
    pub fn into_drvdata(self) {
        core::mem::forget(self);
    }

    /// Takes it from there.
    ///
    /// # Safety
    ///
    /// `parent` must be the device of one that was [left](Self::into_drvdata()) there, and not taken.
    pub unsafe fn from_drvdata(parent: *mut kernel::bindings::device) -> Self {
        // SAFETY: By the type invariant it points to the device, whose reference was left with it.
        let dev = unsafe { ARef::from_raw(NonNull::new_unchecked((*parent).driver_data.cast())) };

        // INVARIANT: It is still registered.
        Self(dev)
    }
}

impl<T: Driver> Drop for Registration<T> {
    fn drop(&mut self) {
        let vdev = self.0.as_vdev();

        // SAFETY: By the type invariant it is registered. This returns after the last close. Attributes
        // are gone before, see `device_remove()`, or not there yet.
        unsafe {
            bindings::vfio_unregister_group_dev(vdev);
            (*(*vdev).dev).driver_data = core::ptr::null_mut();
        }
        self.0.remove_debugfs();
    }
}
