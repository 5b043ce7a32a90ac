// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The validation of a descriptor, attribute by attribute.

use super::{
    name_ok, Attribute, ConfigWord, Descriptor, LimitEntry, ManifestEntry, PolicyEntry, Presented,
};
use crate::{
    bytes::{all_zero, Get},
    error::{Code, Refusal},
    registry::{
        self, AttributeHeader, Version, ATTR_FLAGS_KNOWN, ATTR_MUST, KEY_FEATURES_OPTIONAL,
        KEY_FEATURES_REQUIRED, KEY_LIMITS, KEY_MANIFEST, KEY_POLICY_DIGEST, KEY_PRESENTED,
        KEY_PRESENTED_CONFIG, KEY_PROFILE_NAME, KEY_PROFILE_UUID, KEY_PROFILE_VERSION,
        KEY_PROVIDER_IDS, KEY_PROVIDER_OS, KEY_STREAM_MAX,
    },
    wire,
};

const fn bad(reason: &'static str, got: u64, want: u64) -> Refusal {
    Refusal::new(Code::BadMsg, reason, got, want)
}

/// Cuts one attribute off the front of `bytes`.
pub(super) fn split_attribute(bytes: &[u8]) -> Result<(Attribute<'_>, &[u8]), Refusal> {
    const TRUNCATED: Refusal = bad("truncated attribute", 0, 0);

    let mut get = Get::new(bytes);
    let header = AttributeHeader::decode(&get.array().ok_or(TRUNCATED)?);
    let left = get.rest().len();
    let len = usize::try_from(header.len)
        .ok()
        .filter(|&len| len <= left)
        .ok_or(bad("attribute length", header.len.into(), left as u64))?;
    let value = get.slice(len).ok_or(TRUNCATED)?;
    let padding = get.slice(wire::padded(len).saturating_sub(len)).ok_or(bad(
        "attribute padding missing",
        0,
        0,
    ))?;
    if !all_zero(padding) {
        return Err(bad("attribute padding not zero", 0, 0));
    }
    let AttributeHeader { key, flags, .. } = header;
    if flags & !ATTR_FLAGS_KNOWN != 0 {
        let known = ATTR_FLAGS_KNOWN.into();
        return Err(bad("attribute flags", flags.into(), known));
    }
    Ok((Attribute { key, flags, value }, get.rest()))
}

/// The attributes found so far.
#[derive(Default)]
pub(super) struct Parts<'a> {
    presented: Option<Presented>,
    profile_uuid: Option<[u8; 16]>,
    profile_name: Option<&'a str>,
    version: Option<(u32, u32)>,
    features_required: &'a [u8],
    features_optional: &'a [u8],
    limits: &'a [u8],
    policies: &'a [u8],
    config: &'a [u8],
    manifest: Option<(&'a [u8], usize)>,
    stream_max: Option<u64>,
    unknown_must: Option<u16>,
}

impl<'a> Parts<'a> {
    /// Validates the value of `attr`, which starts at `at` of the payload, and keeps it.
    pub(super) fn take(&mut self, attr: &Attribute<'a>, at: usize) -> Result<(), Refusal> {
        let value = attr.value;
        let list = |size: usize| match value.len().checked_rem(size) {
            Some(0) => Ok(value),
            _ => Err(bad("list length", value.len() as u64, size as u64)),
        };
        match attr.key {
            KEY_PRESENTED => self.presented = Some(Presented::decode(exact(value)?)?),
            KEY_PROFILE_UUID => self.profile_uuid = Some(*exact(value)?),
            KEY_PROFILE_NAME => {
                let name = core::str::from_utf8(value).ok();
                self.profile_name = name.filter(|name| name_ok(name.as_bytes()));
                if self.profile_name.is_none() {
                    let max = registry::PROFILE_NAME_MAX.into();
                    return Err(bad("profile name", value.len() as u64, max));
                }
            }
            KEY_PROFILE_VERSION => {
                let Version {
                    version,
                    min_reader,
                } = Version::decode(exact(value)?);
                if min_reader == 0 || min_reader > version {
                    return Err(bad(
                        "min_reader not within 1..=version",
                        min_reader.into(),
                        version.into(),
                    ));
                }
                self.version = Some((version, min_reader));
            }
            KEY_FEATURES_REQUIRED => self.features_required = list(8)?,
            KEY_FEATURES_OPTIONAL => self.features_optional = list(8)?,
            KEY_LIMITS => {
                self.limits = list(LimitEntry::LEN)?;
                validate_limits(self.limits)?;
            }
            KEY_POLICY_DIGEST => {
                self.policies = list(PolicyEntry::LEN)?;
                validate_policies(self.policies)?;
            }
            KEY_PRESENTED_CONFIG => {
                self.config = list(ConfigWord::LEN)?;
                validate_config(self.config)?;
            }
            KEY_MANIFEST => {
                validate_manifest(list(ManifestEntry::LEN)?)?;
                self.manifest = Some((value, at.saturating_add(AttributeHeader::LEN)));
            }
            KEY_STREAM_MAX => self.stream_max = Some(u64::from_le_bytes(*exact(value)?)),
            KEY_PROVIDER_IDS..=KEY_PROVIDER_OS => {}
            _ if attr.flags & ATTR_MUST != 0 && self.unknown_must.is_none() => {
                self.unknown_must = Some(attr.key);
            }
            _ => {}
        }
        Ok(())
    }

    /// Requires the mandatory attributes.
    pub(super) fn finish(self, payload: &'a [u8]) -> Result<Descriptor<'a>, Refusal> {
        let missing = |key: u16| bad("mandatory attribute missing", 0, key.into());

        // INVARIANT: All attributes went through `split_attribute` and `take`.
        let (version, min_reader) = self.version.ok_or(missing(KEY_PROFILE_VERSION))?;
        let (manifest, manifest_at) = self.manifest.ok_or(missing(KEY_MANIFEST))?;
        Ok(Descriptor {
            payload,
            presented: self.presented.ok_or(missing(KEY_PRESENTED))?,
            profile_uuid: self.profile_uuid.ok_or(missing(KEY_PROFILE_UUID))?,
            profile_name: self.profile_name.ok_or(missing(KEY_PROFILE_NAME))?,
            version,
            min_reader,
            features_required: self.features_required,
            features_optional: self.features_optional,
            limits: self.limits,
            policies: self.policies,
            config: self.config,
            manifest,
            manifest_at,
            stream_max: self.stream_max.ok_or(missing(KEY_STREAM_MAX))?,
            unknown_must: self.unknown_must,
        })
    }
}

/// Requires that a value has its fixed length.
fn exact<const N: usize>(value: &[u8]) -> Result<&[u8; N], Refusal> {
    <&[u8; N]>::try_from(value)
        .map_err(|_| bad("attribute value length", value.len() as u64, N as u64))
}

/// Cuts a list into entries.
fn entries<const N: usize>(list: &[u8]) -> impl Iterator<Item = &[u8; N]> {
    list.chunks_exact(N).filter_map(|entry| entry.first_chunk())
}

fn validate_limits(list: &[u8]) -> Result<(), Refusal> {
    let mut last = None;
    for entry in entries(list) {
        let LimitEntry { id, rule, .. } = LimitEntry::decode(entry)?;
        if last >= Some(id) {
            return Err(bad("limit ids not ascending", id.into(), 0));
        }
        if rule == 0 {
            return Err(bad("limit without a rule", id.into(), 0));
        }
        last = Some(id);
    }
    Ok(())
}

fn validate_policies(list: &[u8]) -> Result<(), Refusal> {
    let mut last = None;
    for entry in entries(list) {
        let PolicyEntry { id, action, .. } = PolicyEntry::decode(entry)?;
        if last >= Some(id) {
            return Err(bad("policy ids not ascending", id.into(), 0));
        }
        if action == 0 {
            return Err(bad("policy without an action", id.into(), 0));
        }
        last = Some(id);
    }
    Ok(())
}

fn validate_config(list: &[u8]) -> Result<(), Refusal> {
    const LAST: u16 = 0xffc;

    let mut last = None;
    for entry in entries(list) {
        let ConfigWord { offset, .. } = ConfigWord::decode(entry)?;
        if last >= Some(offset) {
            return Err(bad("configuration words not ascending", offset.into(), 0));
        }
        if offset > LAST || offset & 3 != 0 {
            return Err(bad(
                "offset of a configuration word",
                offset.into(),
                LAST.into(),
            ));
        }
        last = Some(offset);
    }
    Ok(())
}

fn validate_manifest(list: &[u8]) -> Result<(), Refusal> {
    let mut last = registry::KIND_END;
    for entry in entries(list) {
        let entry = ManifestEntry::decode(entry)?;
        let (schema, min_reader) = (entry.schema.into(), entry.min_reader.into());
        // Also keeps 0, DESCRIPTOR and END out, none of which is listed.
        if entry.kind <= last {
            let (got, want) = (entry.kind.into(), last.into());
            return Err(bad("manifest not ascending", got, want));
        }
        if entry.min_reader == 0 || entry.min_reader > entry.schema {
            let reason = "schema_min_reader not within 1..=schema";
            return Err(bad(reason, min_reader, schema));
        }
        if entry.flags & !wire::FLAGS_MANIFEST != 0 {
            let (got, want) = (entry.flags.into(), wire::FLAGS_MANIFEST.into());
            return Err(bad("manifest flags", got, want));
        }
        last = entry.kind;
    }
    Ok(())
}
