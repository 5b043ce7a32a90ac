// SPDX-License-Identifier: GPL-2.0

//! The state machine: one step per pair of neighbouring states.
//!
//! `vfio_mig_get_next_state()` breaks a request into the steps matched in [`step()`]; the C drivers
//! each have a copy of this loop.

use super::{
    state::{
        self,
        MigState, //
    },
    Failed,
    Live,
    Migration,
    P2pProfile,
    PreCopyProfile,
    State, //
};
use crate::{
    bindings,
    data_file::{
        self,
        SaveLink, //
    },
    dma_logging::Profile as _,
    session::Session,
    Device,
    Open, //
};
use kernel::{
    error::to_result,
    fs::File,
    prelude::*,
    sync::aref::ARef, //
};

/// Where a step ended, and what the user gets for it.
type Step<T> = (State<T>, Result<Option<ARef<File>>>);

/// Brings the device from `state` to `goal`, or as far as it goes.
///
/// # Errors
///
/// - [`EINVAL`]: there is no way from here to there; in `ERROR` there is none at all.
/// - whatever an arc of the driver gives. The device then stays in the last state that was reached.
pub(super) fn set_state<T: Migration>(
    dev: &Device<T, Open>,
    session: &mut Session<T>,
    goal: bindings::vfio_device_mig_state,
) -> Result<Option<ARef<File>>> {
    let epoch = session.epoch;
    let state = &mut session.migration;
    let mut file = None;

    T::DmaLogging::watch(dev, &mut session.dma_log, state.run_mut());

    while state.uapi().value() != goal {
        let from = state.uapi();
        let next = next_state(dev, from, goal)?;
        if next.has_stream() && !from.has_stream() {
            dev.last_error().clear();
        }
        let said = dev.last_error().count();
        let old = core::mem::replace(state, State::Error);
        let (new, result) = dev.stats().arc(from, next, || step(dev, epoch, old, next));
        *state = new;
        T::DmaLogging::watch(dev, &mut session.dma_log, state.run_mut());
        if let Err(err) = &result {
            note_failure(dev, said, from, next, *err);
        }
        // A path has no data transfer state inside it, so nothing is dropped here unseen; if it
        // had, the file would be closed and the user would see its end.
        file = result?;
    }
    Ok(file)
}

/// Leaves a reason for a step that has failed, if the driver has left none.
///
/// In a session that is the first one, which is the cause of all others. `said` is the number of
/// reasons before the step.
fn note_failure<T: Migration>(
    dev: &Device<T, Open>,
    said: u32,
    from: MigState,
    next: MigState,
    err: Error,
) {
    let unsaid = if from.has_stream() || next.has_stream() {
        dev.last_error().is_none()
    } else {
        dev.last_error().count() == said
    };

    // Newer than what was asked before.
    dev.last_error().forget_asked();
    if unsaid {
        let (from, next) = (state::name(from.index()), state::name(next.index()));

        dev.set_last_error(fmt!("{from} to {next}: errno {}", -err.to_errno()));
    }
}

/// Asks the core for the next state on the way to `goal`.
fn next_state<T: Migration>(
    dev: &Device<T, Open>,
    from: MigState,
    goal: bindings::vfio_device_mig_state,
) -> Result<MigState> {
    // The core warns if it is asked for a way out of ERROR, which user space may well do.
    if from == MigState::Error {
        return Err(EINVAL);
    }
    let mut next = goal;
    // SAFETY: The `vfio_device` is valid as long as `dev`; only its `migration_flags` are read,
    // which do not change after `vfio_pci_core_register_device()`.
    to_result(unsafe {
        bindings::vfio_mig_get_next_state(dev.as_vdev(), from.value(), goal, &mut next)
    })?;
    MigState::new(next).ok_or(EINVAL)
}

/// Consumes a state and returns the next one, or the old one with the error.
fn step<T: Migration>(
    dev: &Device<T, Open>,
    epoch: u32,
    state: State<T>,
    next: MigState,
) -> Step<T> {
    match (state, next) {
        // Run axis, no stream.
        (State::Running(run), MigState::RunningP2p) => {
            arc(T::P2p::quiesce(dev, run), State::RunningP2p, State::Running)
        }
        (State::Running(run), MigState::Stop) => {
            arc(T::P2p::stop_running(dev, run), State::Stop, State::Running)
        }
        (State::RunningP2p(run), MigState::Running) => arc(
            T::P2p::unquiesce(dev, run),
            State::Running,
            State::RunningP2p,
        ),
        (State::RunningP2p(run), MigState::Stop) => arc(
            T::P2p::stop_quiesced(dev, run),
            State::Stop,
            State::RunningP2p,
        ),
        (State::Stop(run), MigState::RunningP2p) => arc(
            T::P2p::start_quiesced(dev, run),
            State::RunningP2p,
            State::Stop,
        ),
        (State::Stop(run), MigState::Running) => {
            arc(T::P2p::start_running(dev, run), State::Running, State::Stop)
        }

        // Streams are opened.
        (State::Running(run), MigState::PreCopy) => {
            match open(dev, epoch, T::PreCopy::precopy(dev, Live::Running(&run))) {
                Ok((link, file)) => (State::PreCopy(run, link), Ok(Some(file))),
                Err(err) => (State::Running(run), Err(err)),
            }
        }
        (State::RunningP2p(run), MigState::PreCopyP2p) => {
            match open(dev, epoch, T::PreCopy::precopy(dev, Live::Quiesced(&run))) {
                Ok((link, file)) => (State::PreCopyP2p(run, link), Ok(Some(file))),
                Err(err) => (State::RunningP2p(run), Err(err)),
            }
        }
        (State::Stop(mut run), MigState::StopCopy) => {
            match open(dev, epoch, T::save(dev, &mut run)) {
                Ok((link, file)) => (State::StopCopy(run, link), Ok(Some(file))),
                Err(err) => (State::Stop(run), Err(err)),
            }
        }
        (State::Stop(run), MigState::Resuming) => {
            match T::resume(dev, &run)
                .and_then(|stream| data_file::open_resuming(dev, epoch, stream))
            {
                Ok((link, file)) => (State::Resuming(run, link), Ok(Some(file))),
                Err(err) => (State::Stop(run), Err(err)),
            }
        }

        // Run axis inside a saving session.
        (State::PreCopy(run, link), MigState::PreCopyP2p) => match T::P2p::quiesce(dev, run) {
            Ok(run) => (State::PreCopyP2p(run, link), Ok(None)),
            Err(failed) => stay(failed, |run| State::PreCopy(run, link)),
        },
        (State::PreCopyP2p(run, link), MigState::PreCopy) => match T::P2p::unquiesce(dev, run) {
            Ok(run) => (State::PreCopy(run, link), Ok(None)),
            Err(failed) => stay(failed, |run| State::PreCopyP2p(run, link)),
        },
        (State::PreCopyP2p(run, link), MigState::StopCopy) => {
            match T::P2p::stop_quiesced(dev, run) {
                Ok(mut run) => match complete(dev, &mut run, &link) {
                    Ok(()) => (State::StopCopy(run, link), Ok(None)),
                    Err(err) => (
                        revert(T::P2p::start_quiesced(dev, run), |run| {
                            State::PreCopyP2p(run, link)
                        }),
                        Err(err),
                    ),
                },
                Err(failed) => stay(failed, |run| State::PreCopyP2p(run, link)),
            }
        }
        (State::PreCopy(run, link), MigState::StopCopy) => match T::P2p::stop_running(dev, run) {
            Ok(mut run) => match complete(dev, &mut run, &link) {
                Ok(()) => (State::StopCopy(run, link), Ok(None)),
                Err(err) => (
                    revert(T::P2p::start_running(dev, run), |run| {
                        State::PreCopy(run, link)
                    }),
                    Err(err),
                ),
            },
            Err(failed) => stay(failed, |run| State::PreCopy(run, link)),
        },

        // Streams are ended: dropping the link disconnects the file.
        (State::PreCopy(run, _), MigState::Running) => (State::Running(run), Ok(None)),
        (State::PreCopyP2p(run, _), MigState::RunningP2p) => (State::RunningP2p(run), Ok(None)),
        (State::StopCopy(run, _), MigState::Stop) => (State::Stop(run), Ok(None)),
        (State::Resuming(run, link), MigState::Stop) => {
            match link.with(|stream| T::finish(dev, stream)) {
                Some(Ok(())) => (State::Stop(run), Ok(None)),
                Some(Err(err)) => (State::Resuming(run, link), Err(err)),
                None => (State::Resuming(run, link), Err(ENODEV)),
            }
        }

        // `vfio_mig_get_next_state()` knows no other arc.
        (state, _) => (state, Err(EINVAL)),
    }
}

/// An arc that changes nothing but the run token.
fn arc<T: Migration, To, From>(
    result: super::Transition<To, From>,
    to: impl FnOnce(To) -> State<T>,
    from: impl FnOnce(From) -> State<T>,
) -> Step<T> {
    match result {
        Ok(run) => (to(run), Ok(None)),
        Err(failed) => stay(failed, from),
    }
}

/// An arc has failed: back to the old state if there still is one.
fn stay<T: Migration, S>(failed: Failed<S>, from: impl FnOnce(S) -> State<T>) -> Step<T> {
    match failed {
        Failed::Unchanged(run, err) => (from(run), Err(err)),
        Failed::Broken(err) => (State::Error, Err(err)),
    }
}

/// The device was stopped for an arc that then failed: where starting it again has led.
fn revert<T: Migration, To, From>(
    result: super::Transition<To, From>,
    to: impl FnOnce(To) -> State<T>,
) -> State<T> {
    match result {
        Ok(run) => to(run),
        // Neither where it was nor where it should be.
        Err(_) => State::Error,
    }
}

fn open<T: Migration>(
    dev: &Device<T, Open>,
    epoch: u32,
    stream: Result<T::Saving>,
) -> Result<(SaveLink<T>, ARef<File>)> {
    data_file::open_saving(dev, epoch, stream?)
}

fn complete<T: Migration>(
    dev: &Device<T, Open>,
    stopped: &mut T::Stopped,
    link: &SaveLink<T>,
) -> Result {
    link.with(|stream| T::PreCopy::complete(dev, stopped, stream))
        .unwrap_or(Err(ENODEV))?;
    link.wake();
    Ok(())
}
