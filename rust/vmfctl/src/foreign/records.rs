// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Records: headers, each with a payload behind it, which may be records again.

use std::io;

use vmf_registry::foreign::{Base, Part, Records, Run, Tag};

use super::{
    fields::until_nul,
    walk::{spelt, Header, Walker},
};
use crate::tree::{Leaf, Node};

/// How deep records may be in records.
const DEPTH: usize = 16;

impl<'r> Walker<'r, '_> {
    pub(super) fn records(
        &mut self,
        run: &'r Run,
        records: &'r Records,
        mut at: u64,
        end: u64,
        path: &str,
    ) -> io::Result<(Option<Node>, u64)> {
        let name = spelt(&run.name);
        if self.depth >= DEPTH {
            self.damage(at, path, false, "records in records in records".into());
            return Ok((self.unknown(&name, at, end, "not decoded")?, end));
        }
        self.depth = self.depth.saturating_add(1);
        let count = self.count(run);
        let mut done = 0_u64;
        let mut items = Vec::new();
        while count.is_none_or(|count| done < count) && at < end {
            if !self.goes_on(at) {
                items.extend(self.unknown("rest", at, end, "not decoded")?);
                at = end;
                break;
            }
            let (item, next, last) = self.record(records, at, end, path)?;
            items.extend(self.nodes.then_some(item));
            // A header has at least one byte.
            at = next.max(at.saturating_add(1)).min(end);
            done = done.saturating_add(1);
            if last {
                break;
            }
        }
        self.depth = self.depth.saturating_sub(1);
        if let Some(count) = count.filter(|count| done < *count) {
            let what = format!("{} has {count} records, and {done} are there", run.name);
            self.damage(at, path, end == self.image.len, what);
        }
        let single = count == Some(1);
        let node = match (single, items.len()) {
            (_, 0) => None,
            (true, 1) => items.pop().map(|item| match item {
                Node::Group(_, parts) => Node::Group(name, parts),
                other => other,
            }),
            _ => Some(Node::List(name, items)),
        };
        Ok((node, at))
    }

    /// Decodes a record; returns where the next one starts, and whether this was the last.
    fn record(
        &mut self,
        records: &'r Records,
        at: u64,
        end: u64,
        path: &str,
    ) -> io::Result<(Node, u64, bool)> {
        let cut_here = end == self.image.len;
        let entry = self.identity.entry;
        let Some(header) = entry.structure(&records.header) else {
            return Ok((Node::Group(String::new(), Vec::new()), end, true));
        };
        let size = u64::from(header.length).min(end.saturating_sub(at));
        let header_path = format!("{path}.header");
        let fields = self.structure(&header.name, at, size, &header_path)?;
        let mut parts = vec![Node::Group("header".into(), fields)];
        if size < u64::from(header.length) {
            let what = format!("a header has {} bytes, and {size} are there", header.length);
            self.damage(at, path, cut_here, what);
            return Ok((Node::Group("incomplete".into(), parts), end, true));
        }
        let bytes = self.image.read(at, header.length as usize)?;
        let values: Header = header
            .fields
            .iter()
            .filter_map(|field| Some((field.name.clone(), self.single(field, &bytes)?)))
            .collect();
        let part = |part: &Part| part.of(values.get(&part.field).copied().unwrap_or(0));

        let mut from = at.saturating_add(size);
        if let Some(told) = records.header_length.as_ref().map(part) {
            let start = at.saturating_add(told).min(end);
            if told < size {
                let what = format!("a header of {size} bytes says that it has {told}");
                self.damage(at, path, false, what);
            } else if start > from {
                parts.extend(self.unknown("gap", from, start, "a longer header")?);
                from = start;
            }
        }
        let length = part(&records.length);
        let left = end.saturating_sub(from);
        if length > left {
            let what = format!("a payload of {length} bytes, and {left} are left");
            self.damage(at, path, cut_here, what);
        }
        let to = from.saturating_add(length).min(end);

        let tag = records.tag.as_ref().map(|tag| {
            let field = header.field(&tag.field);
            let text = field.filter(|field| field.ty.base == Base::Char);
            match text.and_then(|field| self.slice(field, &bytes)) {
                Some(text) => Tag::Text(until_nul(text)),
                None => Tag::Number(part(tag)),
            }
        });
        let mut payloads = records.payloads.iter();
        let Some(payload) = payloads.find(|payload| payload.tag == tag) else {
            self.stranger(path, tag, at, values);
            let driver = records.unknown.as_deref().unwrap_or("");
            parts.extend(self.unknown("payload", from, to, driver)?);
            return Ok((Node::Group("unknown".into(), parts), to, false));
        };
        let path = format!("{path}.{}", payload.name);
        let (node, next) = self.run(payload, from, to, &path)?;
        parts.extend(node.map(|node| renamed(node, "payload")));
        if next < to {
            let over = to.saturating_sub(next);
            self.damage(next, &path, false, format!("{over} bytes more than it has"));
            parts.extend(self.unknown("rest", next, to, "more than is documented")?);
        }
        let last = records.end.is_some() && records.end == tag;
        Ok((Node::Group(spelt(&payload.name), parts), to, last))
    }

    /// Notes a record that nobody has documented.
    fn stranger(&mut self, path: &str, tag: Option<Tag>, at: u64, header: Header) {
        let facts = &mut self.out.facts;
        if let (Some(tag), true) = (tag, facts.wanted.contains(path)) {
            let list = facts.strangers.entry(path.into()).or_default();
            list.push((tag, at, header));
        }
    }
}

fn renamed(node: Node, name: &str) -> Node {
    match node {
        Node::Leaf(leaf) => Node::Leaf(Leaf {
            name: name.into(),
            ..leaf
        }),
        Node::Group(_, parts) => Node::Group(name.into(), parts),
        Node::List(_, parts) => Node::List(name.into(), parts),
    }
}
