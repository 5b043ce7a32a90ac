// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The verdict on a descriptor before any migration: the sysfs file `check` and the tool.

use super::{Reader, Section, Visitor};
use crate::{
    capabilities::Capabilities,
    crc::Crc32c,
    error::{Code, Error, Refusal, SectionId},
    registry, wire,
};

/// Expects a DESCRIPTOR and nothing else.
struct Preflight;

impl Visitor for Preflight {
    fn section(&mut self, section: &Section<'_>) -> Result<(), Refusal> {
        let kind = section.kind.into();
        Err(Refusal::new(Code::IlSeq, "more than a descriptor", kind, 0))
    }
}

/// Judges `preamble`, a file header and one DESCRIPTOR section: the start of a stream.
///
/// The verdict is the one of a [`Reader`] that is fed the same bytes. `buf` needs
/// [`DESCRIPTOR_MAX`](crate::DESCRIPTOR_MAX) bytes.
///
/// # Errors
///
/// As [`Reader::feed`]; [`Code::NoData`] if the DESCRIPTOR is not complete; [`Code::IlSeq`] if
/// anything follows it.
pub fn preflight(
    preamble: &[u8],
    caps: &Capabilities,
    crc: Crc32c,
    buf: &mut [u8],
) -> Result<(), Error> {
    let mut reader = Reader::new(*caps, crc, buf);
    // One byte past the longest preamble shows that there is more, and need not be looked at.
    let longest = wire::PREAMBLE_MAX.saturating_add(1);
    let head = preamble.get(..longest).unwrap_or(preamble);
    reader.feed(head, &mut Preflight)?;
    match (reader.sequence.sections(), &reader.state) {
        (0, _) => reader.finish(),
        (1, super::State::Payload(_)) => reader.finish(),
        (1, super::State::SectionHeader) if reader.fill == 0 => Ok(()),
        (sections, _) => {
            let id = SectionId {
                kind: registry::KIND_DESCRIPTOR,
                instance: 0,
                seq: 0,
            };
            let refusal = Refusal::new(Code::IlSeq, "more than a descriptor", sections.into(), 1);
            Err(Error::new(refusal, 0, Some(id)))
        }
    }
}
