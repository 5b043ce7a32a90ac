// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A data descriptor of the advanced format.

use crate::{
    bytes::{le32_at, le64_at},
    offload::Request,
    ring::DESCRIPTOR_LEN,
};

pub(super) const CMD_EOP: u32 = 1 << 24;
pub(super) const CMD_RS: u32 = 1 << 27;
const CMD_DEXT: u32 = 1 << 29;
const CMD_VLE: u32 = 1 << 30;
const CMD_TSE: u32 = 1 << 31;
const DTYP: u32 = 0xf << 20;
pub(super) const DTYP_CONTEXT: u32 = 2 << 20;
pub(super) const DTYP_DATA: u32 = 3 << 20;
const POPTS_IXSM: u32 = 1 << 8;
const POPTS_TXSM: u32 = 1 << 9;
/// The bit of IDX that tells two contexts apart.
const IDX: u32 = 1 << 4;

/// A data descriptor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data {
    pub(super) address: u64,
    pub(super) command: u32,
    pub(super) options: u32,
}

impl Data {
    pub(super) fn decode(descriptor: &[u8; DESCRIPTOR_LEN]) -> Self {
        Self {
            address: le64_at(descriptor, 0).unwrap_or(0),
            command: le32_at(descriptor, 8).unwrap_or(0),
            options: le32_at(descriptor, 12).unwrap_or(0),
        }
    }

    pub(super) fn has(&self, bit: u32) -> bool {
        self.command & bit != 0
    }

    pub(super) fn is(&self, kind: u32) -> bool {
        self.has(CMD_DEXT) && self.command & DTYP == kind
    }

    pub(super) fn request(&self) -> Request {
        Request {
            segment: self.has(CMD_TSE),
            checksum: self.options & POPTS_TXSM != 0,
            ip_checksum: self.options & POPTS_IXSM != 0,
            tag: self.has(CMD_VLE),
        }
    }
}

/// The number of the context that the last word of a descriptor names.
pub(super) fn context_index(word: u32) -> usize {
    usize::from(word & IDX != 0)
}
