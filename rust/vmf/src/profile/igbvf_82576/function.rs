// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The sections that a function has once: `interrupts`, `mailbox`, `filters`.

use super::{exact, range, reserved, within_mask, VECTORS};
use crate::{
    bytes::{Get, Put},
    error::{Code, Refusal},
};

/// [`Mailbox::r2c`]: the read-to-clear bits of `V2PMAILBOX`: RSTD, PFACK and PFSTS.
pub const MAILBOX_R2C: u8 = 0xb0;
/// [`Mailbox::flags`]: the guest holds the buffer (VFU).
pub const MAILBOX_VFU: u8 = 1 << 0;
/// [`Mailbox::flags`]: the guest has completed a `VF_RESET`, so the PF takes its messages (CTS).
pub const MAILBOX_VF_RESET_DONE: u8 = 1 << 1;
/// [`Mailbox::flags`]: the guest has sent a request and has not been given the reply.
pub const MAILBOX_REQUEST_PENDING: u8 = 1 << 2;
/// [`Filters::flags`]: [`Filters::mac`] is valid.
pub const FILTERS_MAC_VALID: u32 = 1 << 0;
/// The largest frame that the PF lets a VF receive, in bytes.
pub const MAX_FRAME: u32 = 0x2600;

/// One bit for each vector.
const VECTOR_MASK: u32 = 0x7;
/// `EITR`: all but the write-only bit 31.
const EITR_MASK: u32 = 0x7fff_ffff;
/// `VTIVAR`: in each byte VALID and a vector number.
const IVAR_MASK: u32 = 0x8383_8383;
const MAILBOX_FLAGS: u8 = MAILBOX_VFU | MAILBOX_VF_RESET_DONE | MAILBOX_REQUEST_PENDING;

const SHORT: Refusal = Refusal::new(Code::MsgSize, "section too short", 0, 0);

/// The interrupt registers.
///
/// Pending causes are not carried: the destination raises every vector once.
///
/// | offset | field | offset | field |
/// |-------:|-------|-------:|-------|
/// | 0 | `eims` u32 | 12 | `eitr` u32\[3\] |
/// | 4 | `eiac` u32 | 24 | `ivar` u32 |
/// | 8 | `eiam` u32 | 28 | `ivar_misc` u32 |
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Interrupts {
    /// The vectors that are enabled, from the writes to `VTEIMS` and `VTEIMC`; bits 0 to 2.
    pub eims: u32,
    /// `VTEIAC`: the vectors that clear automatically; bits 0 to 2.
    pub eiac: u32,
    /// `VTEIAM`: the vectors that mask automatically; bits 0 to 2.
    pub eiam: u32,
    /// `EITR`: the moderation of each vector as the guest sees it; bit 31 is 0.
    pub eitr: [u32; VECTORS],
    /// `VTIVAR`: the vectors of the queues; in each byte bit 7 (valid) and bits 1:0.
    pub ivar: u32,
    /// `VTIVAR_MISC`: the vector of the mailbox; as `ivar`.
    pub ivar_misc: u32,
}

impl Interrupts {
    /// The length of the payload in bytes.
    pub const LEN: usize = 32;

    /// Encodes the payload.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        Put::new(&mut out)
            .u32(self.eims)
            .u32(self.eiac)
            .u32(self.eiam)
            .u32s(&self.eitr)
            .u32(self.ivar)
            .u32(self.ivar_misc);
        out
    }

    /// Decodes and validates a payload.
    ///
    /// # Errors
    ///
    /// [`Code::MsgSize`] if the length is not [`Self::LEN`]; else as [`Self::validate`].
    pub fn decode(payload: &[u8]) -> Result<Self, Refusal> {
        let mut get = Get::new(exact::<{ Self::LEN }>(payload)?);
        let interrupts = Self {
            eims: get.u32().ok_or(SHORT)?,
            eiac: get.u32().ok_or(SHORT)?,
            eiam: get.u32().ok_or(SHORT)?,
            eitr: get.u32s().ok_or(SHORT)?,
            ivar: get.u32().ok_or(SHORT)?,
            ivar_misc: get.u32().ok_or(SHORT)?,
        };
        interrupts.validate()?;
        Ok(interrupts)
    }

    /// Checks the ranges of all fields.
    ///
    /// # Errors
    ///
    /// [`Code::Range`] if a field has a bit that it cannot have.
    pub fn validate(&self) -> Result<(), Refusal> {
        within_mask("eims", self.eims, VECTOR_MASK)?;
        within_mask("eiac", self.eiac, VECTOR_MASK)?;
        within_mask("eiam", self.eiam, VECTOR_MASK)?;
        for eitr in self.eitr {
            within_mask("eitr", eitr, EITR_MASK)?;
        }
        within_mask("ivar", self.ivar, IVAR_MASK)?;
        within_mask("ivar_misc", self.ivar_misc, IVAR_MASK)
    }
}

/// The mailbox between VF and PF, possibly in the middle of an exchange.
///
/// | offset | field | offset | field |
/// |-------:|-------|-------:|-------|
/// | 0 | `vmbmem` u32\[16\] | 65 | `flags` u8 |
/// | 64 | `r2c` u8 | 66 | reserved, 6 bytes |
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Mailbox {
    /// `VMBMEM`: the message buffer.
    pub vmbmem: [u32; 16],
    /// The bits of [`MAILBOX_R2C`] that the guest is still to read.
    pub r2c: u8,
    /// `MAILBOX_*` flags.
    pub flags: u8,
}

impl Mailbox {
    /// The length of the payload in bytes.
    pub const LEN: usize = 72;

    /// Encodes the payload.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        Put::new(&mut out)
            .u32s(&self.vmbmem)
            .u8(self.r2c)
            .u8(self.flags)
            .zeros(6);
        out
    }

    /// Decodes and validates a payload.
    ///
    /// # Errors
    ///
    /// [`Code::MsgSize`] if the length is not [`Self::LEN`]; [`Code::BadMsg`] if reserved bytes or
    /// flags are not 0; else as [`Self::validate`].
    pub fn decode(payload: &[u8]) -> Result<Self, Refusal> {
        let mut get = Get::new(exact::<{ Self::LEN }>(payload)?);
        let mailbox = Self {
            vmbmem: get.u32s().ok_or(SHORT)?,
            r2c: get.u8().ok_or(SHORT)?,
            flags: get.u8().ok_or(SHORT)?,
        };
        reserved(get.u16().ok_or(SHORT)?.into())?;
        reserved(get.u32().ok_or(SHORT)?.into())?;
        mailbox.validate()?;
        Ok(mailbox)
    }

    /// Checks the ranges of all fields.
    ///
    /// # Errors
    ///
    /// [`Code::Range`] if `r2c` has a bit that is not read-to-clear; [`Code::BadMsg`] if a flag is
    /// unknown.
    pub fn validate(&self) -> Result<(), Refusal> {
        within_mask("r2c", self.r2c.into(), MAILBOX_R2C.into())?;
        reserved((self.flags & !MAILBOX_FLAGS).into())
    }
}

/// What the PF filters for this VF, learnt from the mailbox.
///
/// | offset | field | offset | field |
/// |-------:|-------|-------:|-------|
/// | 0 | `flags` u32 | 10 | reserved u16 |
/// | 4 | `mac` u8\[6\] | 12 | `max_frame` u32 |
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Filters {
    /// [`FILTERS_MAC_VALID`] or 0.
    pub flags: u32,
    /// The MAC address that the VF uses; all 0 if it is not valid.
    pub mac: [u8; 6],
    /// The largest frame, from `SET_LPE`, in bytes, up to [`MAX_FRAME`]; 0 if never set.
    pub max_frame: u32,
}

impl Filters {
    /// The length of the payload in bytes.
    pub const LEN: usize = 16;

    /// Encodes the payload.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        Put::new(&mut out)
            .u32(self.flags)
            .bytes(&self.mac)
            .u16(0)
            .u32(self.max_frame);
        out
    }

    /// Decodes and validates a payload.
    ///
    /// # Errors
    ///
    /// [`Code::MsgSize`] if the length is not [`Self::LEN`]; [`Code::BadMsg`] if reserved bytes or
    /// flags are not 0; else as [`Self::validate`].
    pub fn decode(payload: &[u8]) -> Result<Self, Refusal> {
        let mut get = Get::new(exact::<{ Self::LEN }>(payload)?);
        let flags = get.u32().ok_or(SHORT)?;
        let mac = get.array().ok_or(SHORT)?;
        reserved(get.u16().ok_or(SHORT)?.into())?;
        let filters = Self {
            flags,
            mac,
            max_frame: get.u32().ok_or(SHORT)?,
        };
        filters.validate()?;
        Ok(filters)
    }

    /// Returns the MAC address, if it is valid.
    pub fn mac(&self) -> Option<[u8; 6]> {
        (self.flags & FILTERS_MAC_VALID != 0).then_some(self.mac)
    }

    /// Checks the ranges of all fields.
    ///
    /// # Errors
    ///
    /// [`Code::Range`] if a valid address is 0 or multicast, an invalid one not 0, or the frame too
    /// large; [`Code::BadMsg`] if a flag is unknown.
    pub fn validate(&self) -> Result<(), Refusal> {
        reserved((self.flags & !FILTERS_MAC_VALID).into())?;
        let [first, ..] = self.mac;
        let zero = self.mac == [0; 6];
        match self.mac() {
            Some(_) if zero || first & 1 != 0 => return Err(range("mac", first.into(), 0)),
            None if !zero => return Err(range("mac without its flag", first.into(), 0)),
            _ => {}
        }
        if self.max_frame > MAX_FRAME {
            let (got, want) = (self.max_frame.into(), MAX_FRAME.into());
            return Err(range("max_frame", got, want));
        }
        Ok(())
    }
}
