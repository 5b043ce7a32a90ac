// SPDX-License-Identifier: GPL-2.0

//! Live migration of a VFIO device: what a driver has to say.
//!
//! C header: [`include/uapi/linux/vfio.h`](srctree/include/uapi/linux/vfio.h), the text at
//! `enum vfio_device_mig_state`.
//!
//! The eight states of the uAPI are the product of two small axes. What the device *does* is a
//! token that the driver makes and that every arc consumes; whether a *stream* is open is none of
//! the driver's business:
//!
//! | uAPI state     | run token                           | stream    |
//! | -------------- | ----------------------------------- | --------- |
//! | `RUNNING`      | [`Running`](Migration::Running)     | none      |
//! | `RUNNING_P2P`  | [`Quiesced`](Migration::Quiesced)   | none      |
//! | `STOP`         | [`Stopped`](Migration::Stopped)     | none      |
//! | `PRE_COPY`     | [`Running`](Migration::Running)     | saving    |
//! | `PRE_COPY_P2P` | [`Quiesced`](Migration::Quiesced)   | saving    |
//! | `STOP_COPY`    | [`Stopped`](Migration::Stopped)     | saving    |
//! | `RESUMING`     | [`Stopped`](Migration::Stopped)     | resuming  |
//! | `ERROR`        | none                                | none      |
//!
//! A driver whose token types have private fields and no public constructor cannot be asked to
//! save a device that it did not stop, and cannot start one twice.

mod fsm;
mod ops;
mod profile;
pub mod state;

use crate::{
    data_file::SaveStream,
    Device,
    Driver,
    Open, //
};
use core::convert::Infallible;
use kernel::prelude::*;

pub use self::profile::{
    Migratable,
    NotMigratable,
    P2pProfile,
    PreCopyProfile,
    Profile,
    WithP2p,
    WithPreCopy,
    WithoutP2p,
    WithoutPreCopy, //
};

pub(crate) use self::state::State;

/// Why an arc failed, and where that leaves the device.
pub enum Failed<S> {
    /// The device is still in the old state.
    Unchanged(S, Error),
    /// The device is in no defined state and only a reset helps: the uAPI's `ERROR`.
    Broken(Error),
}

/// What an arc of the run axis returns: the next token, or why it was not reached.
pub type Transition<To, From> = core::result::Result<To, Failed<From>>;

/// How far a stream that is being written has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More is to come.
    More,
    /// The stream is complete and valid, and can be loaded.
    Complete,
}

/// The device runs in one way or another: evidence for
/// [`precopy()`](Migration::precopy), which may start from two states.
pub enum Live<'a, T: Migration> {
    /// The device does everything.
    Running(&'a T::Running),
    /// The device starts no DMA of its own to other devices.
    Quiesced(&'a T::Quiesced),
}

/// The run token, whatever the state: what a [trap](crate::region::Traps) works on.
pub enum RunMut<'a, T: Migration> {
    /// `RUNNING` or `PRE_COPY`.
    Running(&'a mut T::Running),
    /// `RUNNING_P2P` or `PRE_COPY_P2P`.
    Quiesced(&'a mut T::Quiesced),
    /// `STOP`, `STOP_COPY` or `RESUMING`.
    Stopped(&'a mut T::Stopped),
}

impl<T: Migration> RunMut<'_, T> {
    /// Returns the token, to be looked at only.
    pub fn as_ref(&self) -> RunRef<'_, T> {
        match self {
            Self::Running(run) => RunRef::Running(&**run),
            Self::Quiesced(run) => RunRef::Quiesced(&**run),
            Self::Stopped(run) => RunRef::Stopped(&**run),
        }
    }
}

/// The run token, whatever the state, to be looked at only.
pub enum RunRef<'a, T: Migration> {
    /// `RUNNING` or `PRE_COPY`.
    Running(&'a T::Running),
    /// `RUNNING_P2P` or `PRE_COPY_P2P`.
    Quiesced(&'a T::Quiesced),
    /// `STOP`, `STOP_COPY` or `RESUMING`.
    Stopped(&'a T::Stopped),
}

/// A device whose state can be taken and given.
///
/// All functions are called with the session lock held, between `open_device()` and
/// `close_device()`, and may sleep.
pub trait Migration: Driver<Migration = Migratable<Self>> {
    /// The device runs.
    type Running: Send + Unpin;
    /// The device starts no peer-to-peer DMA; [`Infallible`] if it has no such state.
    type Quiesced: Send + Unpin;
    /// The device does nothing that the host or another device could notice.
    type Stopped: Send + Unpin;

    /// Whether the device has a P2P quiesced state: [`WithP2p`] or [`WithoutP2p`].
    type P2p: P2pProfile<Self>;
    /// Whether it can save while it runs: [`WithPreCopy`] or [`WithoutPreCopy`].
    type PreCopy: PreCopyProfile<Self>;

    /// The stream of a saving session.
    type Saving: SaveStream;
    /// What is known of a stream that is being written.
    type Resuming: Send + Unpin + 'static;

    /// Leaves for those who must not wait for the device what they may ask for: sysfs has no other
    /// way to learn of it, as its readers would wait for whatever a guest makes its own VMM wait for.
    ///
    /// Called whenever the session lock is about to be released. `run` is `None` for a device that is
    /// in `ERROR`, or is being closed. It must not wait, and is on the path of every trap.
    fn publish(dev: &Device<Self, Open>, run: Option<RunRef<'_, Self>>) {
        let _ = (dev, run);
    }

    /// Describes a device that has just been opened or reset.
    fn running(dev: &Device<Self, Open>) -> Result<Self::Running>;

    /// `STOP` to `STOP_COPY`: takes the whole state.
    ///
    /// The token can change, for what taking it reveals: a register that reading clears.
    fn save(dev: &Device<Self, Open>, stopped: &mut Self::Stopped) -> Result<Self::Saving>;

    /// `STOP` to `RESUMING`: prepares to receive a stream. Does not touch the device.
    fn resume(dev: &Device<Self, Open>, stopped: &Self::Stopped) -> Result<Self::Resuming>;

    /// Takes the next bytes of a stream, whatever their number. Does not touch the device.
    ///
    /// # Errors
    ///
    /// Those of the driver's stream format. They must be latched: after an error every later call,
    /// and [`finish()`](Self::finish), gives the same one.
    fn receive(
        dev: &Device<Self, Open>,
        stream: &mut Self::Resuming,
        data: &[u8],
    ) -> Result<Progress>;

    /// Loads a stream for which [`receive()`](Self::receive) has just reported
    /// [`Progress::Complete`].
    ///
    /// This runs inside the `write()` that brought the last byte: a VMM that learns only at
    /// `RESUMING` to `STOP` that its destination is useless has given up the source by then.
    fn load(
        dev: &Device<Self, Open>,
        stopped: Self::Stopped,
        stream: &mut Self::Resuming,
    ) -> Transition<Self::Stopped, Self::Stopped>;

    /// `RESUMING` to `STOP`: says whether the stream was loaded.
    ///
    /// # Errors
    ///
    /// - [`ENODATA`]: the stream has not ended.
    /// - the latched error, if there is one.
    fn finish(dev: &Device<Self, Open>, stream: &Self::Resuming) -> Result;

    /// Returns the length of a full stream in bytes, for `VFIO_DEVICE_FEATURE_MIG_DATA_SIZE`.
    ///
    /// Never 0: VMMs allocate that many bytes and take no buffer for a failure.
    fn data_size(dev: &Device<Self, Open>) -> Result<usize>;
}

/// Arcs of a device with `VFIO_MIGRATION_P2P`.
pub trait P2p: Migration {
    /// `RUNNING` to `RUNNING_P2P`.
    fn quiesce(
        dev: &Device<Self, Open>,
        running: Self::Running,
    ) -> Transition<Self::Quiesced, Self::Running>;

    /// `RUNNING_P2P` to `RUNNING`.
    fn unquiesce(
        dev: &Device<Self, Open>,
        quiesced: Self::Quiesced,
    ) -> Transition<Self::Running, Self::Quiesced>;

    /// `RUNNING_P2P` to `STOP`.
    fn stop(
        dev: &Device<Self, Open>,
        quiesced: Self::Quiesced,
    ) -> Transition<Self::Stopped, Self::Quiesced>;

    /// `STOP` to `RUNNING_P2P`.
    fn start(
        dev: &Device<Self, Open>,
        stopped: Self::Stopped,
    ) -> Transition<Self::Quiesced, Self::Stopped>;
}

/// Arcs of a device without `VFIO_MIGRATION_P2P`.
pub trait StopStart: Migration<Quiesced = Infallible> {
    /// `RUNNING` to `STOP`.
    fn stop(
        dev: &Device<Self, Open>,
        running: Self::Running,
    ) -> Transition<Self::Stopped, Self::Running>;

    /// `STOP` to `RUNNING`.
    fn start(
        dev: &Device<Self, Open>,
        stopped: Self::Stopped,
    ) -> Transition<Self::Running, Self::Stopped>;
}

/// Arcs of a device with `VFIO_MIGRATION_PRE_COPY`.
pub trait PreCopy: Migration {
    /// `RUNNING` to `PRE_COPY`, or the same with `_P2P`: opens a stream.
    ///
    /// This is where a source refuses that cannot express its state: a refusal later resets it.
    fn precopy(dev: &Device<Self, Open>, live: Live<'_, Self>) -> Result<Self::Saving>;

    /// Puts on the stream what has become known since it was opened.
    ///
    /// Called in the PRE_COPY states, when user space asks how much there is to read, or has read
    /// everything; that can be often, or never: what [`complete()`](Self::complete) supplies must
    /// not depend on it. With an [`Image`](crate::Image) this is the place for
    /// [`append_initial()`](crate::Image::append_initial).
    ///
    /// # Errors
    ///
    /// They are what user space gets for its `read()` or ioctl; the stream goes on.
    fn refresh(
        dev: &Device<Self, Open>,
        live: Live<'_, Self>,
        stream: &mut Self::Saving,
    ) -> Result {
        let _ = (dev, live, stream);
        Ok(())
    }

    /// `PRE_COPY_P2P` (or `PRE_COPY`) to `STOP_COPY`: completes the stream.
    fn complete(
        dev: &Device<Self, Open>,
        stopped: &mut Self::Stopped,
        stream: &mut Self::Saving,
    ) -> Result;
}
