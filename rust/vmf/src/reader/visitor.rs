// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The receiver of what a stream carries.

use crate::{descriptor::Descriptor, error::Refusal};

/// A known state section, or a fragment of one, whose CRC is verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section<'a> {
    /// The section type.
    pub kind: u32,
    /// The schema version of the payload; may be newer than the known one, see `payload`.
    pub schema: u16,
    /// `FLAG_*` bits.
    pub flags: u16,
    /// The instance, e.g. the queue index; below the number of instances of the profile.
    pub instance: u32,
    /// The position in the stream, from 0.
    pub seq: u32,
    /// Whether another fragment of the same type and instance follows.
    pub more: bool,
    /// The payload without padding; for a newer schema the part up to the known length.
    pub payload: &'a [u8],
}

/// Takes the content of a stream.
///
/// Nothing that a visitor gets before [`Visitor::end`] may touch the device: the stream is verified
/// only then. An error that a visitor returns becomes the error of the stream.
pub trait Visitor {
    /// Takes a descriptor that [`check()`](crate::check()) has passed.
    ///
    /// Called again for each later generation.
    ///
    /// # Errors
    ///
    /// Up to the visitor.
    fn descriptor(&mut self, descriptor: &Descriptor<'_>) -> Result<(), Refusal> {
        let _ = descriptor;
        Ok(())
    }

    /// Takes a section; fragments come one at a time.
    ///
    /// # Errors
    ///
    /// Up to the visitor; e.g. [`Code::Range`](crate::Code::Range) for a value out of its range.
    fn section(&mut self, section: &Section<'_>) -> Result<(), Refusal>;

    /// Checks across sections; called when END is verified, whether or not bytes follow it.
    ///
    /// As this must not depend on how the stream is cut into pieces, it must not touch the device.
    ///
    /// # Errors
    ///
    /// Up to the visitor; e.g. [`Code::IlSeq`](crate::Code::IlSeq) for a missing section.
    fn verify(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    /// Takes note that the stream is complete and verified: the place to load the device.
    ///
    /// Not called if bytes after END are at hand.
    ///
    /// # Errors
    ///
    /// Up to the visitor; e.g. [`Code::Io`](crate::Code::Io) if the device does not take the state.
    fn end(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
}
