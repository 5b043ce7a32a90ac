// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The descriptor: what a stream says about itself and needs of its destination.
//!
//! [`Descriptor`] is validated once, by [`Descriptor::parse`], and then read without copying.
//! Whether the *content* suits a destination is the business of [`check()`](crate::check()).

mod fields;
mod parse;

pub use self::fields::DescriptorFields;
pub use crate::registry::{ConfigWord, Limit as LimitEntry, ManifestEntry, PolicyEntry, Presented};

use self::parse::{split_attribute, Parts};
use crate::{
    crc::Crc32c,
    error::{Code, Refusal},
    registry::{self, FileHeader, SectionHeader},
};

impl Presented {
    /// Returns whether the device is an SR-IOV virtual function.
    pub const fn is_vf(&self) -> bool {
        self.flags & Self::FLAGS_IS_VF != 0
    }
}

/// One attribute, undecoded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Attribute<'a> {
    /// The key, `KEY_*` or unknown.
    pub key: u16,
    /// [`ATTR_MUST`](crate::ATTR_MUST) or 0.
    pub flags: u16,
    /// The value, without padding.
    pub value: &'a [u8],
}

/// Why bytes are not a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Malformed {
    /// The offset of the attribute in the payload, in bytes.
    pub at: usize,
    /// What is wrong with it.
    pub refusal: Refusal,
}

/// A well-formed descriptor over borrowed bytes.
///
/// # Invariants
///
/// The bytes passed [`Descriptor::parse`]: attributes, lists and names are well formed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptor<'a> {
    payload: &'a [u8],
    presented: Presented,
    profile_uuid: [u8; 16],
    profile_name: &'a str,
    version: u32,
    min_reader: u32,
    features_required: &'a [u8],
    features_optional: &'a [u8],
    limits: &'a [u8],
    policies: &'a [u8],
    config: &'a [u8],
    manifest: &'a [u8],
    manifest_at: usize,
    stream_max: u64,
    unknown_must: Option<u16>,
}

impl<'a> Descriptor<'a> {
    /// Validates the payload of a DESCRIPTOR section.
    ///
    /// # Errors
    ///
    /// [`Code::BadMsg`] if an attribute is truncated, out of order, repeated, of the wrong length or
    /// with reserved bits, if its padding is not 0, or if a mandatory attribute is missing. All keys
    /// 1 to 4, 8 and 9 are mandatory.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut parts = Parts::default();
        let mut last = 0;
        let mut rest = payload;
        while !rest.is_empty() {
            // `rest` is a tail of `payload`.
            let at = payload.len().saturating_sub(rest.len());
            let malformed = |refusal| Malformed { at, refusal };
            let (attr, tail) = split_attribute(rest).map_err(malformed)?;
            if attr.key <= last {
                return Err(malformed(Refusal::new(
                    Code::BadMsg,
                    "attribute keys not ascending",
                    attr.key.into(),
                    u64::from(last).saturating_add(1),
                )));
            }
            last = attr.key;
            parts.take(&attr, at).map_err(malformed)?;
            rest = tail;
        }
        parts.finish(payload).map_err(|refusal| Malformed {
            at: payload.len(),
            refusal,
        })
    }

    /// Finds the descriptor at the start of a stream that a [`Reader`](crate::Reader) has taken, or
    /// would take so far.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`] and the headers before it; [`Code::NoData`] if it is cut off.
    pub fn of_stream(stream: &'a [u8], crc: Crc32c) -> Result<Self, Refusal> {
        const SHORT: Refusal = Refusal::new(Code::NoData, "the descriptor is cut off", 0, 0);

        let size = |len| usize::try_from(len).unwrap_or(usize::MAX);
        let header = FileHeader::open(stream.first_chunk().ok_or(SHORT)?)?;
        let section = stream.get(size(header.header_len.into())..).ok_or(SHORT)?;
        let head = section.first_chunk().ok_or(SHORT)?;
        let header = SectionHeader::open(head, crc)?;
        let payload = section.get(head.len()..).ok_or(SHORT)?;
        let payload = payload.get(..size(header.length)).ok_or(SHORT)?;
        Self::parse(payload).map_err(|malformed| malformed.refusal)
    }

    /// Returns the bytes that were parsed.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Returns the identity that the guest sees.
    pub fn presented(&self) -> Presented {
        self.presented
    }

    /// Returns the UUID of the profile, in the order of its text form.
    pub fn profile_uuid(&self) -> [u8; 16] {
        self.profile_uuid
    }

    /// Returns the name of the profile.
    pub fn profile_name(&self) -> &'a str {
        self.profile_name
    }

    /// Returns the profile version of the stream.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Returns the oldest profile version whose reader can take the stream.
    pub fn min_reader(&self) -> u32 {
        self.min_reader
    }

    /// Returns the words of required features, feature 0 in bit 0 of the first.
    pub fn features_required(&self) -> impl Iterator<Item = u64> + 'a {
        words(self.features_required)
    }

    /// Returns the words of optional features in use.
    pub fn features_optional(&self) -> impl Iterator<Item = u64> + 'a {
        words(self.features_optional)
    }

    /// Returns the limits, by ascending id.
    pub fn limits(&self) -> impl Iterator<Item = LimitEntry> + 'a {
        entries(self.limits, LimitEntry::decode)
    }

    /// Returns the digest of the host policy, by ascending id.
    pub fn policies(&self) -> impl Iterator<Item = PolicyEntry> + 'a {
        entries(self.policies, PolicyEntry::decode)
    }

    /// Returns what VMMs compare of configuration space, by ascending offset.
    pub fn config(&self) -> impl Iterator<Item = ConfigWord> + 'a {
        entries(self.config, ConfigWord::decode)
    }

    /// Returns the manifest, by ascending section type.
    pub fn manifest(&self) -> impl Iterator<Item = ManifestEntry> + 'a {
        manifest(self.manifest)
    }

    /// Returns the offset in the payload, and the length, of the manifest's bytes.
    pub(crate) fn manifest_range(&self) -> (usize, usize) {
        (self.manifest_at, self.manifest.len())
    }

    /// Returns the largest length of the stream in bytes.
    pub fn stream_max(&self) -> u64 {
        self.stream_max
    }

    /// Returns the first attribute key that is flagged [`ATTR_MUST`](crate::ATTR_MUST) and unknown to this version.
    pub fn unknown_must(&self) -> Option<u16> {
        self.unknown_must
    }

    /// Returns all attributes, by ascending key; for tools, and for provider attributes.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> {
        let mut rest = self.payload;
        core::iter::from_fn(move || {
            let (attr, tail) = split_attribute(rest).ok()?;
            rest = tail;
            Some(attr)
        })
    }
}

/// Decodes the entries of a manifest whose bytes were validated.
pub(crate) fn manifest<'a>(bytes: &'a [u8]) -> impl Iterator<Item = ManifestEntry> + 'a {
    entries(bytes, ManifestEntry::decode)
}

/// Decodes the entries of a list whose bytes were validated.
fn entries<'a, const N: usize, T: 'a>(
    bytes: &'a [u8],
    decode: fn(&[u8; N]) -> Result<T, Refusal>,
) -> impl Iterator<Item = T> + 'a {
    bytes
        .chunks_exact(N)
        .filter_map(move |entry| decode(entry.first_chunk()?).ok())
}

/// Returns whether `name` is a legal profile name.
pub(crate) fn name_ok(name: &[u8]) -> bool {
    (1..=registry::PROFILE_NAME_MAX as usize).contains(&name.len())
        && name
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
}

fn words<'a>(bytes: &'a [u8]) -> impl Iterator<Item = u64> + 'a {
    bytes
        .chunks_exact(8)
        .filter_map(|word| Some(u64::from_le_bytes(*word.first_chunk()?)))
}
