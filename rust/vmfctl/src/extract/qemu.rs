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
//! Guest memory is in the same file and may hold anything, so all of the frame has to fit. Where the
//! memory is does not matter: with mapped-ram it has places of its own, and what is said here is the same.

use std::{collections::BTreeMap, io};

use zerocopy::{
    big_endian::{U32, U64},
    FromBytes, Immutable, KnownLayout, Unaligned,
};

use super::{multifd::is_vfio, search::Search};
use crate::image::{Image, Pieces};

/// The first bytes of a migration file: `QEVM`.
pub(super) const FILE_MAGIC: [u8; 4] = *b"QEVM";

/// What the flags of VFIO have in common.
const FLAGS: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00];

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

/// A device whose state is in the file, or was said to come.
pub(super) struct Device {
    pub(super) name: String,
    /// Which of those with this name; none if its start is not there.
    pub(super) instance: Option<u32>,
    pub(super) pieces: Pieces,
}

/// A part of the state of a device.
struct Part {
    /// The section id.
    id: u32,
    pieces: Pieces,
    end: u64,
}

/// Finds the devices in the file from `from` on, in the order of their states; those that have none
/// come last.
pub(super) fn find(image: Image<'_>, from: u64) -> io::Result<Vec<Device>> {
    let mut search = Search::new(image, FLAGS);
    search.skip_to(from);
    let mut names = BTreeMap::new();
    let mut devices = Devices::default();
    let mut chains = Chains::default();
    while let Some(hit) = search.next()? {
        let Some(flag) = search.peek(hit)? else {
            break;
        };
        match u64::from_be_bytes(flag) {
            FLAG_SETUP_STATE => {
                // Devices are announced before memory is sent, which may have been that of a VMM.
                if let Some((id, start)) = start(&search, image, hit)? {
                    names.entry(id).or_insert(start);
                    if names.len() > DEVICES_MAX {
                        return Err(too_many());
                    }
                }
            }
            FLAG_DATA_STATE => {
                let Some(part) = chains.part(&search, image, hit)? else {
                    continue;
                };
                search.skip_to(part.end);
                devices.add(part, &names);
            }
            _ => {}
        }
    }
    if names.is_empty() && devices.more {
        return Err(too_many());
    }
    let mut found = Vec::new();
    let own = |id: &u32| names.is_empty() || names.contains_key(id);
    devices.list.retain(|(id, _)| own(id));
    for (id, pieces) in devices.list {
        let (name, instance) = match names.remove(&id) {
            Some((name, instance)) => (name, Some(instance)),
            None => (format!("section {id}"), None),
        };
        found.push(Device {
            name,
            instance,
            pieces,
        });
    }
    found.extend(names.into_values().map(|(name, instance)| Device {
        name,
        instance: Some(instance),
        pieces: Pieces::default(),
    }));
    Ok(found)
}

/// How many devices there can be; a host has some hundreds of functions at most.
const DEVICES_MAX: usize = super::FOUND_MAX;

fn too_many() -> io::Error {
    io::Error::other(format!(
        "more than {DEVICES_MAX} devices: most are what a guest has written to its memory"
    ))
}

/// What there is of devices. A guest can write complete parts of any number to its memory, but QEMU
/// announces its own before: with a start there are no devices but those that have one.
#[derive(Default)]
struct Devices {
    /// In the order of their first parts.
    list: Vec<(u32, Pieces)>,
    /// Where each is in the list.
    places: BTreeMap<u32, usize>,
    /// Whether there were more without one than are kept.
    more: bool,
}

impl Devices {
    fn add(&mut self, part: Part, names: &BTreeMap<u32, (String, u32)>) {
        let room = names.is_empty() && self.list.len() < DEVICES_MAX;
        let room = room || names.contains_key(&part.id);
        let known = self.places.get(&part.id);
        match known.and_then(|place| self.list.get_mut(*place)) {
            Some((_, known)) => known.append(part.pieces),
            None if room => {
                self.places.insert(part.id, self.list.len());
                self.list.push((part.id, part.pieces));
            }
            None => self.more |= names.is_empty(),
        }
    }
}

/// How many blocks are kept in mind at a time. QEMU's have up to 1 MiB each, and what a device has at a
/// time; a guest can have written more of them to its memory than would fit in that of this host.
const BLOCKS_MAX: usize = 1 << 20;

/// What is known of blocks that are one behind the other, so that none is followed twice: a guest can
/// have written any number of them to its memory.
#[derive(Default)]
struct Chains {
    /// For each block that was followed, where its chain ended; none if behind the file.
    ends: BTreeMap<u64, Option<u64>>,
}

impl Chains {
    /// The part whose first block is at `first`, if it is one.
    fn part(
        &mut self,
        search: &Search<'_>,
        image: Image<'_>,
        first: u64,
    ) -> io::Result<Option<Part>> {
        let size = size_of::<Frame>() as u64;
        let Some(head) = first.checked_sub(size) else {
            return Ok(None);
        };
        let head = search.peek::<{ size_of::<Frame>() }>(head)?;
        let head = head.and_then(|head| Frame::read_from_bytes(&head).ok());
        let Some(head) = head.filter(|head| matches!(head.kind, SECTION_PART | SECTION_END)) else {
            return Ok(None);
        };
        let mut blocks = Vec::new();
        let mut at = first;
        let end = loop {
            if let Some(end) = self.ends.get(&at) {
                break *end;
            }
            // QEMU writes none that is empty.
            let block: Option<Block> = read(image, at)?;
            match block.filter(|block| block.flag == FLAG_DATA_STATE && block.len != 0) {
                None => break Some(at),
                Some(block) => {
                    let data = at.saturating_add(size_of::<Block>() as u64);
                    blocks.push((at, data, block.len.get()));
                    if blocks.len().saturating_add(self.ends.len()) > BLOCKS_MAX {
                        return Err(io::Error::other(
                            "more blocks of state, one behind the other, than a device has",
                        ));
                    }
                    at = data.saturating_add(block.len.get());
                    if at > image.len {
                        break None;
                    }
                }
            }
        };
        let whole = match end {
            Some(end) => closed(image, end, head.id.get())?,
            None => None,
        };
        let Some(behind) = whole else {
            // Nothing comes back to what is before this one.
            self.ends = self.ends.split_off(&first);
            self.ends.extend(blocks.iter().map(|(at, ..)| (*at, end)));
            return Ok(None);
        };
        // Of a chain that joins one that was followed before, the rest is not at hand.
        let mut pieces = Pieces::default();
        for (_, data, len) in blocks {
            pieces.push(data, len);
        }
        while Some(at) != end {
            let Some(block) = read::<Block>(image, at)? else {
                break;
            };
            let data = at.saturating_add(size_of::<Block>() as u64);
            pieces.push(data, block.len.get());
            at = data.saturating_add(block.len.get());
        }
        Ok(Some(Part {
            id: head.id.get(),
            pieces,
            end: behind,
        }))
    }
}

/// Where a part ends whose blocks end at `at`, if the rest of the frame is there.
fn closed(image: Image<'_>, at: u64, id: u32) -> io::Result<Option<u64>> {
    let last: Option<U64> = read(image, at)?;
    let ended =
        last.is_some_and(|flag| matches!(flag.get(), FLAG_END_OF_STATE | FLAG_INIT_DATA_SENT));
    let at = at.saturating_add(size_of::<U64>() as u64);
    let footer: Option<Frame> = read(image, at)?;
    let closed = footer.is_some_and(|foot| foot.kind == SECTION_FOOTER && foot.id == id);
    let end = at.saturating_add(size_of::<Frame>() as u64);
    Ok((ended && closed).then_some(end))
}

fn read<T: FromBytes + KnownLayout + Immutable>(
    image: Image<'_>,
    at: u64,
) -> io::Result<Option<T>> {
    let bytes = image.read(at, size_of::<T>())?;
    Ok(T::read_from_bytes(&bytes).ok())
}

/// The section id, and the name and instance of a device.
type Start = (u32, (String, u32));

/// The start of the device whose SETUP_STATE is at `at`, if it is one.
fn start(search: &Search<'_>, image: Image<'_>, at: u64) -> io::Result<Option<Start>> {
    let end = search.peek(at.saturating_add(size_of::<U64>() as u64))?;
    if end.map(u64::from_be_bytes) != Some(FLAG_END_OF_STATE) {
        return Ok(None);
    }
    // The longest head there can be: frame, length, 255 characters, instance, version.
    let longest = (size_of::<Frame>() as u64).saturating_add(1 + 255 + 4 + 4);
    let from = at.saturating_sub(longest);
    let len = usize::try_from(at.saturating_sub(from)).unwrap_or(0);
    Ok(head(&image.read(from, len)?))
}

/// What is in the head of a device, with which `bytes` ends.
fn head(bytes: &[u8]) -> Option<Start> {
    let (rest, [instance, _version]) = <[U32; 2]>::read_from_suffix(bytes).ok()?;
    (1..=u8::MAX).find_map(|len| {
        let (rest, name) = rest.split_at_checked(rest.len().checked_sub(len.into())?)?;
        let (head, last) = rest.split_at_checked(rest.len().checked_sub(1)?)?;
        let (_, frame) = Frame::read_from_suffix(head).ok()?;
        let name = std::str::from_utf8(name).ok()?;
        let fits = last == [len] && frame.kind == SECTION_START;
        let start = (frame.id.get(), (name.into(), instance.get()));
        // Others than VFIO have the flag as well if a guest has written them.
        (fits && is_vfio(name) && name.chars().all(|c| c.is_ascii_graphic())).then_some(start)
    })
}
