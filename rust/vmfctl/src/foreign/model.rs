// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the registry says of formats of others, as far as this tool uses it; `foreign` in
//! Documentation/registry/schema.yaml explains every key.

use serde::Deserialize;

use super::host::{Fact, Feature, Ids};

/// A driver that is not of this project, and its formats.
#[derive(Deserialize, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) module: String,
    pub(crate) driver: String,
    pub(crate) retired: Option<String>,
    pub(crate) ids: Ids,
    pub(crate) offered: Vec<Fact>,
    pub(crate) features: Vec<Feature>,
    /// The release that the entry is about.
    pub(crate) release: String,
    pub(crate) formats: Vec<Format>,
    #[serde(default)]
    pub(crate) records: Vec<Records>,
    #[serde(default)]
    pub(crate) structures: Vec<Structure>,
    pub(crate) checks: Vec<Check>,
    pub(crate) properties: Vec<Property>,
    pub(crate) releases: Vec<Release>,
}

impl Entry {
    pub(crate) fn format(&self, name: &str) -> Option<&Format> {
        self.formats.iter().find(|format| format.name == name)
    }

    pub(crate) fn records(&self, name: &str) -> Option<&Records> {
        self.records.iter().find(|records| records.name == name)
    }

    pub(crate) fn structure(&self, name: &str) -> Option<&Structure> {
        self.structures.iter().find(|one| one.name == name)
    }

    pub(crate) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|one| one.name == name)
    }
}

/// One of the formats.
#[derive(Deserialize, Debug)]
pub(crate) struct Format {
    pub(crate) name: String,
    pub(crate) recognise: Recognise,
    pub(crate) stream: Vec<Run>,
}

/// How to know a stream of it.
#[derive(Deserialize, Debug)]
pub(crate) struct Recognise {
    pub(crate) certainty: Certainty,
    #[serde(default)]
    pub(crate) fields: Vec<Mark>,
    pub(crate) doc: String,
}

/// How sure that is.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Certainty {
    None,
    Likely,
    Certain,
}

impl Certainty {
    /// How a stream of a format that was named counts, or was recognised.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "named",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// A value at a place.
#[derive(Deserialize, Debug)]
pub(crate) struct Mark {
    pub(crate) offset: usize,
    #[serde(rename = "type")]
    pub(crate) base: Base,
    pub(crate) value: u64,
}

/// Bytes that belong together.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Run {
    #[serde(default)]
    pub(crate) tag: Option<Tag>,
    pub(crate) name: String,
    pub(crate) content: Content,
    pub(crate) count: Count,
    #[serde(default)]
    pub(crate) optional: bool,
    #[serde(default)]
    pub(crate) known_by: Option<String>,
    pub(crate) doc: String,
}

/// How many there are.
#[derive(Deserialize, Debug)]
#[serde(untagged)]
pub(crate) enum Count {
    Number(u64),
    /// `rest`, or the path of a field.
    Text(String),
}

/// What tells payloads apart.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(untagged)]
pub(crate) enum Tag {
    Number(u64),
    Text(String),
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number:#x}"),
            // It is from a stream, and must not control the terminal.
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// Headers, each with a payload.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Records {
    pub(crate) name: String,
    pub(crate) header: String,
    #[serde(default)]
    pub(crate) header_length: Option<Part>,
    pub(crate) length: Part,
    #[serde(default)]
    pub(crate) tag: Option<Part>,
    #[serde(default)]
    pub(crate) end: Option<Tag>,
    #[serde(default)]
    pub(crate) unknown: Option<String>,
    pub(crate) payloads: Vec<Run>,
}

/// Bits of a field.
#[derive(Deserialize, Debug)]
pub(crate) struct Part {
    pub(crate) field: String,
    pub(crate) shift: u32,
    pub(crate) width: Option<u32>,
    pub(crate) times: u64,
}

impl Part {
    /// What it makes of the value of the field.
    pub(crate) fn of(&self, value: u64) -> u64 {
        let value = value.checked_shr(self.shift).unwrap_or(0);
        let unused = 64_u32.saturating_sub(self.width.unwrap_or(64));
        let mask = u64::MAX.checked_shr(unused).unwrap_or(0);
        (value & mask).saturating_mul(self.times)
    }
}

/// Fields one behind the other.
#[derive(Deserialize, Debug)]
pub(crate) struct Structure {
    pub(crate) name: String,
    pub(crate) length: usize,
    pub(crate) fields: Vec<Field>,
}

impl Structure {
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A field; `size` is that of all elements.
#[derive(Deserialize, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) offset: usize,
    #[serde(rename = "type")]
    pub(crate) base: Base,
    pub(crate) count: Option<usize>,
    pub(crate) size: usize,
    #[serde(default)]
    pub(crate) used: Option<String>,
    #[serde(default)]
    pub(crate) bits: Vec<crate::registry::Bit>,
    #[serde(default)]
    pub(crate) values: Vec<Named>,
    #[serde(default)]
    pub(crate) doc: Option<String>,
}

/// A value that has a name.
#[derive(Deserialize, Debug)]
pub(crate) struct Named {
    pub(crate) value: u64,
    pub(crate) name: String,
}

/// The order of the bytes of an integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Little,
    Big,
    /// That of the host that has written it.
    Native,
}

/// What one element is.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(try_from = "String")]
pub(crate) enum Base {
    /// A byte of a text that is padded with NUL.
    Char,
    Int(usize, Order),
    Structure(String),
}

impl TryFrom<String> for Base {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("structure ") {
            return Ok(Self::Structure(name.into()));
        }
        Ok(match text.as_str() {
            "char" => Self::Char,
            "u8" => Self::Int(1, Order::Little),
            _ => {
                let order = match text.get(..2) {
                    Some("le") => Some(Order::Little),
                    Some("be") => Some(Order::Big),
                    Some("ne") => Some(Order::Native),
                    _ => None,
                };
                let size = match text.get(2..) {
                    Some("16") => Some(2),
                    Some("32") => Some(4),
                    Some("64") => Some(8),
                    _ => None,
                };
                match (size, order) {
                    (Some(size), Some(order)) => Self::Int(size, order),
                    _ => return Err(format!("\"{text}\" is no known type")),
                }
            }
        })
    }
}

/// What a run is made of.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(try_from = "String")]
pub(crate) enum Content {
    Empty,
    /// All bytes that are left, which somebody else understands.
    Opaque,
    /// All bytes that are left, which mean nothing.
    Padding,
    Records(String),
    Of(Base),
}

impl TryFrom<String> for Content {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match (text.as_str(), text.strip_prefix("records ")) {
            ("empty", _) => Self::Empty,
            ("opaque", _) => Self::Opaque,
            ("padding", _) => Self::Padding,
            (_, Some(name)) => Self::Records(name.into()),
            _ => Self::Of(text.try_into()?),
        })
    }
}

/// What a destination compares.
#[derive(Deserialize, Debug)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) errno: String,
    pub(crate) at: At,
    pub(crate) then: Then,
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
}

/// When it does.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum At {
    Write,
    Stop,
}

impl At {
    /// The moment in words.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Write => "in write()",
            Self::Stop => "on the way to STOP",
        }
    }
}

/// What becomes of a stream that was refused once.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Then {
    Refused,
    WritesFail,
    GoesOn,
}

impl Then {
    /// The same in words.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Refused => "nothing succeeds any more until the device is reset",
            Self::WritesFail => "later writes fail, and the way to STOP succeeds all the same",
            Self::GoesOn => "a VMM that goes on is not stopped, so that it has to heed the error",
        }
    }
}

/// One comparison.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Rule {
    #[serde(default)]
    pub(crate) formats: Vec<String>,
    pub(crate) of: Option<String>,
    #[serde(default)]
    pub(crate) one_of: Vec<u64>,
    pub(crate) at_least: Option<u64>,
    pub(crate) at_most: Option<u64>,
    pub(crate) destination: Option<Compare>,
    #[serde(default)]
    pub(crate) key: Vec<String>,
    #[serde(default)]
    pub(crate) not_below: Vec<String>,
    #[serde(default)]
    pub(crate) required: bool,
    pub(crate) known_tags: Option<String>,
    pub(crate) unless: Option<Unless>,
    pub(crate) whole: Option<String>,
    pub(crate) fits: Option<String>,
}

/// How the destination is compared.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compare {
    Equal,
    Superset,
    Listed,
}

/// The bit of a header that lets unknown tags pass.
#[derive(Deserialize, Debug)]
pub(crate) struct Unless {
    pub(crate) field: String,
    pub(crate) bit: u32,
}

/// An answer to a question that is asked of every format.
#[derive(Deserialize, Debug)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) doc: String,
}

/// A release that was looked at.
#[derive(Deserialize, Debug)]
pub(crate) struct Release {
    pub(crate) release: String,
    pub(crate) writes: Option<String>,
    pub(crate) reads: Vec<String>,
}
