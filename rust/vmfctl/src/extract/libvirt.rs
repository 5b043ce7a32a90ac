// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The files of `virsh save` and managed saves: a header, the XML of the guest, and behind it what QEMU
//! has written, possibly through a program that compresses (libvirt: `src/qemu/qemu_saveimage.h`).

use std::io;

use zerocopy::{little_endian::U32, FromBytes, Immutable, KnownLayout, Unaligned};

use crate::image::Image;

/// The first bytes of a file that is whole, and of one that is not.
const MAGIC: [u8; 16] = *b"LibvirtQemudSave";
const PARTIAL: [u8; 16] = *b"LibvirtQemudPart";

/// The newest version.
const VERSION: u32 = 2;

/// The formats by their number: name, and the program that undoes it.
const FORMATS: [(&str, Option<&str>); 7] = [
    ("raw", None),
    ("gzip", Some("gzip -dc")),
    ("bzip2", Some("bzip2 -dc")),
    ("xz", Some("xz -dc")),
    ("lzop", Some("lzop -dc")),
    ("zstd", Some("zstd -dc")),
    // As raw, with memory at places of its own.
    ("sparse", None),
];

/// The header, in the byte order of the host.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
#[repr(C)]
struct Header {
    magic: [u8; 16],
    version: U32,
    /// Of the XML and a cookie.
    data_len: U32,
    was_running: U32,
    format: U32,
    cookie_offset: U32,
    unused: [U32; 14],
}

/// What is behind the XML.
pub(super) enum Content {
    /// What QEMU has written, from here on.
    Qemu(u64),
    /// Nothing that can be read, and why.
    Unreadable(String),
}

/// Looks at a file of libvirt, if it is one; `path` is how a command names it.
pub(super) fn open(image: Image<'_>, path: &str) -> io::Result<Option<Content>> {
    let bytes = image.read(0, size_of::<Header>())?;
    if !bytes.starts_with(&MAGIC) && !bytes.starts_with(&PARTIAL) {
        return Ok(None);
    }
    let wrong = |why: String| {
        Ok(Some(Content::Unreadable(format!(
            "a file of libvirt {why}"
        ))))
    };
    let Ok(header) = Header::read_from_bytes(&bytes) else {
        return wrong("that ends in its header".into());
    };
    // In the wrong order the version is a very large number.
    let little = header.version.get() <= header.version.get().swap_bytes();
    let number = |number: U32| match little {
        true => number.get(),
        false => number.get().swap_bytes(),
    };
    let version = number(header.version);
    if version > VERSION {
        return wrong(format!(
            "of version {version}, and only those up to {VERSION} are known"
        ));
    }
    if header.magic == PARTIAL {
        return wrong("that was not finished: libvirt would not restore it".into());
    }
    let size = size_of::<Header>() as u64;
    let start = size.saturating_add(number(header.data_len).into());
    if start > image.len {
        return wrong("that ends in the XML".into());
    }
    let format = number(header.format);
    let known = usize::try_from(format)
        .ok()
        .and_then(|index| FORMATS.get(index));
    match known {
        None => wrong(format!("in format {format}, which is not known")),
        Some((_, None)) => Ok(Some(Content::Qemu(start))),
        Some((name, Some(command))) => wrong(format!(
            "compressed by {name}; first run: tail -c +{} {path} | {command} >FILE",
            start.saturating_add(1)
        )),
    }
}

/// The program that undoes what has compressed a file that starts like this.
pub(super) fn decompressor(head: &[u8]) -> Option<&'static str> {
    let magics: [(&[u8], &str); 5] = [
        (&[0x1f, 0x8b], "gzip -dc"),
        (b"BZh", "bzip2 -dc"),
        (b"\xfd7zXZ\0", "xz -dc"),
        (b"\x89LZO\0\r\n\x1a\n", "lzop -dc"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd -dc"),
    ];
    let found = magics.iter().find(|(magic, _)| head.starts_with(magic));
    found.map(|(_, command)| *command)
}
