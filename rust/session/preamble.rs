// SPDX-License-Identifier: GPL-2.0

//! The start of a stream, which does not depend on the device being stopped.

use super::{
    to_errno,
    Format,
    CRC, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*, //
};
use vmf::{
    profile::Carried,
    registry::End,
    Features,
    Position,
    Refusal,
    Writer, //
};

/// The start of a stream: file header and descriptors.
pub(crate) struct Preamble {
    at: Position,
    version: u32,
    /// The features that the descriptor in force speaks of.
    announced: Features,
}

impl Preamble {
    /// Starts a stream, to be read in PRE_COPY or shown in sysfs; returns its bytes as well.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EOPNOTSUPP`]: the version to write has no words for a feature in use, see `refused`.
    pub(crate) fn new<S: Carried>(
        format: &Format<S>,
        used: &Features,
        refused: impl FnOnce(Refusal),
    ) -> Result<(Self, KVVec<u8>)> {
        let version = format.target();
        let config = format.config();
        let fields = match format.fields(version, used, &config) {
            Ok(fields) => fields,
            Err(refusal) => {
                refused(refusal);
                return Err(EOPNOTSUPP);
            }
        };
        let mut bytes = KVVec::new();
        bytes.resize(
            vmf::preamble_len(fields.payload_len()),
            0,
            GFP_KERNEL_ACCOUNT,
        )?;
        let mut writer = Writer::new(&mut bytes, CRC).map_err(to_errno)?;
        writer.descriptor(&fields).map_err(to_errno)?;
        let at = writer.position();

        Ok((
            Self {
                at,
                version,
                announced: *used,
            },
            bytes,
        ))
    }

    /// Returns the stream with another descriptor, if the guest has begun to use what the last one
    /// does not speak of. A feature that is not used any more stays in it: the destination is asked
    /// for more than is needed, and the number of descriptors is limited.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EOPNOTSUPP`]: as for [`Self::new()`].
    pub(crate) fn renew<S: Carried>(
        &self,
        format: &Format<S>,
        used: &Features,
        stream: &[u8],
        refused: impl FnOnce(Refusal),
    ) -> Result<Option<(Self, KVVec<u8>)>> {
        if self.announced.covers(used) {
            return Ok(None);
        }
        let mut all = self.announced;
        for (all, used) in all.0.iter_mut().zip(used.0) {
            *all |= used;
        }
        let config = format.config();
        let fields = match format.fields(self.version, &all, &config) {
            Ok(fields) => fields,
            Err(refusal) => {
                refused(refusal);
                return Err(EOPNOTSUPP);
            }
        };
        let mut bytes = KVVec::new();
        bytes.extend_from_slice(stream, GFP_KERNEL_ACCOUNT)?;
        let len = bytes.len() + vmf::section_len(fields.payload_len());
        bytes.resize(len, 0, GFP_KERNEL_ACCOUNT)?;
        let mut writer = Writer::resume(&mut bytes, CRC, self.at).map_err(to_errno)?;
        writer.descriptor(&fields).map_err(to_errno)?;
        let at = writer.position();

        Ok(Some((
            Self {
                at,
                version: self.version,
                announced: all,
            },
            bytes,
        )))
    }

    /// Writes the rest of the stream, behind what there is of it.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EOPNOTSUPP`]: a value is out of the ranges of the profile, see `refused`.
    pub(crate) fn finish<S: Carried>(
        &self,
        state: &S,
        stream: &[u8],
        refused: impl FnOnce(Refusal),
    ) -> Result<KVVec<u8>> {
        let mut bytes = KVVec::new();
        bytes.extend_from_slice(stream, GFP_KERNEL_ACCOUNT)?;
        let len = bytes.len() + S::LEN_MAX + vmf::section_len(End::LEN);
        bytes.resize(len, 0, GFP_KERNEL_ACCOUNT)?;

        let mut write = || -> core::result::Result<usize, Refusal> {
            let mut writer = Writer::resume(&mut bytes, CRC, self.at)?;
            state.write(self.version, &mut writer)?;
            writer.end()
        };
        match write() {
            Ok(len) => {
                bytes.truncate(len);
                Ok(bytes)
            }
            Err(refusal) => {
                refused(refusal);
                Err(EOPNOTSUPP)
            }
        }
    }
}
