// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Streams of other drivers, put together as their sources do. Where the kernel has the structures,
//! selftests/foreign makes the same from them.

#![allow(dead_code, unreachable_pub, missing_docs)]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

pub mod multifd;
pub mod qemu;
pub mod values;

/// Integers of a size each, one behind the other.
pub fn le(parts: &[(u64, usize)]) -> Vec<u8> {
    let part = |(value, size): &(u64, usize)| value.to_le_bytes()[..*size].to_vec();
    parts.iter().flat_map(part).collect()
}

/// The same in the other order.
pub fn be(parts: &[(u64, usize)]) -> Vec<u8> {
    let part = |(value, size): &(u64, usize)| value.to_be_bytes()[8 - *size..].to_vec();
    parts.iter().flat_map(part).collect()
}

/// A record of mlx5 or virtio.
pub fn record(flags: u64, tag: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = le(&[(payload.len() as u64, 8), (flags, 4), (tag, 4)]);
    bytes.extend(payload);
    bytes
}

pub fn mlx5() -> Vec<u8> {
    let mut stream = record(1, 1, &le(&[(0x3000, 8)]));
    stream.extend(record(0, 0, b"image"));
    stream
}

/// The part of hisi_acc that is compared.
pub const HISI_MATCH: [(u64, usize); 9] = [
    (0xaacc_feed_deca_dede, 8),
    (4, 4),
    (0xa251, 4),
    (0, 4),
    (64, 4),
    (0, 4),
    (1, 2),
    (0, 2),
    (0, 8),
];

pub fn hisi_acc() -> Vec<u8> {
    let mut stream = le(&HISI_MATCH);
    stream.extend(vec![0; 104]);
    stream.extend(le(&[(1, 8), (2, 8), (3, 8), (4, 8)]));
    stream
}

pub fn section(name: &str, subsections: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(8, 0);
    bytes.extend(le(&[(payload.len() as u64, 4), (subsections, 4)]));
    bytes.extend(payload);
    bytes
}

pub fn block(sections: u64, payload: &[u8]) -> Vec<u8> {
    let size = payload.len() as u64;
    let mut bytes = le(&[(0xadf5_caea, 4), (1, 4), (16, 2), (sections, 2), (size, 4)]);
    bytes.extend(payload);
    bytes
}

/// What a QAT has: capabilities, services, and a rate limit.
#[derive(Clone, Copy)]
pub struct Qat {
    pub capabilities: u64,
    pub services: u64,
    pub limit: Option<[u64; 4]>,
}

impl Default for Qat {
    fn default() -> Self {
        Self {
            capabilities: 0x0fff,
            services: 0x1234,
            limit: Some([1, 0xf0, 100, 200]),
        }
    }
}

impl Qat {
    pub fn stream(self) -> Vec<u8> {
        let mut config = section("gencap", 0, &le(&[(self.capabilities, 4)]));
        config.extend(section("svcmap", 0, &le(&[(self.services, 2)])));
        config.extend(section("extdc", 0, &le(&[(7, 4)])));
        let mut general = section("iovinit", 0, &[1]);
        general.extend(section("compver", 0, &[5]));
        let limit = self.limit.map_or(Vec::new(), |[srv, mask, cir, pir]| {
            le(&[(srv, 4), (0, 4), (mask, 8), (cir, 4), (pir, 4)])
        });
        general.extend(section("sla", 0, &limit));
        let registers = ["visrc", "vimsk", "vispv", "vimpv", "pf2vm", "vm2pf"];
        let registers = registers.map(|name| section(name, 0, &le(&[(9, 4)])));
        let mut bank = vec![0; 472];
        bank[88..96].copy_from_slice(&le(&[(0xabc, 8)]));
        let bank = section("mregs", 0, &bank);
        let banks = (0..4).flat_map(|n| section(&format!("bnk{n}"), 1, &bank));
        let mut state = section("GENER", 3, &general);
        state.extend(section("MISCBAR", 6, &registers.concat()));
        state.extend(section("ETRBAR", 4, &banks.collect::<Vec<_>>()));
        let mut stream = block(1, &section("CONFIG", 3, &config));
        stream.extend(block(3, &state));
        stream.resize(4096, 0);
        stream
    }
}

/// A device part of virtio.
pub fn part(ty: u64, flags: u64, selector: u64, value: &[u8]) -> Vec<u8> {
    let length = value.len() as u64;
    let mut bytes = le(&[(ty, 2), (flags, 1), (0, 1), (selector, 8), (length, 4)]);
    bytes.extend(value);
    bytes
}

pub fn virtio() -> Vec<u8> {
    let mut parts = part(0x100, 1, 0, &le(&[(0x1_0000_0020, 8)]));
    parts.extend(part(0x102, 0, 22, &le(&[(3, 2)])));
    parts.extend(part(0x103, 0, 0, &[15]));
    let queue = [
        (256, 2),
        (1, 2),
        (1, 2),
        (0, 2),
        (0x1000, 8),
        (0x2000, 8),
        (0x3000, 8),
    ];
    parts.extend(part(0x104, 0, 1, &le(&queue)));
    record(0, 0, &parts)
}

/// A packet of xe.
pub fn packet(ty: u64, payload: &[u8]) -> Vec<u8> {
    let size = payload.len() as u64;
    let mut bytes = le(&[(1, 1), (ty, 1), (0, 2), (0, 4), (0, 8), (size, 8)]);
    bytes.extend(payload);
    bytes
}

/// The packet that says of which device a stream of xe is.
pub fn descriptor(device: u64, revision: u64) -> Vec<u8> {
    let klvs = [
        (0xf001_0001, 4),
        (device, 4),
        (0xf002_0001, 4),
        (revision, 4),
    ];
    packet(1, &le(&klvs))
}

pub fn xe() -> Vec<u8> {
    let mut stream = descriptor(0xe20b, 1);
    stream.extend(packet(5, &[0; 40]));
    stream.extend(packet(3, &le(&[(5, 8), (6, 8)])));
    stream.extend(packet(4, &le(&[(1, 4), (2, 4), (3, 4), (4, 4)])));
    stream.extend(packet(2, &[]));
    stream
}

pub fn mtty(ports: u64) -> Vec<u8> {
    let mut stream = le(&[
        (0x7e9d_0989_8c3e_2c4e, 8),
        (1, 4),
        (0, 4),
        (ports, 4),
        (0, 4),
    ]);
    for fcr in 0..ports {
        let mut port = vec![0; 36];
        port[30] = 12;
        port[32] = 7 + fcr.to_le_bytes()[0];
        stream.extend(port);
    }
    stream
}

pub fn igb_vfio_pci() -> Vec<u8> {
    let mut stream = le(&[(0x4d49_4742, 4), (1, 4), (3, 4), (2, 4)]);
    stream.extend(le(&[(0x100, 4), (1, 4), (0x104, 4), (2, 4)]));
    stream.resize(1024, 0);
    stream[916] = 2;
    stream[1020] = 1;
    stream
}

/// One of each format that can be recognised, with the name that the registry has for it.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("hisi-acc/v2", hisi_acc()),
        ("igb-vfio-pci/blob", igb_vfio_pci()),
        ("mlx5/records", mlx5()),
        ("mtty/structure", mtty(2)),
        ("qat/sections", Qat::default().stream()),
        ("virtio/records", virtio()),
        ("xe/packets", xe()),
    ]
}
