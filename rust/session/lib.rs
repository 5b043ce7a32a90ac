// SPDX-License-Identifier: GPL-2.0

//! Streams of a profile, from and to the devices of a driver.
//!
//! What there is between `vfio`, which knows nothing of formats, and `vmf`, which knows nothing of the
//! kernel: a driver says by [`Provider`] which profile its devices speak, and who makes the streams.
//! What a device is, how its state is taken and put back, is the driver's; that it is the same profile
//! is all that two providers have to have in common.
//!
//! * [`Format`]: what a device can read and write, and which of it an operator has chosen;
//! * [`Outgoing`], [`Incoming`]: the streams of a migration;
//! * [`announce()`]: where the guest is now, for the network;
//! * [`handshake`]: how the end of a migration is known before it begins, by attributes and by the file
//!   descriptor of a device.

#![crate_name = "session"]
#![forbid(unsafe_code)]

mod arrival;
mod format;
pub mod handshake;
mod incoming;
mod outgoing;
mod preamble;

pub use self::{
    arrival::announce,
    format::Format,
    handshake::Handshake,
    incoming::Incoming,
    outgoing::Outgoing, //
};

use kernel::prelude::*;
use vfio::{
    staging::crc32::crc32c_append,
    Device,
    Open, //
};
use vmf::{
    profile::Carried,
    Code,
    Crc32c,
    Refusal, //
};

/// A driver whose devices speak the streams of a profile.
pub trait Provider: vfio::Driver {
    /// What the streams of the profile carry.
    type State: Carried + Send + Sync;

    /// Returns what the device can read and write.
    fn format(&self) -> &Format<Self::State>;
}

/// The kernel's CRC32C.
const CRC: Crc32c = Crc32c::new(crc32c_append);

/// Returns the errno of a refusal.
pub fn errno(code: Code) -> Error {
    Error::from_errno(-code.errno())
}

fn to_errno(refusal: Refusal) -> Error {
    errno(refusal.code)
}

/// Lets the kernel print what the codec, which does not know the kernel, has to say.
pub struct Line<T>(pub T);

impl<T: core::fmt::Display> kernel::fmt::Display for Line<T> {
    fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
        self.0.fmt(f)
    }
}

/// Says why a source has no words for the state of its guest, in the log and in `last_error`.
pub fn not_expressible<T: Provider>(dev: &Device<T, Open>, refusal: Refusal) {
    dev.report(fmt!("state not expressible: {}", Line(refusal)));
}
