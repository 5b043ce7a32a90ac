// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A profile: identity, versions, features, limits, sections.

use super::{Contract, Field};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) module: String,
    pub(crate) uuid: String,
    pub(crate) doc: String,
    pub(crate) spec: String,
    pub(crate) commit: String,
    pub(crate) contract: Contract,
    pub(crate) identity: Identity,
    pub(crate) stream_max: u32,
    pub(crate) floor: u32,
    pub(crate) versions: Vec<Version>,
    pub(crate) features: Vec<Feature>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) sections: Vec<Section>,
    pub(crate) quirks: Vec<Quirk>,
    pub(crate) reserved: Reserved,
}

impl Profile {
    /// The newest version that is published or, before that, the newest draft.
    pub(crate) fn newest(&self) -> Option<&Version> {
        let published = self.versions.iter().rev().find(|v| v.published());
        published.or(self.versions.last())
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Identity {
    pub(crate) vendor: Fixed<u16>,
    pub(crate) device: Fixed<u16>,
    pub(crate) class: Fixed<u32>,
    pub(crate) is_vf: Fixed<bool>,
    pub(crate) revision: Free,
    pub(crate) subsystem: Free,
}

/// A part of the identity that is the same for all devices of a profile.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fixed<T> {
    pub(crate) value: T,
    pub(crate) rule: Match,
    pub(crate) doc: Option<String>,
}

/// A part of the identity in which devices of a profile differ.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Free {
    pub(crate) rule: Match,
    pub(crate) doc: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Match {
    Equal,
    Any,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Version {
    pub(crate) version: u32,
    pub(crate) min_reader: u32,
    pub(crate) status: Status,
    pub(crate) doc: String,
}

impl Version {
    pub(crate) fn published(&self) -> bool {
        self.status == Status::Published
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    Draft,
    Published,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feature {
    pub(crate) bit: u16,
    pub(crate) name: String,
    pub(crate) introduced: u32,
    pub(crate) required: bool,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    pub(crate) id: u16,
    pub(crate) name: String,
    pub(crate) rule: String,
    pub(crate) value: u64,
    pub(crate) unit: Option<String>,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) id: u16,
    pub(crate) name: String,
    pub(crate) action: String,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Section {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: u32,
    pub(crate) schema: u16,
    pub(crate) min_reader: u16,
    pub(crate) introduced: u32,
    pub(crate) feature: Option<String>,
    pub(crate) critical: bool,
    pub(crate) instances: Instances,
    #[serde(default)]
    pub(crate) omit_if_zero: bool,
    pub(crate) length: u32,
    pub(crate) doc: String,
    pub(crate) fields: Vec<Field>,
    #[serde(default)]
    pub(crate) checks: Vec<Check>,
}

impl Section {
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instances {
    pub(crate) count: u32,
    pub(crate) name: Option<String>,
}

/// A condition on a payload that is not about one field alone.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "check")]
#[serde(rename_all_fields = "kebab-case")]
pub(crate) enum Check {
    NonzeroIfSet {
        field: String,
        bit_of: String,
        bit: u32,
    },
    Index {
        field: String,
        ring: String,
        unit: u32,
        bit_of: String,
        bit: u32,
        else_max: u32,
    },
    InstanceZeroOnly {
        field: String,
    },
    ZeroUnlessSet {
        field: String,
        bit_of: String,
        bit: u32,
    },
    UnicastIfSet {
        field: String,
        bit_of: String,
        bit: u32,
    },
    ZeroFrom {
        field: String,
        count: String,
    },
    Bitmap {
        field: String,
        zero_bits: Vec<u32>,
        max_set: u32,
    },
    MacList {
        field: String,
        count: String,
        size: u32,
    },
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quirk {
    pub(crate) feature: String,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reserved {
    pub(crate) types: Vec<u32>,
    pub(crate) bits: Vec<u16>,
    pub(crate) limits: Vec<u16>,
}
