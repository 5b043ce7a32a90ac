// SPDX-License-Identifier: GPL-2.0

//! The far end of the wire: a TAP device, and what it has for the guest.

use super::IgbvfMdev;
use igbvf_model::{
    Full,
    NetHeader,
    Wire, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use tap::{
    Tap,
    Wake,
    Watch, //
};
use vfio::emulated::Waker;

/// The longest frame that the stack gives a TAP device without offloads, in bytes; with tags.
pub(crate) const FRAME_LEN: usize = 9728;

/// Tells the task of the device that the TAP device has something to say.
pub(crate) struct Notice(Waker<IgbvfMdev>);

impl Wake for Notice {
    fn wake(&self) {
        self.0.wake();
    }
}

/// The far end of the wire.
#[derive(Default)]
pub(crate) struct Far {
    pub(crate) tap: Option<Arc<Tap>>,
    /// Wakes up the task of a function that is open; `None` if it is not. Who is told keeps the device.
    pub(crate) waker: Option<Waker<IgbvfMdev>>,
    pub(crate) watch: Option<Watch<Notice>>,
}

impl Far {
    /// Makes the watch of a TAP device.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn watch(
        tap: Option<&Arc<Tap>>,
        waker: Option<&Waker<IgbvfMdev>>,
    ) -> Result<Option<Watch<Notice>>> {
        match (tap, waker) {
            (Some(tap), Some(waker)) => Watch::new(tap.clone(), Notice(waker.clone())).map(Some),
            _ => Ok(None),
        }
    }
}

/// What comes of asking the network for a frame.
pub(crate) enum Arrival {
    /// One that no guest can have: it is too long, or cannot be had from the interface.
    Useless,
    /// Its header, and its length.
    Frame(NetHeader, usize),
}

/// The network.
pub(crate) struct Network<'a>(pub(crate) &'a Tap);

impl Network<'_> {
    /// Asks for a frame; `None` if there is none.
    pub(crate) fn ask(&self, frame: &mut [u8]) -> Option<Arrival> {
        let mut header = [0; NetHeader::LEN];

        match self.0.receive(&mut header, frame) {
            Ok(Some(len)) if len <= frame.len() => {
                Some(Arrival::Frame(NetHeader::decode(&header), len))
            }
            // An interface that is gone is as silent as one that has nothing to say.
            Ok(None) | Err(EBADFD) => None,
            // A macvtap device has given it away, and there may be others behind it.
            Ok(Some(_)) | Err(_) => Some(Arrival::Useless),
        }
    }
}

impl Wire for Network<'_> {
    fn send(&mut self, header: &NetHeader, frame: &[u8]) -> core::result::Result<(), Full> {
        match self.0.send(&header.encode(), frame) {
            Err(EAGAIN) => Err(Full),
            // What the network does not want is lost, as on any wire.
            _ => Ok(()),
        }
    }
}
