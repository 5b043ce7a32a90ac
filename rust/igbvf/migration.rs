// SPDX-License-Identifier: GPL-2.0

//! The arcs of the state machine, in terms of this device.
//!
//! `RUNNING` to `RUNNING_P2P` does all of the work of stopping, as the device cannot tell P2P DMA
//! from other DMA; `RUNNING_P2P` to `STOP` has nothing left to do.

use super::{
    run::{
        Quiesced,
        Running,
        Stopped, //
    },
    snapshot,
    stream::{
        self,
        Incoming,
        Preamble, //
    },
    Device,
    Igbvf, //
};
use kernel::prelude::*;
use vfio::{
    migration::{
        Failed,
        Live,
        Migration,
        P2p,
        PreCopy,
        Progress,
        Transition,
        WithP2p,
        WithPreCopy, //
    },
    Image, //
};
use vmf::{
    Code,
    Refusal, //
};

fn preamble(dev: &Device) -> &Preamble {
    &dev.data().get_ref().preamble
}

/// Takes the snapshot of a stopped device.
///
/// What is wrong with it is for `read()` to say: a VMM resets the source when the arc to STOP_COPY
/// fails, and lets it go on when the stream does.
fn take(dev: &Device, stopped: &Stopped, preamble: &Preamble) -> Result<KVVec<u8>> {
    preamble.with_state(dev, &snapshot::save(dev, stopped)?)
}

impl Migration for Igbvf {
    type Running = Running;
    type Quiesced = Quiesced;
    type Stopped = Stopped;
    type P2p = WithP2p;
    type PreCopy = WithPreCopy;
    type Saving = Image;
    type Resuming = Incoming;

    fn running(_dev: &Device) -> Result<Running> {
        // `Driver::open()` or `Driver::reset()` has just scrubbed it.
        Ok(Running::fresh())
    }

    fn save(dev: &Device, stopped: &Stopped) -> Result<Image> {
        let preamble = preamble(dev);

        Ok(match take(dev, stopped, preamble) {
            Ok(bytes) => Image::whole(bytes),
            Err(err) => Image::failed(preamble.to_vec()?, err),
        })
    }

    fn resume(dev: &Device, _stopped: &Stopped) -> Result<Incoming> {
        Incoming::new(dev)
    }

    fn receive(dev: &Device, stream: &mut Incoming, data: &[u8]) -> Result<Progress> {
        Ok(if stream.feed(dev, data)? {
            Progress::Complete
        } else {
            Progress::More
        })
    }

    fn load(dev: &Device, stopped: Stopped, stream: &mut Incoming) -> Transition<Stopped, Stopped> {
        let Some(state) = stream.state() else {
            return Err(Failed::Unchanged(stopped, ENODATA));
        };
        match snapshot::load(dev, &state) {
            Ok(arrived) => Ok(arrived),
            Err(refused) => {
                let refusal = Refusal::new(Code::Io, refused.reason, refused.got, refused.want);

                // Queues are off, and a reset is all that leads out of RESUMING now.
                Err(Failed::Unchanged(stopped, stream.fail(dev, refusal)))
            }
        }
    }

    fn finish(_dev: &Device, stream: &Incoming) -> Result {
        stream.finish()
    }

    fn data_size(_dev: &Device) -> Result<usize> {
        Ok(stream::LEN)
    }
}

impl P2p for Igbvf {
    fn quiesce(dev: &Device, running: Running) -> Transition<Quiesced, Running> {
        running
            .quiesce(dev)
            .map_err(|(running, err)| Failed::Unchanged(running, err))
    }

    fn unquiesce(dev: &Device, quiesced: Quiesced) -> Transition<Running, Quiesced> {
        quiesced
            .unquiesce(dev)
            .map_err(|(quiesced, err)| Failed::Unchanged(quiesced, err))
    }

    fn stop(_dev: &Device, quiesced: Quiesced) -> Transition<Stopped, Quiesced> {
        Ok(quiesced.stop())
    }

    fn start(dev: &Device, stopped: Stopped) -> Transition<Quiesced, Stopped> {
        stopped
            .start(dev)
            .map_err(|(stopped, err)| Failed::Unchanged(stopped, err))
    }
}

impl PreCopy for Igbvf {
    fn precopy(dev: &Device, _live: Live<'_, Self>) -> Result<Image> {
        snapshot::expressible(dev)?;
        Ok(Image::initial(preamble(dev).to_vec()?))
    }

    fn complete(dev: &Device, stopped: &Stopped, image: &mut Image) -> Result {
        match take(dev, stopped, preamble(dev)) {
            Ok(bytes) => image.complete(bytes)?,
            Err(err) => image.fail(err),
        }
        Ok(())
    }
}
