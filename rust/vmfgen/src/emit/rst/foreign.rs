// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What there is beside this format: a chapter for each driver, and the table of all of them.

mod comparison;
mod layout;

use super::{grid::Table, heading, literal, paragraph, plain, MARK, WIDTH};
use crate::{
    emit::{
        text::{sentence, wrap},
        File,
    },
    model::{
        foreign::{
            Check, Entry, Evidence, Fact, Feature, Has, Ids, Place, Property, Release, Status, Then,
        },
        Registry,
    },
};

const DIR: &str = "Documentation/userspace-api/vmf-foreign";

pub(super) fn files(registry: &Registry) -> Vec<File> {
    let entries = &registry.foreign;
    let mut files: Vec<_> = entries.iter().map(chapter).collect();
    if !entries.is_empty() {
        files.push(comparison::file(entries));
    }
    files
}

fn chapter(entry: &Entry) -> File {
    let rule = "=".repeat(entry.title.chars().count());
    let mut blocks = vec![format!("{rule}\n{}\n{rule}", entry.title)];
    if let Some(why) = &entry.retired {
        blocks.push(paragraph(&format!("Retired: {}", plain(&sentence(why)))));
    }
    blocks.push(paragraph(&plain(&sentence(&entry.doc))));
    blocks.push(facts(entry).text());
    blocks.push(heading("Devices", '='));
    blocks.push(devices(&entry.ids).text());
    blocks.push(paragraph(&format!(
        "From {}. Migration is offered on these conditions:",
        cite(&entry.ids.evidence)
    )));
    blocks.push(list(&entry.offered, offered));
    blocks.push(heading("The stream", '='));
    blocks.extend(layout::blocks(entry));
    blocks.push(heading("What a destination checks", '='));
    blocks.push(list(&entry.checks, check));
    blocks.push(heading("Optional features", '='));
    blocks.push(list(&entry.features, feature));
    blocks.push(heading("Properties", '='));
    blocks.push(list(&entry.properties, property));
    blocks.push(heading("Releases", '='));
    blocks.extend(releases(entry));
    blocks.push(heading("Sources", '='));
    blocks.push(sources(entry));

    let mut text = format!(".. SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause\n.. {MARK}\n");
    for block in blocks {
        text.push('\n');
        text += block.trim_end();
        text.push('\n');
    }
    File {
        path: format!("{DIR}/{}.rst", entry.name),
        text,
    }
}

fn facts(entry: &Entry) -> Table {
    let mut table = Table::new(&["what", "value"]);
    table
        .row(["module".into(), literal(&entry.module)])
        .row(["driver in sysfs".into(), literal(&entry.driver)])
        .row(["source".into(), literal(&entry.source)])
        .row(["status".into(), status(entry.status).into()])
        .row(["as of".into(), plain(&entry.release)]);
    table
}

fn status(status: Status) -> &'static str {
    match status {
        Status::InTree => "in the kernel",
        Status::Sample => "a sample in the kernel",
        Status::OutOfTree => "outside of the kernel",
    }
}

fn devices(ids: &Ids) -> Table {
    let mut table = Table::new(&["device", "what"]);
    for device in &ids.devices {
        let id = format!("{:04x}:{:04x}", device.vendor, device.device);
        table.row([literal(&id), plain(&sentence(&device.doc))]);
    }
    for ty in &ids.mdev_types {
        let name = format!("mdev type {}", literal(&ty.name));
        table.row([name, plain(&sentence(&ty.doc))]);
    }
    table
}

/// Statements, each with where to check it: a table would leave it no room.
fn list<T>(items: &[T], words: impl Fn(&T) -> (String, &[Evidence])) -> String {
    let item = |item: &T| {
        let (text, evidence) = words(item);
        let text = format!("{text} ({})", cite(evidence));
        format!("* {}\n", wrap(&text, WIDTH - 2).join("\n  "))
    };
    items.iter().map(item).collect()
}

fn offered(fact: &Fact) -> (String, &[Evidence]) {
    (plain(&sentence(&fact.doc)), &fact.evidence)
}

/// Where to check a statement, in few words; [`sources`] has the whole paths.
fn cite(evidence: &[Evidence]) -> String {
    let mut words = String::new();
    let mut last = None;
    for Evidence {
        file,
        function,
        release,
        tree,
    } in evidence
    {
        let of = Some((file, release, tree));
        if of == last {
            words += ", ";
        } else {
            let name = file.rsplit('/').next().unwrap_or(file);
            let version = release.as_ref().or(tree.as_ref());
            let version = version.map(|version| format!(" in {}", plain(version)));
            let join = if words.is_empty() { "" } else { "; " };
            words += &format!("{join}{}{}: ", literal(name), version.unwrap_or_default());
        }
        words += &literal(function);
        last = of;
    }
    words
}

fn check(check: &Check) -> (String, &[Evidence]) {
    let errno = match check.errno.as_str() {
        "any" => "what the device says".into(),
        errno => literal(errno),
    };
    let at = match check.at {
        Place::Write => "in ``write()``",
        Place::Stop => "on the way to STOP",
    };
    let text = format!(
        "**{}** ({errno} {at}, then {}): {}",
        check.name,
        then(check.then),
        plain(&sentence(&check.doc))
    );
    (text, &check.evidence)
}

fn then(then: Then) -> &'static str {
    match then {
        Then::Refused => "nothing succeeds",
        Then::WritesFail => "writes fail, STOP succeeds",
        Then::GoesOn => "may go on",
    }
}

fn feature(feature: &Feature) -> (String, &[Evidence]) {
    let (name, has) = (feature.name.title(), has(feature.has));
    let text = format!("**{name}** ({has}): {}", plain(&sentence(&feature.doc)));
    (text, &feature.evidence)
}

fn has(has: Has) -> &'static str {
    match has {
        Has::Always => "yes",
        Has::Depends => "depends",
        Has::Never => "no",
    }
}

fn property(property: &Property) -> (String, &[Evidence]) {
    let (name, value) = (property.name.title(), plain(&property.value));
    let text = format!("**{name}** ({value}): {}", plain(&sentence(&property.doc)));
    (text, &property.evidence)
}

fn change(release: &Release) -> (String, &[Evidence]) {
    let doc = plain(&sentence(&release.doc));
    let text = format!("**{}**: {doc}", plain(&release.release));
    (text, &release.evidence)
}

fn releases(entry: &Entry) -> Vec<String> {
    let mut table = Table::new(&["release", "writes", "reads"]);
    for release in &entry.releases {
        table.row([
            plain(&release.release),
            release.writes.as_deref().map_or("nothing".into(), literal),
            match release.reads.as_slice() {
                [] => "nothing".into(),
                reads => reads
                    .iter()
                    .map(|r| literal(r))
                    .collect::<Vec<_>>()
                    .join(", "),
            },
        ]);
    }
    let mut blocks = vec![
        "Those that were looked at; of others nothing is known.".into(),
        list(&entry.releases, change),
        table.text(),
    ];
    if entry.releases.len() > 1 {
        blocks.push(paragraph(
            "Whose streams load where, by format; a device or its firmware may still refuse one:",
        ));
        blocks.push(pairs(&entry.releases).text());
    }
    blocks
}

/// A stream loads where its format is read.
fn pairs(releases: &[Release]) -> Table {
    let mut titles = vec!["stream of".to_owned()];
    titles.extend(releases.iter().map(|r| format!("on {}", r.release)));
    let mut table = Table::new(&titles.iter().map(String::as_str).collect::<Vec<_>>());
    for source in releases {
        let mut cells = vec![plain(&source.release)];
        for reader in releases {
            let verdict = match &source.writes {
                None => "there is none",
                Some(format) if reader.reads.contains(format) => "loads",
                Some(_) if reader.reads.is_empty() => "no migration",
                Some(_) => "no",
            };
            cells.push(verdict.into());
        }
        table.cells(cells);
    }
    table
}

fn sources(entry: &Entry) -> String {
    let mut files: Vec<_> = entry.evidence().map(|e| e.file.as_str()).collect();
    files.sort_unstable();
    files.dedup();
    let line = |file: &&str| format!("* {}\n", literal(file));
    files.iter().map(line).collect()
}
