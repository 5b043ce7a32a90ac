// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Structures and integers of formats of others.

use std::io;

use vmf_registry::foreign::{Base, Field, Structure};

use super::{
    identify::integer,
    walk::{add, spelt, Header, Walker, START},
};
use crate::tree::{Leaf, Node, Value};

/// How many elements of one array are kept; the page table of xe has half of it at most.
const ELEMENTS: usize = 1 << 21;

impl<'r> Walker<'r, '_> {
    /// The size of an element in bytes.
    pub(super) fn size(&self, base: &Base) -> usize {
        self.identity.entry.size(base).unwrap_or(0) as usize
    }

    /// The bytes of a field in those of its structure.
    pub(super) fn slice<'b>(&self, field: &Field, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let size = usize::try_from(self.identity.entry.field_size(field)?).ok()?;
        bytes.get(field.offset as usize..)?.get(..size)
    }

    /// Decodes the structure `name` at `at`, of which `size` bytes are there.
    pub(super) fn structure(
        &mut self,
        name: &str,
        at: u64,
        size: u64,
        path: &str,
    ) -> io::Result<Vec<Node>> {
        let Some(structure) = self.identity.entry.structure(name) else {
            return Ok(Vec::new());
        };
        let len = usize::try_from(size).unwrap_or(usize::MAX);
        let bytes = self.image.read(at, len.min(structure.length as usize))?;
        self.fields(structure, &bytes, at, path)
    }

    fn fields(
        &mut self,
        structure: &'r Structure,
        bytes: &[u8],
        at: u64,
        path: &str,
    ) -> io::Result<Vec<Node>> {
        let mut nodes = Vec::new();
        let mut end = 0;
        let mut numbers = Header::new();
        for field in &structure.fields {
            let Some(slice) = self.slice(field, bytes) else {
                break;
            };
            end = (field.offset as usize).saturating_add(slice.len());
            if let Some(number) = self.single(field, bytes) {
                numbers.insert(field.name.clone(), number);
            }
            let used = field.used.as_ref().and_then(|name| numbers.get(name));
            let path = format!("{path}.{}", field.name);
            let place = at.saturating_add(field.offset.into());
            let node = self.field(field, used.copied(), slice, place, &path)?;
            nodes.extend(self.nodes.then_some(node));
        }
        if end < bytes.len() {
            let from = at.saturating_add(end as u64);
            let to = at.saturating_add(bytes.len() as u64);
            nodes.extend(self.unknown("rest", from, to, "the structure is cut off")?);
        }
        Ok(nodes)
    }

    /// The value of a field that is one integer.
    pub(super) fn single(&self, field: &Field, bytes: &[u8]) -> Option<u64> {
        let (Base::Int(_, order), None) = (&field.ty.base, field.ty.count) else {
            return None;
        };
        Some(integer(
            self.slice(field, bytes)?,
            *order,
            self.identity.big,
        ))
    }

    fn field(
        &mut self,
        field: &'r Field,
        used: Option<u64>,
        bytes: &[u8],
        at: u64,
        path: &str,
    ) -> io::Result<Node> {
        self.seen(path);
        let name = spelt(&field.name);
        let doc = field.doc.as_deref().unwrap_or("");
        let Base::Structure(structure) = &field.ty.base else {
            let mut leaf = Leaf::bytes(&name, at, bytes, doc);
            leaf.value = self.value(&field.ty.base, field.ty.count.is_none(), bytes, at, path);
            if let Value::Int(value) = leaf.value {
                let bits = field.bits.iter();
                let set = bits.filter(|bit| value.checked_shr(bit.bit).unwrap_or(0) & 1 != 0);
                let named = field.values.iter().filter(|named| named.value == value);
                let named = named.map(|named| named.name.clone());
                leaf.names = set.map(|bit| bit.name.clone()).chain(named).collect();
            }
            return Ok(Node::Leaf(leaf));
        };
        let Some(structure) = self.identity.entry.structure(structure) else {
            return Ok(Node::Leaf(Leaf::bytes(&name, at, bytes, doc)));
        };
        if field.ty.count.is_none() {
            return Ok(Node::Group(name, self.fields(structure, bytes, at, path)?));
        }
        let used = used.map_or(usize::MAX, |used| {
            usize::try_from(used).unwrap_or(usize::MAX)
        });
        let mut items = Vec::new();
        let mut at = at;
        let mut rest = bytes;
        while let Some((element, behind)) = rest.split_at_checked(structure.length.max(1) as usize)
        {
            if items.len() >= used {
                break;
            }
            let node = Node::Group(String::new(), self.fields(structure, element, at, path)?);
            items.extend(self.nodes.then_some(node));
            at = at.saturating_add(element.len() as u64);
            rest = behind;
        }
        if !rest.is_empty() {
            self.spend();
            add(&mut self.out.tally.documented, rest.len() as u64);
            let (len, start) = (rest.len() as u64, self.start(rest).to_vec());
            let leaf = Leaf::start_of("unused", at, len, start);
            let meaning = "not in use".into();
            items.push(Node::Leaf(Leaf { meaning, ..leaf }));
        }
        Ok(Node::List(name, items))
    }

    /// Decodes elements that are one behind the other; `single` if it is but one.
    fn value(&mut self, base: &Base, single: bool, bytes: &[u8], at: u64, path: &str) -> Value {
        self.spend();
        add(&mut self.out.tally.documented, bytes.len() as u64);
        let size = self.size(base).max(1);
        let Base::Int(_, order) = base else {
            let start = self.start(bytes);
            if start.len() < bytes.len() {
                return Value::Bytes(start.to_vec());
            }
            let text = until_nul(bytes);
            let padded = bytes.iter().skip(text.len()).all(|byte| *byte == 0);
            let whole = padded && bytes.starts_with(text.as_bytes());
            return match whole {
                true => Value::Text(text),
                false => Value::Bytes(bytes.to_vec()),
            };
        };
        let cost = self.cost(bytes.len() as u64, size, path);
        if !single && !self.keeps(cost) {
            self.too_many(at, path);
            return Value::Bytes(bytes.get(..START).unwrap_or(bytes).to_vec());
        }
        let big = self.identity.big;
        let chunks = bytes.chunks_exact(size);
        let list: Vec<u64> = chunks.map(|chunk| integer(chunk, *order, big)).collect();
        let facts = &mut self.out.facts;
        if facts.wanted.contains(path) {
            let places = (at..).step_by(size);
            let values = facts.values.entry(path.into()).or_default();
            values.extend(list.iter().copied().zip(places));
        }
        match list.as_slice() {
            [value] if single => Value::Int(*value),
            _ if size == 1 => Value::Bytes(bytes.to_vec()),
            _ => Value::Ints(list),
        }
    }

    /// Decodes a run of integers of `len` bytes.
    pub(super) fn integers(
        &mut self,
        (name, doc): (&str, &str),
        base: &Base,
        single: bool,
        (at, len): (u64, u64),
        path: &str,
    ) -> io::Result<Option<Node>> {
        let size = self.size(base);
        let most = ELEMENTS.saturating_mul(size);
        let wanted = self.nodes || self.out.facts.wanted.contains(path);
        let fits = single || self.affords(self.cost(len, size, path));
        match usize::try_from(len) {
            Ok(0) => Ok(None),
            Ok(len) if wanted && fits && len <= most => {
                let bytes = self.image.read(at, len)?;
                let mut leaf = Leaf::bytes(name, at, &[], doc);
                leaf.len = bytes.len();
                leaf.value = self.value(base, single, &bytes, at, path);
                Ok(self.nodes.then_some(Node::Leaf(leaf)))
            }
            // More than any driver sends: the first bytes stand for all of them.
            _ => {
                self.spend();
                self.too_many(at, path);
                self.bytes(name, at, at.saturating_add(len), doc, None)
            }
        }
    }

    /// What it takes to keep integers of `len` bytes, and to compare them.
    fn cost(&self, len: u64, size: usize, path: &str) -> u64 {
        let compared = self.out.facts.wanted.contains(path);
        let each = match (size, self.nodes) {
            (_, false) => 0,
            (1, true) => 1,
            (_, true) => size_of::<u64>(),
        };
        let each = each.saturating_add(if compared { size_of::<(u64, u64)>() } else { 0 });
        let count = len.checked_div(size as u64).unwrap_or(0);
        count.saturating_mul(each as u64)
    }

    /// Says so if what is not decoded is compared: it must not pass for accepted.
    fn too_many(&mut self, at: u64, path: &str) {
        if self.out.facts.wanted.contains(path) {
            self.damage(at, path, false, "too many values to be compared".into());
        }
    }

    /// As much of `bytes` as may be kept.
    fn start<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        match bytes.get(..START) {
            Some(start) if !self.nodes || !self.keeps(bytes.len() as u64) => start,
            _ => bytes,
        }
    }
}

/// The text in bytes that are filled up with NUL.
pub(super) fn until_nul(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or(&[]);
    String::from_utf8_lossy(text).into_owned()
}
