// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The validation of a descriptor, attribute by attribute.

use super::{
    entry, limit, name_ok, Attribute, Descriptor, Presented, ATTR_HEADER_LEN, ATTR_MUST,
    KEY_FEATURES_OPTIONAL, KEY_FEATURES_REQUIRED, KEY_LIMITS, KEY_MANIFEST, KEY_PRESENTED,
    KEY_PROFILE_NAME, KEY_PROFILE_UUID, KEY_PROFILE_VERSION, KEY_STREAM_MAX, LIMIT_LEN,
    MANIFEST_ENTRY_LEN, PRESENTED_IS_VF, PRESENTED_LEN,
};
use crate::{
    bytes::{all_zero, Get},
    error::{Code, Refusal},
    wire,
};

const fn bad(reason: &'static str, got: u64, want: u64) -> Refusal {
    Refusal::new(Code::BadMsg, reason, got, want)
}

/// Cuts one attribute off the front of `bytes`.
pub(super) fn split_attribute(bytes: &[u8]) -> Result<(Attribute<'_>, &[u8]), Refusal> {
    const TRUNCATED: Refusal = bad("truncated attribute", 0, 0);

    let mut get = Get::new(bytes);
    let key = get.u16().ok_or(TRUNCATED)?;
    let flags = get.u16().ok_or(TRUNCATED)?;
    let long = get.u32().ok_or(TRUNCATED)?;
    let left = get.rest().len();
    let len = usize::try_from(long)
        .ok()
        .filter(|&len| len <= left)
        .ok_or(bad("attribute length", long.into(), left as u64))?;
    let value = get.slice(len).ok_or(TRUNCATED)?;
    let padding = get.slice(wire::padded(len).saturating_sub(len)).ok_or(bad(
        "attribute padding missing",
        0,
        0,
    ))?;
    if !all_zero(padding) {
        return Err(bad("attribute padding not zero", 0, 0));
    }
    if flags & !ATTR_MUST != 0 {
        return Err(bad("attribute flags", flags.into(), ATTR_MUST.into()));
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
    manifest: Option<(&'a [u8], usize)>,
    stream_max: Option<u64>,
    unknown_must: Option<u16>,
}

impl<'a> Parts<'a> {
    /// Validates the value of `attr`, which starts at `at` of the payload, and keeps it.
    pub(super) fn take(&mut self, attr: &Attribute<'a>, at: usize) -> Result<(), Refusal> {
        let value = attr.value;
        let len = |want: usize| {
            if value.len() == want {
                Ok(Get::new(value))
            } else {
                let (got, want) = (value.len() as u64, want as u64);
                Err(bad("attribute value length", got, want))
            }
        };
        let list = |size: usize| match value.len().checked_rem(size) {
            Some(0) => Ok(value),
            _ => Err(bad("list length", value.len() as u64, size as u64)),
        };
        match attr.key {
            KEY_PRESENTED => {
                len(PRESENTED_LEN)?;
                self.presented = Some(presented(value)?);
            }
            KEY_PROFILE_UUID => self.profile_uuid = len(16)?.array(),
            KEY_PROFILE_NAME => {
                let name = core::str::from_utf8(value).ok();
                self.profile_name = name.filter(|name| name_ok(name.as_bytes()));
                if self.profile_name.is_none() {
                    return Err(bad("profile name", value.len() as u64, 64));
                }
            }
            KEY_PROFILE_VERSION => {
                let mut get = len(8)?;
                let pair = get.u32().zip(get.u32());
                let (version, min_reader) = pair.unwrap_or_default();
                if min_reader == 0 || min_reader > version {
                    return Err(bad(
                        "min_reader not within 1..=version",
                        min_reader.into(),
                        version.into(),
                    ));
                }
                self.version = pair;
            }
            KEY_FEATURES_REQUIRED => self.features_required = list(8)?,
            KEY_FEATURES_OPTIONAL => self.features_optional = list(8)?,
            KEY_LIMITS => {
                self.limits = list(LIMIT_LEN)?;
                validate_limits(self.limits)?;
            }
            KEY_MANIFEST => {
                validate_manifest(list(MANIFEST_ENTRY_LEN)?)?;
                self.manifest = Some((value, at.saturating_add(ATTR_HEADER_LEN)));
            }
            KEY_STREAM_MAX => self.stream_max = len(8)?.u64(),
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
            manifest,
            manifest_at,
            stream_max: self.stream_max.ok_or(missing(KEY_STREAM_MAX))?,
            unknown_must: self.unknown_must,
        })
    }
}

fn presented(value: &[u8]) -> Result<Presented, Refusal> {
    const SHORT: Refusal = bad("presented identity too short", 0, 16);

    let mut get = Get::new(value);
    let mut id = Presented {
        vendor: get.u16().ok_or(SHORT)?,
        device: get.u16().ok_or(SHORT)?,
        subvendor: get.u16().ok_or(SHORT)?,
        subdevice: get.u16().ok_or(SHORT)?,
        revision: get.u8().ok_or(SHORT)?,
        class: get.array().ok_or(SHORT)?,
        is_vf: false,
    };
    let flags = get.u8().ok_or(SHORT)?;
    id.is_vf = flags & PRESENTED_IS_VF != 0;
    if flags & !PRESENTED_IS_VF != 0 {
        return Err(bad("flags of the presented identity", flags.into(), 1));
    }
    if !all_zero(get.rest()) {
        return Err(bad("reserved bytes of the presented identity", 0, 0));
    }
    Ok(id)
}

fn validate_limits(value: &[u8]) -> Result<(), Refusal> {
    let mut last = None;
    for bytes in value.chunks_exact(LIMIT_LEN) {
        let limit = limit(bytes).ok_or(bad("truncated limit", 0, 0))?;
        if last >= Some(limit.id) {
            return Err(bad("limit ids not ascending", limit.id.into(), 0));
        }
        if limit.rule == 0 {
            return Err(bad("limit without a rule", limit.id.into(), 0));
        }
        if !bytes.get(3..8).is_some_and(all_zero) {
            return Err(bad("reserved bytes of a limit", limit.id.into(), 0));
        }
        last = Some(limit.id);
    }
    Ok(())
}

fn validate_manifest(value: &[u8]) -> Result<(), Refusal> {
    let mut last = wire::KIND_END;
    for bytes in value.chunks_exact(MANIFEST_ENTRY_LEN) {
        let entry = entry(bytes).ok_or(bad("truncated manifest entry", 0, 0))?;
        // Also keeps 0, DESCRIPTOR and END out, none of which is listed.
        if entry.kind <= last {
            return Err(bad(
                "manifest not ascending",
                entry.kind.into(),
                last.into(),
            ));
        }
        if entry.min_reader == 0 || entry.min_reader > entry.schema {
            return Err(bad(
                "schema_min_reader not within 1..=schema",
                entry.min_reader.into(),
                entry.schema.into(),
            ));
        }
        if entry.flags & !wire::FLAGS_MANIFEST != 0 {
            return Err(bad(
                "manifest flags",
                entry.flags.into(),
                wire::FLAGS_MANIFEST.into(),
            ));
        }
        if ![10..12, 20..24]
            .into_iter()
            .all(|range| bytes.get(range).is_some_and(all_zero))
        {
            return Err(bad("reserved bytes of the manifest", entry.kind.into(), 0));
        }
        last = entry.kind;
    }
    Ok(())
}
