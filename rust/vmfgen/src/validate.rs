// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What has to hold in a registry beyond the shape of its files.

mod checks;
mod container;
mod contract;
mod envelope;
mod foreign;
mod layout;
mod profile;
mod tuples;

use crate::{
    load::INDEX,
    model::{Container, Profile, Registry},
    problems::{Place, Problems},
};
use std::{collections::BTreeMap, fmt::Display, path::Path};

/// Checks everything that does not depend on what was published.
///
/// `vectors` is the directory of the golden streams; if there is none, they are not asked for.
pub(crate) fn registry(registry: &Registry, vectors: &Path, problems: &mut Problems) {
    let index = &registry.index;
    container::check(&registry.container, &mut problems.of(&index.container));
    let Some(frame) = Frame::of(&registry.container) else {
        return;
    };
    let vectors = vectors.is_dir().then_some(vectors);
    for (file, profile) in index.profiles.iter().zip(&registry.profiles) {
        profile::check(profile, &frame, vectors, &mut problems.of(file));
    }
    // Each is in a file of its own, so the place is the list of files.
    let mut place = problems.of(INDEX);
    let mut place = place.key("profiles");
    let each = |what: fn(&Profile) -> &String| {
        let profiles = registry.profiles.iter();
        profiles.map(move |profile| (what(profile), &profile.name))
    };
    unique(&mut place, "name", each(|profile| &profile.name));
    unique(&mut place, "uuid", each(|profile| &profile.uuid));
    unique(&mut place, "module", each(|profile| &profile.module));
    envelope::check(registry, &frame, &mut problems.of(&index.envelope));
    tuples::check(registry, &mut problems.of(&index.tuples));
    foreign::check(registry, problems);
}

/// What the container says that profiles have to keep to.
struct Frame<'a> {
    container: &'a Container,
    payload_max: u64,
    sections_max: u64,
    preamble_max: u64,
    /// Lengths of structures.
    section_header: u64,
    end: u64,
}

impl<'a> Frame<'a> {
    /// Returns nothing if a part is missing, which has been reported then.
    fn of(container: &'a Container) -> Option<Self> {
        let limit = |name| container::integer(container, name);
        let length = |name| container::structure(container, name).map(|s| u64::from(s.length));
        Some(Self {
            container,
            payload_max: limit("payload-max")?,
            sections_max: limit("sections-max")?,
            preamble_max: limit("preamble-max")?,
            section_header: length("section-header")?,
            end: length("end")?,
        })
    }
}

/// Requires that no two of `items`, each a value and what has it, share their value.
fn unique<V: Display + Ord, N: Display>(
    place: &mut Place<'_>,
    what: &str,
    items: impl Iterator<Item = (V, N)>,
) {
    let mut seen = BTreeMap::new();
    for (value, name) in items {
        match seen.get(&value) {
            Some(other) => {
                place.report(format!(
                    "{what} {value} is used twice: by {other} and by {name}"
                ));
            }
            None => {
                seen.insert(value, name);
            }
        }
    }
}

/// Requires that numbers ascend, as they do in a stream.
fn ascending<V: Display + Ord + Copy>(
    place: &mut Place<'_>,
    what: &str,
    items: impl Iterator<Item = V> + Clone,
) {
    for (one, next) in items.clone().zip(items.skip(1)) {
        // Equal ones are a matter of `unique`.
        place.require(one <= next, format!("{what} {next} stands behind {one}"));
    }
}
