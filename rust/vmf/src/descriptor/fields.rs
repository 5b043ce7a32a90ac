// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The content of a descriptor on its way out.

use super::{name_ok, ConfigWord, Descriptor, LimitEntry, ManifestEntry, Presented};
use crate::{
    bytes::Put,
    error::{Code, Refusal},
    profile::spec::{Features, Limit, SectionSpec},
    registry::{
        AttributeHeader, Version, ATTR_MUST, KEY_FEATURES_OPTIONAL, KEY_FEATURES_REQUIRED,
        KEY_LIMITS, KEY_MANIFEST, KEY_PRESENTED, KEY_PRESENTED_CONFIG, KEY_PROFILE_NAME,
        KEY_PROFILE_UUID, KEY_PROFILE_VERSION, KEY_PROVIDER_IDS, KEY_STREAM_MAX,
    },
    wire,
};

/// Takes an attribute: key, flags, length of the value, and what writes that.
type Sink<'a> = &'a mut dyn FnMut(u16, u16, usize, &dyn Fn(&mut Put<'_>));

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
    /// Features in use that the destination has to have; written even if there is none.
    pub required: Features,
    /// Features in use that the destination may lack; not written if there is none.
    pub optional: Features,
    /// The limits, by ascending id; not written if the slice is empty.
    pub limits: &'a [Limit],
    /// Sections by ascending type; those that `version` has and whose feature is in use may follow.
    pub sections: &'a [SectionSpec],
    /// The largest length of the stream in bytes.
    pub stream_max: u64,
    /// What VMMs compare of configuration space, by ascending offset; not written if empty.
    pub config: &'a [ConfigWord],
    /// Attributes that are shown and never compared: keys from [`KEY_PROVIDER_IDS`] up, ascending.
    pub provider: &'a [(u16, &'a [u8])],
}

impl DescriptorFields<'_> {
    /// Returns the exact length of the payload in bytes; a multiple of 8.
    pub fn payload_len(&self) -> usize {
        let mut total = 0usize;
        self.each(&mut |_, _, len, _| {
            let value = wire::padded(len);
            total = total
                .saturating_add(AttributeHeader::LEN)
                .saturating_add(value);
        });
        total
    }

    /// Returns the sections that may follow.
    pub fn manifest(&self) -> impl Iterator<Item = &SectionSpec> {
        let in_use = |feature| self.required.has(feature) || self.optional.has(feature);
        self.sections
            .iter()
            .filter(move |spec| spec.introduced <= self.version && spec.feature.is_none_or(in_use))
    }

    /// Encodes the payload to the start of `out` and returns its length in bytes.
    ///
    /// # Errors
    ///
    /// [`Code::MsgSize`] if the payload is over [`DESCRIPTOR_MAX`](crate::DESCRIPTOR_MAX) or does
    /// not fit `out`; [`Code::BadMsg`] if [`Descriptor::parse`] would refuse the result.
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
        if let Some((key, _)) = self.provider.first().filter(|p| p.0 < KEY_PROVIDER_IDS) {
            let (got, want) = (u64::from(*key), u64::from(KEY_PROVIDER_IDS));
            return Err(Refusal::new(Code::BadMsg, "provider key", got, want));
        }
        let mut put = Put::new(out);
        self.each(&mut |key, flags, len, value| {
            let header = AttributeHeader {
                key,
                flags,
                // A length that is cut here is over `DESCRIPTOR_MAX` and was refused.
                len: wire::len_u32(len),
            };
            put.bytes(&header.encode());
            value(&mut put);
            put.zeros(wire::padded(len).saturating_sub(len));
        });
        if put.left() != Some(0) {
            return Err(Refusal::new(Code::MsgSize, "descriptor length", 0, 0));
        }
        // What leaves here must be what a reader takes.
        match Descriptor::parse(out) {
            Ok(_) => Ok(len),
            Err(malformed) => Err(malformed.refusal),
        }
    }

    /// Goes over the attributes.
    fn each(&self, to: Sink<'_>) {
        let mut bytes = |key, value: &[u8]| {
            to(key, ATTR_MUST, value.len(), &|put| {
                put.bytes(value);
            });
        };
        bytes(KEY_PRESENTED, &self.presented.encode());
        bytes(KEY_PROFILE_UUID, &self.profile_uuid);
        bytes(KEY_PROFILE_NAME, self.profile_name.as_bytes());
        let version = Version {
            version: self.version,
            min_reader: self.min_reader,
        };
        bytes(KEY_PROFILE_VERSION, &version.encode());

        let mut features = |key, flags, words: &[u64]| {
            to(key, flags, words.len().saturating_mul(8), &|put| {
                put.u64s(words);
            });
        };
        features(KEY_FEATURES_REQUIRED, ATTR_MUST, self.required.words());
        if self.optional != Features::default() {
            features(KEY_FEATURES_OPTIONAL, 0, self.optional.words());
        }
        if !self.limits.is_empty() {
            let len = self.limits.len().saturating_mul(LimitEntry::LEN);
            to(KEY_LIMITS, ATTR_MUST, len, &|put| {
                for limit in self.limits {
                    let entry = LimitEntry {
                        id: limit.id,
                        rule: limit.rule.to_byte(),
                        value: limit.value,
                    };
                    put.bytes(&entry.encode());
                }
            });
        }
        let len = self.manifest().count().saturating_mul(ManifestEntry::LEN);
        to(KEY_MANIFEST, ATTR_MUST, len, &|put| {
            for spec in self.manifest() {
                let entry = ManifestEntry {
                    kind: spec.kind,
                    schema: spec.schema,
                    min_reader: spec.min_reader,
                    flags: spec.flags,
                    count_max: spec.instances,
                    len_max: spec.len_max,
                };
                put.bytes(&entry.encode());
            }
        });
        to(KEY_STREAM_MAX, ATTR_MUST, 8, &|put| {
            put.u64(self.stream_max);
        });
        if !self.config.is_empty() {
            let len = self.config.len().saturating_mul(ConfigWord::LEN);
            to(KEY_PRESENTED_CONFIG, 0, len, &|put| {
                for word in self.config {
                    put.bytes(&word.encode());
                }
            });
        }
        for (key, value) in self.provider {
            to(*key, 0, value.len(), &|put| {
                put.bytes(value);
            });
        }
    }
}
