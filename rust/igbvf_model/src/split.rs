// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! How a received frame is laid out over descriptors and their buffers, by SRRCTL.
//!
//! The types of descriptors that guests rely on are 1, one buffer, and 5, a header buffer first and
//! always; headers need not be recognised (clause receive), and are not: the header buffer is filled
//! first, whatever PSRTYPE has. Other types and a size of 0 are up to the provider.

use crate::bytes::{len16, parts};

/// Most descriptors that a frame takes: as many as the largest frame fills buffers of 1 KiB.
pub(crate) const DESCRIPTORS_MAX: usize = 10;
/// SRRCTL: size of the packet buffer in KiB.
const BSIZEPKT: u32 = 0x7f;
/// Size of the packet buffer if SRRCTL has none, up to the provider; in bytes.
const BSIZE_DEFAULT: usize = 2048;
/// SRRCTL: drop a frame for which there is no descriptor.
const DROP_EN: u32 = 1 << 31;

/// The layout of descriptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Legacy,
    Advanced,
}

/// What SRRCTL says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    pub(crate) format: Format,
    /// Size of a packet buffer in bytes.
    packet: usize,
    /// Size of a header buffer in bytes; 0 if there is none.
    header: usize,
    pub(crate) drop: bool,
}

/// The parts of a frame that one descriptor takes, as ranges of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// Ends here in the header buffer, having started at 0.
    pub(crate) header_end: usize,
    /// Starts here in the packet buffer.
    pub(crate) start: usize,
    /// Ends here in the packet buffer.
    pub(crate) end: usize,
    pub(crate) last: bool,
}

impl Part {
    /// Length in the packet buffer, as the descriptor tells it.
    pub(crate) fn len(&self) -> u16 {
        len16(self.end.saturating_sub(self.start))
    }

    /// The word about the header: its length in bits 14:5, and not SPH, as none was recognised.
    pub(crate) fn header_info(&self) -> u16 {
        (len16(self.header_end) & 0x3ff) << 5
    }
}

impl Layout {
    /// Decodes SRRCTL; `None` if its descriptor type is reserved.
    pub(crate) fn decode(srrctl: u32) -> Option<Self> {
        let kind = (srrctl >> 25) & 7;
        let (format, header) = match kind {
            0 => (Format::Legacy, 0),
            // Up to the provider: one buffer, as if no header was recognised.
            1..=4 => (Format::Advanced, 0),
            // BSIZEHEADER counts 64 bytes.
            5 => (Format::Advanced, (((srrctl >> 8) & 0xf) << 6) as usize),
            _ => return None,
        };
        let packet = match srrctl & BSIZEPKT {
            0 => BSIZE_DEFAULT,
            kib => (kib << 10) as usize,
        };
        Some(Self {
            format,
            packet,
            header,
            drop: srrctl & DROP_EN != 0,
        })
    }

    /// Number of descriptors that a frame of `len` bytes takes.
    pub(crate) fn descriptors(&self, len: usize) -> usize {
        let behind = len.saturating_sub(self.header);
        parts(behind, self.packet).max(1)
    }

    /// What of a frame of `len` bytes descriptor `number` takes.
    pub(crate) fn part(&self, len: usize, number: usize) -> Part {
        let header = len.min(self.header);
        let start = number.saturating_mul(self.packet).saturating_add(header);
        Part {
            header_end: if number == 0 { header } else { 0 },
            start: start.min(len),
            end: start.saturating_add(self.packet).min(len),
            last: number.saturating_add(1) == self.descriptors(len),
        }
    }
}
