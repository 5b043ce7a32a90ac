// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The table of all drivers.

use super::{has, then};
use crate::{
    emit::{
        rst::{fragment, grid::Table, literal, paragraph, plain},
        File,
    },
    model::foreign::{Entry, FeatureName, PropertyName},
};

pub(super) fn file(entries: &[Entry]) -> File {
    let entries: Vec<_> = entries.iter().filter(|e| e.retired.is_none()).collect();
    let blocks = [
        "The formats:".into(),
        formats(&entries).text(),
        paragraph(
            "What the drivers offer beside STOP_COPY, with which errors they refuse a stream, and what \
             comes then if the user does not reset the device:",
        ),
        drivers(&entries).text(),
    ];
    fragment("foreign", &blocks)
}

fn name(entry: &Entry) -> String {
    format!(":doc:`{} <vmf-foreign/{}>`", entry.name, entry.name)
}

fn formats(entries: &[&Entry]) -> Table {
    let mut titles = vec!["driver"];
    titles.extend(PropertyName::ALL.map(PropertyName::title));
    let mut table = Table::new(&titles);
    for entry in entries {
        let mut cells = vec![name(entry)];
        for name in PropertyName::ALL {
            let property = entry.property(name);
            cells.push(property.map(|p| plain(&p.value)).unwrap_or_default());
        }
        table.cells(cells);
    }
    table
}

fn drivers(entries: &[&Entry]) -> Table {
    let mut titles = vec!["driver"];
    titles.extend(FeatureName::ALL.map(FeatureName::title));
    titles.extend(["refuses with", "then"]);
    let mut table = Table::new(&titles);
    for entry in entries {
        let mut cells = vec![name(entry)];
        for name in FeatureName::ALL {
            let feature = entry.features.iter().find(|f| f.name == name);
            cells.push(feature.map(|f| has(f.has).to_owned()).unwrap_or_default());
        }
        cells.push(errors(entry));
        cells.push(after(entry));
        table.cells(cells);
    }
    table
}

/// Each once, in the order of the checks.
fn errors(entry: &Entry) -> String {
    let mut words: Vec<String> = Vec::new();
    for check in &entry.checks {
        let word = match check.errno.as_str() {
            "any" => "what the device says".into(),
            errno => literal(errno),
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(", ")
}

/// What comes after a refusal, over all checks.
fn after(entry: &Entry) -> String {
    let mut list: Vec<_> = entry.checks.iter().map(|check| check.then).collect();
    list.sort_unstable();
    list.dedup();
    list.into_iter().map(then).collect::<Vec<_>>().join("; ")
}
