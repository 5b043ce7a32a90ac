// SPDX-License-Identifier: GPL-2.0

//! The task that watches a guest while DMA is logged.

use super::{
    DmaLogging,
    Logging, //
};
use crate::{
    migration::RunMut,
    staging::user_worker::{
        Next,
        Work,
        Worker, //
    },
    Device,
    Open, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Release, //
        }, //
    },
};

/// Calls [`DmaLogging::log_watch()`] of a device.
///
/// It never waits for the session lock: who holds it may be waiting for the task to end, and has
/// watched, or is about to.
pub(super) struct Watcher<T: DmaLogging> {
    dev: ARef<Device<T>>,
    /// Its process is being killed.
    gone: Atomic<bool>,
}

impl<T: DmaLogging> Watcher<T> {
    /// Starts a task of the current process, which finds nothing to do yet. `None` if there can be none
    /// more.
    ///
    /// # Errors
    ///
    /// - `ERESTARTNOINTR`: a signal has to be seen to first.
    pub(super) fn start(dev: &Device<T>) -> Result<Option<Worker<Self>>> {
        let watcher = Self {
            dev: dev.into(),
            gone: Atomic::new(false),
        };

        match Worker::start(c"vfio-dma-log", watcher, dev.reaper()) {
            Ok(worker) => Ok(Some(worker)),
            Err(err) if err == ERESTARTNOINTR => Err(err),
            Err(_) => Ok(None),
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Acquire)
    }

    /// Is it this one that watches?
    fn watches(&self, logging: &Logging<T>) -> bool {
        logging
            .watcher
            .as_ref()
            .is_some_and(|worker| core::ptr::eq(worker.work(), self))
    }
}

impl<T: DmaLogging> Work for Watcher<T> {
    fn round(&self) -> Next {
        self.dev.try_with_session(|dev, session| {
            session.dma_log.watch(dev, session.migration.run_mut());
        });
        Next::After(T::WATCH_PERIOD)
    }

    fn abandoned(&self) -> bool {
        // Whoever comes to the log next finds it, if that is not possible now.
        self.gone.store(true, Release);
        self.dev
            .try_with_session(|dev, session| {
                if self.watches(&session.dma_log) {
                    session.dma_log.watch(dev, session.migration.run_mut());
                }
            })
            .is_some()
    }
}

impl<T: DmaLogging> Logging<T> {
    /// Carries over what the guest has written, or says that nobody does any more.
    pub(super) fn watch(&mut self, dev: &Device<T, Open>, run: Option<RunMut<'_, T>>) {
        let (Some(log), Some(run)) = (&mut self.log, run) else {
            return;
        };

        match &self.watcher {
            Some(worker) if !worker.work().is_gone() => T::log_watch(dev, run, log),
            _ => T::log_unwatched(dev, run, log),
        }
    }
}
