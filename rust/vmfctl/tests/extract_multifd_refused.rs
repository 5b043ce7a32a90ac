// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! extract: channels of a multifd migration that are broken on purpose.

#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod common;
mod streams;

use common::*;
use streams::multifd::*;

/// Changes a channel.
type Edit = dyn Fn(&mut Channel) -> &mut Channel;

/// One packet of each kind that no QEMU sends; each is refused in words of its own, with file and place.
#[test]
fn refused() {
    let dir = dir("multifd-refused");
    let sync = |edit: &Edit| {
        let mut channel = Channel::new(0);
        edit(channel.sync().memory(1, 0));
        channel.bytes
    };
    const LONG: [u8; 256] = [b'n'; 256];
    let cases: [(&str, &Edit); 20] = [
        ("no packet of multifd of version 1", &|c| {
            c.bytes.extend([7; 12]);
            c
        }),
        ("flags that are not known: 0x80", &|c| {
            c.ram(0x80, 128, 0, 0, 0)
        }),
        ("compressed by zlib: the state", &|c| c.ram(2, 128, 1, 0, 9)),
        ("compressed by zstd: the state", &|c| c.ram(4, 128, 1, 0, 9)),
        ("compressed by qpl: the state", &|c| c.ram(8, 128, 1, 0, 9)),
        ("compressed by uadk: the state", &|c| {
            c.ram(16, 128, 1, 0, 9)
        }),
        ("compressed by qatzip: the state", &|c| {
            c.ram(32, 128, 1, 0, 9)
        }),
        ("that ends a round as well", &|c| {
            c.device(DEVICE | SYNC, b"x", 0, b"")
        }),
        ("in a packet for 0 pages", &|c| c.ram(0, 0, 0, 0, 0)),
        ("in a packet for 100 pages", &|c| c.ram(0, 100, 0, 0, 0)),
        ("for 4294967295 pages", &|c| {
            c.ram(0, u32::MAX.into(), 0, 0, 0)
        }),
        ("64 pages, of which others have 128", &|c| {
            c.ram(0, 64, 0, 0, 0)
        }),
        ("2 pages, 127 more that are zero, and room for 128", &|c| {
            c.ram(0, 128, 2, 127, 8192)
        }),
        ("1 pages of 4096 bytes, in 4095 bytes", &|c| {
            c.ram(0, 128, 1, 0, 4095)
        }),
        ("the name of a device has no end", &|c| {
            c.device(DEVICE, &LONG, 0, b"")
        }),
        ("a name that none has", &|c| {
            c.device(DEVICE, b"a\x1b/vfio", 0, b"")
        }),
        ("vfio that ends in its head", &|c| {
            c.device(DEVICE, b"vfio", 0, &[0; 11]).sync()
        }),
        ("vfio of version 1", &|c| c.odd_part("vfio", [1, 0, 0], b"")),
        ("vfio with flags that are not known: 0x2", &|c| {
            c.odd_part("vfio", [0, 0, 2], b"")
        }),
        ("with a number that none has", &|c| {
            c.part("vfio", u32::MAX.into(), b"")
        }),
    ];
    let at = sync(&|c| c).len();
    for (words, edit) in cases {
        let file = write(&dir, "channel", sync(edit));
        let said = vmfctl(&["extract", &file]);
        assert_eq!(said.code, 3, "{words}: {}", said.out);
        said.has(&format!("{file}: offset {at:#x}: "));
        said.has(words);
        assert_eq!(said.err.lines().count(), 1);
    }
    let cases: [(&str, &Edit); 5] = [
        ("no configuration space", &|c| {
            c.odd_part("vfio", [0, 0, 1], b"0123456789")
        }),
        ("part 4 of vfio is there twice", &|c| {
            c.part("vfio", 4, b"").part("vfio", 4, b"")
        }),
        ("part 5 of vfio is the last one, and so is another", &|c| {
            c.last("vfio", 4).last("vfio", 5)
        }),
        ("part 5 of vfio and the last one are not in order", &|c| {
            c.last("vfio", 4).part("vfio", 5, b"")
        }),
        ("part 4 of vfio and the last one are not in order", &|c| {
            c.part("vfio", 5, b"").last("vfio", 4)
        }),
    ];
    for (words, edit) in cases {
        let file = write(&dir, "channel", sync(edit));
        let said = vmfctl(&["extract", &file]);
        assert_eq!(said.code, 3, "{words}: {}", said.out);
        said.has(&format!("{file}: offset 0x"));
        said.has(words);
    }
    // Nothing says where it ends.
    let mut endless = Channel::new(0).sync().bytes.clone();
    endless.resize(1 << 16, 0);
    let said = vmfctl(&["extract", &write(&dir, "channel", endless)]);
    assert_eq!(said.code, 3);
    said.has("offset 0x40: the end of a round without an end");
}
