// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The content of a descriptor on its way out.

use super::{
    name_ok, Presented, ATTR_HEADER_LEN, ATTR_MUST, KEY_FEATURES_OPTIONAL, KEY_FEATURES_REQUIRED,
    KEY_LIMITS, KEY_MANIFEST, KEY_PRESENTED, KEY_PROFILE_NAME, KEY_PROFILE_UUID,
    KEY_PROFILE_VERSION, KEY_PROVIDER_IDS, KEY_STREAM_MAX, LIMIT_LEN, MANIFEST_ENTRY_LEN,
    PRESENTED_IS_VF, PRESENTED_LEN,
};
use crate::{
    bytes::Put,
    capabilities::{Limit, SectionSpec},
    error::{Code, Refusal},
    wire,
};

/// What a descriptor says, for [`Writer::descriptor`](crate::Writer::descriptor).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DescriptorFields<'a> {
    /// The identity that the guest sees.
    pub presented: Presented,
    /// The UUID of the profile.
    pub profile_uuid: [u8; 16],
    /// The name of the profile: 1 to 64 of `a-z`, `0-9`, `.` and `-`.
    pub profile_name: &'a str,
    /// The profile version of the stream.
    pub version: u32,
    /// The oldest profile version whose reader can take the stream.
    pub min_reader: u32,
    /// Required features; the attribute is written even if there is none.
    pub features_required: &'a [u64],
    /// Optional features in use; no attribute is written if the slice is empty.
    pub features_optional: &'a [u64],
    /// The limits, by ascending id; no attribute is written if the slice is empty.
    pub limits: &'a [Limit],
    /// The sections that may follow, by ascending type.
    pub sections: &'a [SectionSpec],
    /// The largest length of the stream in bytes.
    pub stream_max: u64,
    /// Attributes that are shown and never compared: keys from [`KEY_PROVIDER_IDS`] up, ascending.
    pub provider: &'a [(u16, &'a [u8])],
}

/// The length of an attribute in the payload.
const fn attr_len(value_len: usize) -> usize {
    wire::padded(value_len).saturating_add(ATTR_HEADER_LEN)
}

/// The length of the payload with the given sizes and no provider attributes.
const fn payload_len(name: usize, required: usize, optional: usize, rest: [usize; 2]) -> usize {
    let [limits, sections] = rest;
    let mut len = attr_len(PRESENTED_LEN)
        .saturating_add(attr_len(16))
        .saturating_add(attr_len(name))
        .saturating_add(attr_len(8))
        .saturating_add(attr_len(required.saturating_mul(8)))
        .saturating_add(attr_len(sections.saturating_mul(MANIFEST_ENTRY_LEN)))
        .saturating_add(attr_len(8));
    if optional != 0 {
        len = len.saturating_add(attr_len(optional.saturating_mul(8)));
    }
    if limits != 0 {
        len = len.saturating_add(attr_len(limits.saturating_mul(LIMIT_LEN)));
    }
    len
}

impl DescriptorFields<'_> {
    /// Returns the exact length of the payload in bytes; a multiple of 8.
    pub const fn payload_len(&self) -> usize {
        let mut len = payload_len(
            self.profile_name.len(),
            self.features_required.len(),
            self.features_optional.len(),
            [self.limits.len(), self.sections.len()],
        );
        let mut provider = self.provider;
        while let Some(((_, value), rest)) = provider.split_first() {
            len = len.saturating_add(attr_len(value.len()));
            provider = rest;
        }
        len
    }

    /// Encodes the payload to the start of `out` and returns its length in bytes.
    ///
    /// # Errors
    ///
    /// [`Code::MsgSize`] if the payload is over [`DESCRIPTOR_MAX`](crate::DESCRIPTOR_MAX) or does
    /// not fit `out`; [`Code::BadMsg`] if [`Descriptor::parse`](crate::Descriptor::parse) would
    /// refuse the result.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Refusal> {
        let len = self.payload_len();
        let max = out.len().min(wire::DESCRIPTOR_MAX);
        let out = out.get_mut(..len).filter(|_| len <= max);
        let out = out.ok_or(Refusal::new(
            Code::MsgSize,
            "descriptor length",
            len as u64,
            max as u64,
        ))?;
        if !name_ok(self.profile_name.as_bytes()) {
            return Err(Refusal::new(Code::BadMsg, "profile name", 0, 0));
        }
        let mut put = Put::new(out);
        self.put(&mut put);
        if put.left() != Some(0) {
            return Err(Refusal::new(Code::MsgSize, "descriptor length", 0, 0));
        }
        if let Some((key, _)) = self.provider.first().filter(|p| p.0 < KEY_PROVIDER_IDS) {
            let (got, want) = (u64::from(*key), u64::from(KEY_PROVIDER_IDS));
            return Err(Refusal::new(Code::BadMsg, "provider key", got, want));
        }
        // What leaves here must be what a reader takes.
        match super::Descriptor::parse(out) {
            Ok(_) => Ok(len),
            Err(malformed) => Err(malformed.refusal),
        }
    }

    fn put(&self, put: &mut Put<'_>) {
        let id = &self.presented;
        attr(put, KEY_PRESENTED, ATTR_MUST, PRESENTED_LEN)
            .u16(id.vendor)
            .u16(id.device)
            .u16(id.subvendor)
            .u16(id.subdevice)
            .u8(id.revision)
            .bytes(&id.class)
            .u8(if id.is_vf { PRESENTED_IS_VF } else { 0 })
            .zeros(3);
        attr(put, KEY_PROFILE_UUID, ATTR_MUST, 16).bytes(&self.profile_uuid);
        let name = self.profile_name.as_bytes();
        attr(put, KEY_PROFILE_NAME, ATTR_MUST, name.len()).bytes(name);
        pad(put, name.len());
        attr(put, KEY_PROFILE_VERSION, ATTR_MUST, 8)
            .u32(self.version)
            .u32(self.min_reader);
        words(
            put,
            KEY_FEATURES_REQUIRED,
            ATTR_MUST,
            self.features_required,
        );
        if !self.features_optional.is_empty() {
            words(put, KEY_FEATURES_OPTIONAL, 0, self.features_optional);
        }
        if !self.limits.is_empty() {
            let len = self.limits.len().saturating_mul(LIMIT_LEN);
            attr(put, KEY_LIMITS, ATTR_MUST, len);
            for limit in self.limits {
                put.u16(limit.id)
                    .u8(limit.rule.to_byte())
                    .zeros(5)
                    .u64(limit.value);
            }
        }
        let len = self.sections.len().saturating_mul(MANIFEST_ENTRY_LEN);
        attr(put, KEY_MANIFEST, ATTR_MUST, len);
        for section in self.sections {
            put.u32(section.kind)
                .u16(section.schema)
                .u16(section.min_reader)
                .u16(section.flags)
                .u16(0)
                .u32(section.instances)
                .u32(section.len_max)
                .u32(0);
        }
        attr(put, KEY_STREAM_MAX, ATTR_MUST, 8).u64(self.stream_max);
        for (key, value) in self.provider {
            attr(put, *key, 0, value.len()).bytes(value);
            pad(put, value.len());
        }
    }
}

/// Writes the header of an attribute whose value has `len` bytes.
fn attr<'p, 'a>(put: &'p mut Put<'a>, key: u16, flags: u16, len: usize) -> &'p mut Put<'a> {
    // A length that is cut here is over `DESCRIPTOR_MAX` and was refused.
    put.u16(key)
        .u16(flags)
        .u32(u32::try_from(len).unwrap_or(u32::MAX))
}

fn words(put: &mut Put<'_>, key: u16, flags: u16, words: &[u64]) {
    attr(put, key, flags, words.len().saturating_mul(8));
    for &word in words {
        put.u64(word);
    }
}

fn pad(put: &mut Put<'_>, len: usize) {
    put.zeros(wire::padded(len).saturating_sub(len));
}
