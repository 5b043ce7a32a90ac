// SPDX-License-Identifier: GPL-2.0

//! A device that is there only for others to be made below it.

use core::ptr::NonNull;
use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*, //
};

/// A device of a class of its own, both of one name.
///
/// The name of the class is what a type of device begins with in sysfs, for a device without a driver.
///
/// # Invariants
///
/// Both are registered.
pub(crate) struct Parent {
    class: NonNull<bindings::class>,
    device: NonNull<bindings::device>,
}

impl Parent {
    /// # Errors
    ///
    /// - [`ENOMEM`], [`EEXIST`]
    pub(crate) fn new(name: &'static CStr) -> Result<Self> {
        // SAFETY: The name is a C string that lives as long as the module.
        let class = from_err_ptr(unsafe { bindings::class_create(name.as_char_ptr()) })?;
        let class = NonNull::new(class).ok_or(ENOMEM)?;
        // SAFETY: The class is registered; the format takes one string. No device number.
        let device = from_err_ptr(unsafe {
            bindings::device_create(
                class.as_ptr(),
                core::ptr::null_mut(),
                0,
                core::ptr::null_mut(),
                c"%s".as_char_ptr(),
                name.as_char_ptr(),
            )
        })
        .and_then(|device| NonNull::new(device).ok_or(ENOMEM));

        match device {
            // INVARIANT: Both are registered.
            Ok(device) => Ok(Self { class, device }),
            Err(err) => {
                // SAFETY: It is registered, and has no device.
                unsafe { bindings::class_destroy(class.as_ptr()) };
                Err(err)
            }
        }
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::device {
        self.device.as_ptr()
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        // SAFETY: By the type invariant both are registered.
        unsafe {
            bindings::device_unregister(self.device.as_ptr());
            bindings::class_destroy(self.class.as_ptr());
        }
    }
}
