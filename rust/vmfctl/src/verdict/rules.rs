// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the codec compares, as people read it.

use vmf::{Capabilities, ConfigWord, Descriptor, Finding, Match};

use crate::{registry::Registry, tree::uuid_text};

/// One rule of a verdict, with values as people read them.
#[derive(Debug)]
pub(crate) struct Rule {
    /// What was compared.
    pub(crate) name: String,
    pub(crate) got: String,
    pub(crate) want: String,
    /// Whether the destination compares at all.
    pub(crate) compared: bool,
    /// Whether a difference is no refusal, and yet one that shows.
    pub(crate) warning: bool,
    pub(crate) code: Option<vmf::Code>,
}

/// A rule for each word of configuration space that differs, and one for all those that do not.
pub(super) fn config_rules(
    descriptor: &Descriptor<'_>,
    profile: &vmf::Profile,
    config: &[ConfigWord],
) -> Vec<Rule> {
    let mut equal = 0u32;
    let mut rules = Vec::new();
    vmf::check_config_each(descriptor, profile, config, &mut |finding| {
        if finding.code.is_none() {
            equal = equal.saturating_add(1);
            return;
        }
        rules.push(Rule {
            name: format!("{} ({:#05x})", finding.rule, finding.id),
            got: format!("{:#010x}", finding.got),
            want: format!("{:#010x}", finding.want),
            compared: true,
            warning: false,
            code: finding.code,
        });
    });
    if equal > 0 {
        let words = format!("{equal} words");
        rules.push(Rule {
            name: "configuration space".into(),
            got: words.clone(),
            want: words,
            compared: true,
            warning: false,
            code: None,
        });
    }
    rules
}

/// What the codec has found, with names.
pub(super) fn rule(
    registry: &Registry,
    descriptor: &Descriptor<'_>,
    caps: &Capabilities,
    finding: &Finding,
) -> Rule {
    let limit = || {
        let mut limits = caps.limits.as_slice().iter();
        limits.find(|limit| u64::from(limit.id) == finding.id)
    };
    let number = |value: u64| value.to_string();
    let hex = |value: u64| format!("{value:#06x}");
    let (got, want) = (finding.got, finding.want);
    let (got, want) = match finding.rule {
        "profile UUID" => (
            uuid_text(descriptor.profile_uuid()),
            uuid_text(caps.profile_uuid),
        ),
        "profile name" => (descriptor.profile_name().into(), caps.profile_name.into()),
        "vendor id" | "device id" | "subsystem vendor id" | "subsystem id" => (hex(got), hex(want)),
        "class code" => (format!("{got:06x}"), format!("{want:06x}")),
        "required features" => (format!("{got:#x}"), format!("{want:#x}")),
        "is a VF" => ((got != 0).to_string(), (want != 0).to_string()),
        "rule of a limit" => {
            let name = |byte| {
                let byte = u8::try_from(byte).unwrap_or(0);
                vmf::Rule::from_byte(byte).map_or(number(byte.into()), |rule| rule.name().into())
            };
            (name(got), name(want))
        }
        _ => (number(got), number(want)),
    };
    let rule = finding.rule;
    let name = match rule {
        "rule of a limit" => match limit() {
            Some(limit) => format!("{rule} {}", limit.name),
            None => rule.into(),
        },
        "profile version too new" => "oldest reader of the stream <= newest version read".into(),
        "profile version too old" => "version of the stream >= oldest version read".into(),
        "required features" => format!("required features, word {}", finding.id),
        "unknown mandatory attribute" if finding.code.is_none() => format!("no {rule}"),
        _ if rule.contains("section") => {
            let kind = u32::try_from(finding.id).unwrap_or(0);
            let profile = registry.profile(descriptor.profile_name());
            let known = registry.section(kind, profile);
            format!(
                "{rule}: {}",
                known.map_or(format!("{kind:#x}"), |known| known.name.clone())
            )
        }
        _ => match limit().filter(|limit| limit.name == rule) {
            Some(limit) => format!("limit {rule} ({})", limit.rule.name()),
            None => rule.into(),
        },
    };
    let compared = match rule {
        "subsystem vendor id" | "subsystem id" => caps.subsystem == Match::Equal,
        "revision id" => caps.revision == Match::Equal,
        _ => true,
    };
    Rule {
        name,
        got,
        want,
        compared,
        warning: false,
        code: finding.code,
    }
}
