// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What [`super::exercise`] makes of its bytes: numbers, frames, states; and the network that it has.

use super::frames::{completed, ethernet, ipv4, ipv6, tcp, udp};
use igbvf_model::{Full, NetHeader, Wire, SCRATCH_LEN};
use vmf::profile::igbvf_82576::State;

/// Bytes, and zeros when they are used up.
pub struct Input<'a>(pub &'a [u8]);

impl Input<'_> {
    pub fn u8(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) | u32::from(self.u16()) << 16
    }

    /// Often one of those that are near a limit.
    pub fn value(&mut self) -> u32 {
        match self.u8() {
            0 => 0,
            1 => !0,
            2 => 1 << (self.u8() % 32),
            3 => u32::from(self.u8()),
            4 => u32::from(self.u8()) << 4,
            5 => 0x0200_0000 | u32::from(self.u8()),
            6 => u32::from(self.u16()),
            _ => self.u32(),
        }
    }
}

/// How often something was reached, for a test to know that its bytes are of use.
#[derive(Clone, Copy, Default, Debug)]
pub struct Reached {
    pub sent: usize,
    pub with_checksum: usize,
    pub segmented: usize,
    pub cut: usize,
    pub tagged: usize,
    pub full: usize,
    pub received: usize,
    pub stripped: usize,
    pub no_descriptor: usize,
    pub failed: usize,
    pub loaded: usize,
    pub edited: usize,
    pub dropped: usize,
}

impl Reached {
    pub fn add(&mut self, other: Self) {
        for (sum, by) in self.all_mut().into_iter().zip({ other }.all_mut()) {
            *sum += *by;
        }
    }

    pub fn all_mut(&mut self) -> [&mut usize; 13] {
        [
            &mut self.sent,
            &mut self.with_checksum,
            &mut self.segmented,
            &mut self.cut,
            &mut self.tagged,
            &mut self.full,
            &mut self.received,
            &mut self.stripped,
            &mut self.no_descriptor,
            &mut self.failed,
            &mut self.loaded,
            &mut self.edited,
            &mut self.dropped,
        ]
    }
}

/// A network that looks at what it gets.
pub struct Judge {
    pub room: usize,
    pub frames: usize,
    pub reached: Reached,
}

impl Wire for Judge {
    fn send(&mut self, header: &NetHeader, frame: &[u8]) -> Result<(), Full> {
        self.room = self
            .room
            .checked_sub(1)
            .ok_or(Full)
            .inspect_err(|_| self.room = 0)?;
        self.frames += 1;
        self.reached.sent += 1;
        self.reached.with_checksum += usize::from(header.flags != 0);
        self.reached.segmented += usize::from(header.gso_type != 0);
        self.reached.tagged += usize::from(frame.get(12..14) == Some(&[0x81, 0]));
        assert!((14..=SCRATCH_LEN).contains(&frame.len()));
        let start = usize::from(header.csum_start);
        let offset = usize::from(header.csum_offset);
        match header.flags {
            0 => assert_eq!(*header, NetHeader::default()),
            NetHeader::NEEDS_CSUM => {
                assert!(start + offset + 2 <= frame.len());
                completed(frame, start, offset);
            }
            flags => panic!("flags {flags:#x}"),
        }
        if header.gso_type == NetHeader::GSO_NONE {
            assert_eq!((header.gso_size, header.hdr_len), (0, 0));
            return Ok(());
        }
        assert!(matches!(header.gso_type & 0x7f, 1 | 4));
        assert!(start + 20 <= header.hdr_len.into() && offset == 16);
        assert!(frame.len() > usize::from(header.hdr_len) + usize::from(header.gso_size));
        assert!(header.gso_size >= 8);
        Ok(())
    }
}

/// A frame of one of several kinds.
pub fn frame(input: &mut Input<'_>, to: [u8; 6], from: [u8; 6]) -> Vec<u8> {
    let len = usize::from(input.u16()) % 9800;
    let body: Vec<u8> = (0..len).map(|at| at as u8).collect();
    match input.u8() % 6 {
        0 => ethernet(to, from, 0x800, &ipv4(6, &tcp(input.u8(), &body))),
        1 => ethernet(to, from, 0x800, &ipv4(17, &udp(&body))),
        2 => ethernet(to, from, 0x86dd, &ipv6(6, &tcp(input.u8(), &body))),
        3 => ethernet(to, from, 0x86dd, &ipv6(17, &udp(&body))),
        4 => ethernet(to, from, input.u16(), &body),
        _ => ethernet(to, from, 0x800, &body)[..len.min(40)].to_vec(),
    }
}

/// Changes one field to something.
pub fn edit(state: &mut State, input: &mut Input<'_>) {
    let number = usize::from(input.u8() & 1);
    let rx = &mut state.rx_queue[number];
    let tx = &mut state.tx_queue[number];
    let value = input.value();
    let wide = u64::from(value) << 32 | u64::from(input.u32());
    match input.u8() % 30 {
        0 => rx.rdba = wide,
        1 => rx.rdlen = value,
        2 => rx.srrctl = value,
        3 => rx.rdh = value,
        4 => rx.rdt = value,
        5 => rx.rxdctl = value,
        6 => rx.rxctl = value,
        7 => rx.psrtype = value,
        8 => tx.tdba = wide,
        9 => tx.tdwba = wide,
        10 => tx.tdlen = value,
        11 => tx.tdh = value,
        12 => tx.tdt = value,
        13 => tx.txdctl = value,
        14 => tx.txctl = value,
        15 => state.interrupts.eims = value,
        16 => state.interrupts.eitr[number] = value,
        17 => state.interrupts.ivar = value,
        18 => state.interrupts.ivar_misc = value,
        19 => state.mailbox.vmbmem[number] = value,
        20 => {
            state.mailbox.request[number] = value;
            state.mailbox.flags |= 4;
        }
        21 => state.mailbox.r2c = value as u8,
        22 => state.mailbox.flags = value as u8,
        23 => state.filters.flags = value,
        24 => state.filters.mac[number] = value as u8,
        25 => state.filters.multicast_count = value as u16,
        26 => state.filters.max_frame = value,
        27 => state.filters.vlans[usize::from(input.u16() % 512)] = value as u8,
        28 => state.unicast.count = value,
        _ => state.statistics.gorc = value,
    }
}
