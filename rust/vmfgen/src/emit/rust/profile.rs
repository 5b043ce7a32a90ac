// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `profile/<module>.rs` and a file for every section.

use super::{doc, file, state, structure, tables};
use crate::{
    emit::{
        text::{camel, lines, sentence, snake, upper},
        File,
    },
    model::{Profile, Registry, Section},
};

pub(super) fn files(registry: &Registry, profile: &Profile) -> Vec<File> {
    let base = format!("profile/{}", profile.module);
    let mut files = vec![file(&base, &about(profile), &modules(registry, profile))];
    for section in &profile.sections {
        files.push(file(
            &format!("{base}/{}", snake(&section.name)),
            &format!("//! Section `{}`.\n", section.name),
            &part(section),
        ));
    }
    files.push(file(
        &format!("{base}/state"),
        "//! The state of a function as a whole, to and from a stream.\n",
        &state::text(profile),
    ));
    files.push(file(
        &format!("{base}/tables"),
        "//! The profile as data.\n",
        &tables::text(registry, profile),
    ));
    files
}

fn about(profile: &Profile) -> String {
    let mut title = profile.title.clone();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let about = sentence(&profile.doc);
    let (about, source) = (
        doc("//!", &about, 0),
        doc("//!", &format!("Source: {}.", profile.spec), 0),
    );
    format!(
        "//! Profile `{}`: {title}.\n//!\n{about}//!\n{source}",
        profile.name
    )
}

fn modules(registry: &Registry, profile: &Profile) -> String {
    let mut modules = vec!["state".to_owned(), "tables".into()];
    modules.extend(profile.sections.iter().map(|section| snake(&section.name)));
    modules.sort();
    let modules = lines(&modules, |module| format!("mod {module};\n"));
    let part = |s: &Section| format!("{}::{},", snake(&s.name), camel(&s.name));
    let parts: String = profile.sections.iter().map(part).collect();
    let features = profile
        .features
        .iter()
        .map(|f| format!("FEATURE_{},", upper(&f.name)));
    let limits = profile
        .limits
        .iter()
        .map(|l| format!("LIMIT_{},", upper(&l.name)));
    let quirks = tables::quirks(registry, profile)
        .map(|(quirk, _)| format!("QUIRK_{},", upper(&quirk.name)));
    let numbers: String = features.chain(limits).chain(quirks).collect();
    format!(
        "{modules}

        pub use self::{{
            {parts} state::{{Loader, State}}, tables::{{{numbers} PROFILE, STATE_LEN_MAX}},
        }};\n"
    )
}

fn part(section: &Section) -> String {
    let body = structure::payload(section);
    let calls = |name: &&str| body.contains(&format!("{name}("));
    let bytes = ["known_flags"].into_iter().filter(calls);
    let bytes: Vec<_> = bytes.chain(["Fields", "Put"]).collect();
    let ranges = [
        "at_most",
        "bit_zero",
        "bits_at_most",
        "exact",
        "index",
        "mac_list",
        "multiple_of",
        "nonzero_if",
        "unicast_if",
        "within_mask",
        "zero_from",
        "zero_unless",
    ];
    let ranges: Vec<_> = ranges.into_iter().filter(calls).collect();
    format!(
        "use crate::{{bytes::{{{}}}, error::Refusal, profile::ranges::{{{}}}}};\n\n{body}",
        bytes.join(", "),
        ranges.join(", ")
    )
}
