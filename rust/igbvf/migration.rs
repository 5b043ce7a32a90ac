// SPDX-License-Identifier: GPL-2.0

//! The arcs of the state machine, in terms of this device.
//!
//! `RUNNING` to `RUNNING_P2P` does all of the work of stopping, as the device cannot tell P2P DMA
//! from other DMA; `RUNNING_P2P` to `STOP` has nothing left to do.

use super::{
    restore,
    run::{
        Quiesced,
        Running,
        Stopped, //
    },
    snapshot,
    Device,
    Igbvf, //
};
use kernel::prelude::*;
use session::{
    Incoming,
    Outgoing, //
};
use vfio::migration::{
    Failed,
    Live,
    Migration,
    P2p,
    PreCopy,
    Progress,
    RunRef,
    Transition,
    WithP2p,
    WithPreCopy, //
};
use vmf::{
    profile::stations,
    Features, //
};

impl Migration for Igbvf {
    type Running = Running;
    type Quiesced = Quiesced;
    type Stopped = Stopped;
    type P2p = WithP2p;
    type PreCopy = WithPreCopy;
    type Saving = Outgoing;
    type Resuming = KBox<Incoming<Self>>;

    fn publish(dev: &Device, run: Option<RunRef<'_, Self>>) {
        dev.data().format.set_used(match run {
            None => Features::default(),
            Some(RunRef::Running(run)) => run.shadow().features(),
            Some(RunRef::Quiesced(run)) => run.shadow().features(),
            Some(RunRef::Stopped(run)) => run.shadow().features(),
        });
    }

    fn running(dev: &Device) -> Result<Running> {
        // `Driver::open()` or `Driver::reset()` has just scrubbed it.
        Running::fresh(dev)
    }

    fn save(dev: &Device, stopped: &mut Stopped) -> Result<Outgoing> {
        let state = snapshot::save(dev, stopped);

        Outgoing::whole(dev, &stopped.shadow().features(), state)
    }

    fn resume(dev: &Device, _stopped: &Stopped) -> Result<KBox<Incoming<Self>>> {
        Incoming::new(dev)
    }

    fn receive(dev: &Device, stream: &mut KBox<Incoming<Self>>, data: &[u8]) -> Result<Progress> {
        stream.feed(dev, data)
    }

    fn load(
        dev: &Device,
        mut stopped: Stopped,
        stream: &mut KBox<Incoming<Self>>,
    ) -> Transition<Stopped, Stopped> {
        let result = match stream.state() {
            Some(state) => restore::load(dev, &mut stopped, state),
            None => return Err(Failed::Unchanged(stopped, ENODATA)),
        };
        match result {
            Ok(()) => Ok(stopped),
            // Queues are off, and a reset is all that leads out of RESUMING.
            Err(refusal) => Err(Failed::Unchanged(stopped, stream.fail(dev, refusal))),
        }
    }

    fn finish(dev: &Device, stream: &KBox<Incoming<Self>>) -> Result {
        stream.finish(dev)
    }

    fn data_size(dev: &Device) -> Result<usize> {
        Ok(dev.data().format.stream_len_max())
    }
}

impl P2p for Igbvf {
    fn quiesce(dev: &Device, running: Running) -> Transition<Quiesced, Running> {
        running
            .quiesce(dev)
            .map_err(|(running, err)| Failed::Unchanged(running, err))
    }

    fn unquiesce(dev: &Device, quiesced: Quiesced) -> Transition<Running, Quiesced> {
        let running = quiesced
            .unquiesce(dev)
            .map_err(|(quiesced, err)| Failed::Unchanged(quiesced, err))?;
        let control = &running.shadow().mailbox.control;

        session::announce(dev, stations(&control.filters, &control.unicast));
        Ok(running)
    }

    fn stop(dev: &Device, quiesced: Quiesced) -> Transition<Stopped, Quiesced> {
        quiesced
            .stop(dev)
            .map_err(|(quiesced, err)| Failed::Unchanged(quiesced, err))
    }

    fn start(dev: &Device, stopped: Stopped) -> Transition<Quiesced, Stopped> {
        stopped
            .start(dev)
            .map_err(|(stopped, err)| Failed::Unchanged(stopped, err))
    }
}

impl PreCopy for Igbvf {
    fn precopy(dev: &Device, live: Live<'_, Self>) -> Result<Outgoing> {
        let stream = Outgoing::new(dev, &features(&live))?;

        snapshot::expressible(dev, live)?;
        Ok(stream)
    }

    fn refresh(dev: &Device, live: Live<'_, Self>, stream: &mut Outgoing) -> Result {
        stream.refresh(dev, &features(&live))
    }

    fn complete(dev: &Device, stopped: &mut Stopped, stream: &mut Outgoing) -> Result {
        let state = snapshot::save(dev, stopped);
        stream.complete(dev, &stopped.shadow().features(), state);
        Ok(())
    }
}

fn features(live: &Live<'_, Igbvf>) -> Features {
    match live {
        Live::Running(run) => run.shadow().features(),
        Live::Quiesced(run) => run.shadow().features(),
    }
}
