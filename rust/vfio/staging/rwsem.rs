// SPDX-License-Identifier: GPL-2.0

//! Guards of a `struct rw_semaphore` that C code owns; upstream home:
//! `rust/kernel/sync/lock/rwsem.rs`.
//!
//! C header: [`include/linux/rwsem.h`](srctree/include/linux/rwsem.h)

use core::marker::PhantomData;
use kernel::{
    bindings,
    types::NotThreadSafe, //
};

/// Holds a `struct rw_semaphore` for reading until it is dropped.
///
/// # Invariants
///
/// `sem` is valid for `'a` and was locked with `down_read()` by the current task.
pub struct ReadGuard<'a> {
    sem: *mut bindings::rw_semaphore,
    _lifetime: PhantomData<&'a ()>,
    _not_send: NotThreadSafe,
}

impl<'a> ReadGuard<'a> {
    /// Locks `sem` for reading; may sleep.
    ///
    /// # Safety
    ///
    /// `sem` must point to an initialised `struct rw_semaphore` that stays valid for `'a`.
    pub unsafe fn lock(sem: *mut bindings::rw_semaphore) -> Self {
        // SAFETY: The caller guarantees that `sem` is initialised. A task that holds it already may
        // wait for ever, which is a defect but not unsound.
        unsafe { bindings::down_read(sem) };
        // INVARIANT: `sem` has just been locked, and is valid for `'a`.
        Self {
            sem,
            _lifetime: PhantomData,
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for ReadGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this task holds `sem` through `down_read()`.
        unsafe { bindings::up_read(self.sem) };
    }
}

/// Holds a `struct rw_semaphore` for writing until it is dropped.
///
/// # Invariants
///
/// `sem` is valid for `'a` and was locked with `down_write()` by the current task.
pub struct WriteGuard<'a> {
    sem: *mut bindings::rw_semaphore,
    _lifetime: PhantomData<&'a ()>,
    _not_send: NotThreadSafe,
}

impl<'a> WriteGuard<'a> {
    /// Locks `sem` for writing; may sleep.
    ///
    /// # Safety
    ///
    /// As for [`ReadGuard::lock()`].
    pub unsafe fn lock(sem: *mut bindings::rw_semaphore) -> Self {
        // SAFETY: As in `ReadGuard::lock()`.
        unsafe { bindings::down_write(sem) };
        // INVARIANT: `sem` has just been locked, and is valid for `'a`.
        Self {
            sem,
            _lifetime: PhantomData,
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this task holds `sem` through `down_write()`.
        unsafe { bindings::up_write(self.sem) };
    }
}
