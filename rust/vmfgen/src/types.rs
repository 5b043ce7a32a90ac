// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The small languages inside of strings of the registry: types of fields, contents of sections.

pub(crate) use vmf_registry::foreign::types::{Base, ForeignContent, ForeignType, Int};

use serde::{Deserialize, Serialize};
use std::fmt;

/// The type of a field: an integer or an array of them.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct FieldType {
    pub(crate) int: Int,
    /// The number of elements of an array.
    pub(crate) count: Option<u32>,
}

impl FieldType {
    pub(crate) const fn size(self) -> u64 {
        let count = match self.count {
            Some(count) => count,
            None => 1,
        };
        self.int.size() as u64 * count as u64
    }

    pub(crate) fn bytes(self) -> bool {
        self.int == Int::U8 && self.count.is_some()
    }
}

impl TryFrom<String> for FieldType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (name, count) = match text.strip_suffix(']').and_then(|t| t.split_once('[')) {
            Some((name, count)) => (name, count.parse().ok().map(Some)),
            None => (text.as_str(), Some(None)),
        };
        match (Int::parse(name), count) {
            (Some(int), Some(count)) => Ok(Self { int, count }),
            _ => Err(format!("\"{text}\" is not a type such as u32 or u8[6]")),
        }
    }
}

impl From<FieldType> for String {
    fn from(ty: FieldType) -> Self {
        ty.to_string()
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.int.name())?;
        match self.count {
            Some(count) => write!(f, "[{count}]"),
            None => Ok(()),
        }
    }
}

/// What the payload of a section or the value of an attribute is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Content {
    Attributes,
    Uuid,
    /// The name of a profile.
    Name,
    Ascii,
    Utf8,
    Int(Int),
    Structure(String),
    ListOfStructures(String),
    ListOfInts(Int),
}

impl TryFrom<String> for Content {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.split_once(' ') {
            Some(("structure", name)) => Self::Structure(name.into()),
            Some(("list", name)) => match Int::parse(name) {
                Some(int) => Self::ListOfInts(int),
                None => Self::ListOfStructures(name.into()),
            },
            _ => match (text.as_str(), Int::parse(&text)) {
                ("attributes", _) => Self::Attributes,
                ("uuid", _) => Self::Uuid,
                ("name", _) => Self::Name,
                ("ascii", _) => Self::Ascii,
                ("utf-8", _) => Self::Utf8,
                (_, Some(int)) => Self::Int(int),
                (_, None) => return Err(format!("\"{text}\" is no known content")),
            },
        })
    }
}

impl From<Content> for String {
    fn from(content: Content) -> Self {
        content.to_string()
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attributes => f.write_str("attributes"),
            Self::Uuid => f.write_str("uuid"),
            Self::Name => f.write_str("name"),
            Self::Ascii => f.write_str("ascii"),
            Self::Utf8 => f.write_str("utf-8"),
            Self::Int(int) => f.write_str(int.name()),
            Self::Structure(name) => write!(f, "structure {name}"),
            Self::ListOfStructures(name) => write!(f, "list {name}"),
            Self::ListOfInts(int) => write!(f, "list {}", int.name()),
        }
    }
}
