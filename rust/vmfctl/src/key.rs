// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Keys: all that is compared of a device, in one line of plain `name=value`, so that devices can be
//! compared where none of them is. The chapter "Keys" of vmf.rst says what a key is.

mod compare;

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, str::FromStr};

use vmf::{profile, registry::KEY_PRESENTED_CONFIG, Descriptor, Match, Rule};

use crate::{
    failure::{self, Failure},
    generations,
    registry::Registry,
    source::Source,
    sysfs::{number, Device, Sysfs},
    tree::unhex,
    verdict::{self, feature_mask, hexadecimal},
};

/// What a key starts with, and nothing else does.
pub(crate) const START: &str = "vmf=";

/// What the names of limits start with.
const LIMIT: &str = "limit.";

/// A value, and the rule by which that of a source and that of a destination are compared.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Compared {
    rule: Rule,
    value: String,
}

/// All that is compared of a device, or of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    pub(crate) profile: String,
    /// The version that is written.
    pub(crate) version: u32,
    /// The versions that are read.
    pub(crate) reads: RangeInclusive<u32>,
    /// The oldest version whose reader can take what is written.
    min_reader: u32,
    /// The features that there are, feature 0 in bit 0.
    pub(crate) features: u128,
    /// Those that the guest uses now, and that a destination has to have.
    needs: u128,
    /// All else, by name.
    compared: BTreeMap<String, Compared>,
}

impl Key {
    /// The key that `source` is, or that of the device or stream that it is.
    pub(crate) fn of(sysfs: &Sysfs, registry: &Registry, source: &Source) -> failure::Result<Self> {
        match source {
            Source::Key(text) => text
                .parse()
                .map_err(|error| Failure::Usage(format!("{}: {error}", source.label()))),
            Source::Device(address) => {
                Self::of_device(registry, &sysfs.device(address)?).map_err(Failure::Input)
            }
            Source::File(_) | Source::Stdin => {
                Self::of_start(registry, source, &source.start(sysfs)?)
            }
        }
    }

    /// The key of `source`, which has `start`: that of the descriptor in force, with the features
    /// of the ones before, which a destination has to have, too.
    pub(crate) fn of_start(
        registry: &Registry,
        source: &Source,
        start: &[u8],
    ) -> failure::Result<Self> {
        let (mut features, mut needs) = (0, 0);
        let mut all = generations::each(start).into_iter().map(|preamble| {
            let descriptor = verdict::descriptor(&preamble)?;
            let key = Self::of_descriptor(registry, &descriptor);
            features |= key.features;
            needs |= key.needs;
            Ok(Self {
                features,
                needs,
                ..key
            })
        });
        let wrong = |error: String| Failure::Input(format!("{}: {error}", source.label()));
        let first = all.next().unwrap_or_else(|| Err("no descriptor".into()));
        all.fold(first, |before, next| before.and(next))
            .map_err(wrong)
    }

    /// The key of a stream that starts with `descriptor`, and of a device that takes no more than that.
    pub(crate) fn of_descriptor(registry: &Registry, descriptor: &Descriptor<'_>) -> Self {
        let name = descriptor.profile_name();
        let id = descriptor.presented();
        let needs = feature_mask(descriptor.features_required());
        let mut key = Self {
            profile: name.into(),
            version: descriptor.version(),
            reads: descriptor.version()..=descriptor.version(),
            min_reader: descriptor.min_reader(),
            features: needs | feature_mask(descriptor.features_optional()),
            needs,
            compared: BTreeMap::new(),
        };
        let device = format!("{:04x}:{:04x}", id.vendor, id.device);
        key.put("device", Rule::Equal, device);
        if let Some(known) = profile::find(name) {
            let board = format!("{:04x}:{:04x}", id.subvendor, id.subdevice);
            key.put("subsystem", rule_of(known.identity.subsystem), board);
            let revision = format!("{:02x}", id.revision);
            key.put("revision", rule_of(known.identity.revision), revision);
        }
        let known = registry
            .profile(name)
            .map_or(&[][..], |known| &known.limits);
        for limit in descriptor.limits() {
            let name = known.iter().find(|known| known.id == u64::from(limit.id));
            let name = name.map_or(limit.id.to_string(), |known| known.name.clone());
            // Who has a rule that nobody knows is refused anyway.
            if let Some(rule) = Rule::from_byte(limit.rule) {
                key.put(&format!("{LIMIT}{name}"), rule, limit.value.to_string());
            }
        }
        let most = descriptor.stream_max().to_string();
        key.put("stream-max", Rule::Le, most);
        let mut attributes = descriptor.attributes();
        if let Some(config) = attributes.find(|attribute| attribute.key == KEY_PRESENTED_CONFIG) {
            let words = descriptor.config().count();
            let digest = format!("{words}-{:08x}", crc32c::crc32c(config.value));
            key.put("config", Rule::Equal, digest);
        }
        key
    }

    /// The key of a device in an inventory or in sysfs.
    pub(crate) fn of_device(registry: &Registry, device: &Device) -> Result<Self, String> {
        let wrong = |what: &str| format!("{}: {what}", device.bdf);
        let bytes = unhex(&device.descriptor).ok_or(wrong("descriptor is not hexadecimal"))?;
        let descriptor =
            verdict::descriptor(&bytes).map_err(|error| wrong(&format!("descriptor: {error}")))?;
        let mut key = Self::of_descriptor(registry, &descriptor);
        key.reads = device.profile_floor..=device.profile_version;
        key.features = hexadecimal(&device.features).ok_or(wrong("features is no number"))?;
        if let Some(board) = key.compared.get_mut("subsystem") {
            board.rule = match device.subsystem_rule.as_str() {
                "any" => Rule::Ignore,
                _ => Rule::Equal,
            };
        }
        for (name, value) in &device.limits {
            if let Some(limit) = key.compared.get_mut(&format!("{LIMIT}{name}")) {
                limit.value = value.to_string();
            }
        }
        key.put("stream-max", Rule::Le, device.stream_max.to_string());
        Ok(key)
    }

    /// The key of the device, whatever its guest uses.
    pub(crate) fn at_rest(&self) -> Self {
        Self {
            needs: 0,
            ..self.clone()
        }
    }

    /// A few digits by which devices that have the same key are found.
    pub(crate) fn digest(&self) -> String {
        let text = self.at_rest().to_string();
        format!("{:08x}", crc32c::crc32c(text.as_bytes()))
    }

    /// The limits: name, rule and value.
    pub(crate) fn limits(&self) -> impl Iterator<Item = (&str, Rule, &str)> {
        self.compared.iter().filter_map(|(name, limit)| {
            let name = name.strip_prefix(LIMIT)?;
            Some((name, limit.rule, limit.value.as_str()))
        })
    }

    fn put(&mut self, name: &str, rule: Rule, value: String) {
        self.compared.insert(name.into(), Compared { rule, value });
    }
}

fn rule_of(how: Match) -> Rule {
    match how {
        Match::Equal => Rule::Equal,
        Match::Any => Rule::Ignore,
    }
}

fn rule_named(name: &str) -> Option<Rule> {
    let mut all = (0..=u8::MAX).filter_map(Rule::from_byte);
    all.find(|rule| rule.name() == name)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (floor, newest) = (self.reads.start(), self.reads.end());
        write!(f, "{START}{}@{}", self.profile, self.version)?;
        write!(f, ",reads={floor}-{newest},min-reader={}", self.min_reader)?;
        write!(f, ",features={:#x}", self.features)?;
        if self.needs != 0 {
            write!(f, ",needs={:#x}", self.needs)?;
        }
        for (name, Compared { rule, value }) in &self.compared {
            write!(f, ",{name}.{}={value}", rule.name())?;
        }
        Ok(())
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim_end();
        let odd = |byte: &u8| !(byte.is_ascii_alphanumeric() || b"@=,.:_-".contains(byte));
        if text.bytes().any(|byte| odd(&byte)) {
            return Err("a key has letters, digits and @=,.:_- only".into());
        }
        let mut items = Vec::new();
        for item in text.split(',') {
            let (name, value) = item
                .split_once('=')
                .ok_or_else(|| format!("{item:?} is not name=value"))?;
            items.push((name, value));
        }
        let mut rest = items.into_iter();
        let wrong = |name: &str, value: &str| format!("{name}={value}: not a value of it");
        let Some(("vmf", named)) = rest.next() else {
            return Err(format!("a key starts with {START}"));
        };
        let parts = named.rsplit_once('@');
        let (profile, version) = parts.ok_or_else(|| wrong("vmf", named))?;
        let version = version.parse().map_err(|_| wrong("vmf", named))?;
        let mut known: [Option<&str>; 4] = [None; 4];
        let mut compared = BTreeMap::new();
        for (name, value) in rest {
            let place = ["reads", "min-reader", "features", "needs"];
            let place = place.iter().position(|known| *known == name);
            let twice = match place.and_then(|at| known.get_mut(at)) {
                Some(slot) => slot.replace(value).is_some(),
                None => {
                    let split = name.rsplit_once('.');
                    let rule = split.and_then(|(name, rule)| Some((name, rule_named(rule)?)));
                    // Of what has no rule, nobody has to know.
                    let Some((bare, rule)) = rule else { continue };
                    if !matches!(rule, Rule::Equal | Rule::Ignore) && number(value).is_none() {
                        return Err(wrong(name, value));
                    }
                    let value = value.into();
                    compared
                        .insert(bare.to_string(), Compared { rule, value })
                        .is_some()
                }
            };
            if twice {
                return Err(format!("{name} is there twice"));
            }
        }
        let [reads, min_reader, features, needs] = known;
        let needed = |name: &str, value: Option<_>| value.ok_or(format!("{name} is missing"));
        let reads = needed("reads", reads)?;
        let both = reads.split_once('-');
        let both = both.and_then(|(from, to)| Some(from.parse().ok()?..=to.parse().ok()?));
        let min_reader = needed("min-reader", min_reader)?;
        let features = needed("features", features)?;
        let needs = needs.unwrap_or("0");
        Ok(Self {
            profile: profile.into(),
            version,
            reads: both.ok_or_else(|| wrong("reads", reads))?,
            min_reader: min_reader
                .parse()
                .map_err(|_| wrong("min-reader", min_reader))?,
            features: hexadecimal(features).ok_or_else(|| wrong("features", features))?,
            needs: hexadecimal(needs).ok_or_else(|| wrong("needs", needs))?,
            compared,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SMALL: &str = "vmf=vf.x@2,reads=1-3,min-reader=1,features=0x5,needs=0x4,\
                         config.equal=2-00000001,limit.q.le=2,stream-max.le=9";

    #[test]
    fn there_and_back() {
        let key: Key = SMALL.parse().unwrap();
        assert_eq!(key.to_string(), SMALL);
        assert_eq!(key.reads, 1..=3);
        assert_eq!(key.limits().collect::<Vec<_>>(), [("q", Rule::Le, "2")]);
        // As a line of a file, with what this version does not know, and in another order.
        let other = SMALL.replace(",reads=1-3", ",colour=red") + ",reads=1-3\n";
        assert_eq!(other.parse(), Ok(key.clone()));
        assert_eq!(key.at_rest().to_string(), SMALL.replace(",needs=0x4", ""));
        assert_eq!(key.digest(), key.at_rest().digest());
    }

    #[test]
    fn what_is_no_key() {
        for (from, to, word) in [
            ("vmf=", "vfm=", "starts with vmf="),
            ("vf.x@2", "vf.x", "vmf=vf.x"),
            ("@2", "@two", "@two"),
            ("reads=1-3", "reads=3", "reads=3"),
            ("reads=1-3", "reads", "not name=value"),
            ("reads=1-3,", "", "reads is missing"),
            ("features=0x5", "features=0x+5", "letters, digits"),
            ("limit.q.le=2", "limit.q.le=two", "limit.q.le=two"),
            ("limit.q.le=2", "limit.q.le=2,limit.q.equal=2", "twice"),
            ("needs=0x4", "needs=0x4,needs=0x4", "twice"),
            ("limit.q.le=2", "limit.q.le=\u{1b}[0m", "letters, digits"),
        ] {
            let error = SMALL.replace(from, to).parse::<Key>().unwrap_err();
            assert!(error.contains(word), "{from} -> {to}: {error}");
        }
    }
}
