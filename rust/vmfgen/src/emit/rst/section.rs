// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The payload of a section: fields, flags, and what a reader checks, in its order.

use super::{grid::Table, literal, numbered, paragraph, plain, words};
use crate::{
    emit::text::{sentence, snake, upper},
    model::{Check, Field, Profile, Section},
};

pub(super) fn blocks(section: &Section, profile: &Profile) -> Vec<String> {
    let mut blocks = vec![
        paragraph(&facts(section)),
        paragraph(&plain(&sentence(&section.doc))),
        fields(&section.fields, &section.checks).text(),
    ];
    blocks.extend(bits(&section.fields));
    blocks.push("A reader checks, in this order:".into());
    blocks.push(numbered(&order(section)));
    if let Some(feature) = profile
        .features
        .iter()
        .find(|f| Some(&f.name) == section.feature.as_ref())
    {
        blocks.push(paragraph(&format!(
            "The section is in a stream only together with feature {} (bit {}).",
            literal(&feature.name),
            feature.bit
        )));
    }
    blocks
}

fn facts(section: &Section) -> String {
    let (count, length) = (section.instances.count, section.length);
    let instances = match (count, &section.instances.name) {
        (1, _) => format!("one instance of {length} bytes"),
        (_, Some(name)) => {
            format!(
                "{count} instances of {length} bytes, one for each {}",
                plain(name)
            )
        }
        (_, None) => format!("{count} instances of {length} bytes"),
    };
    format!(
        "Type {}, schema {}, {} {}, {}{}; {instances}. Since version {} of the profile.",
        literal(&format!("{:#x}", section.kind)),
        section.schema,
        literal("min_reader"),
        section.min_reader,
        if section.critical { "" } else { "not " },
        literal("CRITICAL"),
        section.introduced
    )
}

/// The fields of a structure or payload.
pub(super) fn fields(fields: &[Field], checks: &[Check]) -> Table {
    // In the container it is the meaning that says which values there are.
    let limited = fields.iter().any(words::limited) || !checks.is_empty();
    let checked: Vec<_> = checks.iter().map(words::subject).collect();
    let mut table = Table::new(&[
        "offset", "type", "field", "value", "unit", "meaning", "source",
    ]);
    for field in fields {
        let doc = match &field.doc {
            Some(doc) => plain(&sentence(doc)),
            None => "Is 0.".into(),
        };
        table.row([
            field.offset.to_string(),
            field.ty.to_string(),
            words::name(field),
            if limited {
                words::range(field, &checked)
            } else {
                String::new()
            },
            plain(field.unit.as_deref().unwrap_or_default()),
            doc,
            plain(field.spec.as_deref().unwrap_or_default()),
        ]);
    }
    table.without_empty();
    table
}

/// What is to be said about the bits of fields.
pub(super) fn bits(fields: &[Field]) -> Vec<String> {
    let mut blocks = Vec::new();
    for field in fields {
        let lists = [
            (&field.flags, "Flags of", "; any other bit is 0:"),
            (&field.bits, "Names of bits of", ", for what follows:"),
        ];
        for (list, what, end) in lists.iter().filter(|(list, ..)| !list.is_empty()) {
            blocks.push(paragraph(&format!("{what} {}{end}", words::name(field))));
            let mut table = Table::new(&["bit", "name", "meaning"]);
            for bit in *list {
                table.row([
                    bit.bit.to_string(),
                    literal(&if field.flags.is_empty() {
                        snake(&bit.name)
                    } else {
                        upper(&bit.name)
                    }),
                    plain(&sentence(&bit.doc)),
                ]);
            }
            blocks.push(table.text());
        }
    }
    blocks
}

/// The checks of a payload on its own.
fn order(section: &Section) -> Vec<String> {
    let mut list = vec![format!(
        "the length of the payload is {} (``EMSGSIZE``);",
        section.length
    )];
    let reserved = section.fields.iter().any(Field::reserved);
    let flags = section.fields.iter().any(|field| !field.flags.is_empty());
    let what = match (reserved, flags) {
        (true, true) => "reserved fields are 0, and no flag is set that has no name above",
        (true, false) => "reserved fields are 0",
        (false, true) => "no flag is set that has no name above",
        (false, false) => "",
    };
    if !what.is_empty() {
        list.push(format!("{what} (``EBADMSG``);"));
    }
    if section.fields.iter().any(words::limited) {
        list.push("every field has a value that the table allows (``ERANGE``);".into());
    }
    for check in &section.checks {
        list.push(format!("{} (``ERANGE``);", words::check(check, section)));
    }
    if section.omit_if_zero {
        let what = "some byte of the payload is not 0: if all are 0, the section is left out";
        list.push(format!("{what} (``ERANGE``);"));
    }
    if let Some(last) = list.last_mut() {
        last.pop();
        last.push('.');
    }
    list
}
