// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What receive descriptors tell of a frame.

use crate::{
    bytes::{be16_at, low8, move_addresses},
    host::{Fault, Memory},
    packet::Packet,
    ring::DESCRIPTOR_LEN,
    split::Part,
};

const STATUS_DD: u32 = 1;
const STATUS_EOP: u32 = 1 << 1;
const STATUS_VP: u32 = 1 << 3;
const STATUS_UDPCS: u32 = 1 << 4;
const STATUS_TCPCS: u32 = 1 << 5;
const STATUS_IPCS: u32 = 1 << 6;
const STATUS_LB: u32 = 1 << 18;
const ERROR_IPE: u32 = 1 << 30;
const ERROR_RXE: u32 = 1 << 31;
/// Length of a VLAN tag.
pub(super) const TAG_LEN: usize = 4;

/// What the descriptors tell of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    kind: u16,
    /// Status and errors of the last descriptor.
    status: u32,
    vlan: u16,
}

impl Told {
    pub(super) fn of(frame: &[u8], checked: bool, loopback: bool) -> Self {
        let packet = Packet::of(frame);
        let mut status = match packet.ip_sound {
            Some(true) => STATUS_IPCS,
            Some(false) => STATUS_IPCS | ERROR_IPE,
            None => 0,
        };
        if checked && packet.ip_sound != Some(false) {
            status |= if packet.tcp { STATUS_TCPCS } else { 0 };
            status |= if packet.udp { STATUS_UDPCS } else { 0 };
        }
        status |= if loopback { STATUS_LB } else { 0 };
        Self {
            kind: packet.kind,
            status,
            vlan: 0,
        }
    }

    /// Takes the tag of a frame, whose addresses move over it.
    pub(super) fn strip(&mut self, frame: &mut [u8]) {
        self.vlan = be16_at(frame, 14).unwrap_or(0);
        self.status |= STATUS_VP;
        // What was accepted has a tag.
        let _ = move_addresses(frame, 0, TAG_LEN);
    }

    /// Tells that the frame is not there; a driver drops what there is of it.
    pub(super) fn fail(&mut self) {
        self.status = ERROR_RXE;
    }

    fn status(&self, part: &Part) -> u32 {
        match part.last {
            true => STATUS_DD | STATUS_EOP | self.status,
            false => STATUS_DD,
        }
    }

    pub(super) fn advanced(&self, part: &Part) -> Written {
        let [k0, k1] = self.kind.to_le_bytes();
        let [h0, h1] = part.header_info().to_le_bytes();
        let [l0, l1] = part.len().to_le_bytes();
        let [v0, v1] = self.vlan.to_le_bytes();
        Written {
            bytes: [k0, k1, h0, h1, 0, 0, 0, 0, 0, 0, 0, 0, l0, l1, v0, v1],
            status_at: 8,
            status: self.status(part),
        }
    }

    /// Length, checksum, status, errors and tag are in the second half of a legacy descriptor.
    pub(super) fn legacy(&self, part: &Part) -> Written {
        let [l0, l1] = part.len().to_le_bytes();
        let [v0, v1] = self.vlan.to_le_bytes();
        let status = self.status(part);
        Written {
            bytes: [0, 0, 0, 0, 0, 0, 0, 0, l0, l1, 0, 0, 0, 0, 0, 0],
            status_at: 12,
            status: u32::from_le_bytes([low8(status), low8(status >> 24), v0, v1]),
        }
    }
}

/// A descriptor to be written back.
pub(super) struct Written {
    bytes: [u8; DESCRIPTOR_LEN],
    status_at: u64,
    status: u32,
}

impl Written {
    /// Writes all but the status, and then that.
    pub(super) fn to<M: Memory + ?Sized>(&self, address: u64, memory: &mut M) -> Result<(), Fault> {
        memory.write(address, &self.bytes)?;
        memory.publish(address.saturating_add(self.status_at), self.status)
    }
}
