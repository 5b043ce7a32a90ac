// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `profile/<module>/tables.rs`: the profile as data for the codec.

use super::doc;
use crate::{
    emit::text::{camel, lines, lower, upper},
    model::{DeviceQuirk, IdOrAny, Identity, Match, Profile, Registry, Section},
};

pub(super) fn text(registry: &Registry, profile: &Profile) -> String {
    let mut out = uses(profile);
    for (quirk, devices) in quirks(registry, profile) {
        let about = format!(
            "Quirk `{}`: {} Vendor and device of the subsystems.",
            quirk.name,
            lower(&quirk.doc)
        );
        out += &doc("///", &about, 0);
        let devices = lines(&devices, |(vendor, device)| {
            format!("({vendor:#06x}, {device:#06x}),")
        });
        out += &format!(
            "pub const QUIRK_{}: &[(u16, u16)] = &[{devices}];\n",
            upper(&quirk.name)
        );
    }
    for feature in &profile.features {
        let about = format!("Feature `{}`: {}", feature.name, lower(&feature.doc));
        out += &doc("///", &about, 0);
        out += &format!(
            "pub const FEATURE_{}: u16 = {};\n",
            upper(&feature.name),
            feature.bit
        );
    }
    for limit in &profile.limits {
        out += &doc(
            "///",
            &format!("Limit `{}`: {}", limit.name, lower(&limit.doc)),
            0,
        );
        out += &format!(
            "pub const LIMIT_{}: u16 = {};\n",
            upper(&limit.name),
            limit.id
        );
    }
    let length = |s: &Section| {
        let count = usize::try_from(s.instances.count).unwrap_or(0);
        format!("{}::LEN,", camel(&s.name)).repeat(count)
    };
    let lengths: String = profile.sections.iter().map(length).collect();
    out += &format!(
        "
        /// The length of all sections that a stream can have, headers included, in bytes.
        pub const STATE_LEN_MAX: usize = wire::sections_len(&[{lengths}]);

        "
    );
    out + &table(profile) + &verify(&profile.sections)
}

/// The quirks that devices with this profile can have, with the subsystems of those that do.
pub(super) fn quirks<'a>(
    registry: &'a Registry,
    profile: &'a Profile,
) -> impl Iterator<Item = (&'a DeviceQuirk, Vec<(u16, u16)>)> {
    let devices = move |quirk: &DeviceQuirk| -> Vec<_> {
        let of_profile = registry
            .tuples
            .iter()
            .filter(|tuple| tuple.profile == profile.name && quirk.tuples.contains(&tuple.name));
        of_profile
            .filter_map(
                |tuple| match (tuple.presented.subvendor, tuple.presented.subdevice) {
                    (IdOrAny::Id(vendor), IdOrAny::Id(device)) => Some((vendor, device)),
                    _ => None,
                },
            )
            .collect()
    };
    let all = registry.device_quirks.iter();
    all.map(move |quirk| (quirk, devices(quirk)))
        .filter(|(_, devices)| !devices.is_empty())
}

fn uses(profile: &Profile) -> String {
    let sections: Vec<_> = profile.sections.iter().map(|s| camel(&s.name)).collect();
    let (action, policy) = match profile.policies.is_empty() {
        true => ("", ""),
        false => ("Action,", "Policy,"),
    };
    let config = match profile.contract.config.is_empty() {
        true => "",
        false => "ConfigSpec,",
    };
    format!(
        "use super::{{{}}};
        use crate::{{
            error::{{Code, Refusal}},
            profile::spec::{{{config} Feature, Identity, Limit, Match, {policy} Profile, SectionSpec, Version}},
            registry::{{{action} Rule, FLAG_CRITICAL}},
            wire,
        }};

        ",
        sections.join(", ")
    )
}

fn table(profile: &Profile) -> String {
    let uuid: Vec<_> = profile.uuid.chars().filter(|c| *c != '-').collect();
    let uuid: Vec<_> = uuid.chunks(2).map(String::from_iter).collect();
    let uuid = lines(&uuid, |byte| format!("0x{byte},"));
    let versions = profile.versions.iter().map(|v| {
        format!(
            "Version {{ version: {}, min_reader: {} }},",
            v.version, v.min_reader
        )
    });
    let features = profile.features.iter().map(|f| {
        format!(
            "Feature {{ bit: FEATURE_{}, introduced: {}, required: {}, name: \"{}\" }},",
            upper(&f.name),
            f.introduced,
            f.required,
            f.name
        )
    });
    let limits = profile.limits.iter().map(|l| {
        format!(
            "Limit {{ id: LIMIT_{}, rule: Rule::{}, value: {}, name: \"{}\" }},",
            upper(&l.name),
            camel(&l.rule),
            l.value,
            l.name
        )
    });
    let policies = profile.policies.iter().map(|p| {
        format!(
            "Policy {{ id: {}, action: Action::{}, value: 0, name: \"{}\" }},",
            p.id,
            camel(&p.action),
            p.name
        )
    });
    let config = profile.contract.config.iter().flat_map(|c| {
        c.words().map(move |(offset, value)| {
            format!(
                "ConfigSpec {{ offset: {offset:#05x}, value: {value:#010x}, mask: {:#010x}, \
                 behind_port: {}, clear_by_ones: {:#010x}, clear_by_zeros: {:#010x}, name: \"configuration space, {}\" }},",
                c.mask, c.behind_port, c.clear_by_ones, c.clear_by_zeros, c.name
            )
        })
    });
    format!(
        "/// The profile.
        pub static PROFILE: Profile = Profile {{
            name: \"{}\",
            uuid: [{uuid}],
            identity: {},
            floor: {},
            versions: &[{}],
            features: &[{}],
            limits: &[{}],
            policies: &[{}],
            config: &[{}],
            sections: &[{}],
            stream_max: {},
            verify,
        }};

        ",
        profile.name,
        identity(&profile.identity),
        profile.floor,
        versions.collect::<String>(),
        features.collect::<String>(),
        limits.collect::<String>(),
        policies.collect::<String>(),
        config.collect::<String>(),
        profile.sections.iter().map(spec).collect::<String>(),
        profile.stream_max
    )
}

fn identity(identity: &Identity) -> String {
    let rule = |rule| match rule {
        Match::Equal => "Match::Equal",
        Match::Any => "Match::Any",
    };
    // As in configuration space: programming interface, subclass, base class.
    let [interface, sub, base, _] = identity.class.value.to_le_bytes();
    format!(
        "Identity {{
            vendor: {:#06x},
            device: {:#06x},
            class: [{interface:#04x}, {sub:#04x}, {base:#04x}],
            is_vf: {},
            subsystem: {},
            revision: {},
        }}",
        identity.vendor.value,
        identity.device.value,
        identity.is_vf.value,
        rule(identity.subsystem.rule),
        rule(identity.revision.rule)
    )
}

fn spec(section: &Section) -> String {
    let feature = match &section.feature {
        Some(feature) => format!("Some(FEATURE_{})", upper(feature)),
        None => "None".into(),
    };
    format!(
        "SectionSpec {{
            kind: {name}::KIND,
            schema: {name}::SCHEMA,
            min_reader: {},
            flags: {},
            instances: {},
            len_max: wire::len_u32({name}::LEN),
            introduced: {},
            feature: {feature},
            omit_if_zero: {},
            name: \"{}\",
        }},",
        section.min_reader,
        if section.critical {
            "FLAG_CRITICAL"
        } else {
            "0"
        },
        section.instances.count,
        section.introduced,
        section.omit_if_zero,
        section.name,
        name = camel(&section.name)
    )
}

fn verify(sections: &[Section]) -> String {
    let arm = |section: &Section| {
        let name = camel(&section.name);
        format!("{name}::KIND => {name}::decode(payload)?.validate(instance),\n")
    };
    let arms = lines(sections, arm);
    format!(
        "/// Checks a payload on its own.
        fn verify(kind: u32, instance: u32, payload: &[u8]) -> Result<(), Refusal> {{
            match kind {{
                {arms}
                _ => Err(Refusal::new(Code::IlSeq, \"not of this profile\", kind.into(), 0)),
            }}
        }}
        "
    )
}
