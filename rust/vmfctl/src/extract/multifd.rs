// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A channel of a multifd migration of QEMU, and the parts of devices' states in it.
//!
//! A channel starts with the UUID of the guest and a number, and then has packets, all of it in
//! big-endian (QEMU: `migration/multifd.h`, `hw/vfio/migration-multifd.c`):
//!
//! - of memory: a head with room for as many addresses as there are pages in 512 KiB, and the pages
//!   that are not zero. A packet that says no more than that a round is over has the same head, but
//!   does not say how much room that is;
//! - of a device, since QEMU 10.0: a head with its name, and what was read from it in one go, behind
//!   a number in the order of the reads. The last one is not read from the device, but has its
//!   configuration space.
//!
//! QEMU sends the state of devices like this only if memory is not compressed.

use std::path::Path;

use zerocopy::{
    big_endian::{U32, U64},
    FromBytes, Immutable, KnownLayout, Unaligned,
};

use crate::{
    failure::{Failure, Result},
    image::Image,
    progress,
};

/// The first bytes of a channel, and of each packet, with their version.
pub(super) const MAGIC: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1];

/// The end of a round.
const FLAG_SYNC: u32 = 1;
const FLAG_DEVICE_STATE: u32 = 1 << 6;

/// How memory is compressed, by a flag.
const METHODS: [(u32, &str); 5] = [
    (1 << 1, "zlib"),
    (1 << 2, "zstd"),
    (1 << 3, "qpl"),
    (1 << 4, "uadk"),
    (1 << 5, "qatzip"),
];

/// How much memory there is in a packet.
const PACKET: u32 = 512 << 10;

/// How many pages that can be: of 1 KiB each at least, and of all of it at most.
const ROOMS: [u32; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, MAX_PAGES];
const MAX_PAGES: u32 = 512;

/// The version of what is said of a part.
const PART_VERSION: u32 = 0;

/// Of a part: it is the last one, and its first word.
const PART_LAST: u32 = 1;
const FLAG_CONFIG_STATE: u64 = 0xffff_ffff_ef10_0002;

/// The start of a channel.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
#[repr(C)]
struct Start {
    magic: [u8; 8],
    uuid: [u8; 16],
    id: u8,
    unused: [u8; 39],
}

/// The head of a packet.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
#[repr(C)]
struct Head {
    magic: [u8; 8],
    flags: U32,
}

/// The head of a packet of memory; the addresses follow.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
#[repr(C)]
struct Memory {
    head: Head,
    room: U32,
    pages: U32,
    len: U32,
    number: U64,
    zero_pages: U32,
    unused: [u8; 28],
    block: [u8; 256],
}

/// The head of a packet of a device.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
#[repr(C)]
struct State {
    head: Head,
    name: [u8; 256],
    instance: U32,
    len: U32,
}

/// What is said of a part.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
#[repr(C)]
struct PartHead {
    version: U32,
    index: U32,
    flags: U32,
}

/// What is in a channel.
pub(super) struct Channel {
    pub(super) uuid: [u8; 16],
    pub(super) id: u8,
    pub(super) parts: Vec<Part>,
    /// Where the packet is that is not all there, if there is one.
    pub(super) cut: Option<u64>,
}

/// A part of the state of a device.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) instance: u32,
    /// Where it is in the order of all parts of the device.
    pub(super) index: u32,
    /// Behind it there are no others, and it is not of the device's stream.
    pub(super) last: bool,
    pub(super) at: u64,
    pub(super) len: u64,
}

/// What a packet is, and where it ends.
type Packet = (Option<Part>, u64);

/// Reads a channel. `pages` is how many there are in a packet, once that is known: it is the same in
/// all channels.
pub(super) fn read(image: Image<'_>, path: &Path, pages: &mut Option<u32>) -> Result<Channel> {
    let walk = Walk { image, path };
    let Some(start) = walk.get::<Start>(0)?.filter(|start| start.magic == MAGIC) else {
        return walk.refuse(0, "no start of a channel");
    };
    let mut channel = Channel {
        uuid: start.uuid,
        id: start.id,
        parts: Vec::new(),
        cut: None,
    };
    let bar = progress::bar(Some(image.len));
    let mut at = size_of::<Start>() as u64;
    while at < image.len {
        bar.set_position(at);
        let Some((part, end)) = walk.packet(at, pages)? else {
            channel.cut = Some(at);
            break;
        };
        channel.parts.extend(part);
        at = end;
    }
    bar.finish_and_clear();
    Ok(channel)
}

/// Goes through a channel. Whatever is not all there is none.
struct Walk<'a> {
    image: Image<'a>,
    path: &'a Path,
}

impl Walk<'_> {
    fn get<T: FromBytes + KnownLayout + Immutable>(&self, at: u64) -> Result<Option<T>> {
        let bytes = self.image.read(at, size_of::<T>());
        let bytes = bytes.map_err(|error| Failure::io(self.path, &error))?;
        Ok(T::read_from_bytes(&bytes).ok())
    }

    fn refuse<T>(&self, at: u64, why: &str) -> Result<T> {
        let path = self.path.display();
        Err(Failure::Input(format!("{path}: offset {at:#x}: {why}")))
    }

    /// Where `len` bytes from `at` on end, if they are there.
    fn behind(&self, at: u64, len: u64) -> Option<u64> {
        let end = at.saturating_add(len);
        (end <= self.image.len).then_some(end)
    }

    fn packet(&self, at: u64, pages: &mut Option<u32>) -> Result<Option<Packet>> {
        let Some(head) = self.get::<Head>(at)? else {
            return Ok(None);
        };
        if head.magic != MAGIC {
            return self.refuse(at, "no packet of multifd of version 1");
        }
        let flags = head.flags.get();
        let known = METHODS
            .iter()
            .fold(FLAG_SYNC | FLAG_DEVICE_STATE, |all, (flag, _)| all | flag);
        if flags & !known != 0 {
            let why = format!("a packet with flags that are not known: {flags:#x}");
            return self.refuse(at, &why);
        }
        if let Some((_, method)) = METHODS.iter().find(|(flag, _)| flags & flag != 0) {
            let why = format!(
                "memory that is compressed by {method}: the state of devices is in the main channel then"
            );
            return self.refuse(at, &why);
        }
        match flags {
            FLAG_DEVICE_STATE => self.state(at),
            0 | FLAG_SYNC => self.memory(at, flags == FLAG_SYNC, pages),
            _ => self.refuse(at, "a packet of a device that ends a round as well"),
        }
    }

    fn memory(&self, at: u64, sync: bool, pages: &mut Option<u32>) -> Result<Option<Packet>> {
        let Some(packet) = self.get::<Memory>(at)? else {
            return Ok(None);
        };
        let addresses = at.saturating_add(size_of::<Memory>() as u64);
        let (room, used, len) = (packet.room.get(), packet.pages.get(), packet.len.get());
        let room = match (sync && room == 0, *pages) {
            (false, _) => room,
            (true, Some(pages)) => pages,
            (true, None) => match self.room(addresses)? {
                Some(room) => room,
                None => return self.at_the_end(at, addresses),
            },
        };
        if !ROOMS.contains(&room) {
            return self.refuse(at, &format!("memory in a packet for {room} pages"));
        }
        if let Some(pages) = pages.filter(|pages| *pages != room) {
            let why = format!("memory in a packet for {room} pages, of which others have {pages}");
            return self.refuse(at, &why);
        }
        let zero = packet.zero_pages.get();
        if used.saturating_add(zero) > room {
            let why =
                format!("memory of {used} pages, {zero} more that are zero, and room for {room}");
            return self.refuse(at, &why);
        }
        let page = PACKET.checked_div(room).unwrap_or(0);
        if used.saturating_mul(page) != len {
            let why = format!("memory of {used} pages of {page} bytes, in {len} bytes");
            return self.refuse(at, &why);
        }
        *pages = Some(room);
        let len = addresses_len(room).saturating_add(len.into());
        Ok(self.behind(addresses, len).map(|end| (None, end)))
    }

    /// The room in a packet that does not say how much it has: all addresses are 0, so that what is
    /// behind it does.
    fn room(&self, addresses: u64) -> Result<Option<u32>> {
        for room in ROOMS {
            let end = addresses.saturating_add(addresses_len(room));
            if self.get(end)? == Some(MAGIC) {
                return Ok(Some(room));
            }
        }
        Ok(None)
    }

    /// The end of such a packet if it is the last one.
    fn at_the_end(&self, at: u64, addresses: u64) -> Result<Option<Packet>> {
        let ends = |room| addresses.saturating_add(addresses_len(room)) == self.image.len;
        if ROOMS.into_iter().any(ends) {
            return Ok(Some((None, self.image.len)));
        }
        if self.behind(addresses, addresses_len(MAX_PAGES)).is_none() {
            return Ok(None);
        }
        self.refuse(at, "the end of a round without an end")
    }

    fn state(&self, at: u64) -> Result<Option<Packet>> {
        let Some(packet) = self.get::<State>(at)? else {
            return Ok(None);
        };
        let name = match packet.name.iter().position(|byte| *byte == 0) {
            Some(len) => packet.name.get(..len).unwrap_or(&[]),
            None => return self.refuse(at, "the name of a device has no end"),
        };
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return self.refuse(at, "a device with a name that none has");
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let data = at.saturating_add(size_of::<State>() as u64);
        let Some(end) = self.behind(data, packet.len.get().into()) else {
            return Ok(None);
        };
        if !is_vfio(&name) {
            return Ok(Some((None, end)));
        }
        let stream = data.saturating_add(size_of::<PartHead>() as u64);
        let (Some(len), Some(part)) = (end.checked_sub(stream), self.get::<PartHead>(data)?) else {
            return self.refuse(at, &format!("a part of {name} that ends in its head"));
        };
        let (index, flags) = (part.index.get(), part.flags.get());
        if part.version.get() != PART_VERSION {
            let why = format!("a part of {name} of version {}", part.version);
            return self.refuse(at, &why);
        }
        if flags & !PART_LAST != 0 {
            let why = format!("a part of {name} with flags that are not known: {flags:#x}");
            return self.refuse(at, &why);
        }
        if index == u32::MAX {
            return self.refuse(at, &format!("a part of {name} with a number that none has"));
        }
        let last = flags == PART_LAST;
        let config = len >= size_of::<U64>() as u64
            && self.get::<U64>(stream)?.map(U64::get) == Some(FLAG_CONFIG_STATE);
        if last && !config {
            let why = format!("the last part of {name} is no configuration space");
            return self.refuse(at, &why);
        }
        let part = Part {
            name,
            instance: packet.instance.get(),
            index,
            last,
            at: stream,
            len,
        };
        Ok(Some((Some(part), end)))
    }
}

/// Is it what QEMU calls the state of a VFIO device?
pub(super) fn is_vfio(name: &str) -> bool {
    name == "vfio" || name.ends_with("/vfio")
}

/// How long so many addresses of pages are.
fn addresses_len(pages: u32) -> u64 {
    u64::from(pages).saturating_mul(size_of::<U64>() as u64)
}
