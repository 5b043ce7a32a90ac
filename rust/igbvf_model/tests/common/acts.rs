// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a guest does in [`super::exercise`] that takes several steps.

use super::frames::{OWN, PEER};
use super::input::{frame, Input};
use super::world::World;
use igbvf_model::registers::*;

impl World {
    /// A driver that comes up, with rings somewhere.
    pub fn open(&mut self, input: &mut Input<'_>) {
        self.write(CTRL, CTRL_RST);
        self.ask(&[1]);
        let [a, b, c, d, e, f] = OWN;
        let (low, high) = ([a, b, c, d], [e, f, 0, 0]);
        self.ask(&[2, u32::from_le_bytes(low), u32::from_le_bytes(high)]);
        self.ask(&[4 | 1 << 16, 100]);
        self.ask(&[5, 1522 + u32::from(input.u8()) * 33]);
        for queue in [TX, TX + 0x100, RX] {
            let place = input.u16();
            let (base, scale) = match place & 3 {
                0 => (self.address(place & 0xfe0), 6),
                _ => (self.address(place & 0x7fe0), 1),
            };
            let count = 1 + u32::from(input.u8()) * scale;
            // Buffers that overlap, and now and then the ring.
            for index in 0..u64::from(count) {
                let at = base.wrapping_add(index * 16);
                let buffers = [self.address(0x2000), self.address(0x1000)];
                let bytes: Vec<u8> = buffers.into_iter().flat_map(u64::to_le_bytes).collect();
                if queue == RX && self.peek(at, 16).is_some() {
                    self.ram.set(at, &bytes);
                }
            }
            self.write(queue + LEN, 16 * count);
            self.write(queue + BAL, base as u32);
            self.write(queue + BAH, (base >> 32) as u32);
            self.write(queue + HEAD, 0);
            self.write(queue + TAIL, input.u8().into());
            self.write(queue + DCTL, DCTL_ENABLE);
        }
        let kind = [
            0x0200_0001,
            0x0200_0002,
            0x0a00_0202,
            0x0a00_0101,
            0x8000_0001,
        ];
        self.write(RX + SRRCTL, kind[usize::from(input.u8()) % kind.len()]);
        if input.u8() & 3 == 0 {
            let at = self.address(input.u16());
            self.write(TX + WBAL, at as u32 | 1);
            self.write(TX + WBAH, (at >> 32) as u32);
        }
        self.write(IVAR0, 0x8182_8081);
        self.write(IVAR_MISC, 0x82);
        for register in [EIAC, EIAM, EIMS] {
            self.write(register, 7);
        }
    }

    /// Puts descriptors of about the right form into a ring.
    pub fn post(&mut self, input: &mut Input<'_>) {
        let queue = [TX, TX + 0x100, RX][usize::from(input.u8()) % 3];
        let Some((base, count, _, tail)) = self.ring(queue) else {
            return;
        };
        let number = u32::from(input.u8() % 8);
        for at in 0..number {
            let index = (tail + at) % count;
            let place = base.wrapping_add(u64::from(index) * 16);
            if self.peek(place, 16).is_none() {
                return;
            }
            let address = self.address(input.u16());
            let mut descriptor = [0; 16];
            descriptor[..8].copy_from_slice(&address.to_le_bytes());
            let (third, fourth) = match (queue, input.u8() % 8) {
                (RX, _) => {
                    let header = self.address(input.u16());
                    (header as u32, (header >> 32) as u32)
                }
                (_, 0) => (input.u32(), input.u32()),
                (_, 1 | 2) => {
                    // A context, and where it says that headers are.
                    let lens = u32::from(input.u16()) | 100 << 16;
                    descriptor[..4].copy_from_slice(&lens.to_le_bytes());
                    let kind = u32::from(input.u8()) << 9 & 0x1c00;
                    let mss = u32::from(input.u16()) << 16 | u32::from(input.u8()) << 4;
                    (kind | 2 << 20 | 1 << 29, mss)
                }
                (_, kind) => {
                    let end = if kind > 4 { 0x0900_0000 } else { 0 };
                    let offload = u32::from(input.u8());
                    let command = end | (offload & 3) << 30 | 3 << 20 | 1 << 29;
                    let options = (offload >> 2 & 3) << 8 | (offload >> 4 & 1) << 4;
                    (command | u32::from(input.u16() & 0x7ff), options)
                }
            };
            descriptor[8..12].copy_from_slice(&third.to_le_bytes());
            descriptor[12..].copy_from_slice(&fourth.to_le_bytes());
            self.ram.set(place, &descriptor);
        }
        self.write(queue + TAIL, (tail + number) % count);
    }

    /// Posts a frame that does not end, or at last does.
    pub fn flood(&mut self, input: &mut Input<'_>) {
        let Some((base, count, _, tail)) = self.ring(TX) else {
            return;
        };
        let number = (u32::from(input.u8()) * 5 + 100).min(count - 1);
        let address = self.address(0x4000).to_le_bytes();
        let end = input.u8() & 1 != 0;
        for at in 0..number {
            let place = base.wrapping_add(u64::from((tail + at) % count) * 16);
            if self.peek(place, 16).is_none() {
                return;
            }
            let command = 1 << 29 | 3 << 20 | 8 | u32::from(end && at + 1 == number) << 24;
            self.ram.set(place, &address);
            self.ram.set(place + 8, &u64::from(command).to_le_bytes());
        }
        self.write(TX + TAIL, (tail + number) % count);
        let budget = u32::from(input.u8() & 15);
        for _ in 0..4 {
            self.transmit(0, budget, 10_000);
        }
    }

    /// Sends a frame as the driver does: context, frame, tail.
    pub fn send(&mut self, input: &mut Input<'_>) {
        let Some((base, count, _, tail)) = self.ring(TX) else {
            return;
        };
        let frame = frame(input, PEER, OWN);
        let at = self.address(0x4000);
        let place = |index: u32| base.wrapping_add(u64::from(index % count) * 16);
        let fits = self.peek(at, frame.len() as u64).is_some();
        if !fits || (0..2).any(|n| self.peek(place(tail + n), 16).is_none()) {
            return;
        }
        self.ram.set(at, &frame);
        let v4 = frame.get(12..14) == Some(&[8, 0]);
        let flags = input.u8();
        let ip_len = if v4 { 20 } else { 40 };
        let lens = 14 << 9 | ip_len | 100 << 16;
        let kind = if v4 { 0x400 } else { 0 } | u32::from(flags & 3) << 11 | 2 << 20 | 1 << 29;
        let mss = match input.u8() & 7 {
            0 => u32::from(input.u8() & 15),
            _ => u32::from(input.u16() & 0x3ff),
        };
        let mss = mss << 16 | 32 << 8;
        let mut context = Vec::new();
        for word in [lens, 0, kind, mss] {
            context.extend(u32::to_le_bytes(word));
        }
        self.ram.set(place(tail), &context);
        let command = 0x0900_0000 | 3 << 20 | 1 << 29 | u32::from(flags >> 6) << 30;
        let options = u32::from(flags >> 4 & 3) << 8;
        let mut data = at.to_le_bytes().to_vec();
        data.extend((command | frame.len() as u32).to_le_bytes());
        data.extend(options.to_le_bytes());
        self.ram.set(place(tail + 1), &data);
        self.write(TX + TAIL, (tail + 2) % count);
        let room = [10_000, 10_000, 0, 1][usize::from(input.u8() & 3)];
        self.transmit(0, 64, room);
    }
}
