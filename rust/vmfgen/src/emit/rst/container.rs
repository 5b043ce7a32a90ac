// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Tables about the container.

use super::{fragment, grid::Table, literal, plain, section};
use crate::{
    emit::{
        text::{number, sentence, snake, upper, with_unit},
        File,
    },
    model::{ConstantValue, Container, Flag, Numbered},
};

pub(super) fn files(container: &Container) -> Vec<File> {
    let mut files = vec![
        one("constants", constants(container)),
        one("type-ranges", type_ranges(container)),
        one("section-types", section_types(container)),
        one("section-flags", flags(&container.section_flags)),
        one("attribute-flags", flags(&container.attribute_flags)),
        one("attributes", attributes(container)),
        one("rules", by_id(&container.rules, "holds if")),
        one(
            "policy-actions",
            by_id(&container.policy_actions, "meaning"),
        ),
        one("errors", errors(container)),
    ];
    for structure in &container.structures {
        let mut blocks = vec![section::fields(&structure.fields, &[]).text()];
        blocks.extend(section::bits(&structure.fields));
        files.push(fragment(&format!("structure-{}", structure.name), &blocks));
    }
    files
}

fn one(name: &str, table: Table) -> File {
    fragment(name, &[table.text()])
}

fn constants(container: &Container) -> Table {
    let mut table = Table::new(&["constant", "type", "value", "unit", "meaning"]);
    for constant in &container.constants {
        let value = match &constant.value {
            ConstantValue::Integer(value) => literal(&number(*value)),
            ConstantValue::Bytes(text) => literal(text),
        };
        table.row([
            literal(&upper(&constant.name)),
            constant.ty.to_string(),
            value,
            plain(constant.unit.as_deref().unwrap_or_default()),
            plain(&sentence(&constant.doc)),
        ]);
    }
    table
}

fn type_ranges(container: &Container) -> Table {
    let mut table = Table::new(&["first", "last", "for"]);
    table.row([
        literal("0x00000000"),
        literal("0x00000000"),
        "Nothing: invalid.".into(),
    ]);
    for range in &container.type_ranges {
        table.row([
            literal(&format!("{:#010x}", range.first)),
            literal(&format!("{:#010x}", range.last)),
            plain(&sentence(&range.doc)),
        ]);
    }
    table
}

fn section_types(container: &Container) -> Table {
    let mut table = Table::new(&["type", "name", "schema", "flags", "content", "meaning"]);
    for section in &container.sections {
        let flags: Vec<_> = section
            .flags
            .iter()
            .map(|flag| literal(&upper(flag)))
            .collect();
        table.row([
            section.kind.to_string(),
            literal(&upper(&section.name)),
            section.schema.to_string(),
            if flags.is_empty() {
                "none".into()
            } else {
                flags.join(", ")
            },
            section.content.to_string(),
            plain(&sentence(&section.doc)),
        ]);
    }
    table
}

fn flags(flags: &[Flag]) -> Table {
    let mut table = Table::new(&["bit", "flag", "meaning"]);
    for flag in flags {
        let name = literal(&upper(&flag.name));
        table.row([flag.bit.to_string(), name, plain(&sentence(&flag.doc))]);
    }
    table
}

fn attributes(container: &Container) -> Table {
    let titles = [
        "key",
        "name",
        "mandatory",
        "flags",
        "value",
        "compared",
        "meaning",
    ];
    let mut table = Table::new(&titles);
    for attribute in &container.attributes {
        let must = if attribute.must {
            literal("MUST")
        } else {
            "none".into()
        };
        table.row([
            attribute.key.to_string(),
            literal(&snake(&attribute.name)),
            if attribute.mandatory { "yes" } else { "no" }.into(),
            must,
            attribute.content.to_string(),
            attribute.compare.clone(),
            plain(&with_unit(
                &sentence(&attribute.doc),
                attribute.unit.as_deref(),
            )),
        ]);
    }
    table
}

fn by_id(list: &[Numbered], meaning: &str) -> Table {
    let mut table = Table::new(&["id", "name", meaning]);
    for item in list {
        table.row([item.id.to_string(), literal(&item.name), plain(&item.doc)]);
    }
    table
}

fn errors(container: &Container) -> Table {
    let mut table = Table::new(&["error", "number", "when"]);
    for error in &container.errors {
        let number = error.number.to_string();
        table.row([literal(&error.errno), number, plain(&sentence(&error.doc))]);
    }
    table
}
