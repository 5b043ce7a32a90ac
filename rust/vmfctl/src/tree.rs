// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What decoding gives: a tree of named values with their places in the stream.

use serde_json::{json, Map, Value as Json};

/// The largest integer that every reader of JSON takes without loss.
const JSON_INT_MAX: u64 = 1 << 53;

/// How many bytes of a value are shown to people; JSON has all of them.
const SHOWN: usize = 256;

/// The value of one field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    /// An integer.
    Int(u64),
    /// An array of integers that are wider than a byte.
    Ints(Vec<u64>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A UUID.
    Uuid([u8; 16]),
}

impl Value {
    /// The value in JSON: integers are numbers up to 2^53 and decimal strings above, bytes are
    /// lower-case hexadecimal strings.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Int(value) => int_json(*value),
            Self::Ints(list) => list.iter().copied().map(int_json).collect(),
            Self::Bytes(bytes) => hex(bytes).into(),
            Self::Text(text) => text.clone().into(),
            Self::Uuid(uuid) => uuid_text(*uuid).into(),
        }
    }

    /// The value for people; `unit` says whether a number counts something.
    pub(crate) fn text(&self, unit: &str) -> String {
        let int = |value: u64| match unit {
            "" if value < 10 => value.to_string(),
            "" | "guest address" => format!("{value:#x}"),
            _ => value.to_string(),
        };
        match self {
            Self::Int(value) => int(*value),
            Self::Ints(list) => {
                let shown: Vec<_> = list.iter().take(SHOWN).copied().map(int).collect();
                match list.len() {
                    more if more > SHOWN => format!("{}... {more} in all", shown.join(" ")),
                    _ => shown.join(" "),
                }
            }
            Self::Bytes(bytes) if bytes.len() > 8 && bytes.iter().all(|byte| *byte == 0) => {
                format!("00 x {}", bytes.len())
            }
            Self::Bytes(bytes) => match bytes.split_at_checked(SHOWN) {
                Some((head, tail)) if !tail.is_empty() => {
                    format!("{}... {} bytes in all", hex(head), bytes.len())
                }
                _ => hex(bytes),
            },
            // A note in a stream must not control the terminal.
            Self::Text(text) => text.escape_debug().to_string(),
            Self::Uuid(uuid) => uuid_text(*uuid),
        }
    }
}

fn int_json(value: u64) -> Json {
    if value <= JSON_INT_MAX {
        value.into()
    } else {
        value.to_string().into()
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let nibble = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.push(nibble(byte >> 4));
        text.push(nibble(byte & 0xf));
    }
    text
}

/// The bytes that hexadecimal digits stand for.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: &u8| char::from(*digit).to_digit(16);
    let mut pairs = text.as_bytes().chunks_exact(2);
    let bytes = pairs
        .by_ref()
        .map(|pair| match pair {
            [high, low] => u8::try_from((nibble(high)? << 4) | nibble(low)?).ok(),
            _ => None,
        })
        .collect();
    if pairs.remainder().is_empty() {
        bytes
    } else {
        None
    }
}

/// The text form of a UUID.
pub(crate) fn uuid_text(uuid: [u8; 16]) -> String {
    uuid::Uuid::from_bytes(uuid).hyphenated().to_string()
}

/// One value of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    /// Its name.
    pub(crate) name: String,
    /// Where it is, in bytes from the start of the stream.
    pub(crate) offset: u64,
    /// How many bytes it has.
    pub(crate) len: usize,
    /// Its value.
    pub(crate) value: Value,
    /// What a number counts.
    pub(crate) unit: String,
    /// What it is for.
    pub(crate) meaning: String,
    /// The names of a number or of the bits that are set.
    pub(crate) names: Vec<String>,
    /// What is wrong with it.
    pub(crate) note: String,
    /// Who knows what it means, if this tool does not.
    pub(crate) known_by: String,
}

impl Leaf {
    /// Bytes without further meaning.
    pub(crate) fn bytes(name: &str, offset: u64, bytes: &[u8], meaning: &str) -> Self {
        Self {
            name: name.into(),
            offset,
            len: bytes.len(),
            value: Value::Bytes(bytes.to_vec()),
            unit: String::new(),
            meaning: meaning.into(),
            names: Vec::new(),
            note: String::new(),
            known_by: String::new(),
        }
    }

    /// Bytes of a stream of others, of which only the first are at hand if there are very many.
    pub(crate) fn start_of(name: &str, offset: u64, len: u64, start: Vec<u8>) -> Self {
        Self {
            len: usize::try_from(len).unwrap_or(usize::MAX),
            value: Value::Bytes(start),
            ..Self::bytes(name, offset, &[], "")
        }
    }

    /// The value for people, with its unit and the names of what is set.
    pub(crate) fn text(&self) -> String {
        let mut text = match &self.value {
            Value::Bytes(start) if start.len() < self.len => {
                let start = start.get(..SHOWN).unwrap_or(start);
                format!("{}... {} bytes in all", hex(start), self.len)
            }
            value => value.text(&self.unit),
        };
        if !self.unit.is_empty() {
            text = format!("{text} {}", self.unit);
        }
        if !self.names.is_empty() {
            text = format!("{text} ({})", self.names.join(", "));
        }
        text
    }

    /// The leaf in JSON.
    pub(crate) fn json(&self) -> Json {
        let mut map = Map::new();
        map.insert("offset".into(), self.offset.into());
        map.insert("size".into(), self.len.into());
        let whole = !matches!(&self.value, Value::Bytes(bytes) if bytes.len() < self.len);
        let key = if whole { "value" } else { "start" };
        map.insert(key.into(), self.value.json());
        if !self.names.is_empty() {
            map.insert("names".into(), json!(self.names));
        }
        for (key, text) in [
            ("unit", &self.unit),
            ("meaning", &self.meaning),
            ("note", &self.note),
            ("known_by", &self.known_by),
        ] {
            if !text.is_empty() {
                map.insert(key.into(), json!(text));
            }
        }
        map.into()
    }
}

/// A part of a stream.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A value.
    Leaf(Leaf),
    /// Named parts.
    Group(String, Vec<Node>),
    /// Parts in a row.
    List(String, Vec<Node>),
}

impl Node {
    /// Its name; empty for what is only counted.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Leaf(leaf) => &leaf.name,
            Self::Group(name, _) | Self::List(name, _) => name,
        }
    }

    /// The part in JSON, without its name.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Leaf(leaf) => leaf.json(),
            Self::Group(_, nodes) => members(nodes).into(),
            Self::List(_, nodes) => nodes.iter().map(Self::item_json).collect(),
        }
    }

    /// An element of a list in JSON: with its name inside, if it has one.
    fn item_json(&self) -> Json {
        let mut map = Map::new();
        if !self.name().is_empty() {
            map.insert("name".into(), self.name().into());
        }
        match self {
            Self::Group(_, nodes) => map.extend(members(nodes)),
            _ => {
                map.insert("value".into(), self.json());
            }
        }
        map.into()
    }

    /// Calls `visit` for every value with its path, e.g. `header.flags` or `entries[1].value`.
    pub(crate) fn leaves<'a>(&'a self, path: &str, visit: &mut dyn FnMut(String, &'a Leaf)) {
        let join = |name: &str| match (path, name) {
            ("", name) => name.to_string(),
            (path, "") => path.to_string(),
            (path, name) => format!("{path}.{name}"),
        };
        match self {
            Self::Leaf(leaf) => visit(join(&leaf.name), leaf),
            Self::Group(name, nodes) => {
                let path = join(name);
                nodes.iter().for_each(|node| node.leaves(&path, visit));
            }
            Self::List(name, nodes) => {
                let path = join(name);
                for (index, node) in nodes.iter().enumerate() {
                    node.leaves(&format!("{path}[{index}]"), visit);
                }
            }
        }
    }
}

/// The members of a group in JSON.
pub(crate) fn members(nodes: &[Node]) -> Map<String, Json> {
    let pairs = nodes.iter();
    pairs
        .map(|node| (node.name().to_string(), node.json()))
        .collect()
}
