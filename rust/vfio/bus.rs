// SPDX-License-Identifier: GPL-2.0

//! What a VFIO device hangs on, as far as the rest of this crate has to know.

use crate::{
    Device,
    Driver,
    Open, //
};
use kernel::prelude::*;

/// A kind of VFIO device; sealed.
///
/// # Safety
///
/// `Core` must be a C structure that begins with a `struct vfio_device`.
pub unsafe trait Bus: Sized + 'static + private::Sealed {
    /// The structure that the C core of the bus embeds its `struct vfio_device` in.
    #[doc(hidden)]
    type Core;
    /// What is kept for each device, from probe to its last reference.
    #[doc(hidden)]
    type State<T: Driver<Bus = Self>>: Send + Sync;
    /// Keeps a device out of low power.
    #[doc(hidden)]
    type Awake<'a>;

    #[doc(hidden)]
    fn new_state<T: Driver<Bus = Self>>() -> Result<Self::State<T>>;

    /// Ends the low power state, if the device was in it.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: it does not resume.
    #[doc(hidden)]
    fn wake<T: Driver<Bus = Self>>(dev: &Device<T, Open>) -> Result<Self::Awake<'_>>;

    /// As [`Self::wake()`], if the device is not in low power.
    #[cfg(CONFIG_IOMMUFD_DRIVER)]
    #[doc(hidden)]
    fn if_awake<T: Driver<Bus = Self>>(dev: &Device<T, Open>) -> Option<Self::Awake<'_>>;

    /// The device was opened, or user space has written to what tells whether it can be reached.
    #[doc(hidden)]
    fn make_reachable<T: Driver<Bus = Self>>(dev: &Device<T, Open>);

    /// The device was reset, or is about to be closed: of what user space has written, nothing is to
    /// be left.
    #[doc(hidden)]
    fn forget<T: Driver<Bus = Self>>(dev: &Device<T, Open>);
}

pub(crate) mod private {
    pub trait Sealed {}
}
