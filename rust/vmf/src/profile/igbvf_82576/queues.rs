// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The sections `rx-queue` and `tx-queue`.

use super::{exact, range, reserved, within_mask};
use crate::{
    bytes::{Get, Put},
    error::{Code, Refusal},
};

/// `RXDCTL` and `TXDCTL`: the queue is enabled.
pub const QUEUE_ENABLE: u32 = 1 << 25;
/// `RXDCTL`: software flush, an action and so never state.
pub const RXDCTL_SWFLSH: u32 = 1 << 26;
/// The largest ring in bytes.
pub const RING_LEN_MAX: u32 = 0xfff80;
/// The size of a descriptor in bytes.
pub const DESCRIPTOR_SIZE: u32 = 16;

/// The granularity of the ring length in bytes.
const RING_LEN_UNIT: u32 = 128;
/// The bits of a ring base that the device does not hold.
const RING_BASE_ZERO: u64 = 0x1f;
/// The widest head or tail.
const INDEX_MASK: u32 = 0xffff;

const SHORT: Refusal = Refusal::new(Code::MsgSize, "section too short", 0, 0);

/// One receive queue.
///
/// | offset | field | offset | field |
/// |-------:|-------|-------:|-------|
/// | 0 | `rdba` u64 | 24 | `rxdctl` u32 |
/// | 8 | `rdlen` u32 | 28 | `rxctl` u32 |
/// | 12 | `srrctl` u32 | 32 | `psrtype` u32 |
/// | 16 | `rdh` u32 | 36 | reserved u32 |
/// | 20 | `rdt` u32 | | |
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RxQueue {
    /// `RDBAH` and `RDBAL`: the guest's address of the ring, a multiple of 32.
    pub rdba: u64,
    /// `RDLEN`: the ring in bytes, a multiple of 128 up to [`RING_LEN_MAX`]; 0 if unused.
    pub rdlen: u32,
    /// `SRRCTL`: buffer sizes and descriptor type.
    pub srrctl: u32,
    /// `RDH`: the next descriptor that the device takes.
    pub rdh: u32,
    /// `RDT`: the first descriptor that the device must not take.
    pub rdt: u32,
    /// `RXDCTL`: thresholds and [`QUEUE_ENABLE`]; [`RXDCTL_SWFLSH`] is 0.
    pub rxdctl: u32,
    /// `RXCTL`: what the guest last wrote; for direct cache access.
    pub rxctl: u32,
    /// `PSRTYPE`: what the guest last wrote; there is one in a VF, in instance 0. Else 0.
    pub psrtype: u32,
}

impl RxQueue {
    /// The length of the payload in bytes.
    pub const LEN: usize = 40;

    /// Encodes the payload.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        Put::new(&mut out)
            .u64(self.rdba)
            .u32(self.rdlen)
            .u32(self.srrctl)
            .u32(self.rdh)
            .u32(self.rdt)
            .u32(self.rxdctl)
            .u32(self.rxctl)
            .u32(self.psrtype)
            .u32(0);
        out
    }

    /// Decodes and validates a payload.
    ///
    /// # Errors
    ///
    /// [`Code::MsgSize`] if the length is not [`Self::LEN`]; [`Code::BadMsg`] if the reserved field
    /// is not 0; else as [`Self::validate`].
    pub fn decode(payload: &[u8]) -> Result<Self, Refusal> {
        let mut get = Get::new(exact::<{ Self::LEN }>(payload)?);
        let queue = Self {
            rdba: get.u64().ok_or(SHORT)?,
            rdlen: get.u32().ok_or(SHORT)?,
            srrctl: get.u32().ok_or(SHORT)?,
            rdh: get.u32().ok_or(SHORT)?,
            rdt: get.u32().ok_or(SHORT)?,
            rxdctl: get.u32().ok_or(SHORT)?,
            rxctl: get.u32().ok_or(SHORT)?,
            psrtype: get.u32().ok_or(SHORT)?,
        };
        reserved(get.u32().ok_or(SHORT)?.into())?;
        queue.validate()?;
        Ok(queue)
    }

    /// Returns whether the queue is enabled.
    pub fn enabled(&self) -> bool {
        self.rxdctl & QUEUE_ENABLE != 0
    }

    /// Checks the ranges of all fields.
    ///
    /// # Errors
    ///
    /// [`Code::Range`] if a field is out of its range: head and tail are below the number of
    /// descriptors if the queue is enabled, which takes a ring, and else below 65536.
    pub fn validate(&self) -> Result<(), Refusal> {
        base("rdba", self.rdba)?;
        ring_len("rdlen", self.rdlen)?;
        within_mask("rxdctl", self.rxdctl, !RXDCTL_SWFLSH)?;
        if self.enabled() && self.rdlen == 0 {
            return Err(range("rdlen of an enabled queue", 0, RING_LEN_UNIT.into()));
        }
        index("rdh", self.rdh, self.rdlen, self.enabled())?;
        index("rdt", self.rdt, self.rdlen, self.enabled())
    }
}

/// One transmit queue.
///
/// | offset | field | offset | field |
/// |-------:|-------|-------:|-------|
/// | 0 | `tdba` u64 | 24 | `tdt` u32 |
/// | 8 | `tdwba` u64 | 28 | `txdctl` u32 |
/// | 16 | `tdlen` u32 | 32 | `txctl` u32 |
/// | 20 | `tdh` u32 | 36 | reserved u32 |
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct TxQueue {
    /// `TDBAH` and `TDBAL`: the guest's address of the ring, a multiple of 32.
    pub tdba: u64,
    /// `TDWBAH` and `TDWBAL`: the guest's address of the head write-back, a multiple of 4; bit 0
    /// enables it, bit 1 ties it to the interrupt throttle.
    pub tdwba: u64,
    /// `TDLEN`: the ring in bytes, a multiple of 128 up to [`RING_LEN_MAX`]; 0 if unused.
    pub tdlen: u32,
    /// `TDH`: the next descriptor that the device takes.
    pub tdh: u32,
    /// `TDT`: the first descriptor that the device must not take.
    pub tdt: u32,
    /// `TXDCTL`: thresholds and [`QUEUE_ENABLE`].
    pub txdctl: u32,
    /// `TXCTL`: for direct cache access.
    pub txctl: u32,
}

impl TxQueue {
    /// The length of the payload in bytes.
    pub const LEN: usize = 40;

    /// Encodes the payload.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        Put::new(&mut out)
            .u64(self.tdba)
            .u64(self.tdwba)
            .u32(self.tdlen)
            .u32(self.tdh)
            .u32(self.tdt)
            .u32(self.txdctl)
            .u32(self.txctl)
            .u32(0);
        out
    }

    /// Decodes and validates a payload.
    ///
    /// # Errors
    ///
    /// [`Code::MsgSize`] if the length is not [`Self::LEN`]; [`Code::BadMsg`] if the reserved field
    /// is not 0; else as [`Self::validate`].
    pub fn decode(payload: &[u8]) -> Result<Self, Refusal> {
        let mut get = Get::new(exact::<{ Self::LEN }>(payload)?);
        let queue = Self {
            tdba: get.u64().ok_or(SHORT)?,
            tdwba: get.u64().ok_or(SHORT)?,
            tdlen: get.u32().ok_or(SHORT)?,
            tdh: get.u32().ok_or(SHORT)?,
            tdt: get.u32().ok_or(SHORT)?,
            txdctl: get.u32().ok_or(SHORT)?,
            txctl: get.u32().ok_or(SHORT)?,
        };
        reserved(get.u32().ok_or(SHORT)?.into())?;
        queue.validate()?;
        Ok(queue)
    }

    /// Returns whether the queue is enabled.
    pub fn enabled(&self) -> bool {
        self.txdctl & QUEUE_ENABLE != 0
    }

    /// Checks the ranges of all fields.
    ///
    /// # Errors
    ///
    /// [`Code::Range`] if a field is out of its range: head and tail are below the number of
    /// descriptors if the queue is enabled, which takes a ring, and else below 65536.
    pub fn validate(&self) -> Result<(), Refusal> {
        base("tdba", self.tdba)?;
        ring_len("tdlen", self.tdlen)?;
        if self.enabled() && self.tdlen == 0 {
            return Err(range("tdlen of an enabled queue", 0, RING_LEN_UNIT.into()));
        }
        index("tdh", self.tdh, self.tdlen, self.enabled())?;
        index("tdt", self.tdt, self.tdlen, self.enabled())
    }
}

fn base(reason: &'static str, got: u64) -> Result<(), Refusal> {
    if got & RING_BASE_ZERO == 0 {
        Ok(())
    } else {
        Err(range(reason, got, !RING_BASE_ZERO))
    }
}

fn ring_len(reason: &'static str, got: u32) -> Result<(), Refusal> {
    if got % RING_LEN_UNIT == 0 && got <= RING_LEN_MAX {
        Ok(())
    } else {
        Err(range(reason, got.into(), RING_LEN_MAX.into()))
    }
}

fn index(reason: &'static str, got: u32, ring_len: u32, enabled: bool) -> Result<(), Refusal> {
    let count = ring_len / DESCRIPTOR_SIZE;
    let max = if enabled {
        count.saturating_sub(1)
    } else {
        INDEX_MASK
    };
    if got <= max {
        Ok(())
    } else {
        Err(range(reason, got.into(), max.into()))
    }
}
