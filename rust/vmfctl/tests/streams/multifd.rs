// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Channels of a multifd migration of QEMU, made from the definition of their packets.

use super::be;

const MAGIC: u64 = 0x1122_3344;
pub const SYNC: u64 = 1;
pub const DEVICE: u64 = 1 << 6;
pub const CONFIG: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0, 2, 1, 2, 3];

/// What has gone by a channel.
#[derive(Clone)]
pub struct Channel {
    pub bytes: Vec<u8>,
    /// Addresses in a packet.
    pub room: u64,
}

impl Channel {
    pub fn new(id: u8) -> Self {
        Self::of(&[0x82; 16], id)
    }

    /// Of a guest with this UUID.
    pub fn of(uuid: &[u8], id: u8) -> Self {
        let mut bytes = be(&[(MAGIC, 4), (1, 4)]);
        bytes.extend(uuid);
        bytes.push(id);
        bytes.resize(64, 0);
        Self { bytes, room: 128 }
    }

    /// A packet of memory with any of its numbers.
    pub fn ram(&mut self, flags: u64, room: u64, pages: u64, zero: u64, len: u64) -> &mut Self {
        let start = self.bytes.len();
        let head = [(MAGIC, 4), (1, 4), (flags, 4), (room, 4), (pages, 4)];
        self.bytes.extend(be(&head));
        self.bytes.extend(be(&[(len, 4), (7, 8), (zero, 4)]));
        self.bytes.extend([0; 28]);
        self.bytes.extend(b"pc.ram");
        self.bytes.resize(start + 320, 0);
        for page in 0..pages + zero {
            self.bytes.extend((page << 12).to_be_bytes());
        }
        let end = start + 320 + 8 * self.room as usize;
        self.bytes.resize(end, 0);
        // Memory may look like a packet.
        let mut memory = [be(&[(MAGIC, 4), (1, 4)]), vec![0xaa; 504]].concat();
        memory = memory.repeat(len as usize / 512 + 1);
        self.bytes.extend(&memory[..len as usize]);
        self
    }

    pub fn memory(&mut self, pages: u64, zero: u64) -> &mut Self {
        let page = (512 << 10) / self.room;
        self.ram(0, self.room, pages, zero, pages * page)
    }

    /// The end of a round, which does not say how long it is.
    pub fn sync(&mut self) -> &mut Self {
        self.ram(SYNC, 0, 0, 0, 0)
    }

    /// A packet of a device with anything in it.
    pub fn device(&mut self, flags: u64, name: &[u8], instance: u64, payload: &[u8]) -> &mut Self {
        self.bytes.extend(be(&[(MAGIC, 4), (1, 4), (flags, 4)]));
        let mut name = name.to_vec();
        name.resize(256, 0);
        self.bytes.extend(name);
        let len = payload.len() as u64;
        self.bytes.extend(be(&[(instance, 4), (len, 4)]));
        self.bytes.extend(payload);
        self
    }

    /// A part of a device; version, number and flags may be any.
    pub fn odd_part(&mut self, name: &str, numbers: [u64; 3], data: &[u8]) -> &mut Self {
        let mut payload = be(&numbers.map(|number| (number, 4)));
        payload.extend(data);
        self.device(DEVICE, name.as_bytes(), 0, &payload)
    }

    pub fn part(&mut self, name: &str, index: u64, data: &[u8]) -> &mut Self {
        self.odd_part(name, [0, index, 0], data)
    }

    /// The one behind all others.
    pub fn last(&mut self, name: &str, index: u64) -> &mut Self {
        self.odd_part(name, [0, index, 1], CONFIG)
    }
}
