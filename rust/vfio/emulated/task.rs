// SPDX-License-Identifier: GPL-2.0

//! The task of a device in software: what it does beside answering its user.
//!
//! It is one of the process that has opened the device. That has the guest's memory, is charged for
//! what the device does, and takes the task with it when it is killed.

use super::{
    Driver,
    Emulated, //
};
use crate::{
    staging::user_worker::{
        self,
        Next,
        Work,
        Worker, //
    },
    Device, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Mutex, //
    }, //
};

/// The task of a device, if it is open.
#[pin_data]
pub(super) struct Task<T: crate::Driver<Bus = Emulated>> {
    #[pin]
    worker: Mutex<Option<Worker<Rounds<T>>>>,
}

/// What has a device do a round.
pub struct Waker<T: crate::Driver<Bus = Emulated>>(user_worker::Waker<Rounds<T>>);

impl<T: crate::Driver<Bus = Emulated>> Clone for Waker<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: crate::Driver<Bus = Emulated>> Waker<T> {
    /// Has the device do a round, if it is still open. May be called from any context.
    pub fn wake(&self) {
        self.0.wake();
    }
}

/// The rounds of a device that is open: there is a task only then.
pub(super) struct Rounds<T: crate::Driver<Bus = Emulated>>(ARef<Device<T>>);

impl<T: Driver> Work for Rounds<T> {
    fn round(&self) -> Next {
        // SAFETY: The task has done its last round before the device is closed, see `Task::stop()`.
        T::round(unsafe { self.0.as_open() })
    }

    fn abandoned(&self) -> bool {
        // Its files are closed next.
        true
    }
}

impl<T: Driver> Task<T> {
    /// Starts the task of a device that has been opened.
    ///
    /// # Safety
    ///
    /// `dev` must be open, and stay so until [`Self::stop()`].
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EAGAIN`]: the process has as many tasks as it may have.
    pub(super) unsafe fn start(&self, dev: &Device<T>) -> Result {
        let worker = Worker::start(T::NAME, Rounds(dev.into()), dev.reaper())?;

        *self.worker.lock() = Some(worker);
        Ok(())
    }
}

impl<T: crate::Driver<Bus = Emulated>> Task<T> {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            worker <- new_mutex!(None, "vfio::emulated::Task"),
        })
    }

    /// Waits until it has done its last round.
    pub(super) fn stop(&self) {
        let worker = self.worker.lock().take();

        drop(worker);
    }

    /// Returns what wakes it up, if there is one.
    pub(super) fn waker(&self) -> Option<Waker<T>> {
        self.worker
            .lock()
            .as_ref()
            .map(|worker| Waker(worker.waker()))
    }
}
