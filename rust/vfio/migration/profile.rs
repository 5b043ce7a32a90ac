// SPDX-License-Identifier: GPL-2.0

//! Which parts of the uAPI a device has, as types.

use super::{
    ops,
    Failed,
    Live,
    Migration,
    P2p,
    PreCopy,
    State,
    StopStart,
    Transition, //
};
use crate::{
    bindings,
    Device,
    Driver,
    Open, //
};
use core::marker::PhantomData;
use kernel::prelude::*;

/// The device has the P2P states.
pub struct WithP2p;
/// The device has no P2P states.
pub struct WithoutP2p;
/// The device has the PRE_COPY states.
pub struct WithPreCopy;
/// The device has no PRE_COPY states.
pub struct WithoutPreCopy;

/// The run arcs, for the state machine; sealed. An arc that the profile does not have is never
/// asked for, as `vfio_mig_get_next_state()` goes by [`FLAGS`](Self::FLAGS), and gives [`EINVAL`].
pub trait P2pProfile<T: Migration>: private::Sealed {
    #[doc(hidden)]
    const FLAGS: u32;
    #[doc(hidden)]
    fn quiesce(dev: &Device<T, Open>, from: T::Running) -> Transition<T::Quiesced, T::Running>;
    #[doc(hidden)]
    fn unquiesce(dev: &Device<T, Open>, from: T::Quiesced) -> Transition<T::Running, T::Quiesced>;
    #[doc(hidden)]
    fn stop_quiesced(
        dev: &Device<T, Open>,
        from: T::Quiesced,
    ) -> Transition<T::Stopped, T::Quiesced>;
    #[doc(hidden)]
    fn start_quiesced(
        dev: &Device<T, Open>,
        from: T::Stopped,
    ) -> Transition<T::Quiesced, T::Stopped>;
    #[doc(hidden)]
    fn stop_running(dev: &Device<T, Open>, from: T::Running) -> Transition<T::Stopped, T::Running>;
    #[doc(hidden)]
    fn start_running(dev: &Device<T, Open>, from: T::Stopped)
        -> Transition<T::Running, T::Stopped>;
}

impl<T: P2p> P2pProfile<T> for WithP2p {
    const FLAGS: u32 = bindings::VFIO_MIGRATION_P2P;

    fn quiesce(dev: &Device<T, Open>, from: T::Running) -> Transition<T::Quiesced, T::Running> {
        T::quiesce(dev, from)
    }

    fn unquiesce(dev: &Device<T, Open>, from: T::Quiesced) -> Transition<T::Running, T::Quiesced> {
        T::unquiesce(dev, from)
    }

    fn stop_quiesced(
        dev: &Device<T, Open>,
        from: T::Quiesced,
    ) -> Transition<T::Stopped, T::Quiesced> {
        T::stop(dev, from)
    }

    fn start_quiesced(
        dev: &Device<T, Open>,
        from: T::Stopped,
    ) -> Transition<T::Quiesced, T::Stopped> {
        T::start(dev, from)
    }

    fn stop_running(_: &Device<T, Open>, from: T::Running) -> Transition<T::Stopped, T::Running> {
        Err(Failed::Unchanged(from, EINVAL))
    }

    fn start_running(_: &Device<T, Open>, from: T::Stopped) -> Transition<T::Running, T::Stopped> {
        Err(Failed::Unchanged(from, EINVAL))
    }
}

impl<T: StopStart> P2pProfile<T> for WithoutP2p {
    const FLAGS: u32 = 0;

    fn quiesce(_: &Device<T, Open>, from: T::Running) -> Transition<T::Quiesced, T::Running> {
        Err(Failed::Unchanged(from, EINVAL))
    }

    fn unquiesce(_: &Device<T, Open>, from: T::Quiesced) -> Transition<T::Running, T::Quiesced> {
        match from {}
    }

    fn stop_quiesced(
        _: &Device<T, Open>,
        from: T::Quiesced,
    ) -> Transition<T::Stopped, T::Quiesced> {
        match from {}
    }

    fn start_quiesced(
        _: &Device<T, Open>,
        from: T::Stopped,
    ) -> Transition<T::Quiesced, T::Stopped> {
        Err(Failed::Unchanged(from, EINVAL))
    }

    fn stop_running(dev: &Device<T, Open>, from: T::Running) -> Transition<T::Stopped, T::Running> {
        T::stop(dev, from)
    }

    fn start_running(
        dev: &Device<T, Open>,
        from: T::Stopped,
    ) -> Transition<T::Running, T::Stopped> {
        T::start(dev, from)
    }
}

/// The arcs around PRE_COPY, for the state machine; sealed, as [`P2pProfile`].
pub trait PreCopyProfile<T: Migration>: private::Sealed {
    #[doc(hidden)]
    const FLAGS: u32;
    #[doc(hidden)]
    fn precopy(dev: &Device<T, Open>, live: Live<'_, T>) -> Result<T::Saving>;
    #[doc(hidden)]
    fn refresh(dev: &Device<T, Open>, live: Live<'_, T>, stream: &mut T::Saving) -> Result;
    #[doc(hidden)]
    fn complete(dev: &Device<T, Open>, stopped: &mut T::Stopped, stream: &mut T::Saving) -> Result;
}

impl<T: PreCopy> PreCopyProfile<T> for WithPreCopy {
    const FLAGS: u32 = bindings::VFIO_MIGRATION_PRE_COPY;

    fn precopy(dev: &Device<T, Open>, live: Live<'_, T>) -> Result<T::Saving> {
        T::precopy(dev, live)
    }

    fn refresh(dev: &Device<T, Open>, live: Live<'_, T>, stream: &mut T::Saving) -> Result {
        T::refresh(dev, live, stream)
    }

    fn complete(dev: &Device<T, Open>, stopped: &mut T::Stopped, stream: &mut T::Saving) -> Result {
        T::complete(dev, stopped, stream)
    }
}

impl<T: Migration> PreCopyProfile<T> for WithoutPreCopy {
    const FLAGS: u32 = 0;

    fn precopy(_: &Device<T, Open>, _: Live<'_, T>) -> Result<T::Saving> {
        Err(EINVAL)
    }

    fn refresh(_: &Device<T, Open>, _: Live<'_, T>, _: &mut T::Saving) -> Result {
        Err(EINVAL)
    }

    fn complete(_: &Device<T, Open>, _: &mut T::Stopped, _: &mut T::Saving) -> Result {
        Err(EINVAL)
    }
}

/// The device implements [`Migration`].
pub struct Migratable<T>(PhantomData<T>);
/// The device cannot be migrated, and says so: `mig_ops` stays `NULL`.
pub struct NotMigratable;

/// Ties flags, C table and state of an open device together; sealed.
pub trait Profile<T: Driver>: private::Sealed {
    #[doc(hidden)]
    const FLAGS: u32;
    #[doc(hidden)]
    const OPS: Option<&'static bindings::vfio_migration_ops>;
    #[doc(hidden)]
    type State: Send + Unpin;
    /// State of a device that was just opened or reset.
    #[doc(hidden)]
    fn initial(dev: &Device<T, Open>) -> Result<Self::State>;
    /// State of a device that only a reset can bring back.
    #[doc(hidden)]
    fn error() -> Self::State;
    /// The session lock is about to be released.
    #[doc(hidden)]
    fn publish(_dev: &Device<T, Open>, _state: Option<&Self::State>) {}
}

impl<T: Driver> Profile<T> for NotMigratable {
    const FLAGS: u32 = 0;
    const OPS: Option<&'static bindings::vfio_migration_ops> = None;
    type State = ();

    fn initial(_: &Device<T, Open>) -> Result {
        Ok(())
    }

    fn error() {}
}

impl<T: Migration> Profile<T> for Migratable<T> {
    const FLAGS: u32 = bindings::VFIO_MIGRATION_STOP_COPY | T::P2p::FLAGS | T::PreCopy::FLAGS;
    const OPS: Option<&'static bindings::vfio_migration_ops> = Some(&ops::Vtable::<T>::OPS);
    type State = State<T>;

    fn initial(dev: &Device<T, Open>) -> Result<State<T>> {
        Ok(State::Running(T::running(dev)?))
    }

    fn error() -> State<T> {
        State::Error
    }

    fn publish(dev: &Device<T, Open>, state: Option<&State<T>>) {
        dev.show_state(state.map(|state| state.uapi().value()));
        T::publish(dev, state.and_then(State::run_ref));
    }
}

mod private {
    pub trait Sealed {}

    impl Sealed for super::WithP2p {}
    impl Sealed for super::WithoutP2p {}
    impl Sealed for super::WithPreCopy {}
    impl Sealed for super::WithoutPreCopy {}
    impl Sealed for super::NotMigratable {}
    impl<T> Sealed for super::Migratable<T> {}
}
