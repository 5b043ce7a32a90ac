// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Why a stream is refused: error codes, refusals and located errors.

pub(crate) use crate::registry::Code;

use core::fmt;

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names one section of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SectionId {
    /// The section type.
    pub kind: u32,
    /// The instance, e.g. the queue index; for DESCRIPTOR the generation.
    pub instance: u32,
    /// The position in the stream, from 0.
    pub seq: u32,
}

/// Why something is refused, without the place in the stream.
///
/// Checks and [`Visitor`](crate::Visitor)s return this; the reader adds the place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Refusal {
    /// The class, hence the errno.
    pub code: Code,
    /// What was wrong: the rule, field or limit, in a few words.
    pub reason: &'static str,
    /// The offending value; 0 if there is none.
    pub got: u64,
    /// The value, bound or mask that would have been accepted; 0 if there is none.
    pub want: u64,
}

impl Refusal {
    /// Makes a refusal from its parts.
    pub const fn new(code: Code, reason: &'static str, got: u64, want: u64) -> Self {
        Self {
            code,
            reason,
            got,
            want,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: got {:#x}, want {:#x}",
            self.code, self.reason, self.got, self.want
        )
    }
}

impl core::error::Error for Refusal {}

/// The first error of a stream, with its place.
///
/// It depends on the bytes of the stream only, never on how they were cut into buffers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Error {
    /// The class, hence the errno.
    pub code: Code,
    /// The stream offset, in bytes, of the offending structure: the start of the file header, of a
    /// section header or of a descriptor attribute, or the first byte too many or missing.
    pub offset: u64,
    /// The section, if the error is in one and its header is intact.
    pub section: Option<SectionId>,
    /// What was wrong: the rule, field or limit, in a few words.
    pub reason: &'static str,
    /// The offending value; 0 if there is none.
    pub got: u64,
    /// The value, bound or mask that would have been accepted; 0 if there is none.
    pub want: u64,
}

impl Error {
    /// Places `refusal` in a stream.
    pub const fn new(refusal: Refusal, offset: u64, section: Option<SectionId>) -> Self {
        Self {
            code: refusal.code,
            offset,
            section,
            reason: refusal.reason,
            got: refusal.got,
            want: refusal.want,
        }
    }

    /// Returns the error without its place.
    pub const fn refusal(&self) -> Refusal {
        Refusal::new(self.code, self.reason, self.got, self.want)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.code, self.offset)?;
        if let Some(SectionId {
            kind,
            instance,
            seq,
        }) = self.section
        {
            write!(f, " (section {kind:#x}, instance {instance}, seq {seq})")?;
        }
        write!(
            f,
            ": {}: got {:#x}, want {:#x}",
            self.reason, self.got, self.want
        )
    }
}

impl core::error::Error for Error {}
