// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A profile: its versions, what they bring, and what its streams take.

use super::{ascending, checks, container, contract, layout, unique, Frame};
use crate::{
    model::{Profile, Section, Version},
    problems::Place,
};
use std::{fs, path::Path};

pub(super) fn check(
    profile: &Profile,
    frame: &Frame<'_>,
    vectors: Option<&Path>,
    place: &mut Place<'_>,
) {
    versions(profile, place);
    features(profile, place);
    numbered(profile, frame, place);
    contract::check(profile, &mut place.key("contract"));
    if let Some(vectors) = vectors {
        golden(profile, vectors, &mut place.key("versions"));
    }

    let sections = &profile.sections;
    let mut list = place.key("sections");
    unique(
        &mut list,
        "type",
        sections.iter().map(|s| (s.kind, &s.name)),
    );
    unique(
        &mut list,
        "name",
        sections.iter().map(|s| (&s.name, s.kind)),
    );
    ascending(&mut list, "type", sections.iter().map(|s| s.kind));
    for section in sections {
        let mut place = place.item("sections", &section.name);
        layout::check(&section.fields, section.length, &mut place);
        checks::check(section, &mut place);
        numbers(section, frame, &mut place);
        belongs(section, profile, &mut place);
    }
    sizes(profile, frame, place);
}

fn versions(profile: &Profile, place: &mut Place<'_>) {
    let versions = &profile.versions;
    let mut list = place.key("versions");
    unique(
        &mut list,
        "version",
        versions.iter().map(|v| (v.version, &v.doc)),
    );
    for (n, version) in (1..).zip(versions) {
        let Version {
            version,
            min_reader,
            ..
        } = *version;
        list.require(
            version == n,
            format!("version {version} stands where {n} is due"),
        );
        list.require(
            (1..=version).contains(&min_reader),
            format!("min-reader {min_reader} of version {version} is not from 1 to {version}"),
        );
    }
    let drafts = versions.iter().skip_while(|v| v.published());
    for late in drafts.filter(|v| v.published()) {
        list.report(format!(
            "version {} is published before an older one",
            late.version
        ));
    }
    let known = versions.iter().any(|v| v.version == profile.floor);
    place
        .key("floor")
        .require(known, format!("there is no version {}", profile.floor));
}

fn features(profile: &Profile, place: &mut Place<'_>) {
    let features = &profile.features;
    let mut list = place.key("features");
    unique(&mut list, "bit", features.iter().map(|f| (f.bit, &f.name)));
    unique(&mut list, "name", features.iter().map(|f| (&f.name, f.bit)));
    for feature in features {
        let mut place = list.key(&feature.name);
        let reserved = profile.reserved.bits.contains(&feature.bit);
        place.require(!reserved, format!("bit {} is reserved", feature.bit));
        introduced(feature.introduced, profile, &mut place);
    }
    for quirk in &profile.quirks {
        let known = features.iter().any(|f| f.name == quirk.feature);
        let what = format!("there is no feature {}", quirk.feature);
        place.key("quirks").require(known, what);
    }
}

/// Limits and policies.
fn numbered(profile: &Profile, frame: &Frame<'_>, place: &mut Place<'_>) {
    let container = frame.container;
    let mut list = place.key("limits");
    unique(
        &mut list,
        "id",
        profile.limits.iter().map(|l| (l.id, &l.name)),
    );
    unique(
        &mut list,
        "name",
        profile.limits.iter().map(|l| (&l.name, l.id)),
    );
    ascending(&mut list, "id", profile.limits.iter().map(|l| l.id));
    for limit in &profile.limits {
        let mut place = list.key(&limit.name);
        let known = container.rules.iter().any(|rule| rule.name == limit.rule);
        place
            .key("rule")
            .require(known, format!("there is no rule {}", limit.rule));
        let reserved = profile.reserved.limits.contains(&limit.id);
        place.require(!reserved, format!("id {} is reserved", limit.id));
    }
    let mut list = place.key("policies");
    unique(
        &mut list,
        "id",
        profile.policies.iter().map(|p| (p.id, &p.name)),
    );
    unique(
        &mut list,
        "name",
        profile.policies.iter().map(|p| (&p.name, p.id)),
    );
    ascending(&mut list, "id", profile.policies.iter().map(|p| p.id));
    for policy in &profile.policies {
        let known = container
            .policy_actions
            .iter()
            .any(|a| a.name == policy.action);
        let what = format!("there is no policy action {}", policy.action);
        list.key(&policy.name).require(known, what);
    }
}

/// Every published version has streams that every later reader has to take.
fn golden(profile: &Profile, vectors: &Path, place: &mut Place<'_>) {
    let dir = vectors.join(&profile.name);
    let names: Vec<_> = fs::read_dir(&dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    for version in profile.versions.iter().filter(|v| v.published()) {
        let prefix = format!("v{}-", version.version);
        let there = |name: &String| name.starts_with(&prefix) && name.ends_with(".vmf");
        place.require(
            names.iter().any(there),
            format!(
                "version {} is published, but has no golden vector {}/{prefix}*.vmf",
                version.version,
                dir.display()
            ),
        );
    }
}

fn numbers(section: &Section, frame: &Frame<'_>, place: &mut Place<'_>) {
    if let Some(range) = container::range(frame.container, "profile") {
        place.key("type").require(
            (range.first..=range.last).contains(&section.kind),
            format!("{:#x} is not in the range of profiles", section.kind),
        );
    }
    place.key("min-reader").require(
        section.min_reader <= section.schema,
        format!(
            "{} is above the schema, {}",
            section.min_reader, section.schema
        ),
    );
    place.key("length").require(
        u64::from(section.length) <= frame.payload_max,
        format!(
            "{} is above payload-max, {}",
            section.length, frame.payload_max
        ),
    );
}

/// What a section has to do with versions and features of its profile.
fn belongs(section: &Section, profile: &Profile, place: &mut Place<'_>) {
    let reserved = profile.reserved.types.contains(&section.kind);
    place.require(!reserved, format!("type {:#x} is reserved", section.kind));
    introduced(section.introduced, profile, place);
    let Some(name) = &section.feature else {
        return critical(section, profile, place);
    };
    let mut place = place.key("feature");
    match profile.features.iter().find(|f| &f.name == name) {
        None => place.report(format!("there is no feature {name}")),
        Some(feature) if feature.introduced > section.introduced => place.report(format!(
            "{name} is introduced in version {}, the section already in {}",
            feature.introduced, section.introduced
        )),
        Some(feature) => place.require(
            feature.required || !section.critical,
            format!("{name} has to be a required one, as the section is critical"),
        ),
    }
}

/// A critical section that no feature announces: older readers refuse it, and newer ones ask for it.
fn critical(section: &Section, profile: &Profile, place: &mut Place<'_>) {
    if !section.critical {
        return;
    }
    place.require(
        !section.omit_if_zero,
        "the section is critical and depends on no feature, so it cannot be left out",
    );
    let since = section.introduced;
    let later = profile.versions.iter().filter(|v| v.version >= since);
    for version in later.filter(|v| since > profile.floor && v.min_reader < since) {
        place.report(format!(
            "the section is critical since version {since} and depends on no feature, but version \
             {} has min-reader {}",
            version.version, version.min_reader
        ));
    }
}

fn introduced(version: u32, profile: &Profile, place: &mut Place<'_>) {
    let known = profile.versions.iter().any(|v| v.version == version);
    place
        .key("introduced")
        .require(known, format!("there is no version {version}"));
}

/// The longest stream, and the one with most sections, are within what the container allows.
fn sizes(profile: &Profile, frame: &Frame<'_>, place: &mut Place<'_>) {
    let header = frame.section_header;
    let mut bytes = frame.preamble_max.saturating_add(header + frame.end);
    let mut sections = 2_u64;
    for section in &profile.sections {
        let count = u64::from(section.instances.count);
        let each = header + u64::from(section.length).next_multiple_of(8);
        bytes = bytes.saturating_add(count.saturating_mul(each));
        sections = sections.saturating_add(count);
    }
    place.key("stream-max").require(
        bytes <= u64::from(profile.stream_max),
        format!(
            "{}, but a stream can have {bytes} bytes",
            profile.stream_max
        ),
    );
    place.key("sections").require(
        sections <= frame.sections_max,
        format!(
            "a stream can have {sections}, sections-max is {}",
            frame.sections_max
        ),
    );
}
