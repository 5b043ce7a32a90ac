// SPDX-License-Identifier: GPL-2.0

//! What one task waits for and anybody makes happen; upstream home: `rust/kernel/sync/event.rs`.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h)

use kernel::{
    bindings,
    prelude::*,
    static_lock_class,
    sync::atomic::{
        Atomic,
        Full,
        Release, //
    },
    time::Delta,
    types::Opaque, //
};

/// An event that is remembered until somebody has seen it.
#[pin_data]
pub struct Event {
    happened: Atomic<bool>,
    #[pin]
    queue: Opaque<bindings::wait_queue_head>,
}

// SAFETY: A wait queue has a lock of its own.
unsafe impl Send for Event {}
// SAFETY: As above.
unsafe impl Sync for Event {}

impl Event {
    /// Makes one that has not happened.
    pub fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            happened: Atomic::new(false),
            queue <- Opaque::ffi_init(|queue| {
                // SAFETY: `queue` is memory for one, which does not move any more.
                unsafe {
                    bindings::__init_waitqueue_head(
                        queue,
                        c"vfio::Event".as_char_ptr(),
                        static_lock_class!().as_ptr(),
                    )
                }
            }),
        })
    }

    /// Makes it happen. May be called from any context.
    pub fn notify(&self) {
        self.happened.store(true, Release);
        // SAFETY: The queue is initialised. Its lock orders the store before who looks after it has
        // queued itself.
        unsafe {
            bindings::__wake_up(
                self.queue.get(),
                bindings::TASK_NORMAL,
                1,
                core::ptr::null_mut(),
            )
        };
    }

    /// Takes note of it, if it has happened.
    pub fn take(&self) -> bool {
        self.happened.xchg(false, Full)
    }

    /// Has the task run on that was about to wait, with nothing left of that.
    pub fn run_on(&self) {
        let mut entry = bindings::wait_queue_entry::default();

        // SAFETY: Entry and queue are valid; the entry is in no queue.
        unsafe {
            bindings::init_wait_entry(&mut entry, 0);
            bindings::finish_wait(self.queue.get(), &mut entry);
        }
    }

    /// Waits until it happens, the time is over, `done` says that it is not waited for any more, or the
    /// task has a signal. Whoever changes what `done` says has to wake the task up.
    pub fn wait(&self, time: Option<Delta>, done: impl Fn() -> bool) {
        let mut entry = bindings::wait_queue_entry::default();
        let mut left = time.map(Delta::as_nanos);

        // SAFETY: Entry and queue are valid; the entry is out of the queue when this returns.
        unsafe {
            bindings::init_wait_entry(&mut entry, 0);
            // CAST: a small constant.
            while bindings::prepare_to_wait_event(
                self.queue.get(),
                &mut entry,
                bindings::TASK_INTERRUPTIBLE as i32,
            ) == 0
                && !self.take()
                && !done()
            {
                // No end of the time is no time.
                let end = left.as_mut().map_or(core::ptr::null_mut(), |left| left);
                if bindings::schedule_hrtimeout(end, bindings::hrtimer_mode_HRTIMER_MODE_REL) == 0 {
                    break;
                }
            }
            bindings::finish_wait(self.queue.get(), &mut entry);
        }
    }
}
