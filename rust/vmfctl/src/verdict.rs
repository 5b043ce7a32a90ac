// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Verdicts: the codec of the kernel, on behalf of some destination.

mod rules;

pub(crate) use self::rules::Rule;

use std::io::{self, Read};

use serde_json::{json, Value as Json};
use vmf::{
    profile::{self, Verifier},
    Capabilities, ConfigWord, Crc32c, Descriptor, Match, Presented, Reader, Refusal, Section,
    Visitor,
};

use crate::{
    decode::error_json,
    envelope,
    failure::{Failure, Result},
    generations,
    registry::Registry,
    sysfs::Device,
    tree::unhex,
};

/// How this tool computes CRC32C.
pub(crate) fn crc() -> Crc32c {
    Crc32c::new(crc32c::crc32c_append).with_combine(crc32c::crc32c_combine)
}

/// The descriptor in the first section of `preamble`, if it is well formed.
pub(crate) fn descriptor(preamble: &[u8]) -> core::result::Result<Descriptor<'_>, String> {
    Descriptor::of_stream(preamble, crc()).map_err(|refusal| refusal.to_string())
}

/// The profile `name`, in the codec.
fn known(name: &str) -> Result<&'static vmf::Profile> {
    profile::find(name).ok_or_else(|| {
        Failure::Input(format!(
            "profile {name} is unknown to the codec of this vmfctl, so it has no verdict on it; \
             a newer vmfctl may have"
        ))
    })
}

/// The capabilities at a version that the codec knows.
fn capabilities(
    profile: &'static vmf::Profile,
    version: u32,
    presented: Presented,
) -> Result<Capabilities> {
    profile.capabilities(version, presented).ok_or_else(|| {
        Failure::Input(format!(
            "version {version} of profile {} is unknown to the codec of this vmfctl, which has \
             versions up to {}",
            profile.name,
            profile.newest()
        ))
    })
}

/// The descriptors that are well formed of `each` that a stream starts with.
fn well_formed(each: &[Vec<u8>]) -> Vec<Descriptor<'_>> {
    each.iter().filter_map(|one| descriptor(one).ok()).collect()
}

/// A device as the registry promises it, for whoever sends a stream with `start`.
///
/// Profile and identity are those of the tuple that fits best, so that a wrong one shows; without a
/// descriptor those of any, as it is refused anyway. The version is the newest if it is not given.
pub(crate) fn of_registry(
    registry: &Registry,
    start: &[u8],
    version: Option<u32>,
) -> Result<Capabilities> {
    let parsed = descriptor(start).ok();
    let id = parsed.map_or_else(Presented::default, |known| known.presented());
    let tuple = registry.tuple(&id).or(match parsed {
        Some(_) => None,
        None => registry.tuples.first(),
    });
    let named = parsed.map_or("", |known| known.profile_name());
    let name = tuple.map_or(named, |tuple| &tuple.profile);
    let profile = known(name)?;
    if let Some(own) = of_envelope(&well_formed(&generations::each(start))) {
        let version = version.unwrap_or(own.version);
        return Ok(Capabilities { version, ..own });
    }

    let listed = registry.tuples.iter().filter(|tuple| tuple.profile == name);
    let revisions: Vec<u8> = listed
        .flat_map(|tuple| tuple.presented.revision.iter().copied())
        .collect();
    let revision = match revisions.first() {
        Some(first) if !revisions.contains(&id.revision) => *first,
        _ => id.revision,
    };
    let presented = profile.presented(id.subvendor, id.subdevice, revision);
    let newest = registry.profile(name).map(|known| known.newest());
    let version = version.or(newest).unwrap_or(profile.newest());
    capabilities(profile, version, presented)
}

/// A device that sends a stream with `start`: it takes at least what it sends.
pub(crate) fn of_start(start: &[u8]) -> Result<Capabilities> {
    let each = generations::each(start);
    let all = well_formed(&each);
    if let Some(caps) = of_envelope(&all) {
        return Ok(caps);
    }
    let Some(descriptor) = all.last() else {
        return Err(Failure::Input("no descriptor".into()));
    };
    let profile = known(descriptor.profile_name())?;
    let mut caps = capabilities(profile, descriptor.version(), descriptor.presented())?;
    for limit in descriptor.limits() {
        caps.limits.set(limit.id, limit.value);
    }
    let longest = all.iter().map(Descriptor::stream_max).max();
    caps.stream_max = longest.unwrap_or(caps.stream_max);
    Ok(caps)
}

/// The same, if it sends envelopes.
fn of_envelope(all: &[Descriptor<'_>]) -> Option<Capabilities> {
    let (last, before) = all.split_last()?;
    profile::envelope::format(last.profile_name())?;
    Some(envelope::capabilities(last, before))
}

/// A device in an inventory or in sysfs.
fn of_device(device: &Device) -> Result<(Capabilities, Vec<ConfigWord>)> {
    let wrong = |what: &str| Failure::Input(format!("{}: {what}", device.bdf));
    let bytes = unhex(&device.descriptor).ok_or_else(|| wrong("descriptor is not hexadecimal"))?;
    let descriptor = descriptor(&bytes).map_err(|error| wrong(&format!("descriptor: {error}")))?;
    let profile = known(&device.profile)?;
    let mut caps = match of_envelope(&[descriptor]) {
        Some(caps) => Capabilities {
            version: device.profile_version,
            ..caps
        },
        None => capabilities(profile, device.profile_version, descriptor.presented())?,
    };
    caps.floor = device.profile_floor;
    if device.subsystem_rule == "any" {
        caps.subsystem = Match::Any;
    }
    caps.stream_max = device.stream_max;
    for limit in profile.limits {
        if let Some(value) = device.limits.get(limit.name) {
            caps.limits.set(limit.id, *value);
        }
    }
    let has = hexadecimal(&device.features).ok_or_else(|| wrong("features is no number"))?;
    caps.features = features(has);
    Ok((caps, descriptor.config().collect()))
}

/// A number in hexadecimal, as features are given.
pub(crate) fn hexadecimal(text: &str) -> Option<u128> {
    u128::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// Words of features as one number, of which feature 0 is the lowest bit.
pub(crate) fn feature_mask(words: impl Iterator<Item = u64>) -> u128 {
    let words = words.zip([0, 64]);
    words.fold(0, |mask, (word, shift)| mask | (u128::from(word) << shift))
}

fn features(mask: u128) -> vmf::Features {
    let mut features = vmf::Features::default();
    for (to, shift) in features.0.iter_mut().zip([0, 64]) {
        *to = u64::try_from((mask >> shift) & u128::from(u64::MAX)).unwrap_or(0);
    }
    features
}

/// What a destination says to a descriptor.
#[derive(Default, Debug)]
pub(crate) struct Verdict {
    /// Every rule, if the descriptor is well formed.
    pub(crate) rules: Vec<Rule>,
    /// The refusal.
    pub(crate) error: Option<vmf::Error>,
    /// Why there is no verdict, if so.
    pub(crate) unknown: Option<String>,
}

impl Verdict {
    /// Whether the destination takes the stream, as far as this tool can tell.
    pub(crate) fn accepted(&self) -> bool {
        self.unknown.is_none() && !self.refused()
    }

    /// Whether a rule refuses it.
    pub(crate) fn refused(&self) -> bool {
        self.error.is_some() || self.first_broken().is_some()
    }

    /// The first rule that does not hold.
    fn first_broken(&self) -> Option<(&Rule, vmf::Code)> {
        let mut broken = self.rules.iter();
        broken.find_map(|rule| Some((rule, rule.code?)))
    }

    /// Why it is refused, for people.
    pub(crate) fn reason(&self) -> Option<(vmf::Code, String)> {
        if let Some(error) = &self.error {
            return Some((error.code, error.to_string()));
        }
        let (rule, code) = self.first_broken()?;
        let (name, got, want) = (&rule.name, &rule.got, &rule.want);
        let values = match got.is_empty() {
            true => want.clone(),
            false => format!("{got}, and there {want}"),
        };
        Some((code, format!("{code}: {name}: {values}")))
    }

    /// The same in JSON.
    pub(crate) fn error_json(&self) -> Option<Json> {
        if let Some(error) = &self.error {
            return Some(error_json(error));
        }
        let (rule, code) = self.first_broken()?;
        let (error, errno) = (code.name(), code.errno());
        Some(json!({"error": error, "errno": errno, "reason": rule.name}))
    }

    /// How many rules hold, but should be looked at.
    pub(crate) fn warnings(&self) -> usize {
        self.rules.iter().filter(|rule| rule.warning).count()
    }
}

/// Judges the descriptors of `start` on behalf of a device in an inventory or in sysfs.
pub(crate) fn judge_for(registry: &Registry, start: &[u8], device: &Device) -> Verdict {
    match of_device(device) {
        Ok((caps, config)) => judge(registry, start, &caps, &config),
        Err(failure) => Verdict {
            unknown: Some(failure.to_string()),
            ..Verdict::default()
        },
    }
}

/// Takes nothing but descriptors, which the reader judges.
struct Descriptors;

impl Visitor for Descriptors {
    fn section(&mut self, _section: &Section<'_>) -> core::result::Result<(), Refusal> {
        Ok(())
    }
}

/// The refusal of a stream with `start`: by what comes first, as a load refuses it.
fn refusal(start: &[u8], caps: &Capabilities) -> Option<vmf::Error> {
    let mut buf = vec![0; caps.buffer_len()];
    if generations::each(start).len() == 1 {
        return vmf::preflight(start, caps, crc(), &mut buf).err();
    }
    let mut reader = Reader::new(*caps, crc(), buf);
    match reader.feed(start, &mut Descriptors) {
        Ok(_) if generations::is_cut(start) => reader.finish().err(),
        judged => judged.err(),
    }
}

/// The descriptor of `start` that a destination with `caps` refuses, or else the one in force.
fn decisive(start: &[u8], caps: &Capabilities) -> Vec<u8> {
    let mut each = generations::each(start);
    let refused = each.iter().position(|one| {
        let judged = descriptor(one).map(|descriptor| vmf::check(&descriptor, caps));
        !matches!(judged, Ok(Ok(())))
    });
    each.truncate(refused.map_or(each.len(), |at| at.saturating_add(1)));
    each.pop().unwrap_or_default()
}

/// Judges the descriptors of `start` on behalf of a destination with `caps`, which shows `config`
/// as far as it is known.
pub(crate) fn judge(
    registry: &Registry,
    start: &[u8],
    caps: &Capabilities,
    config: &[ConfigWord],
) -> Verdict {
    let mut error = refusal(start, caps);
    let mut found = Vec::new();
    if let Ok(descriptor) = descriptor(&decisive(start, caps)) {
        vmf::check_each(&descriptor, caps, &mut |finding| {
            found.push(rules::rule(registry, &descriptor, caps, &finding));
        });
        if let Some(profile) = profile::find(caps.profile_name) {
            found.extend(rules::config_rules(&descriptor, profile, config));
            let verdict = vmf::check_config(&descriptor, profile, config).err();
            error = error.or(verdict.map(|refusal| vmf::Error::new(refusal, 0, None)));
        }
    }
    Verdict {
        rules: found,
        error,
        unknown: None,
    }
}

/// Reads a whole stream as a destination with `caps` does; the outer error is that of the input.
pub(crate) fn verify(
    input: impl Read,
    caps: &Capabilities,
) -> io::Result<core::result::Result<u64, vmf::Error>> {
    let Some(profile) = profile::find(caps.profile_name) else {
        return Err(io::Error::other("the profile is unknown"));
    };
    read(input, caps, &mut Verifier::new(profile))
}

/// The same for whoever wants to have the content.
pub(crate) fn read(
    mut input: impl Read,
    caps: &Capabilities,
    visitor: &mut impl Visitor,
) -> io::Result<core::result::Result<u64, vmf::Error>> {
    let mut reader = Reader::new(*caps, crc(), vec![0; caps.buffer_len()]);
    let mut chunk = vec![0; 1 << 16];
    loop {
        let len = match input.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if len == 0 {
            return Ok(reader.finish().map(|()| reader.offset()));
        }
        if let Err(error) = reader.feed(chunk.get(..len).unwrap_or(&[]), visitor) {
            return Ok(Err(error));
        }
    }
}
