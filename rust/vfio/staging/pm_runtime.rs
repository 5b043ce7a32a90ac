// SPDX-License-Identifier: GPL-2.0

//! Runtime power management; upstream home: `rust/kernel/pm_runtime.rs`.
//!
//! C header: [`include/linux/pm_runtime.h`](srctree/include/linux/pm_runtime.h)

use core::marker::PhantomData;
use kernel::{
    bindings,
    prelude::*, //
};

// CAST: small constants.
#[cfg(CONFIG_PM)]
const RPM_ASYNC: i32 = bindings::RPM_ASYNC as i32;
#[cfg(CONFIG_PM)]
const RPM_GET_PUT: i32 = bindings::RPM_GET_PUT as i32;

/// Keeps a device resumed until it is dropped, as `pm_runtime_resume_and_get()` and
/// `pm_runtime_put()` do.
///
/// # Invariants
///
/// `dev` is valid for `'a`, and this has counted one use of it.
pub struct Active<'a> {
    #[cfg_attr(not(CONFIG_PM), expect(dead_code))]
    dev: *mut bindings::device,
    _lifetime: PhantomData<&'a ()>,
}

impl Active<'_> {
    /// Resumes `dev`; may sleep.
    ///
    /// # Errors
    ///
    /// Those of the resume callbacks of its driver and bus.
    ///
    /// # Safety
    ///
    /// `dev` must be valid for `'a`.
    pub unsafe fn get(dev: *mut bindings::device) -> Result<Self> {
        // INVARIANT: `__pm_runtime_resume()` counts the use even if it fails; it is dropped then.
        let this = Self {
            dev,
            _lifetime: PhantomData,
        };

        #[cfg(CONFIG_PM)]
        // SAFETY: `dev` is valid by the caller.
        kernel::error::to_result(unsafe { bindings::__pm_runtime_resume(dev, RPM_GET_PUT) })?;
        Ok(this)
    }

    /// As [`Self::get()`], if `dev` is active and need not be resumed.
    ///
    /// # Safety
    ///
    /// As for [`Self::get()`].
    #[cfg_attr(not(CONFIG_IOMMUFD_DRIVER), allow(dead_code))]
    pub unsafe fn get_if_active(dev: *mut bindings::device) -> Option<Self> {
        #[cfg(CONFIG_PM)]
        // SAFETY: `dev` is valid by the caller.
        if unsafe { bindings::pm_runtime_get_if_active(dev) } <= 0 {
            return None;
        }
        // INVARIANT: `pm_runtime_get_if_active()` has counted the use.
        Some(Self {
            dev,
            _lifetime: PhantomData,
        })
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        #[cfg(CONFIG_PM)]
        // SAFETY: By the type invariant `dev` is valid, and the use that this gives back was counted.
        unsafe {
            bindings::__pm_runtime_idle(self.dev, RPM_GET_PUT | RPM_ASYNC)
        };
    }
}
