// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Types and contents of formats that others have defined: C structures as a compiler has laid them
//! out, in the byte order of whichever host has written them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The size of an unsigned integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Int {
    U8,
    U16,
    U32,
    U64,
}

impl Int {
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "u8" => Self::U8,
            "u16" => Self::U16,
            "u32" => Self::U32,
            "u64" => Self::U64,
            _ => return None,
        })
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
        }
    }

    /// Size, and alignment, in bytes.
    pub const fn size(self) -> u32 {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 4,
            Self::U64 => 8,
        }
    }

    pub const fn bits(self) -> u32 {
        self.size().saturating_mul(8)
    }

    pub const fn max(self) -> u64 {
        match self {
            Self::U8 => 0xff,
            Self::U16 => 0xffff,
            Self::U32 => 0xffff_ffff,
            Self::U64 => u64::MAX,
        }
    }
}

/// The order of the bytes of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
    /// That of the host that has written it.
    Native,
}

/// What one element is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// A byte of a text that is padded with NUL.
    Char,
    Int(Int, Order),
    Structure(String),
}

impl Base {
    fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("structure ") {
            return Some(Self::Structure(name.into()));
        }
        match text {
            "u8" => return Some(Self::Int(Int::U8, Order::Little)),
            "char" => return Some(Self::Char),
            _ => {}
        }
        let (order, bits) = text.split_at_checked(2)?;
        let order = match order {
            "le" => Order::Little,
            "be" => Order::Big,
            "ne" => Order::Native,
            _ => return None,
        };
        let int = match bits {
            "16" => Int::U16,
            "32" => Int::U32,
            "64" => Int::U64,
            _ => return None,
        };
        Some(Self::Int(int, order))
    }

    /// The integer that it is, if it is one.
    pub const fn int(&self) -> Option<Int> {
        match self {
            Self::Int(int, _) => Some(*int),
            Self::Char | Self::Structure(_) => None,
        }
    }

    /// The size in bytes, unless that is a matter of a structure.
    pub const fn size(&self) -> Option<u32> {
        match self {
            Self::Char => Some(1),
            Self::Int(int, _) => Some(int.size()),
            Self::Structure(_) => None,
        }
    }

    pub fn native(&self) -> bool {
        matches!(self, Self::Int(_, Order::Native))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char => f.write_str("char"),
            Self::Structure(name) => write!(f, "structure {name}"),
            Self::Int(Int::U8, _) => f.write_str("u8"),
            Self::Int(int, order) => {
                let order = match order {
                    Order::Little => "le",
                    Order::Big => "be",
                    Order::Native => "ne",
                };
                write!(f, "{order}{}", int.bits())
            }
        }
    }
}

/// The type of a field: one element or an array of them.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ForeignType {
    pub base: Base,
    /// The number of elements of an array.
    pub count: Option<u32>,
}

impl TryFrom<String> for ForeignType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (base, count) = match text.strip_suffix(']').and_then(|t| t.split_once('[')) {
            Some((base, count)) => (base, count.parse().ok().map(Some)),
            None => (text.as_str(), Some(None)),
        };
        match (Base::parse(base), count) {
            (Some(base), Some(count)) => Ok(Self { base, count }),
            _ => Err(format!("\"{text}\" is not a type such as le32 or u8[6]")),
        }
    }
}

impl From<ForeignType> for String {
    fn from(ty: ForeignType) -> Self {
        ty.to_string()
    }
}

impl fmt::Display for ForeignType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            Some(count) => write!(f, "{}[{count}]", self.base),
            None => write!(f, "{}", self.base),
        }
    }
}

/// Types in two keys, as the export has them: that of an element, and how many there are.
pub(super) mod split {
    use super::*;
    use serde::de::Error;

    #[derive(Deserialize, Serialize)]
    struct Keys {
        #[serde(rename = "type")]
        ty: ForeignType,
        count: Option<u32>,
    }

    pub(crate) fn serialize<S: Serializer>(ty: &ForeignType, to: S) -> Result<S::Ok, S::Error> {
        let element = ForeignType {
            base: ty.base.clone(),
            count: None,
        };
        let keys = Keys {
            ty: element,
            count: ty.count,
        };
        keys.serialize(to)
    }

    /// Reads the one key of the YAML as well.
    pub(crate) fn deserialize<'de, D>(from: D) -> Result<ForeignType, D::Error>
    where
        D: Deserializer<'de>,
    {
        let Keys { ty, count } = Keys::deserialize(from)?;
        match (ty.count, count) {
            (Some(_), Some(_)) => Err(D::Error::custom(format!("count, and type {ty}"))),
            (one, other) => Ok(ForeignType {
                count: one.or(other),
                ..ty
            }),
        }
    }
}

/// What a run of bytes of a stream is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum ForeignContent {
    Empty,
    /// All bytes that are left, which somebody else understands.
    Opaque,
    /// All bytes that are left, which mean nothing.
    Padding,
    Records(String),
    Of(Base),
}

impl TryFrom<String> for ForeignContent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "empty" => Self::Empty,
            "opaque" => Self::Opaque,
            "padding" => Self::Padding,
            text => match (text.strip_prefix("records "), Base::parse(text)) {
                (Some(name), _) => Self::Records(name.into()),
                (None, Some(base)) => Self::Of(base),
                (None, None) => return Err(format!("\"{text}\" is no known content")),
            },
        })
    }
}

impl From<ForeignContent> for String {
    fn from(content: ForeignContent) -> Self {
        content.to_string()
    }
}

impl fmt::Display for ForeignContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Opaque => f.write_str("opaque"),
            Self::Padding => f.write_str("padding"),
            Self::Records(name) => write!(f, "records {name}"),
            Self::Of(base) => write!(f, "{base}"),
        }
    }
}
