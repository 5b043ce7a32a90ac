// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Which devices offer what, and which version loads where.

use super::{fragment, grid::Table, literal, paragraph, plain, profile};
use crate::{
    emit::{
        text::{capital, sentence},
        File,
    },
    model::{IdOrAny, Pattern, Profile, Registry, Software, Tuple, Version},
};

pub(super) fn file(registry: &Registry) -> File {
    let mut blocks = Vec::new();
    for profile in &registry.profiles {
        blocks.push(paragraph(&format!(
            "Devices that offer {}. A device is the first of these that it matches with all of its \
             identity; what is known of a version is *tested* on hardware, *emulated* by a model \
             of the device, or *declared* from documents only.",
            literal(&profile.name)
        )));
        blocks.push(devices(profile, &registry.tuples).text());
        let ours = registry.software.iter();
        for one in ours.filter(|one| one.profile == profile.name) {
            blocks.push(paragraph(&software(one)));
        }
        for quirk in &registry.device_quirks {
            let tuples: Vec<_> = quirk.tuples.iter().map(|name| plain(name)).collect();
            blocks.push(paragraph(&format!(
                "Quirk {}, of {}: {}",
                literal(&quirk.name),
                tuples.join(", "),
                quirk.doc
            )));
        }
        blocks.push(paragraph(&format!(
            "Streams of {}, by the version of the profile in which they are written and the newest \
             one that the reader knows:",
            literal(&profile.name)
        )));
        blocks.push(versions(profile).text());
    }
    fragment("compatibility", &blocks)
}

fn devices(profile: &Profile, tuples: &[Tuple]) -> Table {
    let mut titles = vec![
        "device".to_owned(),
        "identity".into(),
        "parent device".into(),
    ];
    titles.extend(profile.versions.iter().map(title));
    titles.push("evidence".into());
    let mut table = Table::new(&titles.iter().map(String::as_str).collect::<Vec<_>>());
    for tuple in of_profile(profile, tuples) {
        let devices: Vec<_> = tuple
            .provider
            .devices
            .iter()
            .map(|id| format!("{id:04x}"))
            .collect();
        let provider = format!("{:04x}: {}", tuple.provider.vendor, devices.join(", "));
        let mut cells = vec![plain(&tuple.name), identity(&tuple.presented), provider];
        for version in &profile.versions {
            let known = tuple.versions.contains(&version.version);
            cells.push(if known {
                tuple.status.clone()
            } else {
                "no".into()
            });
        }
        cells.push(plain(&tuple.evidence));
        table.cells(cells);
    }
    table
}

fn software(one: &Software) -> String {
    let versions: Vec<_> = one.versions.iter().map(u32::to_string).collect();
    let tuples: Vec<_> = one.tuples.iter().map(|name| plain(name)).collect();
    format!(
        "In software, by driver {}, versions {}: {} The guest finds the identity of {} ({}).",
        literal(&one.name),
        versions.join(", "),
        plain(&sentence(&one.doc)),
        tuples.join(" or "),
        plain(&one.evidence)
    )
}

/// The tuples of a profile, the more specific ones first.
fn of_profile<'a>(profile: &Profile, tuples: &'a [Tuple]) -> Vec<&'a Tuple> {
    let mut list: Vec<_> = tuples
        .iter()
        .filter(|t| t.profile == profile.name)
        .collect();
    list.sort_by_key(|tuple| {
        let Pattern {
            subvendor,
            subdevice,
            revision,
            ..
        } = &tuple.presented;
        let any = |id: &IdOrAny| usize::from(matches!(id, IdOrAny::Any(_)));
        (any(subvendor) + any(subdevice), revision.len())
    });
    list
}

fn identity(pattern: &Pattern) -> String {
    let id = |id: IdOrAny| match id {
        IdOrAny::Id(id) => format!("{id:04x}"),
        IdOrAny::Any(_) => "any".into(),
    };
    let revisions: Vec<_> = pattern
        .revision
        .iter()
        .map(|r| format!("{r:02x}"))
        .collect();
    format!(
        "{:04x}:{:04x}, subsystem {}:{}, revision {}, class {:06x}{}",
        pattern.vendor,
        pattern.device,
        id(pattern.subvendor),
        id(pattern.subdevice),
        revisions.join(" or "),
        pattern.class,
        if pattern.is_vf {
            ", virtual function"
        } else {
            ""
        }
    )
}

fn title(version: &Version) -> String {
    let status = profile::status(version.status);
    if version.published() {
        format!("version {}", version.version)
    } else {
        format!("version {} ({status})", version.version)
    }
}

fn versions(profile: &Profile) -> Table {
    let readers = profile
        .versions
        .iter()
        .map(|v| format!("reader of {}", title(v)));
    let titles: Vec<_> = ["stream of".to_owned()]
        .into_iter()
        .chain(readers)
        .collect();
    let mut table = Table::new(&titles.iter().map(String::as_str).collect::<Vec<_>>());
    for source in &profile.versions {
        let mut cells = vec![title(source)];
        cells.extend(
            profile
                .versions
                .iter()
                .map(|reader| verdict(profile, source, reader)),
        );
        table.cells(cells);
    }
    table
}

/// What a reader of one version makes of a stream of another.
fn verdict(profile: &Profile, source: &Version, reader: &Version) -> String {
    if source.version < profile.floor || source.min_reader > reader.version {
        return "refused (``EOPNOTSUPP``)".into();
    }
    let new = |introduced: u32| introduced > reader.version && introduced <= source.version;
    let features = profile
        .features
        .iter()
        .filter(|f| f.required && new(f.introduced));
    let in_use: Vec<_> = features.map(|f| literal(&f.name)).collect();
    let sections = profile
        .sections
        .iter()
        .filter(|s| !s.critical && new(s.introduced));
    let dropped: Vec<_> = sections.map(|s| literal(&s.name)).collect();
    let mut words = "loads".to_owned();
    if !dropped.is_empty() {
        words += &format!(" without {}", dropped.join(", "));
    }
    match in_use.as_slice() {
        [] => {}
        [one] => words += &format!("; refused (``EOPNOTSUPP``) if feature {one} is in use"),
        more => {
            words += &format!(
                "; refused (``EOPNOTSUPP``) if one of {} is in use",
                more.join(", ")
            );
        }
    }
    capital(&words)
}
