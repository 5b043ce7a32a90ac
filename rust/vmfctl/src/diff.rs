// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl diff`: two streams, field by field.

use std::{
    cmp::Ordering,
    io::{Read, Write},
};

use serde_json::{json, Value as Json};
use vmf::registry::{KIND_DESCRIPTOR, KIND_END};

use crate::{
    cli::Io,
    failure::{Failure, Outcome, Result},
    parts::{Kind, Part, Parts},
    print,
    registry::Registry,
    source::Source,
    tree::Leaf,
};

/// Fields that follow from others.
const DERIVED: [&str; 9] = [
    "crc",
    "header.seq",
    "header.length",
    "header.payload_crc",
    "header.header_crc",
    "fields.sections",
    "fields.generation",
    "fields.total",
    "fields.stream_crc",
];

/// A difference; a value that is missing is [`None`].
struct Difference {
    part: String,
    field: String,
    a: Option<String>,
    b: Option<String>,
}

/// What was found.
#[derive(Default)]
struct Found {
    all: bool,
    list: Vec<Difference>,
    /// Differences that follow from others.
    hidden: usize,
}

/// Compares `a` and `b`.
pub(crate) fn run(io: &Io, registry: &Registry, a: &Source, b: &Source, all: bool) -> Result {
    let mut found = Found {
        all,
        ..Found::default()
    };
    let mut left = Parts::new(a.open()?, registry);
    let mut right = Parts::new(b.open()?, registry);
    let mut next = (take(&mut left, a)?, take(&mut right, b)?);
    loop {
        let order = match &next {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(x), Some(y)) => rank(&x.kind).cmp(&rank(&y.kind)),
        };
        if order == Ordering::Equal {
            found.part(next.0.as_ref(), next.1.as_ref());
            if is_rest(next.0.as_ref()) {
                found.rest(a.label(), drain(&mut left, a)?, drain(&mut right, b)?);
            }
        } else if order == Ordering::Less {
            found.part(next.0.as_ref(), None);
        } else {
            found.part(None, next.1.as_ref());
        }
        if order != Ordering::Greater {
            next.0 = take(&mut left, a)?;
        }
        if order != Ordering::Less {
            next.1 = take(&mut right, b)?;
        }
    }
    for (source, parts) in [(a, &left), (b, &right)] {
        if parts.sections == 0 {
            return Err(Failure::Input(format!("{}: no VMF stream", source.label())));
        }
    }

    let mut out = io.out();
    if io.json {
        let list = found.list.iter().map(
            |found| json!({"part": found.part, "field": found.field, "a": found.a, "b": found.b}),
        );
        let document = json!({
            "document": "vmf-diff/1",
            "a": a.label(),
            "b": b.label(),
            "differences": list.collect::<Vec<Json>>(),
            "hidden": found.hidden,
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
    } else {
        found.text(&mut out)?;
    }
    out.flush()?;
    Ok(Outcome::of(found.list.is_empty() && found.hidden == 0))
}

fn take<'r, R: Read>(parts: &mut Parts<'r, R>, source: &Source) -> Result<Option<Part>> {
    let part = parts.next();
    part.map_err(|error| Failure::Input(format!("{}: {error}", source.label())))
}

fn is_rest(part: Option<&Part>) -> bool {
    part.is_some_and(|part| matches!(part.kind, Kind::Rest(_)))
}

/// Length and CRC of what cannot be told.
fn drain<R: Read>(parts: &mut Parts<'_, R>, source: &Source) -> Result<(u64, u32)> {
    let (mut len, mut crc) = (0u64, 0);
    loop {
        let bytes = parts.scanner.rest();
        let bytes =
            bytes.map_err(|error| Failure::Input(format!("{}: {error}", source.label())))?;
        if bytes.is_empty() {
            return Ok((len, crc));
        }
        len = len.saturating_add(bytes.len() as u64);
        crc = crc32c::crc32c_append(crc, &bytes);
    }
}

/// The place of a part in a stream that is in order.
fn rank(kind: &Kind) -> (u8, u32, u32, u32) {
    match *kind {
        Kind::FileHeader => (0, 0, 0, 0),
        Kind::Section {
            kind,
            instance,
            fragment,
        } => {
            let group = match kind {
                KIND_DESCRIPTOR => 1,
                KIND_END => 3,
                _ => 2,
            };
            (group, kind, instance, fragment)
        }
        Kind::Rest(_) => (4, 0, 0, 0),
    }
}

/// The values of a part by path; those of a rest are its bytes.
fn leaves(part: Option<&Part>) -> Vec<(String, &Leaf)> {
    let mut list = Vec::new();
    for node in part.map_or(&[][..], |part| &part.nodes) {
        node.leaves("", &mut |path, leaf| list.push((path, leaf)));
    }
    list
}

impl Found {
    fn part(&mut self, a: Option<&Part>, b: Option<&Part>) {
        let title = a.or(b).map_or(String::new(), Part::title);
        let one_sided = match (a, b) {
            (Some(_), Some(_)) => None,
            (Some(part), None) => Some((Some(part), None)),
            (None, part) => Some((None, part)),
        };
        if let Some((a, b)) = one_sided {
            let len = |part: &Part| format!("{} bytes", part.len);
            self.list.push(Difference {
                part: title,
                field: String::new(),
                a: a.map(len),
                b: b.map(len),
            });
            return;
        }
        let (left, right) = (leaves(a), leaves(b));
        for (path, leaf) in &left {
            let other = right.iter().find(|(same, _)| same == path);
            let other = other.map(|(_, leaf)| *leaf);
            if other.map(|leaf| &leaf.value) != Some(&leaf.value) {
                self.field(&title, path, Some(leaf), other);
            }
        }
        for (path, leaf) in &right {
            if !left.iter().any(|(same, _)| same == path) {
                self.field(&title, path, None, Some(leaf));
            }
        }
    }

    fn field(&mut self, part: &str, path: &str, a: Option<&Leaf>, b: Option<&Leaf>) {
        if !self.all && DERIVED.contains(&path) {
            self.hidden = self.hidden.saturating_add(1);
            return;
        }
        self.list.push(Difference {
            part: part.into(),
            field: path.into(),
            a: a.map(Leaf::text),
            b: b.map(Leaf::text),
        });
    }

    fn rest(&mut self, part: String, a: (u64, u32), b: (u64, u32)) {
        let text = |(len, crc)| Some(format!("{len} bytes, CRC {crc:#010x}"));
        if a != b {
            self.list.push(Difference {
                part,
                field: "rest".into(),
                a: text(a),
                b: text(b),
            });
        }
    }

    fn text(&self, out: &mut dyn Write) -> Result<()> {
        let mut part = "";
        for found in &self.list {
            if part != found.part {
                part = &found.part;
                writeln!(out, "{}", print::styled(print::BOLD, part))?;
            }
            let side = |value: &Option<String>| value.clone().unwrap_or("nothing".into());
            let (a, b) = (side(&found.a), side(&found.b));
            writeln!(out, "  {:<30} {a}  ->  {b}", found.field)?;
        }
        match (self.list.len(), self.hidden) {
            (0, 0) => writeln!(out, "no difference")?,
            (0, hidden) => {
                let what = "fields differ that follow from others; --all shows them";
                writeln!(out, "{hidden} {what}")?;
            }
            (count, _) => writeln!(out, "differences: {count}")?,
        }
        Ok(())
    }
}
