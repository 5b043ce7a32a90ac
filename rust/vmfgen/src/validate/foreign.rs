// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Formats of others: each entry is whole, and a program could take a stream apart by it.

mod layout;
mod rules;

use super::unique;
use crate::{
    model::{
        foreign::{Certainty, Entry, FeatureName, Format, Mark, PropertyName},
        Registry,
    },
    problems::{Place, Problems},
};

pub(super) fn check(registry: &Registry, problems: &mut Problems) {
    let entries = &registry.foreign;
    for (file, entry) in registry.index.foreign.iter().zip(entries) {
        let mut place = problems.of(file);
        let stem = file.rsplit('/').next().unwrap_or(file);
        place.key("name").require(
            stem.strip_suffix(".yaml") == Some(&entry.name),
            format!("{} is not the name of the file", entry.name),
        );
        self::entry(entry, &mut place);
        layout::check(entry, &mut place);
        rules::check(entry, &mut place);
        for other in entries.iter().take_while(|other| other.name != entry.name) {
            marks(entry, other, &mut place);
        }
    }
}

fn entry(entry: &Entry, place: &mut Place<'_>) {
    let ids = &entry.ids;
    let mut list = place.key("ids");
    list.require(
        !ids.devices.is_empty() || !ids.mdev_types.is_empty(),
        "there is no device",
    );
    unique(
        &mut list,
        "device",
        ids.devices
            .iter()
            .map(|d| (format!("{:04x}:{:04x}", d.vendor, d.device), &d.doc)),
    );
    unique(
        &mut list,
        "type",
        ids.mdev_types.iter().map(|t| (&t.name, &t.doc)),
    );
    unique(
        &mut place.key("checks"),
        "name",
        entry.checks.iter().map(|c| (&c.name, &c.errno)),
    );
    once(
        "features",
        FeatureName::ALL.map(FeatureName::title),
        entry.features.iter().map(|feature| feature.name.title()),
        place,
    );
    once(
        "properties",
        PropertyName::ALL.map(PropertyName::title),
        entry
            .properties
            .iter()
            .map(|property| property.name.title()),
        place,
    );
    for (n, format) in entry.formats.iter().enumerate() {
        let mut place = place.item("formats", &format.name);
        recognise(format, &mut place);
        for other in entry.formats.iter().take(n) {
            place
                .key("recognise")
                .require(!same(format, other), format!("the same as {}", other.name));
        }
    }
    releases(entry, place);
}

/// Whoever reads a table of all drivers finds an answer in every place.
fn once<'a, const N: usize>(
    key: &str,
    all: [&'static str; N],
    given: impl Iterator<Item = &'a str> + Clone,
    place: &mut Place<'_>,
) {
    let mut place = place.key(key);
    unique(&mut place, "name", given.clone().map(|name| (name, name)));
    for name in all {
        let there = given.clone().any(|given| given == name);
        place.require(there, format!("{name} is missing"));
    }
}

fn recognise(format: &Format, place: &mut Place<'_>) {
    let recognise = &format.recognise;
    let mut place = place.key("recognise");
    match recognise.certainty {
        Certainty::None => place.require(
            recognise.fields.is_empty(),
            "there are fields, so something is known",
        ),
        _ => place.require(!recognise.fields.is_empty(), "there are no fields"),
    }
    for Mark { offset, ty, value } in &recognise.fields {
        let mut place = place.item("fields", offset);
        match ty.base.int() {
            Some(int) if ty.count.is_none() => place.require(
                *value <= int.max(),
                format!("{value:#x} does not fit into {ty}"),
            ),
            _ => place.report(format!("{ty} is no integer")),
        }
    }
}

/// Two formats that are certain to be recognised differ in what they are recognised by.
fn marks(entry: &Entry, other: &Entry, place: &mut Place<'_>) {
    for format in &entry.formats {
        for like in other.formats.iter().filter(|like| same(format, like)) {
            let what = format!("the same as {} of {}", like.name, other.name);
            place
                .item("formats", &format.name)
                .key("recognise")
                .report(what);
        }
    }
}

fn same(one: &Format, other: &Format) -> bool {
    let certain = |format: &Format| format.recognise.certainty == Certainty::Certain;
    certain(one) && certain(other) && one.recognise.fields == other.recognise.fields
}

fn releases(entry: &Entry, place: &mut Place<'_>) {
    let releases = &entry.releases;
    let mut list = place.key("releases");
    unique(
        &mut list,
        "release",
        releases.iter().map(|r| (&r.release, &r.doc)),
    );
    let known = |name: &String| entry.formats.iter().any(|format| &format.name == name);
    for release in releases {
        for name in release.writes.iter().chain(&release.reads) {
            list.require(
                known(name),
                format!("{}: there is no format {name}", release.release),
            );
        }
    }
    for format in &entry.formats {
        let mut names = releases
            .iter()
            .flat_map(|r| r.writes.iter().chain(&r.reads));
        list.require(
            names.any(|name| name == &format.name),
            format!("no release writes or reads {}", format.name),
        );
    }
    let looked_at = |name: &String| releases.iter().any(|r| &r.release == name);
    let what = |name: &String| format!("{name} is not in the list of releases");
    place
        .key("release")
        .require(looked_at(&entry.release), what(&entry.release));
    for name in entry.evidence().filter_map(|e| e.release.as_ref()) {
        place.key("evidence").require(looked_at(name), what(name));
    }
}
