// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A profile: what it is about, and the list of its sections.

use super::{contract, fragment, grid::Table, heading, literal, paragraph, plain, section};
use crate::{
    emit::{
        text::{number, sentence},
        File,
    },
    model::{Fixed, Free, Match, Profile, Section, Status},
};

/// Where the fragments of a profile start.
pub(super) fn prefix(profile: &Profile) -> String {
    format!("profile-{}", profile.module.replace('_', "-"))
}

/// One fragment for all of it, with headings below that of a chapter: a section that is added to
/// the registry is then in the document.
pub(super) fn file(profile: &Profile) -> File {
    let mut blocks = vec![heading(&profile.name, '-')];
    blocks.extend(overview(profile));
    blocks.push("Sections, in the order of a stream:".into());
    blocks.push(sections(&profile.sections).text());
    for section in &profile.sections {
        blocks.push(heading(&section.name, '~'));
        blocks.extend(section::blocks(section, profile));
    }
    blocks.extend(contract::blocks(profile));
    fragment(&prefix(profile), &blocks)
}

fn overview(profile: &Profile) -> Vec<String> {
    let mut blocks = vec![
        paragraph(&plain(&sentence(&profile.doc))),
        facts(profile).text(),
        "What a guest finds:".into(),
        contract::overview(&profile.contract).text(),
        "Identity, and how a destination compares it:".into(),
        identity(profile).text(),
        "Versions:".into(),
        versions(profile).text(),
    ];
    let parts = [
        (
            "Capabilities in configuration space:",
            contract::capabilities(&profile.contract),
            profile.contract.capability_list.is_empty(),
        ),
        ("Features:", features(profile), profile.features.is_empty()),
        ("Limits:", limits(profile), profile.limits.is_empty()),
        (
            "Host policies, which are compared and never loaded:",
            policies(profile),
            profile.policies.is_empty(),
        ),
        ("Quirks:", quirks(profile), profile.quirks.is_empty()),
    ];
    for (title, table, _) in parts.iter().filter(|(_, _, empty)| !empty) {
        blocks.push((*title).into());
        blocks.push(table.text());
    }
    blocks
}

fn facts(profile: &Profile) -> Table {
    let mut table = Table::new(&["what", "value"]);
    let max = format!("{} bytes", profile.stream_max);
    table
        .row(["name".into(), literal(&profile.name)])
        .row(["UUID".into(), literal(&profile.uuid)])
        .row(["specification".into(), plain(&profile.spec)])
        .row(["longest stream".into(), max])
        .row([
            "oldest version that is read".into(),
            profile.floor.to_string(),
        ])
        .row(["loaded".into(), "as a whole, when END was verified".into()]);
    table
}

fn identity(profile: &Profile) -> Table {
    fn fixed<T>(table: &mut Table, name: &str, part: &Fixed<T>, value: String) {
        let doc = part.doc.as_deref().map(sentence).unwrap_or_default();
        table.row([name.into(), value, rule(part.rule), plain(&doc)]);
    }
    fn free(table: &mut Table, name: &str, part: &Free) {
        let doc = part.doc.as_deref().map(sentence).unwrap_or_default();
        table.row([
            name.into(),
            "of the device".into(),
            rule(part.rule),
            plain(&doc),
        ]);
    }
    fn rule(rule: Match) -> String {
        match rule {
            Match::Equal => "equal",
            Match::Any => "not compared",
        }
        .into()
    }

    let identity = &profile.identity;
    let class = identity.class.value;
    let [_, base, sub, interface] = class.to_be_bytes();
    let stored = literal(&format!("{interface:02x} {sub:02x} {base:02x}"));
    let mut table = Table::new(&["part", "value", "rule", "remark"]);
    let hex = |value: u16| literal(&format!("{value:#06x}"));
    fixed(
        &mut table,
        "vendor",
        &identity.vendor,
        hex(identity.vendor.value),
    );
    fixed(
        &mut table,
        "device",
        &identity.device,
        hex(identity.device.value),
    );
    let value = format!("{}, stored as {stored}", literal(&format!("{class:#08x}")));
    fixed(&mut table, "class", &identity.class, value);
    let value = if identity.is_vf.value { "yes" } else { "no" }.into();
    fixed(&mut table, "virtual function", &identity.is_vf, value);
    free(&mut table, "subsystem", &identity.subsystem);
    free(&mut table, "revision", &identity.revision);
    table.without_empty();
    table
}

fn versions(profile: &Profile) -> Table {
    let mut table = Table::new(&["version", "min_reader", "status", "what it brings"]);
    for version in &profile.versions {
        table.row([
            version.version.to_string(),
            version.min_reader.to_string(),
            status(version.status).into(),
            plain(&sentence(&version.doc)),
        ]);
    }
    table
}

/// The word for the status of a version.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Published => "published",
    }
}

fn features(profile: &Profile) -> Table {
    let mut table = Table::new(&[
        "bit",
        "name",
        "since version",
        "of the destination",
        "meaning",
    ]);
    for feature in &profile.features {
        table.row([
            feature.bit.to_string(),
            literal(&feature.name),
            feature.introduced.to_string(),
            if feature.required {
                "required"
            } else {
                "optional"
            }
            .into(),
            plain(&sentence(&feature.doc)),
        ]);
    }
    table
}

fn limits(profile: &Profile) -> Table {
    let mut table = Table::new(&["id", "name", "rule", "value", "unit", "meaning"]);
    for limit in &profile.limits {
        table.row([
            limit.id.to_string(),
            literal(&limit.name),
            literal(&limit.rule),
            number(limit.value),
            plain(limit.unit.as_deref().unwrap_or_default()),
            plain(&sentence(&limit.doc)),
        ]);
    }
    table.without_empty();
    table
}

fn policies(profile: &Profile) -> Table {
    let mut table = Table::new(&["id", "name", "action", "meaning"]);
    for policy in &profile.policies {
        let (name, action) = (literal(&policy.name), literal(&policy.action));
        table.row([
            policy.id.to_string(),
            name,
            action,
            plain(&sentence(&policy.doc)),
        ]);
    }
    table
}

fn quirks(profile: &Profile) -> Table {
    let mut table = Table::new(&["feature", "what"]);
    for quirk in &profile.quirks {
        table.row([literal(&quirk.feature), plain(&sentence(&quirk.doc))]);
    }
    table
}

fn sections(sections: &[Section]) -> Table {
    let titles = [
        "type",
        "name",
        "schema",
        "critical",
        "count",
        "length",
        "since version",
        "in a stream",
    ];
    let mut table = Table::new(&titles);
    for section in sections {
        table.row([
            literal(&format!("{:#x}", section.kind)),
            literal(&section.name),
            section.schema.to_string(),
            if section.critical { "yes" } else { "no" }.into(),
            section.instances.count.to_string(),
            section.length.to_string(),
            section.introduced.to_string(),
            presence(section),
        ]);
    }
    table
}

/// When a stream has a section.
fn presence(section: &Section) -> String {
    let mut words: Vec<String> = Vec::new();
    if section.omit_if_zero {
        words.push("unless all of its fields are 0".into());
    }
    if let Some(feature) = &section.feature {
        words.push(format!("with feature {}", literal(feature)));
    }
    if words.is_empty() {
        words.push("always".into());
    }
    words.join("; ")
}
