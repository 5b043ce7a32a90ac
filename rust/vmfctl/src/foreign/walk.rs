// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Takes a stream of others apart: every byte gets a name, is opaque, or cannot be told.
//!
//! This knows what the registry says and nothing else. Lengths and counts are those of the stream,
//! which may be hostile: nothing is read or kept that the stream does not have, the number of values
//! is limited, and so are the depth and what is kept of all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use vmf_registry::foreign::{Base, Count, ForeignContent as Content, Run, Tag, REST};

use super::{identify::Identity, Damage};
use crate::{
    image::Image,
    tree::{Leaf, Node},
};

/// How many values are decoded at most; a stream of a driver has some thousands.
const VALUES: usize = 1 << 19;
/// How many bytes of an opaque part are kept.
const KEPT: u64 = 1 << 16;
/// How many bytes are kept of a whole stream: a file with holes has any length.
const BUDGET: u64 = 256 << 20;
/// How many bytes of a part are kept where that is used up.
pub(super) const START: usize = 64;

/// A stream that was taken apart.
#[derive(Default, Debug)]
pub(crate) struct Walked {
    pub(crate) nodes: Vec<Node>,
    pub(crate) len: u64,
    pub(crate) tally: Tally,
    /// What is not as documented, in the order of the stream.
    pub(crate) damage: Vec<Damage>,
    pub(crate) facts: Facts,
}

/// How many bytes are what.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) documented: u64,
    pub(crate) opaque: u64,
    /// Neither documented nor known to anybody who is named.
    pub(crate) unknown: u64,
}

/// What rules look at, by its path.
#[derive(Default, Debug)]
pub(crate) struct Facts {
    /// The paths that are looked at.
    pub(super) wanted: BTreeSet<String>,
    /// Integers, each with its place.
    pub(super) values: BTreeMap<String, Vec<(u64, u64)>>,
    /// What is there.
    pub(super) seen: BTreeSet<String>,
    /// Records with a tag that is not known: the tag, the place, the integers of the header.
    pub(super) strangers: BTreeMap<String, Vec<(Tag, u64, Header)>>,
}

/// The integers of a header.
pub(super) type Header = BTreeMap<String, u64>;

/// Takes the stream in `image` apart.
pub(crate) fn walk(identity: &Identity<'_>, image: Image<'_>) -> io::Result<Walked> {
    walk_for(identity, image, true)
}

/// Looks for damage only: there are no nodes.
pub(crate) fn survey(identity: &Identity<'_>, image: Image<'_>) -> io::Result<Walked> {
    walk_for(identity, image, false)
}

fn walk_for(identity: &Identity<'_>, image: Image<'_>, nodes: bool) -> io::Result<Walked> {
    let mut walker = Walker {
        identity: *identity,
        image,
        left: VALUES,
        budget: BUDGET,
        nodes,
        depth: 0,
        out: Walked {
            len: image.len,
            ..Walked::default()
        },
    };
    walker.out.facts.wanted = super::rules::paths(identity);
    walker.stream()?;
    Ok(walker.out)
}

pub(super) struct Walker<'r, 'i> {
    pub(super) identity: Identity<'r>,
    pub(super) image: Image<'i>,
    /// How many values may still be decoded.
    left: usize,
    /// How many bytes may still be kept.
    budget: u64,
    /// Whether nodes are wanted.
    pub(super) nodes: bool,
    /// How many records are around what is decoded.
    pub(super) depth: usize,
    pub(super) out: Walked,
}

impl<'r> Walker<'r, '_> {
    fn stream(&mut self) -> io::Result<()> {
        let mut at = 0;
        let end = self.image.len;
        for run in &self.identity.format.stream {
            if run.optional && at == end {
                break;
            }
            let (node, next) = self.run(run, at, end, &run.name)?;
            self.out.nodes.extend(node);
            at = next;
        }
        if at < end {
            let over = end.saturating_sub(at);
            let path = self
                .identity
                .format
                .stream
                .last()
                .map_or("", |run| &run.name);
            self.damage(
                at,
                path,
                false,
                format!("{over} bytes behind what is documented"),
            );
            let rest = self.unknown("rest", at, end, "behind what is documented")?;
            self.out.nodes.extend(rest);
        }
        Ok(())
    }

    /// Decodes a run that starts at `at`, with `end` as the end of what is around it; returns where
    /// the next one starts.
    pub(super) fn run(
        &mut self,
        run: &'r Run,
        at: u64,
        end: u64,
        path: &str,
    ) -> io::Result<(Option<Node>, u64)> {
        self.seen(path);
        let name = spelt(&run.name);
        match &run.content {
            Content::Empty => Ok((None, at)),
            Content::Opaque => {
                let node = self.bytes(&name, at, end, &run.doc, run.known_by.as_deref())?;
                Ok((node, end))
            }
            Content::Padding => Ok((self.bytes(&name, at, end, &run.doc, None)?, end)),
            Content::Records(records) => {
                let Some(records) = self.identity.entry.records(records) else {
                    return Ok((None, at));
                };
                self.records(run, records, at, end, path)
            }
            Content::Of(base) => self.elements(run, base, at, end, path),
        }
    }

    /// The number of elements of a run, of which there may be as many as fit.
    pub(super) fn count(&self, run: &Run) -> Option<u64> {
        match &run.count {
            Count::Number(count) => Some(u64::from(*count)),
            Count::Text(text) if text == REST => None,
            Count::Text(path) => Some(self.out.facts.first(path).unwrap_or(0)),
        }
    }

    fn elements(
        &mut self,
        run: &'r Run,
        base: &'r Base,
        at: u64,
        end: u64,
        path: &str,
    ) -> io::Result<(Option<Node>, u64)> {
        let name = spelt(&run.name);
        let size = self.size(base).max(1) as u64;
        let room = end.saturating_sub(at);
        let fit = room.checked_div(size).unwrap_or(0);
        let rest = room.checked_rem(size).unwrap_or(0);
        let told = self.count(run);
        let count = told.unwrap_or(fit).min(fit);
        let single = matches!(run.count, Count::Number(1));
        let mut next = at.saturating_add(count.saturating_mul(size));

        let mut nodes = Vec::new();
        let mut tail = Vec::new();
        let mut cut = told.map_or(rest != 0, |told| told > fit);
        if let Base::Structure(structure) = base {
            for index in 0..count {
                let at = at.saturating_add(index.saturating_mul(size));
                if !self.goes_on(at) {
                    tail.extend(self.unknown("rest", at, end, "not decoded")?);
                    next = end;
                    cut = false;
                    break;
                }
                let node = self.structure(structure, at, size, path)?;
                nodes.extend(self.nodes.then_some(node));
            }
        }
        if cut {
            let what = match told {
                Some(_) if single => format!("{} has {size} bytes, and {rest} are there", run.name),
                Some(told) => format!("{} has {told} elements, and {fit} are there", run.name),
                None => format!(
                    "{rest} bytes are too few for another element of {}",
                    run.name
                ),
            };
            self.damage(next, path, told.is_some() && end == self.image.len, what);
            match base {
                Base::Structure(structure) => tail = self.structure(structure, next, rest, path)?,
                _ => tail.extend(self.unknown("rest", next, end, "too few bytes")?),
            }
            next = end;
        }
        let node = match base {
            Base::Structure(_) => {
                let partial = (!tail.is_empty()).then_some(tail);
                nodes.extend(partial);
                match (single, nodes.len()) {
                    (_, 0) => None,
                    (true, _) => Some(Node::Group(name, nodes.into_iter().flatten().collect())),
                    (false, _) => {
                        let items = nodes.into_iter().map(|one| Node::Group(String::new(), one));
                        Some(Node::List(name, items.collect()))
                    }
                }
            }
            _ => {
                let place = (at, count.saturating_mul(size));
                let leaf = self.integers((&name, &run.doc), base, single, place, path)?;
                match (leaf, tail.is_empty()) {
                    (Some(leaf), true) => Some(leaf),
                    (leaf, _) => {
                        let parts: Vec<_> = leaf.into_iter().chain(tail).collect();
                        (!parts.is_empty()).then_some(Node::Group(name, parts))
                    }
                }
            }
        };
        Ok((node, next))
    }

    /// Whether more can be decoded, from `at` on.
    pub(super) fn goes_on(&mut self, at: u64) -> bool {
        if self.left == 0 {
            let what = format!("more than {VALUES} values: the rest is not decoded");
            self.damage(at, "", false, what);
        }
        self.left != 0
    }

    /// Counts a value.
    pub(super) fn spend(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// Whether `len` bytes more may be kept.
    pub(super) fn affords(&self, len: u64) -> bool {
        len <= self.budget
    }

    /// Takes `len` bytes of what may be kept, if there are as many.
    pub(super) fn keeps(&mut self, len: u64) -> bool {
        let left = self.budget.checked_sub(len);
        self.budget = left.unwrap_or(self.budget);
        left.is_some()
    }

    /// Bytes that have a name, or are known to somebody else.
    pub(super) fn bytes(
        &mut self,
        name: &str,
        at: u64,
        end: u64,
        doc: &str,
        known_by: Option<&str>,
    ) -> io::Result<Option<Node>> {
        let len = end.saturating_sub(at);
        match known_by {
            Some(_) => add(&mut self.out.tally.opaque, len),
            None => add(&mut self.out.tally.documented, len),
        }
        let leaf = self.kept(name, at, len)?.map(|leaf| Leaf {
            meaning: doc.into(),
            known_by: known_by.unwrap_or("").into(),
            ..leaf
        });
        Ok(leaf.map(Node::Leaf))
    }

    /// Bytes that cannot be told.
    pub(super) fn unknown(
        &mut self,
        name: &str,
        at: u64,
        end: u64,
        why: &str,
    ) -> io::Result<Option<Node>> {
        let len = end.saturating_sub(at);
        add(&mut self.out.tally.unknown, len);
        let leaf = self.kept(name, at, len)?.map(|leaf| Leaf {
            note: format!("not known: {why}"),
            ..leaf
        });
        Ok(leaf.map(Node::Leaf))
    }

    fn kept(&mut self, name: &str, at: u64, len: u64) -> io::Result<Option<Leaf>> {
        if len == 0 || !self.nodes {
            return Ok(None);
        }
        let kept = usize::try_from(len.min(KEPT)).unwrap_or(0);
        let kept = match self.keeps(kept as u64) {
            true => kept,
            false => kept.min(START),
        };
        let start = self.image.read(at, kept)?;
        Ok(Some(Leaf::start_of(name, at, len, start)))
    }

    pub(super) fn damage(&mut self, offset: u64, path: &str, cut: bool, what: String) {
        // One that ends a stream is told once, and not by all that is around it.
        let told = self.out.damage.last();
        if !cut || !told.is_some_and(|before| before.cut) {
            self.out.damage.push(Damage {
                offset,
                path: path.into(),
                cut,
                what,
            });
        }
    }

    pub(super) fn seen(&mut self, path: &str) {
        let facts = &mut self.out.facts;
        if facts.wanted.contains(path) {
            facts.seen.insert(path.into());
        }
    }
}

impl Facts {
    /// The first value at a path.
    pub(super) fn first(&self, path: &str) -> Option<u64> {
        let values = self.values.get(path)?;
        values.first().map(|(value, _)| *value)
    }
}

pub(super) fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

/// A name as this tool spells it.
pub(super) fn spelt(name: &str) -> String {
    name.replace('-', "_")
}
