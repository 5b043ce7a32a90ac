// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! How a stream of others is laid out: runs of elements and records.

use crate::{
    model::{foreign::Evidence, Flag},
    types::{ForeignContent, ForeignType},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Bytes that belong together: of a stream, or the payload of a record.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Run {
    /// Only of payloads, and there only if the records have tags.
    pub(crate) tag: Option<Tag>,
    pub(crate) name: String,
    pub(crate) content: ForeignContent,
    #[serde(default)]
    pub(crate) count: Count,
    #[serde(default)]
    pub(crate) optional: bool,
    /// Who understands it, if it is opaque.
    pub(crate) known_by: Option<String>,
    pub(crate) doc: String,
}

impl Run {
    /// Whether nothing can follow.
    pub(crate) fn takes_the_rest(&self) -> bool {
        match self.content {
            ForeignContent::Opaque | ForeignContent::Padding => true,
            _ => matches!(&self.count, Count::Text(text) if text == REST),
        }
    }
}

/// The count that goes to the end of what is around it.
pub(crate) const REST: &str = "rest";

#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Count {
    Number(u32),
    /// [`REST`], or the field of an earlier run.
    Text(String),
}

impl Default for Count {
    fn default() -> Self {
        Self::Number(1)
    }
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub(crate) enum Tag {
    Number(u64),
    Text(String),
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number:#x}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A header, and behind it a payload of which it says the length and what it is.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Records {
    pub(crate) name: String,
    pub(crate) doc: String,
    /// A structure.
    pub(crate) header: String,
    /// From the start of the header to the payload, if that is not the length of the structure.
    pub(crate) header_length: Option<Part>,
    /// Of the payload.
    pub(crate) length: Part,
    pub(crate) tag: Option<Part>,
    /// The tag of the record behind which nothing follows.
    pub(crate) end: Option<Tag>,
    /// What the driver does with a tag that it does not know.
    pub(crate) unknown: Option<String>,
    pub(crate) payloads: Vec<Run>,
    pub(crate) evidence: Vec<Evidence>,
}

/// Bits of a field, times something.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) field: String,
    #[serde(default)]
    pub(crate) shift: u32,
    /// Number of bits; all above `shift` if not given.
    pub(crate) width: Option<u32>,
    #[serde(default = "one")]
    pub(crate) times: u32,
}

const fn one() -> u32 {
    1
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Structure {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) length: u32,
    pub(crate) fields: Vec<Field>,
    pub(crate) evidence: Vec<Evidence>,
}

impl Structure {
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) offset: u32,
    #[serde(rename = "type")]
    pub(crate) ty: ForeignType,
    /// The field that says how many elements of an array mean anything.
    pub(crate) used: Option<String>,
    #[serde(default)]
    pub(crate) bits: Vec<Flag>,
    #[serde(default)]
    pub(crate) values: Vec<Named>,
    pub(crate) doc: Option<String>,
}

impl Field {
    /// What nobody gives a meaning to needs no doc.
    pub(crate) fn reserved(&self) -> bool {
        self.name.starts_with("reserved") || self.name.starts_with("padding")
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) value: u64,
    pub(crate) name: String,
    pub(crate) doc: String,
}
