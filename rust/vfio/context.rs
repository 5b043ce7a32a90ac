// SPDX-License-Identifier: GPL-2.0

//! What a reference to a [`Device`] allows, as types.

use crate::{
    Device,
    Driver, //
};
use core::ops::Deref;

/// What a reference to a [`Device`] allows; sealed.
pub trait Context: private::Sealed {}

/// The device is allocated. It may be unbound; nothing of the hardware can be reached.
pub struct Normal;

/// The device is bound to its driver: what callbacks from outside of a session are given, as those of
/// [`sysfs`](crate::sysfs). Whether it is open is not known, and cannot be waited for.
pub struct Bound;

/// The device is between `open_device()` and `close_device()`: the hardware is the core's to reach.
pub struct Open;

impl Context for Normal {}
impl Context for Bound {}
impl Context for Open {}

mod private {
    pub trait Sealed {}
    impl Sealed for super::Normal {}
    impl Sealed for super::Bound {}
    impl Sealed for super::Open {}
}

impl<T: Driver> Deref for Device<T, Bound> {
    type Target = Device<T>;

    fn deref(&self) -> &Device<T> {
        // SAFETY: The layout does not depend on the context, and `Normal` promises less.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}

impl<T: Driver> Deref for Device<T, Open> {
    type Target = Device<T>;

    fn deref(&self) -> &Device<T> {
        // SAFETY: The layout does not depend on the context, and `Normal` promises less.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}
