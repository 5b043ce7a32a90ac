// SPDX-License-Identifier: GPL-2.0

//! Eventfds; upstream home: `rust/kernel/eventfd.rs`.
//!
//! C header: [`include/linux/eventfd.h`](srctree/include/linux/eventfd.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    ffi::c_int,
    prelude::*, //
};

/// An eventfd of user space.
///
/// # Invariants
///
/// `ctx` is a reference of ours to an `eventfd_ctx`.
pub struct EventFd {
    ctx: NonNull<bindings::eventfd_ctx>,
}

// SAFETY: `eventfd_signal_mask()` and `eventfd_ctx_put()` may be called by any task.
unsafe impl Send for EventFd {}
// SAFETY: `eventfd_signal_mask()` takes a lock of its own.
unsafe impl Sync for EventFd {}

impl EventFd {
    /// Takes the eventfd that is `fd` of the current process.
    ///
    /// # Errors
    ///
    /// - [`EBADF`]: there is no such file.
    /// - [`EINVAL`]: it is no eventfd.
    pub fn from_fd(fd: i32) -> Result<Self> {
        // SAFETY: `fd` may be any number.
        let ctx = from_err_ptr(unsafe { bindings::eventfd_ctx_fdget(c_int::from(fd)) })?;

        // INVARIANT: `eventfd_ctx_fdget()` has counted the reference, and returns no null.
        Ok(Self {
            ctx: NonNull::new(ctx).ok_or(EINVAL)?,
        })
    }

    /// Adds one to its count. May be called from any context.
    pub fn signal(&self) {
        // SAFETY: By the type invariant it is valid.
        unsafe { bindings::eventfd_signal_mask(self.ctx.as_ptr(), 0) };
    }
}

impl Drop for EventFd {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the reference is ours.
        unsafe { bindings::eventfd_ctx_put(self.ctx.as_ptr()) };
    }
}
