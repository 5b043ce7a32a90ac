// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The verdict on a descriptor: can this destination take that stream?
//!
//! [`check()`] is a pure function of the descriptor and of the [`Capabilities`] of the destination.
//! `write()`, the sysfs file `check`, the tool and the tests all call it, so that what preflight
//! says is what the migration will do.

use crate::{
    capabilities::{Capabilities, Handling, Match, Rule},
    descriptor::{Descriptor, Presented},
    error::{Code, Refusal},
    wire,
};

/// Judges whether a destination with the capabilities `caps` can take a stream.
///
/// # Errors
///
/// The first rule that fails, in this order:
///
/// 1. [`Code::XDev`] if the identity differs: vendor, device, class, VF or not, and, if compared,
///    subsystem and revision;
/// 2. [`Code::XDev`] if UUID or name of the profile differ;
/// 3. [`Code::OpNotSupp`] if the version is below the floor, or `min_reader` above the version;
/// 4. [`Code::OpNotSupp`] if an attribute that must be known is not;
/// 5. [`Code::OpNotSupp`] if a required feature is missing;
/// 6. [`Code::OpNotSupp`] if a critical section is unknown, or its schema too new;
/// 7. [`Code::OpNotSupp`] if a limit is unknown and not to be ignored; [`Code::Dom`] if its rule is
///    not the one of the profile, or does not hold;
/// 8. [`Code::Dom`] if a known section has too many instances;
/// 9. [`Code::FBig`] if the stream may be too long.
pub fn check(descriptor: &Descriptor<'_>, caps: &Capabilities) -> Result<(), Refusal> {
    check_identity(&descriptor.presented(), caps)?;
    check_profile(descriptor, caps)?;
    check_features(descriptor, caps)?;
    check_manifest(descriptor, caps)?;
    check_limits(descriptor, caps)?;
    check_instances(descriptor, caps)?;
    if descriptor.stream_max() > caps.stream_max {
        return Err(Refusal::new(
            Code::FBig,
            "stream_max",
            descriptor.stream_max(),
            caps.stream_max,
        ));
    }
    Ok(())
}

fn check_identity(got: &Presented, caps: &Capabilities) -> Result<(), Refusal> {
    let want = &caps.presented;
    let class = |id: &Presented| {
        let [interface, subclass, base] = id.class;
        u64::from(u32::from_be_bytes([0, base, subclass, interface]))
    };
    let equal = |rule, reason, got: u64, want: u64| {
        if rule == Match::Any || got == want {
            Ok(())
        } else {
            Err(Refusal::new(Code::XDev, reason, got, want))
        }
    };
    let must = Match::Equal;
    let subsystem = caps.subsystem;
    equal(must, "vendor id", got.vendor.into(), want.vendor.into())?;
    equal(must, "device id", got.device.into(), want.device.into())?;
    equal(must, "class code", class(got), class(want))?;
    equal(must, "is a VF", got.is_vf.into(), want.is_vf.into())?;
    equal(
        subsystem,
        "subsystem vendor id",
        got.subvendor.into(),
        want.subvendor.into(),
    )?;
    equal(
        subsystem,
        "subsystem id",
        got.subdevice.into(),
        want.subdevice.into(),
    )?;
    equal(
        caps.revision,
        "revision id",
        got.revision.into(),
        want.revision.into(),
    )
}

fn check_profile(descriptor: &Descriptor<'_>, caps: &Capabilities) -> Result<(), Refusal> {
    let (uuid, mine) = (descriptor.profile_uuid(), caps.profile_uuid);
    if uuid != mine {
        // The first eight digits of the text form name a UUID well enough.
        let short = |uuid: [u8; 16]| {
            let head = uuid.first_chunk().copied().unwrap_or_default();
            u64::from(u32::from_be_bytes(head))
        };
        let (got, want) = (short(uuid), short(mine));
        return Err(Refusal::new(Code::XDev, "profile UUID", got, want));
    }
    if descriptor.profile_name() != caps.profile_name {
        return Err(Refusal::new(Code::XDev, "profile name", 0, 0));
    }
    let refuse = |reason, got: u32, want: u32| {
        Err(Refusal::new(
            Code::OpNotSupp,
            reason,
            got.into(),
            want.into(),
        ))
    };
    if descriptor.min_reader() > caps.version {
        return refuse(
            "profile version too new",
            descriptor.min_reader(),
            caps.version,
        );
    }
    if descriptor.version() < caps.floor {
        return refuse("profile version too old", descriptor.version(), caps.floor);
    }
    match descriptor.unknown_must() {
        Some(key) => refuse("unknown mandatory attribute", key.into(), 0),
        None => Ok(()),
    }
}

fn check_features(descriptor: &Descriptor<'_>, caps: &Capabilities) -> Result<(), Refusal> {
    let known = caps.features.iter().copied().chain(core::iter::repeat(0));
    match descriptor
        .features_required()
        .zip(known)
        .find(|(required, known)| required & !known != 0)
    {
        Some((got, want)) => Err(Refusal::new(
            Code::OpNotSupp,
            "required features",
            got,
            want,
        )),
        None => Ok(()),
    }
}

fn check_manifest(descriptor: &Descriptor<'_>, caps: &Capabilities) -> Result<(), Refusal> {
    for entry in descriptor.manifest() {
        let spec = caps.section(entry.kind);
        let flags = entry.flags | spec.map_or(0, |spec| spec.flags);
        if flags & wire::FLAG_CRITICAL == 0 {
            continue;
        }
        match (caps.handling(&entry), spec) {
            (Handling::Drop, None) => {
                return Err(Refusal::new(
                    Code::OpNotSupp,
                    "unknown critical section",
                    entry.kind.into(),
                    0,
                ))
            }
            (Handling::Drop, Some(spec)) => {
                return Err(Refusal::new(
                    Code::OpNotSupp,
                    "schema of a critical section too new",
                    entry.min_reader.into(),
                    spec.schema.into(),
                ))
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_limits(descriptor: &Descriptor<'_>, caps: &Capabilities) -> Result<(), Refusal> {
    for got in descriptor.limits() {
        let limits = caps.limits.as_slice();
        match limits.iter().find(|limit| limit.id == got.id) {
            None if Rule::from_byte(got.rule) == Some(Rule::Ignore) => {}
            None => {
                return Err(Refusal::new(
                    Code::OpNotSupp,
                    "unknown limit",
                    got.id.into(),
                    0,
                ))
            }
            Some(limit) if got.rule != limit.rule.to_byte() => {
                return Err(Refusal::new(
                    Code::Dom,
                    "rule of a limit",
                    got.rule.into(),
                    limit.rule.to_byte().into(),
                ))
            }
            Some(limit) if limit.rule.holds(got.value, limit.value) => {}
            Some(limit) => return Err(Refusal::new(Code::Dom, limit.name, got.value, limit.value)),
        }
    }
    Ok(())
}

fn check_instances(descriptor: &Descriptor<'_>, caps: &Capabilities) -> Result<(), Refusal> {
    for entry in descriptor.manifest() {
        match caps.handling(&entry) {
            Handling::Keep(spec) | Handling::Prefix(spec) if entry.count_max > spec.instances => {
                return Err(Refusal::new(
                    Code::Dom,
                    "number of section instances",
                    entry.count_max.into(),
                    spec.instances.into(),
                ))
            }
            _ => {}
        }
    }
    Ok(())
}
