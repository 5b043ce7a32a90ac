// SPDX-License-Identifier: GPL-2.0

//! Tasks of the kernel that belong to a process of user space; upstream home:
//! `rust/kernel/task/user_worker.rs`.
//!
//! C header: [`include/linux/sched/vhost_task.h`](srctree/include/linux/sched/vhost_task.h)
//!
//! Such a task has the memory of its process, is charged to its cgroups, and dies with it: what it
//! waits for in memory of that process ends when the process is killed. A `kthread` would wait on. It
//! also stops with it: who ends the task waits for a process that was stopped, frozen or traced to go on.
//! And it is one of the process's tasks: the process has ended when it is killed, or exits as a whole,
//! and not when its other tasks have.

use super::event::Event;
use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    ffi::c_void,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// Time between two attempts at what cannot be waited for.
const RETRY_TIME: Delta = Delta::from_millis(1);

/// When a [`Worker`] does its next round.
pub enum Next {
    /// At once.
    Now,
    /// After this time, or when it is woken up.
    After(Delta),
    /// When it is [woken up](Waker::wake()).
    Woken,
}

/// What a [`Worker`] does.
pub trait Work: Send + Sync + 'static {
    /// Does one round, and says when there is to be another. It must not wait for who drops the
    /// [`Worker`].
    fn round(&self) -> Next;

    /// The process is being killed, and there will be no other round. Returns whether what this
    /// leaves to do is done; if not it is called again, unless the worker is dropped. It must not
    /// wait for who drops it either.
    fn abandoned(&self) -> bool;
}

#[pin_data]
struct Shared<W> {
    work: W,
    stopping: Atomic<bool>,
    #[pin]
    event: Event,
}

/// Who can have a [`Worker`] do a round, also when it is gone.
pub struct Waker<W>(Arc<Shared<W>>);

impl<W> Clone for Waker<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W> Waker<W> {
    /// Has the worker do a round. May be called from any context.
    pub fn wake(&self) {
        self.0.event.notify();
    }
}

/// A task of the process that has made it, until this is dropped.
///
/// # Invariants
///
/// `task` was made by `vhost_task_create()` with `shared`, and started.
pub struct Worker<W> {
    task: NonNull<bindings::vhost_task>,
    shared: Arc<Shared<W>>,
}

// SAFETY: `vhost_task_stop()` may be called by any task, and `W` is shared with another already.
unsafe impl<W: Send + Sync> Send for Worker<W> {}

impl<W: Work> Worker<W> {
    /// Starts a task of the current process.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EAGAIN`]: the process has as many tasks as it may have.
    /// - `ERESTARTNOINTR`: it has a signal to see to.
    pub fn start(name: &CStr, work: W) -> Result<Self> {
        let shared = Arc::pin_init(
            pin_init!(Shared {
                work,
                stopping: Atomic::new(false),
                event <- Event::new(),
            }),
            GFP_KERNEL,
        )?;

        // SAFETY: The callbacks take a `Shared<W>`, which lives until the task is gone, see `drop()`;
        // the name is copied by `copy_process()`.
        let task = from_err_ptr(unsafe {
            bindings::vhost_task_create(
                Some(Self::round_callback),
                Some(Self::killed_callback),
                Arc::as_ptr(&shared).cast_mut().cast(),
                name.as_char_ptr(),
            )
        })?;
        // SAFETY: It has just been made, and nobody has started it.
        unsafe { bindings::vhost_task_start(task) };
        // INVARIANT: `task` has been made and started.
        Ok(Self {
            // SAFETY: `from_err_ptr()` takes no NULL here: `vhost_task_create()` returns none.
            task: unsafe { NonNull::new_unchecked(task) },
            shared,
        })
    }

    /// # Safety
    ///
    /// Called by the task, with what it was made with.
    unsafe extern "C" fn round_callback(data: *mut c_void) -> bool {
        // SAFETY: `Worker` holds the `Shared<W>` until the task is gone.
        let shared = unsafe { &*data.cast::<Shared<W>>() };

        let stopping = || shared.stopping.load(Acquire);

        // The task comes here with the state that it would sleep in.
        shared.event.run_on();

        if stopping() {
            return true;
        }
        match shared.work.round() {
            Next::Now => (),
            // `vhost_task_stop()` wakes it up, too.
            Next::After(time) => shared.event.wait(Some(time), stopping),
            Next::Woken => shared.event.wait(None, stopping),
        }
        true
    }

    /// # Safety
    ///
    /// Called by the task, with what it was made with.
    unsafe extern "C" fn killed_callback(data: *mut c_void) {
        // SAFETY: As in `round_callback()`.
        let shared = unsafe { &*data.cast::<Shared<W>>() };

        while !shared.stopping.load(Acquire) && !shared.work.abandoned() {
            fsleep(RETRY_TIME);
        }
    }
}

impl<W> Worker<W> {
    /// Returns what wakes it up.
    pub fn waker(&self) -> Waker<W> {
        Waker(self.shared.clone())
    }

    /// Returns what it does.
    pub fn work(&self) -> &W {
        &self.shared.work
    }
}

impl<W> Drop for Worker<W> {
    fn drop(&mut self) {
        // Before `exit_mutex`, which `killed_callback()` runs with.
        self.shared.stopping.store(true, Release);
        // SAFETY: By the type invariant the task was started; it is stopped once, here.
        unsafe { bindings::vhost_task_stop(self.task.as_ptr()) };
    }
}
