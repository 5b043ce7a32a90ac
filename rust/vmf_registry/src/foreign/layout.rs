// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! How a stream of others is laid out: runs of elements and records.

use super::{split, Evidence, ForeignContent, ForeignType};
use crate::Flag;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Bytes that belong together: of a stream, or the payload of a record.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    /// Only of payloads, and there only if the records have tags.
    pub tag: Option<Tag>,
    pub name: String,
    pub content: ForeignContent,
    #[serde(default)]
    pub count: Count,
    #[serde(default)]
    pub optional: bool,
    /// Who understands it, if it is opaque.
    pub known_by: Option<String>,
    pub doc: String,
}

impl Run {
    /// Whether nothing can follow.
    pub fn takes_the_rest(&self) -> bool {
        match self.content {
            ForeignContent::Opaque | ForeignContent::Padding => true,
            _ => matches!(&self.count, Count::Text(text) if text == REST),
        }
    }
}

/// The count that goes to the end of what is around it.
pub const REST: &str = "rest";

#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Count {
    Number(u32),
    /// [`REST`], or the field of an earlier run.
    Text(String),
}

impl Default for Count {
    fn default() -> Self {
        Self::Number(1)
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Tag {
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
#[serde(rename_all = "kebab-case")]
pub struct Records {
    pub name: String,
    pub doc: String,
    /// A structure.
    pub header: String,
    /// From the start of the header to the payload, if that is not the length of the structure.
    pub header_length: Option<Part>,
    /// Of the payload.
    pub length: Part,
    pub tag: Option<Part>,
    /// The tag of the record behind which nothing follows.
    pub end: Option<Tag>,
    /// What the driver does with a tag that it does not know.
    pub unknown: Option<String>,
    pub payloads: Vec<Run>,
    pub evidence: Vec<Evidence>,
}

/// Bits of a field, times something.
#[derive(Debug, Deserialize, Serialize)]
pub struct Part {
    pub field: String,
    #[serde(default)]
    pub shift: u32,
    /// Number of bits; all above `shift` if not given.
    pub width: Option<u32>,
    #[serde(default = "one")]
    pub times: u32,
}

impl Part {
    /// What it makes of the value of the field.
    pub fn of(&self, value: u64) -> u64 {
        let value = value.checked_shr(self.shift).unwrap_or(0);
        let unused = 64_u32.saturating_sub(self.width.unwrap_or(64));
        let mask = u64::MAX.checked_shr(unused).unwrap_or(0);
        (value & mask).saturating_mul(self.times.into())
    }
}

const fn one() -> u32 {
    1
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Structure {
    pub name: String,
    pub doc: String,
    pub length: u32,
    pub fields: Vec<Field>,
    pub evidence: Vec<Evidence>,
}

impl Structure {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Field {
    pub name: String,
    pub offset: u32,
    #[serde(flatten, with = "split")]
    pub ty: ForeignType,
    /// The field that says how many elements of an array mean anything.
    pub used: Option<String>,
    #[serde(default)]
    pub bits: Vec<Flag>,
    #[serde(default)]
    pub values: Vec<Named>,
    pub doc: Option<String>,
}

impl Field {
    /// What nobody gives a meaning to needs no doc.
    pub fn reserved(&self) -> bool {
        self.name.starts_with("reserved") || self.name.starts_with("padding")
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Named {
    pub value: u64,
    pub name: String,
    pub doc: String,
}
