// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Profile `vf.net.igbvf-82576`: the virtual function of the Intel 82576, as the guest sees it.
//!
//! **Draft** until the registry publishes version 1: `filters` is to grow VLANs, multicast,
//! promiscuity and further unicast addresses. Nothing here may change after that.
//!
//! State is in terms of the VF's own register map: never relative to the PF, never dependent on the
//! number of the VF. All integers are little-endian, all reserved fields 0. A full stream has every
//! section, in every instance, in the order of [`SECTIONS`].
//!
//! ```
//! use vmf::profile::igbvf_82576 as igbvf;
//!
//! # fn crc(crc: u32, data: &[u8]) -> u32 { crc32c::crc32c_append(crc, data) }
//! # fn main() -> Result<(), vmf::Refusal> {
//! let caps = igbvf::capabilities(igbvf::PRESENTED);
//! let mut buf = [0; igbvf::TOTAL_LEN];
//! let mut writer = vmf::Writer::new(&mut buf, crc)?;
//! writer.descriptor(&caps.fields())?;
//! assert_eq!(writer.len(), igbvf::INITIAL_LEN);
//! igbvf::State::default().write(&mut writer)?;
//! assert_eq!(writer.end()?, igbvf::TOTAL_LEN);
//!
//! let mut memory = [0; 8192];
//! assert!(caps.buffer_len() <= memory.len());
//! let mut reader = vmf::Reader::new(caps, crc, &mut memory[..]);
//! let mut loader = igbvf::Loader::default();
//! for piece in buf.chunks(100) {
//!     reader.feed(piece, &mut loader).unwrap();
//! }
//! assert!(reader.complete());
//! assert_eq!(loader.state(), Some(&igbvf::State::default()));
//! # Ok(())
//! # }
//! ```

mod function;
mod queues;
mod state;

pub use self::{
    function::{
        Filters, Interrupts, Mailbox, FILTERS_MAC_VALID, MAILBOX_R2C, MAILBOX_REQUEST_PENDING,
        MAILBOX_VFU, MAILBOX_VF_RESET_DONE, MAX_FRAME,
    },
    queues::{RxQueue, TxQueue, DESCRIPTOR_SIZE, QUEUE_ENABLE, RING_LEN_MAX, RXDCTL_SWFLSH},
    state::{Loader, State},
};

use crate::{
    capabilities::{Capabilities, Limit, Limits, Match, Rule, SectionSpec, FEATURE_WORDS},
    descriptor::Presented,
    error::{Code, Refusal},
    wire,
};

/// The UUID of the profile: `58bc0add-fe7f-40a8-a167-bafa521ab699`.
pub const UUID: [u8; 16] = [
    0x58, 0xbc, 0x0a, 0xdd, 0xfe, 0x7f, 0x40, 0xa8, 0xa1, 0x67, 0xba, 0xfa, 0x52, 0x1a, 0xb6, 0x99,
];
/// The name of the profile.
pub const NAME: &str = "vf.net.igbvf-82576";
/// The newest version of the profile.
pub const VERSION: u32 = 1;
/// The oldest version whose reader can take a stream of [`VERSION`].
pub const MIN_READER: u32 = 1;
/// The oldest version that can be read.
pub const FLOOR: u32 = 1;
/// The largest stream in bytes.
pub const STREAM_MAX: u64 = 65536;

/// Section type of an [`RxQueue`].
pub const KIND_RX_QUEUE: u32 = 0x10001;
/// Section type of a [`TxQueue`].
pub const KIND_TX_QUEUE: u32 = 0x10002;
/// Section type of [`Interrupts`].
pub const KIND_INTERRUPTS: u32 = 0x10003;
/// Section type of a [`Mailbox`].
pub const KIND_MAILBOX: u32 = 0x10004;
/// Section type of [`Filters`].
pub const KIND_FILTERS: u32 = 0x10005;

/// The number of receive queues, and of transmit queues.
pub const QUEUES: usize = 2;
/// The number of MSI-X vectors.
pub const VECTORS: usize = 3;

/// Limit: the number of receive queues.
pub const LIMIT_RX_QUEUES: u16 = 1;
/// Limit: the number of transmit queues.
pub const LIMIT_TX_QUEUES: u16 = 2;
/// Limit: the number of MSI-X vectors.
pub const LIMIT_MSIX_VECTORS: u16 = 3;

/// The identity of the VF as QEMU presents it; the subsystem is the board's and not compared.
pub const PRESENTED: Presented = Presented {
    vendor: 0x8086,
    device: 0x10ca,
    subvendor: 0x1af4,
    subdevice: 0x1100,
    revision: 1,
    class: [0x00, 0x00, 0x02],
    is_vf: true,
};

/// The sections, by ascending type.
pub const SECTIONS: &[SectionSpec] = &[
    spec(KIND_RX_QUEUE, 2, RxQueue::LEN, "rx-queue"),
    spec(KIND_TX_QUEUE, 2, TxQueue::LEN, "tx-queue"),
    spec(KIND_INTERRUPTS, 1, Interrupts::LEN, "interrupts"),
    spec(KIND_MAILBOX, 1, Mailbox::LEN, "mailbox"),
    spec(KIND_FILTERS, 1, Filters::LEN, "filters"),
];

/// The limits, by ascending id, of a device that has all the profile allows.
pub const LIMITS: [Limit; 3] = [
    limit(LIMIT_RX_QUEUES, Rule::Le, QUEUES, "rx-queues"),
    limit(LIMIT_TX_QUEUES, Rule::Le, QUEUES, "tx-queues"),
    limit(LIMIT_MSIX_VECTORS, Rule::Equal, VECTORS, "msix-vectors"),
];

/// The length of the descriptor payload, without provider attributes, in bytes.
pub const DESCRIPTOR_LEN: usize = {
    let attributes = 24 + 24 + 32 + 16 + 16 + 16;
    attributes + 8 + LIMITS.len() * 16 + 8 + SECTIONS.len() * 24
};
/// The length of file header and DESCRIPTOR, without provider attributes, in bytes.
pub const INITIAL_LEN: usize = wire::preamble_len(DESCRIPTOR_LEN);
/// The exact length of a stream, without provider attributes, in bytes.
pub const TOTAL_LEN: usize = wire::stream_len(
    DESCRIPTOR_LEN,
    &[
        RxQueue::LEN,
        RxQueue::LEN,
        TxQueue::LEN,
        TxQueue::LEN,
        Interrupts::LEN,
        Mailbox::LEN,
        Filters::LEN,
    ],
);

const _: () = assert!(TOTAL_LEN as u64 <= STREAM_MAX);
const _: () = assert!(INITIAL_LEN <= wire::PREAMBLE_MAX);

/// Returns the capabilities of a device that has all the profile allows.
///
/// A device with less lowers its limits with [`Limits::set`].
pub fn capabilities(presented: Presented) -> Capabilities {
    Capabilities {
        presented,
        subsystem: Match::Any,
        revision: Match::Equal,
        profile_uuid: UUID,
        profile_name: NAME,
        version: VERSION,
        min_reader: MIN_READER,
        floor: FLOOR,
        features: [0; FEATURE_WORDS],
        limits: Limits::new(LIMITS),
        sections: SECTIONS,
        stream_max: STREAM_MAX,
    }
}

// The lengths are those of the structures above.
#[allow(clippy::cast_possible_truncation)]
const fn spec(kind: u32, instances: u32, len: usize, name: &'static str) -> SectionSpec {
    SectionSpec {
        kind,
        schema: 1,
        min_reader: 1,
        flags: wire::FLAG_CRITICAL,
        instances,
        len_max: len as u32,
        name,
    }
}

const fn limit(id: u16, rule: Rule, value: usize, name: &'static str) -> Limit {
    Limit {
        id,
        rule,
        value: value as u64,
        name,
    }
}

/// Refuses a value of the state.
const fn range(reason: &'static str, got: u64, want: u64) -> Refusal {
    Refusal::new(Code::Range, reason, got, want)
}

/// Requires that `got` has no bits outside of `mask`.
fn within_mask(reason: &'static str, got: u32, mask: u32) -> Result<(), Refusal> {
    if got & !mask == 0 {
        Ok(())
    } else {
        Err(range(reason, got.into(), mask.into()))
    }
}

/// Requires that a reserved field is 0.
fn reserved(got: u64) -> Result<(), Refusal> {
    if got == 0 {
        Ok(())
    } else {
        Err(Refusal::new(Code::BadMsg, "reserved field", got, 0))
    }
}

/// Requires that a payload has its fixed length.
fn exact<const N: usize>(payload: &[u8]) -> Result<&[u8; N], Refusal> {
    <&[u8; N]>::try_from(payload).map_err(|_| {
        let (got, want) = (payload.len() as u64, N as u64);
        Refusal::new(Code::MsgSize, "section length", got, want)
    })
}
