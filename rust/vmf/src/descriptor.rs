// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The descriptor: what a stream says about itself and needs of its destination.
//!
//! [`Descriptor`] is validated once, by [`Descriptor::parse`], and then read without copying.
//! Whether the *content* suits a destination is the business of [`check()`](crate::check()).

mod fields;
mod parse;

pub use self::fields::DescriptorFields;

use self::parse::{split_attribute, Parts};
use crate::{
    bytes::Get,
    error::{Code, Refusal},
};

/// Attribute key: the identity that the guest sees.
pub const KEY_PRESENTED: u16 = 1;
/// Attribute key: the UUID of the profile.
pub const KEY_PROFILE_UUID: u16 = 2;
/// Attribute key: the name of the profile.
pub const KEY_PROFILE_NAME: u16 = 3;
/// Attribute key: the version of the profile and the oldest reader version that will do.
pub const KEY_PROFILE_VERSION: u16 = 4;
/// Attribute key: features that the destination has to have.
pub const KEY_FEATURES_REQUIRED: u16 = 5;
/// Attribute key: features in use that the destination may lack.
pub const KEY_FEATURES_OPTIONAL: u16 = 6;
/// Attribute key: the limits of the device.
pub const KEY_LIMITS: u16 = 7;
/// Attribute key: the sections that may follow.
pub const KEY_MANIFEST: u16 = 8;
/// Attribute key: the largest length of the stream.
pub const KEY_STREAM_MAX: u16 = 9;
/// Attribute key: a digest of the host policy.
pub const KEY_POLICY_DIGEST: u16 = 10;
/// Attribute key, provider: PCI ids of the parent device.
pub const KEY_PROVIDER_IDS: u16 = 64;
/// Attribute key, provider: the name of the driver.
pub const KEY_PROVIDER_DRIVER: u16 = 65;
/// Attribute key, provider: the version of the driver.
pub const KEY_PROVIDER_VERSION: u16 = 66;
/// Attribute key, provider: the firmware of the parent device.
pub const KEY_PROVIDER_FIRMWARE: u16 = 67;
/// Attribute key, provider: the host operating system.
pub const KEY_PROVIDER_OS: u16 = 68;

/// Attribute flag: a reader that does not know the key refuses the stream.
pub const ATTR_MUST: u16 = 1 << 0;
/// The length of an attribute header in bytes.
pub const ATTR_HEADER_LEN: usize = 8;
/// The length of the longest profile name in bytes.
pub const PROFILE_NAME_MAX: usize = 64;

/// The length of the value of [`KEY_PRESENTED`] in bytes.
pub(crate) const PRESENTED_LEN: usize = 16;
/// The length of one limit in bytes.
pub(crate) const LIMIT_LEN: usize = 16;
/// The length of one manifest entry in bytes.
pub(crate) const MANIFEST_ENTRY_LEN: usize = 24;
/// Bit 0 of the flags of [`KEY_PRESENTED`].
pub(crate) const PRESENTED_IS_VF: u8 = 1 << 0;

/// The identity that the guest sees in PCI configuration space.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Presented {
    /// The vendor id.
    pub vendor: u16,
    /// The device id.
    pub device: u16,
    /// The subsystem vendor id.
    pub subvendor: u16,
    /// The subsystem id.
    pub subdevice: u16,
    /// The revision id.
    pub revision: u8,
    /// The class code in configuration-space order: programming interface, subclass, base class.
    pub class: [u8; 3],
    /// Whether the device is an SR-IOV virtual function.
    pub is_vf: bool,
}

/// One limit as it stands in a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LimitEntry {
    /// The number of the limit in the registry of the profile.
    pub id: u16,
    /// The rule as the source states it, see [`Rule`](crate::Rule); for tools, never trusted.
    pub rule: u8,
    /// The value at the source.
    pub value: u64,
}

/// One manifest entry: a section type that may follow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ManifestEntry {
    /// The section type.
    pub kind: u32,
    /// The schema version of its payload.
    pub schema: u16,
    /// The oldest schema version whose reader can take the payload.
    pub min_reader: u16,
    /// [`FLAG_CRITICAL`](crate::FLAG_CRITICAL) and [`FLAG_VERIFY_ONLY`](crate::FLAG_VERIFY_ONLY).
    pub flags: u16,
    /// The number of instances; instances are numbered from 0.
    pub count_max: u32,
    /// The largest payload of one instance, over all its fragments, in bytes.
    pub len_max: u32,
}

/// One attribute, undecoded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Attribute<'a> {
    /// The key, `KEY_*` or unknown.
    pub key: u16,
    /// [`ATTR_MUST`] or 0.
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
    /// from [`KEY_PRESENTED`] to [`KEY_PROFILE_VERSION`], [`KEY_MANIFEST`] and [`KEY_STREAM_MAX`]
    /// are mandatory.
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
        self.limits.chunks_exact(LIMIT_LEN).filter_map(limit)
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

    /// Returns the first attribute key that is flagged [`ATTR_MUST`] and unknown to this version.
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
    bytes.chunks_exact(MANIFEST_ENTRY_LEN).filter_map(entry)
}

/// Returns whether `name` is a legal profile name.
pub(crate) fn name_ok(name: &[u8]) -> bool {
    (1..=PROFILE_NAME_MAX).contains(&name.len())
        && name
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
}

fn words<'a>(bytes: &'a [u8]) -> impl Iterator<Item = u64> + 'a {
    bytes
        .chunks_exact(8)
        .filter_map(|word| Get::new(word).u64())
}

fn limit(bytes: &[u8]) -> Option<LimitEntry> {
    let mut get = Get::new(bytes);
    let (id, rule) = (get.u16()?, get.u8()?);
    get.array::<5>()?;
    let value = get.u64()?;
    Some(LimitEntry { id, rule, value })
}

fn entry(bytes: &[u8]) -> Option<ManifestEntry> {
    let mut get = Get::new(bytes);
    let (kind, schema, min_reader, flags) = (get.u32()?, get.u16()?, get.u16()?, get.u16()?);
    get.u16()?;
    Some(ManifestEntry {
        kind,
        schema,
        min_reader,
        flags,
        count_max: get.u32()?,
        len_max: get.u32()?,
    })
}
