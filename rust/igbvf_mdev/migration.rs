// SPDX-License-Identifier: GPL-2.0

//! The arcs of the state machine. A device in software stops when it is told to.

use super::{
    traps::{
        carry_out,
        carry_over, //
    },
    Device,
    IgbvfMdev, //
};
use igbvf_model::Conflict;
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*, //
};
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
    profile::igbvf_82576::State,
    Code,
    Features,
    Refusal, //
};

/// The guest has the device.
pub(crate) struct Running(());
/// No worker touches memory or the network, nor raises a vector.
pub(crate) struct Quiesced(());
/// As [`Quiesced`].
pub(crate) struct Stopped(());

impl Migration for IgbvfMdev {
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
            Some(_) => features(dev),
        });
    }

    fn running(_: &Device) -> Result<Running> {
        Ok(Running(()))
    }

    fn save(dev: &Device, stopped: &mut Stopped) -> Result<Outgoing> {
        Outgoing::whole(dev, &features(dev), state(dev, stopped))
    }

    fn resume(dev: &Device, _: &Stopped) -> Result<KBox<Incoming<Self>>> {
        Incoming::new(dev)
    }

    fn receive(dev: &Device, stream: &mut KBox<Incoming<Self>>, data: &[u8]) -> Result<Progress> {
        stream.feed(dev, data)
    }

    fn load(
        dev: &Device,
        stopped: Stopped,
        stream: &mut KBox<Incoming<Self>>,
    ) -> Transition<Stopped, Stopped> {
        let result = match stream.state() {
            Some(state) => dev.data().function.load(state),
            None => return Err(Failed::Unchanged(stopped, ENODATA)),
        };
        match result {
            Ok(()) => {
                let this = dev.data().get_ref();
                this.pages.fill(dev.doorbells(), &this.function);
                Ok(stopped)
            }
            Err(conflict) => Err(Failed::Unchanged(
                stopped,
                stream.fail(dev, refusal(conflict)),
            )),
        }
    }

    fn finish(dev: &Device, stream: &KBox<Incoming<Self>>) -> Result {
        stream.finish(dev)
    }

    fn data_size(dev: &Device) -> Result<usize> {
        Ok(dev.data().format.stream_len_max())
    }
}

/// Says what the administrator does not let the guest have.
fn refusal(conflict: Conflict) -> Refusal {
    let number = |[a, b, c, d, e, f]: [u8; 6]| u64::from_be_bytes([0, 0, a, b, c, d, e, f]);

    match conflict {
        Conflict::Mac { got, want } => Refusal::new(
            Code::Io,
            "the administrator has set another MAC address, and does not trust the guest",
            number(got),
            number(want),
        ),
        Conflict::Unicast { count } => Refusal::new(
            Code::Io,
            "further MAC addresses, and the administrator does not trust the guest",
            count.into(),
            0,
        ),
    }
}

impl P2p for IgbvfMdev {
    fn quiesce(dev: &Device, running: Running) -> Transition<Quiesced, Running> {
        let Running(()) = running;
        dev.data().line.stop();
        Ok(Quiesced(()))
    }

    fn unquiesce(dev: &Device, quiesced: Quiesced) -> Transition<Running, Quiesced> {
        let Quiesced(()) = quiesced;
        carry_over(dev);
        // The guest has come from elsewhere, or a migration to there has ended too early: the network may
        // have heard of it.
        dev.data().line.announce();
        carry_out(dev, dev.data().function.start());
        dev.data().line.start(dev);
        Ok(Running(()))
    }

    fn stop(_: &Device, quiesced: Quiesced) -> Transition<Stopped, Quiesced> {
        let Quiesced(()) = quiesced;
        Ok(Stopped(()))
    }

    fn start(_: &Device, stopped: Stopped) -> Transition<Quiesced, Stopped> {
        let Stopped(()) = stopped;
        Ok(Quiesced(()))
    }
}

impl PreCopy for IgbvfMdev {
    fn precopy(dev: &Device, _: Live<'_, Self>) -> Result<Outgoing> {
        Outgoing::new(dev, &features(dev))
    }

    fn refresh(dev: &Device, _: Live<'_, Self>, stream: &mut Outgoing) -> Result {
        stream.refresh(dev, &features(dev))
    }

    fn complete(dev: &Device, stopped: &mut Stopped, stream: &mut Outgoing) -> Result {
        stream.complete(dev, &features(dev), state(dev, stopped));
        Ok(())
    }
}

fn state(dev: &Device, _: &mut Stopped) -> Result<KBox<State>> {
    let mut state = KBox::new(State::default(), GFP_KERNEL_ACCOUNT)?;

    carry_over(dev);
    dev.data().function.save(&mut state);
    Ok(state)
}

fn features(dev: &Device) -> Features {
    dev.data().function.features()
}
