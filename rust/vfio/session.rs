// SPDX-License-Identifier: GPL-2.0

//! The time between open and close, and the lock over it.

use crate::{
    bindings,
    bus::Bus,
    device::NOT_OPEN,
    dma_logging::{
        self,
        Profile as _, //
    },
    migration::{
        self,
        Profile as _, //
    },
    Device,
    Driver,
    Open, //
};
use kernel::{
    prelude::*,
    sync::atomic::Relaxed, //
};

/// Everything that exists only while the device is open.
pub(crate) struct Session<T: Driver> {
    /// Number of resets that `migration` knows of.
    pub(crate) epoch: u32,
    pub(crate) migration: <T::Migration as migration::Profile<T>>::State,
    pub(crate) dma_log: <T::DmaLogging as dma_logging::Profile<T>>::State,
}

/// A device that is not in low power, as long as the first of these lives, and its session.
type Settled<'a, T> = (
    <<T as Driver>::Bus as Bus>::Awake<'a>,
    &'a Device<T, Open>,
    &'a mut Session<T>,
);

impl<T: Driver> Device<T> {
    /// Opens the session of a device that the core has enabled.
    ///
    /// # Safety
    ///
    /// Must be called from `open_device()`, after the core of the bus has enabled the device.
    pub(crate) unsafe fn open_session(&self) -> Result {
        // Before anything is looked at: a reset from here on is noticed.
        let epoch = self.epoch();
        let mut session = self.inner.session.lock();

        self.last_error().change_owner();
        // SAFETY: By the requirement on the caller it is enabled, and stays so during the call.
        let dev = unsafe { self.as_open() };

        T::Bus::make_reachable(dev);
        T::open(dev)?;
        let migration = T::Migration::initial(dev).inspect_err(|_| T::close(dev))?;
        T::Migration::publish(dev, Some(&migration));
        self.inner.shown_epoch.store(epoch, Relaxed);
        // INVARIANT: The device is open.
        *session = Some(Session {
            epoch,
            migration,
            dma_log: Default::default(),
        });
        Ok(())
    }

    /// Ends the session, and with it every data file.
    ///
    /// # Safety
    ///
    /// Must be called from `close_device()`, before the core of the bus disables the device.
    pub(crate) unsafe fn close_session(&self) {
        let mut session = self.inner.session.lock();
        // With the lock held, under which data files look.
        self.inner.closes.fetch_add(1, Relaxed);
        // SAFETY: By the requirement on the caller it is still enabled.
        let dev = unsafe { self.as_open() };

        // INVARIANT: The device is being closed.
        if let Some(mut session) = session.take() {
            T::DmaLogging::stop(dev, &mut session.dma_log);
        }
        // The core resumes the function later, when there is nothing left to do for it.
        let _awake = T::Bus::wake(dev);
        T::Bus::forget(dev);
        T::close(dev);
        T::Migration::publish(dev, None);
    }

    /// Runs `op` with the session locked, after any reset has been settled, on a function that is
    /// not in low power.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the device is not open.
    /// - [`EIO`]: it does not resume from low power.
    pub(crate) fn with_session<R>(
        &self,
        op: impl FnOnce(&Device<T, Open>, &mut Session<T>) -> Result<R>,
    ) -> Result<R> {
        self.with_locked(&mut self.inner.session.lock(), op)
    }

    /// As [`Self::with_session()`], for a file that was made when the device had been closed so many
    /// times. Once it has been closed again the session of the file is over, though somebody may still
    /// hold the file: the next owner's is not waited for, and nothing is settled in it.
    ///
    /// # Errors
    ///
    /// As [`Self::with_session()`].
    pub(crate) fn with_session_since<R>(
        &self,
        closes: u32,
        op: impl FnOnce(&Device<T, Open>, &mut Session<T>) -> Result<R>,
    ) -> Result<R> {
        if self.closes() != closes {
            return Err(ENODEV);
        }
        let mut guard = self.inner.session.lock();
        if self.closes() != closes {
            return Err(ENODEV);
        }
        self.with_locked(&mut guard, op)
    }

    /// Returns how often the device has been closed; wraps.
    pub(crate) fn closes(&self) -> u32 {
        self.inner.closes.load(Relaxed)
    }

    /// `session` is what the lock protects.
    fn with_locked<R>(
        &self,
        session: &mut Option<Session<T>>,
        op: impl FnOnce(&Device<T, Open>, &mut Session<T>) -> Result<R>,
    ) -> Result<R> {
        let (_awake, dev, session) = self.settled(session)?;
        let result = op(dev, session);

        T::Migration::publish(dev, Some(&session.migration));
        result
    }

    /// Runs `op` with the session locked, if nobody else has it locked, and if there is nothing else to
    /// do first: no reset to settle, and no low power to end. Returns `None` if somebody has it locked.
    #[cfg(CONFIG_IOMMUFD_DRIVER)]
    pub(crate) fn try_with_session(
        &self,
        op: impl FnOnce(&Device<T, Open>, &mut Session<T>),
    ) -> Option<()> {
        let mut guard = self.inner.session.try_lock()?;

        if let Some(session) = &mut *guard {
            // SAFETY: By the type invariant the device is open, and as `close_device()` takes the
            // session lock, which is held, it stays so.
            let dev = unsafe { self.as_open() };

            if let (true, Some(_awake)) = (session.epoch == self.epoch(), T::Bus::if_awake(dev)) {
                op(dev, session);
            }
        }
        Some(())
    }

    /// Resumes the function from low power, for as long as the first of what is returned lives, and
    /// settles a reset, if there was one since the session lock was held last.
    ///
    /// `session` is what the lock protects.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the device is not open.
    /// - [`EIO`]: it does not resume.
    fn settled<'a>(&'a self, session: &'a mut Option<Session<T>>) -> Result<Settled<'a, T>> {
        let session = session.as_mut().ok_or(ENODEV)?;
        // SAFETY: By the type invariant the device is open, and as `close_device()` takes the
        // session lock, which is held for `'a`, it stays so.
        let dev = unsafe { self.as_open() };
        let awake = T::Bus::wake(dev)?;

        let epoch = self.epoch();
        if session.epoch != epoch {
            // The old state goes first: it drops the links to the data files.
            session.migration = T::Migration::error();
            T::DmaLogging::reset(dev, &mut session.dma_log);
            T::Bus::forget(dev);
            T::Bus::make_reachable(dev);
            session.migration = T::reset(dev)
                .and_then(|()| T::Migration::initial(dev))
                .unwrap_or_else(|err| {
                    dev_err!(dev.parent(), "not usable after a reset: {err:?}\n");
                    dev.set_last_error(fmt!("not usable after a reset: errno {}", -err.to_errno()));
                    T::Migration::error()
                });
            session.epoch = epoch;
            self.inner.shown_epoch.store(epoch, Relaxed);
        }
        Ok((awake, dev, session))
    }

    /// Leaves the state of the uAPI for [`Self::shown_state()`]; the session lock is held.
    pub(crate) fn show_state(&self, state: Option<u32>) {
        self.inner
            .shown_state
            .store(state.unwrap_or(NOT_OPEN), Relaxed);
    }

    /// Returns the state of the uAPI. If an arc, a load or a trap is under way, it is that of before: it
    /// may take as long as a guest likes, and anybody may ask, through debugfs. For the same reason
    /// nothing is done for the answer: after a reset that is not settled it is what that comes to.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the device is not open.
    pub(crate) fn shown_state(&self) -> Result<u32> {
        match self.inner.shown_state.load(Relaxed) {
            NOT_OPEN => Err(ENODEV),
            state if self.inner.shown_epoch.load(Relaxed) == self.epoch() => Ok(state),
            _ => Ok(bindings::vfio_device_mig_state_VFIO_DEVICE_STATE_RUNNING),
        }
    }

    /// Takes note of a write to config space, which may have reset the function.
    pub(crate) fn config_written(&self) {
        // `ENODEV` is fine: a device that is not open has nothing to settle.
        let _ = self.with_session(|dev, _| {
            T::Bus::make_reachable(dev);
            Ok(())
        });
    }

    /// Settles a reset now, if there was one, and not at the next access.
    pub(crate) fn settle(&self) {
        // Not for nothing, as it would end the low power state.
        let pending = |session: &Session<T>| session.epoch != self.epoch();

        if self.inner.session.lock().as_ref().is_some_and(pending) {
            // `ENODEV` is fine: a device that is not open has nothing to settle.
            let _ = self.with_session(|_, _| Ok(()));
        }
    }

    /// # Safety
    ///
    /// The device must be enabled by the core of the bus for as long as the reference is used.
    pub(crate) unsafe fn as_open(&self) -> &Device<T, Open> {
        // SAFETY: The layout does not depend on the context; the caller promises the rest.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}
