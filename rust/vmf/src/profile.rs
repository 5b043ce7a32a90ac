// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Device profiles: what a stream carries for one class of devices.
//!
//! A profile module is generated from the registry, `Documentation/registry`: a type for every
//! section, `State` for all of them, `Loader` to collect one from a stream, and `PROFILE`, which has
//! the same as data, for whoever does not know the class of device.
//!
//! ```
//! use vmf::profile::igbvf_82576::{Loader, State, PROFILE};
//!
//! # fn main() -> Result<(), vmf::Refusal> {
//! let crc = vmf::Crc32c::new(crc32c::crc32c_append);
//! let presented = PROFILE.presented(0x1af4, 0x1100, 1);
//! let caps = PROFILE.capabilities(2, presented).unwrap();
//! let state = State::default();
//! let mut buf = [0; 4096];
//! let mut writer = vmf::Writer::new(&mut buf, crc)?;
//! writer.descriptor(&caps.fields())?;
//! state.write(2, &mut writer)?;
//! let len = writer.end()?;
//!
//! let mut memory = [0; 8192];
//! assert!(caps.buffer_len() <= memory.len());
//! let mut reader = vmf::Reader::new(caps, crc, &mut memory[..]);
//! let mut loader = Loader::default();
//! for piece in buf[..len].chunks(100) {
//!     reader.feed(piece, &mut loader).unwrap();
//! }
//! assert!(reader.complete());
//! assert_eq!(loader.state(), Some(&state));
//! # Ok(())
//! # }
//! ```

pub mod envelope;
pub mod igbvf_82576;
mod presence;
mod ranges;
pub(crate) mod spec;
mod stations;
mod verifier;

pub use self::{
    stations::{stations, Station},
    verifier::Verifier,
};

use self::spec::Profile;
use crate::{error::Refusal, reader::Visitor, writer::Writer};

/// What the streams of a profile carry, for who has to do with more than one.
pub trait Carried: Sized {
    /// Collects one from a stream.
    type Loader: Visitor + Default + Send + Sync;

    /// The profile.
    const PROFILE: &'static Profile;
    /// The largest length in bytes of all its sections in a stream.
    const LEN_MAX: usize;

    /// Appends the sections in their order, as `version` has them.
    ///
    /// # Errors
    ///
    /// As `write()` of the type.
    fn write(&self, version: u32, writer: &mut Writer<'_>) -> Result<(), Refusal>;

    /// Returns what was collected, once the stream is verified and every section was there.
    fn loaded(loader: &Self::Loader) -> Option<&Self>;
}

/// All profiles that say what a stream carries.
pub static ALL: &[&Profile] = &[&igbvf_82576::PROFILE];

/// Returns the profile with this name; that of an envelope is another for each format.
pub fn find(name: &str) -> Option<&'static Profile> {
    match envelope::format(name) {
        Some(_) => Some(&envelope::PROFILE),
        None => ALL.iter().copied().find(|profile| profile.name == name),
    }
}
