// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the C header has of each profile.

use super::{literal, Header};
use crate::{
    emit::text::{number, sentence, snake, upper},
    model::{ConfigWords, Profile, Section},
};

impl Header {
    pub(super) fn profile(&mut self, profile: &Profile) {
        let prefix = format!("VMF_{}", upper(&profile.module));
        self.comment(&[
            &format!("Profile {}", profile.name),
            "",
            &sentence(&profile.title),
            &sentence(&profile.doc),
        ]);
        self.line("");
        self.define(
            &format!("{prefix}_NAME"),
            &format!("\"{}\"", profile.name),
            "The name.",
        );
        self.uuid(&prefix, &profile.uuid);
        if let Some(newest) = profile.newest() {
            let version = newest.version.to_string();
            self.define(
                &format!("{prefix}_VERSION"),
                &version,
                "The newest version.",
            );
            let reader = newest.min_reader.to_string();
            let doc = "The oldest version whose reader can take a stream of the newest.";
            self.define(&format!("{prefix}_MIN_READER"), &reader, doc);
        }
        let floor = profile.floor.to_string();
        self.define(
            &format!("{prefix}_FLOOR"),
            &floor,
            "The oldest version that is read.",
        );
        let max = number(profile.stream_max.into());
        self.define(
            &format!("{prefix}_STREAM_MAX"),
            &max,
            "Longest stream, in bytes.",
        );
        for feature in &profile.features {
            let name = format!("{prefix}_FEATURE_{}", upper(&feature.name));
            let doc = format!("Bit of the feature {}: {}", feature.name, feature.doc);
            self.define(&name, &feature.bit.to_string(), &doc);
        }
        for limit in &profile.limits {
            let name = format!("{prefix}_LIMIT_{}", upper(&limit.name));
            let doc = format!("Id of the limit {}: {}", limit.name, limit.doc);
            self.define(&name, &limit.id.to_string(), &doc);
            let doc = format!("Value of the limit {} in a whole device.", limit.name);
            self.define(&(name + "_VALUE"), &number(limit.value), &doc);
        }
        for policy in &profile.policies {
            let name = format!("{prefix}_POLICY_{}", upper(&policy.name));
            let doc = format!("Id of the policy {}: {}", policy.name, policy.doc);
            self.define(&name, &policy.id.to_string(), &doc);
        }
        self.config(profile, &prefix);
        for section in &profile.sections {
            let doc = format!("Type of section {}.", section.name);
            let name = format!("{prefix}_TYPE_{}", upper(&section.name));
            self.define(&name, &format!("{:#x}", section.kind), &doc);
        }
        for section in &profile.sections {
            self.section(section, profile, &prefix);
        }
    }

    /// An initialiser, as nothing is defined here.
    fn config(&mut self, profile: &Profile, prefix: &str) {
        let words = |c: &ConfigWords| {
            let flags = match c.behind_port {
                true => "VMF_CONFIG_WORD_BEHIND_PORT",
                false => "0",
            };
            let word = |(offset, value)| {
                let mask = c.mask;
                format!("\t{{ {offset:#05x}, {flags}, {value:#010x}, {mask:#010x} }}, \\\n")
            };
            c.words().map(word).collect::<Vec<_>>()
        };
        let words: Vec<_> = profile.contract.config.iter().flat_map(words).collect();
        if words.is_empty() {
            return;
        }
        let doc = "Number of words in presented-config.";
        self.define(
            &format!("{prefix}_CONFIG_WORDS"),
            &words.len().to_string(),
            doc,
        );
        self.comment(&[
            "Which they are: offset, flags, value of a provider that has no device to take it from, \
             bits that are compared.",
        ]);
        self.line(&format!(
            "#define {prefix}_CONFIG {{ \\\n{}}}\n",
            words.concat()
        ));
    }

    fn section(&mut self, section: &Section, profile: &Profile, prefix: &str) {
        let prefix = format!("{prefix}_{}", upper(&section.name));
        for field in &section.fields {
            let name = format!("{prefix}_{}", upper(field.wire()));
            if let Some(mask) = field.mask {
                let doc = format!("The bits that {} can have.", snake(field.wire()));
                self.define(&format!("{name}_MASK"), &literal(mask, true), &doc);
            }
            if let Some(max) = field.max {
                let doc = format!("The largest {}.", snake(field.wire()));
                self.define(&format!("{name}_MAX"), &literal(max, false), &doc);
            }
            if let Some(unit) = field.multiple_of {
                let doc = format!("What {} is a multiple of.", snake(field.wire()));
                self.define(&format!("{name}_UNIT"), &literal(unit, false), &doc);
            }
        }
        let tag = format!("vmf_{}_{}", profile.module, snake(&section.name));
        self.structure(&tag, &prefix, &section.doc, &section.fields);
    }
}
