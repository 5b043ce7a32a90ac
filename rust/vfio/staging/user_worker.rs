// SPDX-License-Identifier: GPL-2.0

//! Tasks of the kernel that belong to a process of user space; upstream home:
//! `rust/kernel/task/user_worker.rs`.
//!
//! C header: [`include/linux/sched/vhost_task.h`](srctree/include/linux/sched/vhost_task.h)
//!
//! Such a task has the memory of its process, is charged to its cgroups, and dies with it: what it
//! waits for in memory of that process ends when the process is killed. A `kthread` would wait on. It
//! is one of the process's tasks: the process has ended when it is killed, or exits as a whole,
//! and not when its other tasks have.
//!
//! It also stops with its process, and what it has left to do for files that it was the last user of it
//! does when it sees to a signal: that can be the release of a device, and the end of this very task, or
//! of one that is about to end this one. So nobody waits for a task but a [`Reaper`]: who ends it waits
//! for its round.

use super::event::Event;
use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    ffi::c_void,
    impl_has_work,
    new_mutex,
    new_work,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
    workqueue::{
        self,
        Queue,
        WorkItem, //
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
    /// [`Worker`], nor drop it.
    fn round(&self) -> Next;

    /// The process is being killed, and there will be no other round. Returns whether what this
    /// leaves to do is done; if not it is called again, unless the worker is dropped. It must neither
    /// wait for who drops it, nor drop it, either.
    fn abandoned(&self) -> bool;
}

/// Waits for the end of tasks.
///
/// There is one for all devices of a driver. A driver that is going away [flushes](Self::flush()) it
/// when all of them are closed, so that the last reference is never dropped by what it has to do.
///
/// # Invariants
///
/// It is a workqueue of ours.
pub struct Reaper(NonNull<kernel::bindings::workqueue_struct>);

// SAFETY: Any task may use a workqueue.
unsafe impl Send for Reaper {}
// SAFETY: As above.
unsafe impl Sync for Reaper {}

impl Reaper {
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn new() -> Result<Self> {
        // SAFETY: The name has no arguments. The workqueue is one of the module's own, and not the
        // system's, as a work must not outlive the module. Nobody waits in it for another work.
        let queue = unsafe {
            kernel::bindings::alloc_workqueue_noprof(
                c"vfio_reaper".as_char_ptr(),
                kernel::bindings::wq_flags_WQ_UNBOUND,
                0,
            )
        };

        // INVARIANT: It was made just now.
        NonNull::new(queue).map(Self).ok_or(ENOMEM)
    }

    /// Waits until all tasks that were left to it have ended.
    pub fn flush(&self) {
        // SAFETY: By the type invariant it is valid.
        unsafe { kernel::bindings::__flush_workqueue(self.0.as_ptr()) };
    }

    /// Waits for the end of a task that was told to stop, some other time.
    fn leave<W: Send + Sync + 'static>(&self, shared: Arc<Shared<W>>) {
        // SAFETY: By the type invariant it is valid, as long as `self`.
        let queue = unsafe { Queue::from_raw(self.0.as_ptr()) };

        // It was never enqueued before: who does it has dropped the worker.
        let _ = queue.enqueue(shared);
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is ours; nobody else has it. What it has still to do is done
        // first.
        unsafe { kernel::bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}

#[pin_data]
struct Shared<W: Send + Sync + 'static> {
    work: W,
    stopping: Atomic<bool>,
    #[pin]
    event: Event,
    /// Held during a round.
    #[pin]
    round: Mutex<()>,
    /// What `vhost_task_create()` has made. NULL until then, and never changed again.
    handle: Atomic<*mut bindings::vhost_task>,
    #[pin]
    end: workqueue::Work<Self>,
}

impl_has_work! {
    impl{W: Send + Sync + 'static} HasWork<Self> for Shared<W> { self.end }
}

impl<W: Send + Sync + 'static> WorkItem for Shared<W> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        // SAFETY: It was made and started before there was a `Worker`, which leaves it to a `Reaper` once,
        // when it is dropped.
        unsafe { bindings::vhost_task_stop(this.handle.load(Relaxed)) };
    }
}

impl<W: Work> Shared<W> {
    /// Returns whether there is nothing left to do for a process that is being killed.
    fn is_abandoned(&self) -> bool {
        let _round = self.round.lock();

        self.stopping.load(Acquire) || self.work.abandoned()
    }
}

/// Who can have a [`Worker`] do a round, also when it is gone.
pub struct Waker<W: Send + Sync + 'static>(Arc<Shared<W>>);

impl<W: Send + Sync + 'static> Clone for Waker<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W: Send + Sync + 'static> Waker<W> {
    /// Has the worker do a round. May be called from any context.
    pub fn wake(&self) {
        self.0.event.notify();
    }
}

/// A task of the process that has made it, which does no round any more when this is dropped.
///
/// # Invariants
///
/// `shared.handle` was made by `vhost_task_create()` with `shared`, and started.
pub struct Worker<W: Send + Sync + 'static> {
    shared: Arc<Shared<W>>,
    reaper: Arc<Reaper>,
}

impl<W: Work> Worker<W> {
    /// Starts a task of the current process.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EAGAIN`]: the process has as many tasks as it may have.
    /// - `ERESTARTNOINTR`: it has a signal to see to.
    pub fn start(name: &CStr, work: W, reaper: Arc<Reaper>) -> Result<Self> {
        let shared = Arc::pin_init(
            pin_init!(Shared {
                work,
                stopping: Atomic::new(false),
                event <- Event::new(),
                round <- new_mutex!((), "vfio::Worker::round"),
                handle: Atomic::new(core::ptr::null_mut()),
                end <- new_work!("vfio::Worker"),
            }),
            GFP_KERNEL,
        )?;

        // SAFETY: The callbacks take a `Shared<W>`, which lives until the task is gone, see `drop()`;
        // the name is copied by `copy_process()`.
        let handle = from_err_ptr(unsafe {
            bindings::vhost_task_create(
                Some(Self::round_callback),
                Some(Self::killed_callback),
                Arc::as_ptr(&shared).cast_mut().cast(),
                name.as_char_ptr(),
            )
        })?;
        shared.handle.store(handle, Relaxed);
        // SAFETY: It has just been made, and nobody has started it.
        unsafe { bindings::vhost_task_start(handle) };
        // INVARIANT: It has been made and started.
        Ok(Self { shared, reaper })
    }

    /// # Safety
    ///
    /// Called by the task, with what it was made with.
    unsafe extern "C" fn round_callback(data: *mut c_void) -> bool {
        // SAFETY: `Worker`, and then its `Reaper`, holds the `Shared<W>` until the task is gone.
        let shared = unsafe { &*data.cast::<Shared<W>>() };
        let stopping = || shared.stopping.load(Acquire);

        if stopping() {
            // Until `vhost_task_stop()`, it sleeps.
            return false;
        }
        // The task comes here with the state that it would sleep in.
        shared.event.run_on();
        let round = shared.round.lock();
        if stopping() {
            return true;
        }
        let next = shared.work.round();

        drop(round);
        match next {
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

        while !shared.is_abandoned() {
            fsleep(RETRY_TIME);
        }
    }
}

impl<W: Send + Sync + 'static> Worker<W> {
    /// Returns what wakes it up.
    pub fn waker(&self) -> Waker<W> {
        Waker(self.shared.clone())
    }

    /// Returns what it does.
    pub fn work(&self) -> &W {
        &self.shared.work
    }
}

impl<W: Send + Sync + 'static> Drop for Worker<W> {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Release);
        // It may be in a round, and does no other.
        drop(self.shared.round.lock());
        self.reaper.leave(self.shared.clone());
    }
}
