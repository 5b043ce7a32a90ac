// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! How the streams of a driver are laid out.

use super::cite;
use crate::{
    emit::{
        rst::{grid::Table, heading, literal, paragraph, plain},
        text::{lower, number, sentence},
    },
    model::foreign::{Certainty, Count, Entry, Field, Format, Part, Records, Run, Structure, REST},
    types::{Base, ForeignContent},
};

pub(super) fn blocks(entry: &Entry) -> Vec<String> {
    let mut blocks = Vec::new();
    if native(entry) {
        blocks.push(paragraph(
            "Integers whose type starts with ``ne`` are in the byte order of the host that has \
             written them, those with ``le`` are little-endian.",
        ));
    }
    for format in &entry.formats {
        blocks.push(heading(&format!("Format {}", format.name), '-'));
        blocks.extend(self::format(format));
    }
    for records in &entry.records {
        blocks.push(heading(&format!("Records {}", records.name), '-'));
        blocks.extend(self::records(records));
    }
    for structure in &entry.structures {
        blocks.push(heading(&format!("Structure {}", structure.name), '-'));
        blocks.extend(self::structure(structure));
    }
    blocks
}

fn native(entry: &Entry) -> bool {
    let fields = entry.structures.iter().flat_map(|s| &s.fields);
    let runs = entry.formats.iter().flat_map(|format| &format.stream);
    let mut runs = runs.chain(entry.records.iter().flat_map(|records| &records.payloads));
    let of = |run: &Run| matches!(&run.content, ForeignContent::Of(base) if base.native());
    fields.map(|field| &field.ty.base).any(Base::native) || runs.any(of)
}

fn format(format: &Format) -> Vec<String> {
    let recognise = &format.recognise;
    let mut blocks = vec![paragraph(&format!(
        "{} ({})",
        plain(&sentence(&format.doc)),
        cite(&format.evidence)
    ))];
    let how = match recognise.certainty {
        Certainty::Certain => "A stream is certainly of this format if it has these values",
        Certainty::Likely => "A stream is likely to be of this format if it has these values",
        Certainty::None => "Nothing in a stream tells its format",
    };
    let doc = plain(&lower(&recognise.doc));
    blocks.push(paragraph(&format!("{how}: {doc}")));
    if !recognise.fields.is_empty() {
        let mut table = Table::new(&["offset", "type", "value"]);
        for mark in &recognise.fields {
            table.row([
                mark.offset.to_string(),
                mark.ty.to_string(),
                literal(&format!("{:#x}", mark.value)),
            ]);
        }
        blocks.push(table.text());
    }
    blocks.push("From the first byte to the last:".into());
    blocks.push(runs(&format.stream).text());
    blocks
}

fn runs(list: &[Run]) -> Table {
    let mut table = Table::new(&["tag", "name", "content", "count", "known to", "what"]);
    for run in list {
        let count = match &run.count {
            _ if run.takes_the_rest() => "to the end".into(),
            Count::Number(1) => String::new(),
            Count::Number(number) => number.to_string(),
            Count::Text(text) if text == REST => "to the end".into(),
            Count::Text(text) => literal(text),
        };
        let optional = if run.optional {
            "Not in every stream. "
        } else {
            ""
        };
        let tag = run.tag.as_ref().map(|tag| literal(&tag.to_string()));
        table.row([
            tag.unwrap_or_default(),
            literal(&run.name),
            run.content.to_string(),
            count,
            plain(run.known_by.as_deref().unwrap_or_default()),
            format!("{optional}{}", plain(&sentence(&run.doc))),
        ]);
    }
    table.without_empty();
    table
}

fn records(records: &Records) -> Vec<String> {
    let mut facts = format!(
        "{} Header: structure {}; length of the payload in bytes: {}",
        plain(&sentence(&records.doc)),
        literal(&records.header),
        part(&records.length)
    );
    if let Some(length) = &records.header_length {
        facts += &format!("; length of the header: {}", part(length));
    }
    if let Some(tag) = &records.tag {
        facts += &format!("; tag: {}", part(tag));
    }
    if let Some(end) = &records.end {
        facts += &format!("; nothing follows behind tag {}", literal(&end.to_string()));
    }
    facts += &format!(" ({}).", cite(&records.evidence));
    let mut blocks = vec![paragraph(&facts), runs(&records.payloads).text()];
    if let Some(unknown) = &records.unknown {
        blocks.push(paragraph(&format!(
            "Other tags: {}",
            plain(&lower(unknown))
        )));
    }
    blocks
}

/// A part of a header, as an expression.
fn part(part: &Part) -> String {
    let mut text = part.field.clone();
    if part.shift > 0 {
        text = format!("({text} >> {})", part.shift);
    }
    if let Some(width) = part.width {
        text = format!("{text} & {:#x}", u64::MAX >> (64 - width.clamp(1, 64)));
    }
    if part.times > 1 {
        text = format!("({text}) * {}", part.times);
    }
    literal(&text)
}

fn structure(structure: &Structure) -> Vec<String> {
    let mut table = Table::new(&["offset", "type", "field", "in use", "meaning"]);
    for field in &structure.fields {
        let doc = field.doc.as_deref().map(sentence);
        table.row([
            field.offset.to_string(),
            field.ty.to_string(),
            literal(&field.name),
            field.used.as_deref().map(literal).unwrap_or_default(),
            plain(&doc.unwrap_or_default()),
        ]);
    }
    table.without_empty();
    let mut blocks = vec![
        paragraph(&format!(
            "{} {} bytes ({}).",
            plain(&sentence(&structure.doc)),
            structure.length,
            cite(&structure.evidence)
        )),
        table.text(),
    ];
    blocks.extend(structure.fields.iter().flat_map(names));
    blocks
}

/// The names of bits and values of a field.
fn names(field: &Field) -> Vec<String> {
    let mut blocks = Vec::new();
    if !field.bits.is_empty() {
        blocks.push(format!("Bits of {}:", literal(&field.name)));
        let mut table = Table::new(&["bit", "name", "meaning"]);
        for bit in &field.bits {
            let doc = plain(&sentence(&bit.doc));
            table.row([bit.bit.to_string(), literal(&bit.name), doc]);
        }
        blocks.push(table.text());
    }
    if !field.values.is_empty() {
        blocks.push(format!("Values of {}:", literal(&field.name)));
        let mut table = Table::new(&["value", "name", "meaning"]);
        for value in &field.values {
            let doc = plain(&sentence(&value.doc));
            table.row([number(value.value), literal(&value.name), doc]);
        }
        blocks.push(table.text());
    }
    blocks
}
