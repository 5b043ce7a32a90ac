// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Bytes to named values, as the registry lays them out.
//!
//! Nothing is lost: what the registry does not name becomes `gap_N` between fields, and `rest` when
//! a payload is shorter or longer than its layout.

use vmf_registry::Flag;

use crate::{
    registry::{Field, Profile, Registry},
    tree::{Leaf, Node, Value},
};

/// The bytes that follow a structure which has a length: attributes, names of features.
const LENGTH_FIELD: &str = "len";

/// The names that apply to one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout<'r> {
    pub(crate) registry: &'r Registry,
    /// The profile of the descriptor in force, if it is known.
    pub(crate) profile: Option<&'r Profile>,
}

impl<'r> Layout<'r> {
    /// Decodes `bytes`, at stream offset `at`, as the structure `name` of the container.
    pub(crate) fn structure(&self, name: &str, bytes: &[u8], at: u64) -> Vec<Node> {
        self.fields(name, self.registry.structure(name), bytes, at)
    }

    /// Decodes `bytes`, at stream offset `at`, as `fields` of the structure `owner`.
    pub(crate) fn fields(&self, owner: &str, fields: &[Field], bytes: &[u8], at: u64) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut end = 0;
        for field in fields {
            let Some(slice) = bytes.get(field.offset..field.end()) else {
                break;
            };
            if let Some(gap) = bytes.get(end..field.offset).filter(|gap| !gap.is_empty()) {
                let name = gap_name(end);
                nodes.push(Node::Leaf(Leaf::bytes(&name, place(at, end), gap, "")));
            }
            nodes.push(Node::Leaf(self.field(
                owner,
                field,
                slice,
                place(at, field.offset),
            )));
            end = field.end();
        }
        if bytes.len() != length(fields) {
            let rest = bytes.get(end..).unwrap_or(&[]);
            let meaning = "bytes that this layout does not have";
            nodes.push(Node::Leaf(Leaf::bytes(
                "rest",
                place(at, end),
                rest,
                meaning,
            )));
        }
        nodes
    }

    fn field(&self, owner: &str, field: &Field, bytes: &[u8], offset: u64) -> Leaf {
        let list = integers(bytes, field.scalar.size());
        let (value, names) = match list.as_slice() {
            [value] if field.count.is_none() => {
                (Value::Int(*value), self.names(owner, field, *value))
            }
            _ if field.scalar.size() == 1 => (Value::Bytes(bytes.to_vec()), Vec::new()),
            _ => (Value::Ints(list), Vec::new()),
        };
        Leaf {
            value,
            names,
            unit: field.unit.clone(),
            ..Leaf::bytes(&field.name(), offset, bytes, &field.doc)
        }
    }

    /// What a number stands for.
    fn names(&self, owner: &str, field: &Field, value: u64) -> Vec<String> {
        let container = &self.registry.container;
        match (owner, field.name().as_str()) {
            ("section-header" | "manifest-entry", "type") => self.section_name(value),
            ("section-header" | "manifest-entry", "flags") => {
                bits(&mut container.section_flags.iter(), value)
            }
            ("attribute-header", "flags") => bits(&mut container.attribute_flags.iter(), value),
            ("attribute-header", "key") => {
                let key = u16::try_from(value).unwrap_or(0);
                let attribute = self.registry.attribute(key);
                attribute
                    .map(|known| known.name.clone())
                    .into_iter()
                    .collect()
            }
            ("limit", "rule") => {
                let rule = container.rules.iter().find(|rule| rule.id == value);
                rule.map(|rule| rule.name.clone()).into_iter().collect()
            }
            ("limit", "id") => {
                let limits = self.profile.into_iter().flat_map(|known| &known.limits);
                let mut named = limits.filter(|limit| limit.id == value);
                named
                    .next()
                    .map(|limit| limit.name.clone())
                    .into_iter()
                    .collect()
            }
            _ => bits(&mut field.bits(), value),
        }
    }

    fn section_name(&self, kind: u64) -> Vec<String> {
        let kind = u32::try_from(kind).unwrap_or(0);
        let section = self.registry.section(kind, self.profile);
        section
            .map(|known| known.name.clone())
            .into_iter()
            .collect()
    }

    /// Decodes a payload or a value whose layout is called `content` in the registry.
    pub(crate) fn content(&self, content: &str, unit: &str, bytes: &[u8], at: u64) -> Node {
        let leaf = |name: &str, value| {
            Node::Leaf(Leaf {
                value,
                unit: unit.into(),
                ..Leaf::bytes(name, at, bytes, "")
            })
        };
        match content.split_once(' ').unwrap_or((content, "")) {
            ("attributes", _) => Node::List("attributes".into(), self.attributes(bytes, at)),
            ("structure", name) => Node::Group("fields".into(), self.structure(name, bytes, at)),
            ("list", "u64") if bytes.len() % 8 == 0 => {
                let words = integers(bytes, 8);
                let names = self.features(&words);
                let mut node = leaf("words", Value::Ints(words));
                if let Node::Leaf(leaf) = &mut node {
                    leaf.names = names;
                }
                node
            }
            ("list", name) if !self.registry.structure(name).is_empty() => {
                Node::List("entries".into(), self.entries(name, bytes, at))
            }
            ("u64", _) if bytes.len() == 8 => {
                let value = integers(bytes, 8).first().copied().unwrap_or(0);
                leaf("number", Value::Int(value))
            }
            ("uuid", _) => match bytes.try_into() {
                Ok(uuid) => leaf("uuid", Value::Uuid(uuid)),
                Err(_) => leaf("bytes", Value::Bytes(bytes.to_vec())),
            },
            ("name" | "ascii" | "utf-8", _) => match std::str::from_utf8(bytes) {
                Ok(text) => leaf("text", Value::Text(text.into())),
                Err(_) => leaf("bytes", Value::Bytes(bytes.to_vec())),
            },
            _ => leaf("bytes", Value::Bytes(bytes.to_vec())),
        }
    }

    /// The profile that a decoded descriptor names, by its UUID or else by its name.
    pub(crate) fn profile_in(&self, payload: &Node) -> Option<&'r Profile> {
        let registry = self.registry;
        let mut found = None;
        payload.leaves("", &mut |_, leaf| {
            let named = match (leaf.name.as_str(), &leaf.value) {
                ("uuid", Value::Uuid(uuid)) => registry.profile_of(*uuid),
                ("text", Value::Text(name)) => registry.profile(name),
                _ => None,
            };
            found = found.or(named);
        });
        found
    }

    /// The names of the features whose bits are set.
    pub(crate) fn features(&self, words: &[u64]) -> Vec<String> {
        let known = self.profile.into_iter().flat_map(|known| &known.features);
        let set = known.filter(|feature| {
            let word = usize::try_from(feature.bit / 64).ok();
            let word = word.and_then(|index| words.get(index)).unwrap_or(&0);
            (word >> (feature.bit % 64)) & 1 != 0
        });
        set.map(|feature| feature.name.clone()).collect()
    }

    /// A list of structures; a structure with a `len` is followed by as many bytes and by padding.
    fn entries(&self, name: &str, bytes: &[u8], at: u64) -> Vec<Node> {
        let fields = self.registry.structure(name);
        let mut nodes = Vec::new();
        let mut start = 0;
        while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
            let at = place(at, start);
            let Some((head, tail)) = rest.split_at_checked(length(fields)) else {
                nodes.push(rest_item(rest, at));
                break;
            };
            let mut entry = self.structure(name, head, at);
            start = start.saturating_add(head.len());
            if let Some(len) = number(fields, head, LENGTH_FIELD) {
                let (text, padding) = split_padded(tail, len);
                let at = place(at, head.len());
                entry.push(self.content("ascii", "", text, at));
                push_padding(&mut entry, padding, place(at, text.len()));
                start = start
                    .saturating_add(text.len())
                    .saturating_add(padding.len());
            }
            nodes.push(Node::Group(String::new(), entry));
        }
        nodes
    }

    /// The attributes of a descriptor.
    fn attributes(&self, bytes: &[u8], at: u64) -> Vec<Node> {
        let fields = self.registry.structure("attribute-header");
        let mut nodes = Vec::new();
        let mut start = 0;
        while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
            let at = place(at, start);
            let Some((head, tail)) = rest.split_at_checked(length(fields)) else {
                nodes.push(rest_item(rest, at));
                break;
            };
            let key = number(fields, head, "key").and_then(|key| u16::try_from(key).ok());
            let known = key.and_then(|key| self.registry.attribute(key));
            let (value, padding) =
                split_padded(tail, number(fields, head, LENGTH_FIELD).unwrap_or(0));
            let value_at = place(at, head.len());
            let content = known.map_or("", |known| &known.content);
            let unit = known.map_or("", |known| &known.unit);
            let mut value_node = self.content(content, unit, value, value_at);
            if let (Node::Leaf(leaf), Some(known)) = (&mut value_node, known) {
                leaf.meaning.clone_from(&known.doc);
            }
            let header = self.structure("attribute-header", head, at);
            let mut entry = vec![Node::Group("header".into(), header), value_node];
            push_padding(&mut entry, padding, place(value_at, value.len()));
            let name = known.map_or("unknown".into(), |known| known.name.replace('-', "_"));
            nodes.push(Node::Group(name, entry));
            let len = head.len().saturating_add(value.len());
            start = start.saturating_add(len).saturating_add(padding.len());
        }
        nodes
    }
}

/// The length of a structure.
pub(crate) fn length(fields: &[Field]) -> usize {
    fields.iter().map(Field::end).max().unwrap_or(0)
}

/// The name of the bytes at `offset` of a structure that are no field.
pub(crate) fn gap_name(offset: usize) -> String {
    format!("gap_{offset}")
}

/// The value of the field `name` of a structure, if it is an integer.
pub(crate) fn number(fields: &[Field], bytes: &[u8], name: &str) -> Option<u64> {
    let field = fields.iter().find(|field| field.name() == name)?;
    let bytes = bytes.get(field.offset..field.end())?;
    integers(bytes, field.scalar.size()).first().copied()
}

/// Little-endian integers of `size` bytes each.
fn integers(bytes: &[u8], size: usize) -> Vec<u64> {
    let chunks = bytes.chunks_exact(size.max(1));
    chunks
        .map(|chunk| {
            let digits = chunk.iter().rev();
            digits.fold(0, |value, byte| (value << 8) | u64::from(*byte))
        })
        .collect()
}

fn bits(known: &mut dyn Iterator<Item = &Flag>, value: u64) -> Vec<String> {
    let set = known.filter(|bit| value.checked_shr(bit.bit).unwrap_or(0) & 1 != 0);
    set.map(|bit| bit.name.clone()).collect()
}

/// Splits `len` bytes and their padding off, as far as they are there.
fn split_padded(bytes: &[u8], len: u64) -> (&[u8], &[u8]) {
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(bytes.len());
    let (value, tail) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
    let padding = vmf::padded(len).saturating_sub(len);
    (value, tail.get(..padding).unwrap_or(tail))
}

fn push_padding(nodes: &mut Vec<Node>, padding: &[u8], at: u64) {
    if !padding.is_empty() {
        nodes.push(Node::Leaf(Leaf::bytes("padding", at, padding, "")));
    }
}

fn rest_item(rest: &[u8], at: u64) -> Node {
    let leaf = Leaf::bytes("rest", at, rest, "too short for another entry");
    Node::Group(String::new(), vec![Node::Leaf(leaf)])
}

/// A stream offset.
fn place(at: u64, offset: usize) -> u64 {
    at.saturating_add(offset as u64)
}
