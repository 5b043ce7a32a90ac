// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What can be said of a device whose state only its driver understands.

use vmf::{
    profile::envelope::PROFILE, Capabilities, Descriptor, Features, Limit, Limits, Rule,
    SectionSpec, Version,
};

/// A device that sends an envelope: nobody knows more of its format than its descriptor says.
///
/// It is taken to read all versions before its own, and to have the features that it uses: those of
/// `descriptor`, which is in force, and of the ones `before` it.
pub(crate) fn capabilities(descriptor: &Descriptor<'_>, before: &[Descriptor<'_>]) -> Capabilities {
    let mut features = Features::default();
    let mut stream_max = 0;
    for one in before.iter().chain([descriptor]) {
        for words in [
            &mut one.features_required() as &mut dyn Iterator<Item = u64>,
            &mut one.features_optional(),
        ] {
            for (all, word) in features.0.iter_mut().zip(words) {
                *all |= word;
            }
        }
        stream_max = one.stream_max().max(stream_max);
    }
    let limits = descriptor.limits().map(|limit| Limit {
        id: limit.id,
        rule: Rule::from_byte(limit.rule).unwrap_or(Rule::Ignore),
        value: limit.value,
        name: kept(format!("limit {}", limit.id).into_boxed_str()),
    });
    let sections: Vec<_> = PROFILE
        .sections
        .iter()
        .map(|spec| {
            let mut manifest = descriptor.manifest();
            let entry = manifest.find(|entry| entry.kind == spec.kind);
            let own = entry.map_or(spec.len_max, |entry| entry.len_max);
            SectionSpec {
                len_max: own.min(spec.len_max),
                ..*spec
            }
        })
        .collect();
    let versions = vec![Version {
        version: descriptor.version(),
        min_reader: descriptor.min_reader(),
    }];
    Capabilities {
        presented: descriptor.presented(),
        subsystem: PROFILE.identity.subsystem,
        revision: PROFILE.identity.revision,
        profile_uuid: PROFILE.uuid,
        profile_name: kept(descriptor.profile_name().into()),
        version: descriptor.version(),
        versions: kept(versions.into_boxed_slice()),
        floor: PROFILE.floor,
        features,
        limits: Limits::new(&limits.collect::<Vec<_>>()),
        policies: PROFILE.policies,
        sections: kept(sections.into_boxed_slice()),
        stream_max: stream_max.min(PROFILE.stream_max),
    }
}

/// Capabilities are about what is there for ever. A command makes a few, and then ends.
fn kept<T: ?Sized>(part: Box<T>) -> &'static T {
    Box::leak(part)
}
