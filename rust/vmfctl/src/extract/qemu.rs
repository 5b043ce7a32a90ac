// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The framing of QEMU's migration files, as far as VFIO devices are concerned.
//!
//! Sections of other devices have no length, so the file cannot be walked. What belongs to VFIO is
//! recognised by its flags, 64-bit numbers that no other part of QEMU writes, and by the frame around
//! them, in big-endian (QEMU: `hw/vfio/migration.c`, `migration/savevm.c`):
//!
//! - the start of a device: type 1, section id, length and characters of its name, instance, version,
//!   the flag SETUP_STATE;
//! - a part of its state: type 2, or 3 for the last, section id, then blocks of the flag DATA_STATE,
//!   a length and as many bytes, then the flag END_OF_STATE or INIT_DATA_SENT, then a footer: type
//!   0x7e and the section id again.
//!
//! Guest memory is in the same file and may hold anything, so all of the frame has to fit.

use std::{collections::BTreeMap, io};

use zerocopy::{
    big_endian::{U32, U64},
    FromBytes, Immutable, KnownLayout, Unaligned,
};

use super::image::Image;

/// The first bytes of a migration file: `QEVM`.
pub(super) const FILE_MAGIC: [u8; 4] = *b"QEVM";

const FLAG_END_OF_STATE: u64 = 0xffff_ffff_ef10_0001;
const FLAG_SETUP_STATE: u64 = 0xffff_ffff_ef10_0003;
const FLAG_DATA_STATE: u64 = 0xffff_ffff_ef10_0004;
const FLAG_INIT_DATA_SENT: u64 = 0xffff_ffff_ef10_0005;

const SECTION_START: u8 = 1;
const SECTION_PART: u8 = 2;
const SECTION_END: u8 = 3;
const SECTION_FOOTER: u8 = 0x7e;

/// The head of a part, and its footer.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
#[repr(C)]
struct Frame {
    kind: u8,
    id: U32,
}

/// The head of a block.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
#[repr(C)]
struct Block {
    flag: U64,
    len: U64,
}

/// The pieces of a stream: offsets and lengths.
type Pieces = Vec<(u64, u64)>;

/// A part of the state of a device.
struct Part {
    /// The section id.
    id: u32,
    pieces: Pieces,
    end: u64,
}

/// Finds the devices whose state is a VMF stream, in the order of the file.
pub(super) fn find(image: &Image<'_>) -> io::Result<Vec<(String, Pieces)>> {
    let names = names(image)?;
    let mut devices: Vec<(u32, Pieces)> = Vec::new();
    let pattern = FLAG_DATA_STATE.to_be_bytes();
    let mut at = 0;
    while let Some(hit) = image.find(at, &pattern)? {
        at = hit.saturating_add(pattern.len() as u64);
        let Some(part) = part(image, hit)? else {
            continue;
        };
        at = part.end;
        match devices.iter_mut().find(|(known, _)| *known == part.id) {
            Some((_, known)) => known.extend(part.pieces),
            None => devices.push((part.id, part.pieces)),
        }
    }
    let mut found = Vec::new();
    for (id, pieces) in devices {
        let (start, _) = pieces.first().copied().unwrap_or_default();
        if image.read(start, vmf::registry::MAGIC.len())? == vmf::registry::MAGIC {
            let name = names.get(&id).cloned();
            found.push((name.unwrap_or(format!("section {id}")), pieces));
        }
    }
    Ok(found)
}

fn read<T: FromBytes + KnownLayout + Immutable>(
    image: &Image<'_>,
    at: u64,
) -> io::Result<Option<T>> {
    let bytes = image.read(at, size_of::<T>())?;
    Ok(T::read_from_bytes(&bytes).ok())
}

/// The part whose first block is at `block`, if it is one.
fn part(image: &Image<'_>, block: u64) -> io::Result<Option<Part>> {
    let size = size_of::<Frame>() as u64;
    let Some(head) = block.checked_sub(size) else {
        return Ok(None);
    };
    let head: Option<Frame> = read(image, head)?;
    let Some(head) = head.filter(|head| matches!(head.kind, SECTION_PART | SECTION_END)) else {
        return Ok(None);
    };
    let mut pieces = Vec::new();
    let mut at = block;
    while let Some(block) = read::<Block>(image, at)?.filter(|block| block.flag == FLAG_DATA_STATE)
    {
        let data = at.saturating_add(size_of::<Block>() as u64);
        let end = data.saturating_add(block.len.get());
        if end > image.len {
            return Ok(None);
        }
        pieces.push((data, block.len.get()));
        at = end;
    }
    let last: Option<U64> = read(image, at)?;
    let ended =
        last.is_some_and(|flag| matches!(flag.get(), FLAG_END_OF_STATE | FLAG_INIT_DATA_SENT));
    at = at.saturating_add(size_of::<U64>() as u64);
    let footer: Option<Frame> = read(image, at)?;
    let closed = footer.is_some_and(|foot| foot.kind == SECTION_FOOTER && foot.id == head.id);
    Ok((ended && closed).then(|| Part {
        id: head.id.get(),
        pieces,
        end: at.saturating_add(size),
    }))
}

/// The names of VFIO devices by section id.
fn names(image: &Image<'_>) -> io::Result<BTreeMap<u32, String>> {
    let mut names = BTreeMap::new();
    let mut pattern = FLAG_SETUP_STATE.to_be_bytes().to_vec();
    pattern.extend(FLAG_END_OF_STATE.to_be_bytes());
    let mut at = 0;
    while let Some(hit) = image.find(at, &pattern)? {
        at = hit.saturating_add(pattern.len() as u64);
        // The longest head there can be: frame, length, 255 characters, instance, version.
        let longest = (size_of::<Frame>() as u64).saturating_add(1 + 255 + 4 + 4);
        let from = hit.saturating_sub(longest);
        let len = usize::try_from(hit.saturating_sub(from)).unwrap_or(0);
        if let Some((id, name)) = start(&image.read(from, len)?) {
            names.insert(id, name);
        }
    }
    Ok(names)
}

/// The section id and the name in the head of a device, of which `bytes` ends with the last one.
fn start(bytes: &[u8]) -> Option<(u32, String)> {
    let (rest, _) = bytes.split_last_chunk::<8>()?;
    (1..=u8::MAX).find_map(|len| {
        let (rest, name) = rest.split_at_checked(rest.len().checked_sub(len.into())?)?;
        let (head, last) = rest.split_at_checked(rest.len().checked_sub(1)?)?;
        let (_, frame) = Frame::read_from_suffix(head).ok()?;
        let name = std::str::from_utf8(name).ok()?;
        let fits = last == [len] && frame.kind == SECTION_START;
        (fits && name.chars().all(|c| c.is_ascii_graphic())).then(|| (frame.id.get(), name.into()))
    })
}
