// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Migration files of QEMU, made from the definition of their format.

#![allow(clippy::new_without_default)]

pub const DATA: u64 = 0xffff_ffff_ef10_0004;
pub const SETUP: u64 = 0xffff_ffff_ef10_0003;
pub const END: u64 = 0xffff_ffff_ef10_0001;
pub const INIT_DATA_SENT: u64 = 0xffff_ffff_ef10_0005;

/// A migration file of QEMU.
pub struct Qemu(pub Vec<u8>);

impl Qemu {
    pub fn new() -> Self {
        Self(b"QEVM\0\0\0\x03".to_vec())
    }

    pub fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }

    pub fn flag(&mut self, flag: u64) -> &mut Self {
        self.put(&flag.to_be_bytes())
    }

    pub fn footer(&mut self, id: u32) -> &mut Self {
        self.put(&[0x7e]).put(&id.to_be_bytes())
    }

    pub fn start(&mut self, id: u32, name: &str) {
        self.put(&[1]).put(&id.to_be_bytes());
        self.put(&[name.len() as u8]).put(name.as_bytes());
        self.put(&0u32.to_be_bytes()).put(&1u32.to_be_bytes());
        self.flag(SETUP).flag(END).footer(id);
    }

    pub fn part(&mut self, kind: u8, id: u32, blocks: &[&[u8]], end: u64) {
        self.put(&[kind]).put(&id.to_be_bytes());
        for block in blocks {
            self.flag(DATA).flag(block.len() as u64).put(block);
        }
        self.flag(end).footer(id);
    }

    /// Guest memory, with what looks like a part of VFIO in it.
    pub fn memory(&mut self, len: usize) {
        let mut fake = Self(vec![0x55; len]);
        fake.flag(DATA).flag(8).put(&vmf::registry::MAGIC).flag(END);
        fake.part(2, 41, &[&[0; 16]], 0);
        // All of a part of a real device, but for the footer.
        fake.part(2, 41, &[&[0; 16]], END);
        let last = fake.0.len() - 1;
        fake.0[last] ^= 1;
        self.put(&[2])
            .put(&2u32.to_be_bytes())
            .put(&fake.0)
            .footer(2);
    }
}

/// A migration file with a stream of each driver, in blocks that end anywhere.
pub fn of_all_drivers() -> Qemu {
    let (mut file, rest) = halves();
    file.memory(3 << 20);
    file.put(&rest.0);
    file
}

/// What is before memory, and what is behind it.
pub fn halves() -> (Qemu, Qemu) {
    let mut file = Qemu::new();
    let all = super::all();
    for (id, (name, _)) in (40..).zip(&all) {
        file.start(id, &format!("{}/vfio", name.replace('/', ".")));
    }
    for (id, (_, stream)) in (40..).zip(&all) {
        file.part(2, id, &[&stream[..9]], INIT_DATA_SENT);
    }
    let mut rest = Qemu(Vec::new());
    for (id, (_, stream)) in (40..).zip(&all) {
        rest.part(3, id, &[&stream[9..20], &stream[20..]], END);
    }
    rest.put(&[0]);
    (file, rest)
}
