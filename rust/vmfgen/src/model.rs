// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The registry in memory, as in the YAML files.
//!
//! What each part means is said by `Documentation/registry/schema.yaml`. The names and their order
//! are those of the export, too: what is left out in YAML is explicit there.

mod contract;
mod envelope;
mod profile;

pub(crate) use self::{contract::*, envelope::*, profile::*};
pub(crate) use vmf_registry::{foreign, tuple::*, Flag};

use crate::types::{Content, FieldType};
use serde::{Deserialize, Serialize};

/// All files of a registry.
#[derive(Debug)]
pub(crate) struct Registry {
    /// Of its files.
    pub(crate) schema: serde_json::Value,
    pub(crate) index: Index,
    pub(crate) container: Container,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) envelope: Envelope,
    pub(crate) tuples: Vec<Tuple>,
    pub(crate) software: Vec<Software>,
    pub(crate) device_quirks: Vec<DeviceQuirk>,
    /// Formats that others have defined.
    pub(crate) foreign: Vec<foreign::Entry>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) revision: u32,
    pub(crate) container: String,
    pub(crate) profiles: Vec<String>,
    pub(crate) envelope: String,
    pub(crate) tuples: String,
    #[serde(default)]
    pub(crate) foreign: Vec<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) major: u16,
    pub(crate) minor: u16,
    pub(crate) constants: Vec<Constant>,
    pub(crate) type_ranges: Vec<TypeRange>,
    pub(crate) section_flags: Vec<Flag>,
    pub(crate) attribute_flags: Vec<Flag>,
    pub(crate) sections: Vec<ContainerSection>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) rules: Vec<Numbered>,
    pub(crate) policy_actions: Vec<Numbered>,
    pub(crate) structures: Vec<Structure>,
    pub(crate) errors: Vec<ErrorCode>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Constant {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) ty: FieldType,
    pub(crate) value: ConstantValue,
    pub(crate) unit: Option<String>,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum ConstantValue {
    Integer(u64),
    /// Bytes in hexadecimal, with blanks between them.
    Bytes(String),
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypeRange {
    pub(crate) name: String,
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContainerSection {
    #[serde(rename = "type")]
    pub(crate) kind: u32,
    pub(crate) name: String,
    pub(crate) schema: u16,
    pub(crate) flags: Vec<String>,
    pub(crate) content: Content,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attribute {
    pub(crate) key: u16,
    pub(crate) name: String,
    pub(crate) must: bool,
    pub(crate) mandatory: bool,
    pub(crate) content: Content,
    pub(crate) compare: String,
    pub(crate) unit: Option<String>,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Numbered {
    pub(crate) id: u8,
    pub(crate) name: String,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Structure {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) length: u32,
    pub(crate) fields: Vec<Field>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) wire_name: Option<String>,
    pub(crate) offset: u32,
    #[serde(rename = "type")]
    pub(crate) ty: FieldType,
    pub(crate) unit: Option<String>,
    pub(crate) mask: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) multiple_of: Option<u64>,
    #[serde(default)]
    pub(crate) flags: Vec<Flag>,
    #[serde(default)]
    pub(crate) bits: Vec<Flag>,
    pub(crate) doc: Option<String>,
    pub(crate) spec: Option<String>,
}

impl Field {
    /// Reserved fields are 0, have no limits and need no doc.
    pub(crate) fn reserved(&self) -> bool {
        self.name.starts_with("reserved")
    }

    /// The name in documents and in C.
    pub(crate) fn wire(&self) -> &str {
        self.wire_name.as_deref().unwrap_or(&self.name)
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorCode {
    pub(crate) name: String,
    pub(crate) errno: String,
    pub(crate) number: u16,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TupleFile {
    doc: String,
    pub(crate) tuples: Vec<Tuple>,
    #[serde(default)]
    pub(crate) software: Vec<Software>,
    #[serde(default)]
    pub(crate) device_quirks: Vec<DeviceQuirk>,
}
