// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The verdict on two keys, by the rules of the chapter "Keys" of vmf.rst. They are those of a device
//! as far as a key has what they are about; a test holds one against the other.

use vmf::{Code, Rule};

use super::{Compared, Key, LIMIT};
use crate::{
    sysfs::number,
    verdict::{self, Verdict},
};

impl Key {
    /// Judges whether a device with the key `to` takes what one with this key sends.
    pub(crate) fn judge(&self, to: &Self) -> Verdict {
        let mut rules = Vec::new();
        let mut all: Vec<_> = self.compared.iter().collect();
        // What is compared first is named first where more than one differs.
        all.sort_by_key(|(name, _)| place(name));
        let before = all.partition_point(|(name, _)| place(name) < PROFILE);
        let (identity, rest) = all.split_at(before);
        rules.extend(identity.iter().map(|(name, mine)| to.item(name, mine)));
        rules.extend(self.profile_rules(to));
        rules.extend(rest.iter().map(|(name, mine)| to.item(name, mine)));
        Verdict {
            rules,
            ..Verdict::default()
        }
    }

    fn profile_rules(&self, to: &Self) -> [verdict::Rule; 5] {
        let (floor, newest) = (to.reads.start(), to.reads.end());
        let mut more = finding(
            "features that the guest may come to use".into(),
            &format!("{:#x}", self.features),
            &format!("{:#x}", to.features),
            None,
        );
        more.warning = self.features & !to.features != 0;
        [
            finding(
                "profile".into(),
                &self.profile,
                &to.profile,
                unless(self.profile == to.profile, Code::XDev),
            ),
            finding(
                "oldest reader of what is written <= newest version read".into(),
                &self.min_reader.to_string(),
                &newest.to_string(),
                unless(self.min_reader <= *newest, Code::OpNotSupp),
            ),
            finding(
                "version that is written >= oldest version read".into(),
                &self.version.to_string(),
                &floor.to_string(),
                unless(self.version >= *floor, Code::OpNotSupp),
            ),
            finding(
                "features that the guest uses".into(),
                &format!("{:#x}", self.needs),
                &format!("{:#x}", to.features),
                unless(self.needs & !to.features == 0, Code::OpNotSupp),
            ),
            more,
        ]
    }

    /// Applies the rule of one value of a source to this destination.
    fn item(&self, name: &str, from: &Compared) -> verdict::Rule {
        let is_limit = name.starts_with(LIMIT);
        let Some(own) = self.compared.get(name) else {
            let known = !is_limit || from.rule == Rule::Ignore;
            let code = unless(known, Code::OpNotSupp);
            let mut rule = finding(name.into(), &from.value, "not known", code);
            rule.compared = !known;
            return rule;
        };
        if is_limit && own.rule != from.rule {
            let (got, want) = (from.rule.name(), own.rule.name());
            return finding(format!("rule of {name}"), got, want, Some(Code::Dom));
        }
        let code = match name {
            "device" | "subsystem" | "revision" | "config" => Code::XDev,
            "stream-max" => Code::FBig,
            _ => Code::Dom,
        };
        let holds = match (number(&from.value), number(&own.value)) {
            _ if own.rule == Rule::Equal => from.value == own.value,
            (Some(got), Some(want)) => own.rule.holds(got, want),
            // Nothing but a rule that always holds has other values.
            _ => true,
        };
        // Digests of other words say nothing about each other.
        let words = |value: &str| value.split_once('-').map(|(words, _)| words.to_string());
        let compared = own.rule != Rule::Ignore
            && (name != "config" || words(&from.value) == words(&own.value));
        let title = format!("{name} ({})", own.rule.name());
        let code = unless(holds || !compared, code);
        let mut rule = finding(title, &from.value, &own.value, code);
        rule.compared = compared;
        rule
    }
}

/// Where the rules about profile, versions and features come in.
const PROFILE: u8 = 1;

/// The order of a verdict.
fn place(name: &str) -> u8 {
    match name {
        "device" | "subsystem" | "revision" => 0,
        "stream-max" => 3,
        "config" => 4,
        _ => 2,
    }
}

fn unless(holds: bool, code: Code) -> Option<Code> {
    (!holds).then_some(code)
}

fn finding(name: String, got: &str, want: &str, code: Option<Code>) -> verdict::Rule {
    verdict::Rule {
        name,
        got: got.into(),
        want: want.into(),
        compared: true,
        warning: false,
        code,
    }
}
