// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The start of a stream: the file header and all DESCRIPTORs. Each of them is judged when it
//! arrives, and the last one is in force.

use core::ops::Range;

use vmf::{
    registry::{GENERATIONS_MAX, KIND_DESCRIPTOR},
    FileHeader, SectionHeader, PREAMBLE_MAX,
};

use crate::verdict::crc;

/// More than the start of any stream can have in bytes: a DESCRIPTOR too many is there as well.
pub(crate) const START_MAX: usize = PREAMBLE_MAX * (GENERATIONS_MAX as usize + 1);

/// Where the DESCRIPTORs of a stream are: the first with the file header in front of it.
struct Places {
    found: Vec<Range<usize>>,
    /// Whether the last one ends behind the bytes that there are.
    cut: bool,
    /// Whether all are where their headers say, and not too many.
    in_order: bool,
}

impl Places {
    fn of(bytes: &[u8]) -> Self {
        let mut places = Self {
            found: Vec::new(),
            cut: false,
            in_order: true,
        };
        let Some(mut end) = first_len(bytes) else {
            return places;
        };
        let mut start = 0;
        loop {
            places.cut = end > bytes.len();
            places.found.push(start..end.min(bytes.len()));
            start = end;
            let Some(header) = next(bytes.get(start..).unwrap_or(&[])) else {
                return places;
            };
            let number = u32::try_from(places.found.len()).unwrap_or(u32::MAX);
            let due = (header.instance, header.seq) == (number, number);
            places.in_order &= due && number < GENERATIONS_MAX;
            let payload = usize::try_from(header.length).unwrap_or(usize::MAX);
            end = start.saturating_add(vmf::section_len(payload));
        }
    }
}

/// The length of the file header and the first section.
fn first_len(bytes: &[u8]) -> Option<usize> {
    let file_header = FileHeader::open(bytes.first_chunk()?).ok()?;
    let at = usize::try_from(file_header.header_len).ok()?;
    let header = SectionHeader::decode(bytes.get(at..)?.first_chunk()?);
    let payload = usize::try_from(header.length).ok()?;
    at.checked_add(vmf::section_len(payload))
}

/// The header of the next section, if it is a DESCRIPTOR.
fn next(bytes: &[u8]) -> Option<SectionHeader> {
    let header = SectionHeader::open(bytes.first_chunk()?, crc()).ok()?;
    (header.kind == KIND_DESCRIPTOR).then_some(header)
}

/// Cuts the start of a stream off the rest, if it is one.
pub(crate) fn cut(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(last) = Places::of(&bytes).found.last() {
        bytes.truncate(last.end);
    }
    bytes
}

/// Whether the last DESCRIPTOR of `start` is not complete.
pub(crate) fn is_cut(start: &[u8]) -> bool {
    Places::of(start).cut
}

/// Whether a driver that is shown one DESCRIPTOR after the other sees all that is wrong with them.
pub(crate) fn in_order(start: &[u8]) -> bool {
    Places::of(start).in_order
}

/// Each DESCRIPTOR as a stream of its own starts with it, which is what a driver takes. There is
/// always one, which is all of `start` if that starts no stream.
pub(crate) fn each(start: &[u8]) -> Vec<Vec<u8>> {
    let mut places = Places::of(start).found.into_iter();
    let first = places.next().and_then(|place| start.get(place));
    let mut all = vec![first.unwrap_or(start).to_vec()];
    all.extend(places.filter_map(|place| alone(start.get(place)?)));
    all
}

/// The one that is in force.
pub(crate) fn in_force(start: &[u8]) -> Vec<u8> {
    each(start).pop().unwrap_or_default()
}

/// A later DESCRIPTOR as the first one. The CRC of its payload stays as it is, right or wrong.
fn alone(section: &[u8]) -> Option<Vec<u8>> {
    let (head, body) = section.split_first_chunk()?;
    let header = SectionHeader {
        instance: 0,
        seq: 0,
        ..SectionHeader::decode(head)
    };
    let mut preamble = FileHeader::CURRENT.seal(crc()).to_vec();
    preamble.extend(header.seal(crc()));
    preamble.extend(body);
    Some(preamble)
}
