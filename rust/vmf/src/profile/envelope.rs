// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The envelope: the profile of a blob that only its driver understands.
//!
//! A stream takes the name of the profile, a dot and the name of a format; version, features and
//! limits are those of the format. So there is no one device of this profile:
//! [`Capabilities`](crate::Capabilities) are made by who knows the format, or has a descriptor of it.

use super::spec::{Identity, Match, Profile, SectionSpec, Version};
use crate::{
    error::{Code, Refusal},
    registry::{
        BLOB_MAX, BLOB_SCHEMA, ENVELOPE_NAME, ENVELOPE_STREAM_MAX, ENVELOPE_UUID, FLAG_CRITICAL,
        KIND_BLOB,
    },
};

/// What all envelopes have in common; identity, versions, features and limits are not.
pub static PROFILE: Profile = Profile {
    name: ENVELOPE_NAME,
    uuid: ENVELOPE_UUID,
    identity: Identity {
        vendor: 0,
        device: 0,
        class: [0; 3],
        is_vf: false,
        subsystem: Match::Equal,
        revision: Match::Equal,
    },
    floor: 1,
    versions: &[Version {
        version: 1,
        min_reader: 1,
    }],
    features: &[],
    limits: &[],
    policies: &[],
    config: &[],
    sections: &[SectionSpec {
        kind: KIND_BLOB,
        schema: BLOB_SCHEMA,
        min_reader: BLOB_SCHEMA,
        flags: FLAG_CRITICAL,
        instances: 1,
        len_max: BLOB_MAX,
        introduced: 1,
        feature: None,
        omit_if_zero: false,
        name: "blob",
    }],
    stream_max: ENVELOPE_STREAM_MAX,
    verify,
};

/// Returns the format that the name of a profile is about, if it is that of an envelope.
pub fn format(name: &str) -> Option<&str> {
    let format = name.strip_prefix(ENVELOPE_NAME)?.strip_prefix('.')?;
    (!format.is_empty()).then_some(format)
}

/// Nobody but the driver can say more.
fn verify(kind: u32, _instance: u32, _payload: &[u8]) -> Result<(), Refusal> {
    if kind == KIND_BLOB {
        return Ok(());
    }
    let got = kind.into();
    Err(Refusal::new(Code::IlSeq, "not of this profile", got, 0))
}
