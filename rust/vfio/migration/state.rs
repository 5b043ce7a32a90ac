// SPDX-License-Identifier: GPL-2.0

//! The states of the uAPI, and the value that an open device holds in each.

use super::{
    Migration,
    RunMut,
    RunRef, //
};
use crate::{
    bindings,
    data_file::{
        ResumeLink,
        SaveLink, //
    }, //
};

/// Number of states, `ERROR` included.
// CAST: a small constant of the uAPI.
pub(crate) const COUNT: usize = bindings::vfio_device_mig_state_VFIO_DEVICE_STATE_NR as usize;

/// A state of the uAPI; the values are those of `enum vfio_device_mig_state`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum MigState {
    Error = bindings::vfio_device_mig_state_VFIO_DEVICE_STATE_ERROR,
    Stop = bindings::vfio_device_mig_state_VFIO_DEVICE_STATE_STOP,
    Running = bindings::vfio_device_mig_state_VFIO_DEVICE_STATE_RUNNING,
    StopCopy = bindings::vfio_device_mig_state_VFIO_DEVICE_STATE_STOP_COPY,
    Resuming = bindings::vfio_device_mig_state_VFIO_DEVICE_STATE_RESUMING,
    RunningP2p = bindings::vfio_device_mig_state_VFIO_DEVICE_STATE_RUNNING_P2P,
    PreCopy = bindings::vfio_device_mig_state_VFIO_DEVICE_STATE_PRE_COPY,
    PreCopyP2p = bindings::vfio_device_mig_state_VFIO_DEVICE_STATE_PRE_COPY_P2P,
}

/// All states, at the index that is their value.
const ALL: [MigState; COUNT] = [
    MigState::Error,
    MigState::Stop,
    MigState::Running,
    MigState::StopCopy,
    MigState::Resuming,
    MigState::RunningP2p,
    MigState::PreCopy,
    MigState::PreCopyP2p,
];

impl MigState {
    /// Returns the state of this value, if there is one.
    pub(crate) fn new(value: bindings::vfio_device_mig_state) -> Option<Self> {
        ALL.get(usize::try_from(value).ok()?).copied()
    }

    /// Returns the value of the uAPI.
    pub(crate) fn value(self) -> bindings::vfio_device_mig_state {
        // CAST: the discriminants are the values of the uAPI.
        self as bindings::vfio_device_mig_state
    }

    /// Returns whether a data file belongs to this state.
    pub(crate) fn has_stream(self) -> bool {
        matches!(
            self,
            Self::PreCopy | Self::PreCopyP2p | Self::StopCopy | Self::Resuming
        )
    }

    pub(crate) fn index(self) -> usize {
        // CAST: less than `COUNT`.
        self as usize
    }
}

/// Returns the name of the state with this index, as the uAPI spells it.
pub(crate) fn name(index: usize) -> &'static str {
    match ALL.get(index) {
        Some(MigState::Error) => "ERROR",
        Some(MigState::Stop) => "STOP",
        Some(MigState::Running) => "RUNNING",
        Some(MigState::StopCopy) => "STOP_COPY",
        Some(MigState::Resuming) => "RESUMING",
        Some(MigState::RunningP2p) => "RUNNING_P2P",
        Some(MigState::PreCopy) => "PRE_COPY",
        Some(MigState::PreCopyP2p) => "PRE_COPY_P2P",
        None => "?",
    }
}

/// What an open device is doing. Dropping a link ends the session of its data file.
pub enum State<T: Migration> {
    /// `RUNNING`
    Running(T::Running),
    /// `RUNNING_P2P`
    RunningP2p(T::Quiesced),
    /// `STOP`
    Stop(T::Stopped),
    /// `PRE_COPY`
    PreCopy(T::Running, SaveLink<T>),
    /// `PRE_COPY_P2P`
    PreCopyP2p(T::Quiesced, SaveLink<T>),
    /// `STOP_COPY`
    StopCopy(T::Stopped, SaveLink<T>),
    /// `RESUMING`
    Resuming(T::Stopped, ResumeLink<T>),
    /// `ERROR`
    Error,
}

impl<T: Migration> State<T> {
    pub(crate) fn uapi(&self) -> MigState {
        match self {
            State::Running(_) => MigState::Running,
            State::RunningP2p(_) => MigState::RunningP2p,
            State::Stop(_) => MigState::Stop,
            State::PreCopy(..) => MigState::PreCopy,
            State::PreCopyP2p(..) => MigState::PreCopyP2p,
            State::StopCopy(..) => MigState::StopCopy,
            State::Resuming(..) => MigState::Resuming,
            State::Error => MigState::Error,
        }
    }

    /// Returns the run token, which every state but `ERROR` has.
    pub(crate) fn run_mut(&mut self) -> Option<RunMut<'_, T>> {
        match self {
            State::Running(run) | State::PreCopy(run, _) => Some(RunMut::Running(run)),
            State::RunningP2p(run) | State::PreCopyP2p(run, _) => Some(RunMut::Quiesced(run)),
            State::Stop(run) | State::StopCopy(run, _) | State::Resuming(run, _) => {
                Some(RunMut::Stopped(run))
            }
            State::Error => None,
        }
    }

    /// As [`Self::run_mut()`], to be looked at only.
    pub(crate) fn run_ref(&self) -> Option<RunRef<'_, T>> {
        match self {
            State::Running(run) | State::PreCopy(run, _) => Some(RunRef::Running(run)),
            State::RunningP2p(run) | State::PreCopyP2p(run, _) => Some(RunRef::Quiesced(run)),
            State::Stop(run) | State::StopCopy(run, _) | State::Resuming(run, _) => {
                Some(RunRef::Stopped(run))
            }
            State::Error => None,
        }
    }

    /// Returns the saving session of a device that runs.
    pub(crate) fn precopy_link(&self) -> Option<&SaveLink<T>> {
        match self {
            State::PreCopy(_, link) | State::PreCopyP2p(_, link) => Some(link),
            _ => None,
        }
    }
}
