// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The verdict on a descriptor: can this destination take that stream?
//!
//! [`check()`] is a pure function of the descriptor and of the [`Capabilities`] of the destination.
//! `write()`, the sysfs file `check`, the tool and the tests all call it, so that what preflight
//! says is what the migration will do. [`check_each()`] is the same function for those who want to
//! see every rule, and not only the first that fails.

use crate::{
    capabilities::{Capabilities, Handling},
    descriptor::{Descriptor, LimitEntry, ManifestEntry, Presented},
    error::{Code, Refusal},
    profile::spec::Match,
    registry::{Action, Rule, FLAG_CRITICAL},
};

/// One rule, applied to one descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Finding {
    /// What was compared, or why it is refused, in a few words.
    pub rule: &'static str,
    /// The limit, policy, section type or word of features that the rule was applied to; else 0.
    pub id: u64,
    /// The value at the source.
    pub got: u64,
    /// The value, bound or mask of the destination.
    pub want: u64,
    /// The refusal, if the rule does not hold.
    pub code: Option<Code>,
}

/// Collects the findings.
type Judge<'a> = &'a mut dyn FnMut(Finding);

/// Judges whether a destination with the capabilities `caps` can take a stream.
///
/// # Errors
///
/// The first rule that fails, in this order:
///
/// 1. [`Code::XDev`] if the identity differs: vendor, device, class, VF or not, and, if compared,
///    subsystem and revision;
/// 2. [`Code::XDev`] if UUID or name of the profile differ;
/// 3. [`Code::OpNotSupp`] if `min_reader` is above the version, or the version below the floor;
/// 4. [`Code::OpNotSupp`] if an attribute that must be known is not;
/// 5. [`Code::OpNotSupp`] if a required feature is missing;
/// 6. [`Code::OpNotSupp`] if a critical section is unknown, or its schema too new;
/// 7. [`Code::OpNotSupp`] if a limit is unknown and not to be ignored; [`Code::Dom`] if its rule is
///    not the one of the profile, or does not hold;
/// 8. [`Code::Dom`] if a policy differs whose action is to refuse;
/// 9. [`Code::Dom`] if a known section has too many instances;
/// 10. [`Code::FBig`] if the stream may be too long.
pub fn check(descriptor: &Descriptor<'_>, caps: &Capabilities) -> Result<(), Refusal> {
    let mut first = Ok(());
    check_each(descriptor, caps, &mut |finding| {
        if let (Some(code), true) = (finding.code, first.is_ok()) {
            first = Err(Refusal::new(code, finding.rule, finding.got, finding.want));
        }
    });
    first
}

/// Applies every rule of [`check()`], in its order, and hands each finding to `judge`.
pub fn check_each(descriptor: &Descriptor<'_>, caps: &Capabilities, judge: Judge<'_>) {
    identity(&descriptor.presented(), caps, judge);
    profile(descriptor, caps, judge);
    features(descriptor, caps, judge);
    for entry in descriptor.manifest() {
        judge(section(&entry, caps));
    }
    for entry in descriptor.limits() {
        judge(limit(&entry, caps));
    }
    policies(descriptor, caps, judge);
    for entry in descriptor.manifest() {
        if let Handling::Keep(spec) | Handling::Prefix(spec) = caps.handling(&entry) {
            judge(Finding {
                rule: "number of section instances",
                id: entry.kind.into(),
                got: entry.count_max.into(),
                want: spec.instances.into(),
                code: (entry.count_max > spec.instances).then_some(Code::Dom),
            });
        }
    }
    let (got, want) = (descriptor.stream_max(), caps.stream_max);
    judge(unless(got <= want, Code::FBig, "stream_max", got, want));
}

/// A finding about the descriptor as a whole.
fn unless(holds: bool, code: Code, rule: &'static str, got: u64, want: u64) -> Finding {
    Finding {
        rule,
        id: 0,
        got,
        want,
        code: (!holds).then_some(code),
    }
}

fn identity(got: &Presented, caps: &Capabilities, judge: Judge<'_>) {
    let want = &caps.presented;
    let class = |id: &Presented| {
        let [interface, subclass, base] = id.class;
        u64::from(u32::from_be_bytes([0, base, subclass, interface]))
    };
    let mut equal = |rule: Match, reason, got: u64, want: u64| {
        let holds = rule == Match::Any || got == want;
        judge(unless(holds, Code::XDev, reason, got, want));
    };
    let must = Match::Equal;
    let board = caps.subsystem;
    equal(must, "vendor id", got.vendor.into(), want.vendor.into());
    equal(must, "device id", got.device.into(), want.device.into());
    equal(must, "class code", class(got), class(want));
    equal(must, "is a VF", got.is_vf().into(), want.is_vf().into());
    let (id, mine) = (got.subvendor.into(), want.subvendor.into());
    equal(board, "subsystem vendor id", id, mine);
    let (id, mine) = (got.subdevice.into(), want.subdevice.into());
    equal(board, "subsystem id", id, mine);
    let (id, mine) = (got.revision.into(), want.revision.into());
    equal(caps.revision, "revision id", id, mine);
}

fn profile(descriptor: &Descriptor<'_>, caps: &Capabilities, judge: Judge<'_>) {
    // The first eight digits of the text form name a UUID well enough.
    let short = |uuid: [u8; 16]| {
        let head = uuid.first_chunk().copied().unwrap_or_default();
        u64::from(u32::from_be_bytes(head))
    };
    let (uuid, mine) = (descriptor.profile_uuid(), caps.profile_uuid);
    let (got, want) = (short(uuid), short(mine));
    judge(unless(uuid == mine, Code::XDev, "profile UUID", got, want));
    let same = descriptor.profile_name() == caps.profile_name;
    judge(unless(same, Code::XDev, "profile name", 0, 0));
    let mut window = |holds, reason, got: u32, want: u32| {
        let (got, want) = (got.into(), want.into());
        judge(unless(holds, Code::OpNotSupp, reason, got, want));
    };
    let (got, want) = (descriptor.min_reader(), caps.version);
    window(got <= want, "profile version too new", got, want);
    let (got, want) = (descriptor.version(), caps.floor);
    window(got >= want, "profile version too old", got, want);
    let key = descriptor.unknown_must();
    let got = key.unwrap_or(0).into();
    window(key.is_none(), "unknown mandatory attribute", got, 0);
}

fn features(descriptor: &Descriptor<'_>, caps: &Capabilities, judge: Judge<'_>) {
    let known = caps.features.0.iter().copied().chain(core::iter::repeat(0));
    for ((word, got), want) in (0..).zip(descriptor.features_required()).zip(known) {
        judge(Finding {
            rule: "required features",
            id: word,
            got,
            want,
            code: (got & !want != 0).then_some(Code::OpNotSupp),
        });
    }
}

fn section(entry: &ManifestEntry, caps: &Capabilities) -> Finding {
    let spec = caps.section(entry.kind);
    let flags = entry.flags | spec.map_or(0, |spec| spec.flags);
    let code = (flags & FLAG_CRITICAL != 0).then_some(Code::OpNotSupp);
    let id = entry.kind.into();
    match (caps.handling(entry), spec) {
        (Handling::Drop, None) => Finding {
            rule: if code.is_some() {
                "unknown critical section"
            } else {
                "unknown section, to be dropped"
            },
            id,
            got: id,
            want: 0,
            code,
        },
        (Handling::Drop, Some(spec)) => Finding {
            rule: if code.is_some() {
                "schema of a critical section too new"
            } else {
                "schema too new, section to be dropped"
            },
            id,
            got: entry.min_reader.into(),
            want: spec.schema.into(),
            code,
        },
        (Handling::Keep(spec) | Handling::Prefix(spec), _) => Finding {
            rule: "schema of a section",
            id,
            got: entry.schema.into(),
            want: spec.schema.into(),
            code: None,
        },
    }
}

fn limit(entry: &LimitEntry, caps: &Capabilities) -> Finding {
    let id = entry.id.into();
    let finding = |rule, got, want, code| Finding {
        rule,
        id,
        got,
        want,
        code,
    };
    let mut limits = caps.limits.as_slice().iter();
    match limits.find(|limit| limit.id == entry.id) {
        None if Rule::from_byte(entry.rule) == Some(Rule::Ignore) => {
            finding("unknown limit, to be ignored", id, 0, None)
        }
        None => finding("unknown limit", id, 0, Some(Code::OpNotSupp)),
        Some(limit) if entry.rule != limit.rule.to_byte() => {
            let (got, want) = (entry.rule.into(), limit.rule.to_byte().into());
            finding("rule of a limit", got, want, Some(Code::Dom))
        }
        Some(limit) => {
            let code = (!limit.rule.holds(entry.value, limit.value)).then_some(Code::Dom);
            finding(limit.name, entry.value, limit.value, code)
        }
    }
}

/// What this host does not know cannot differ, and is ignored.
fn policies(descriptor: &Descriptor<'_>, caps: &Capabilities, judge: Judge<'_>) {
    for entry in descriptor.policies() {
        let mut known = caps.policies.iter();
        if let Some(policy) = known.find(|policy| policy.id == entry.id) {
            let refuse = policy.action == Action::Refuse && policy.value != entry.value;
            judge(Finding {
                rule: policy.name,
                id: entry.id.into(),
                got: entry.value,
                want: policy.value,
                code: refuse.then_some(Code::Dom),
            });
        }
    }
}
