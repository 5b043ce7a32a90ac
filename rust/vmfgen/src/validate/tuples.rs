// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Tuples: devices that offer a profile. For any device one of them is the most specific.

use super::unique;
use crate::{
    model::{Any, IdOrAny, Pattern, Profile, Registry, Tuple},
    problems::Place,
};

pub(super) fn check(registry: &Registry, place: &mut Place<'_>) {
    let tuples = &registry.tuples;
    unique(
        &mut place.key("tuples"),
        "name",
        tuples.iter().map(|t| (&t.name, &t.profile)),
    );
    for tuple in tuples {
        let mut place = place.item("tuples", &tuple.name);
        match registry.profiles.iter().find(|p| p.name == tuple.profile) {
            Some(profile) => of_profile(tuple, profile, &mut place),
            None => place
                .key("profile")
                .report(format!("there is no profile {}", tuple.profile)),
        }
    }
    software(registry, place);
    quirks(registry, place);
    for (n, one) in tuples.iter().enumerate() {
        for other in tuples.iter().skip(n + 1) {
            let (a, b) = (&one.presented, &other.presented);
            place.item("tuples", &other.name).require(
                !overlap(a, b) || within(a, b) != within(b, a),
                format!(
                    "its pattern ties with that of {}: neither is more specific",
                    one.name
                ),
            );
        }
    }
}

/// A device is recognised by its subsystem, so that a tuple of any will not do.
fn quirks(registry: &Registry, place: &mut Place<'_>) {
    let list = &registry.device_quirks;
    let names = list.iter().map(|quirk| (&quirk.name, &quirk.name));
    unique(&mut place.key("device-quirks"), "name", names);
    for quirk in list {
        let mut place = place.item("device-quirks", &quirk.name);
        for name in &quirk.tuples {
            let mut place = place.key("tuples");
            match registry.tuples.iter().find(|tuple| &tuple.name == name) {
                Some(tuple) => place.require(
                    !is_any(tuple.presented.subvendor) && !is_any(tuple.presented.subdevice),
                    format!("{name} is of any subsystem"),
                ),
                None => place.report(format!("there is no tuple {name}")),
            }
        }
    }
}

/// Drivers without a device: what they present is of their profile.
fn software(registry: &Registry, place: &mut Place<'_>) {
    let list = &registry.software;
    let names = list.iter().map(|one| (&one.name, &one.profile));
    unique(&mut place.key("software"), "name", names);
    for one in list {
        let mut place = place.item("software", &one.name);
        match registry.profiles.iter().find(|p| p.name == one.profile) {
            Some(profile) => versions(&one.versions, profile, &mut place),
            None => {
                let what = format!("there is no profile {}", one.profile);
                place.key("profile").report(what);
            }
        }
        for name in &one.tuples {
            let tuple = registry.tuples.iter().find(|tuple| &tuple.name == name);
            let what = format!("there is no tuple {name} of {}", one.profile);
            let same = tuple.is_some_and(|tuple| tuple.profile == one.profile);
            place.key("tuples").require(same, what);
        }
    }
}

fn versions(list: &[u32], profile: &Profile, place: &mut Place<'_>) {
    for &version in list {
        let known = profile.versions.iter().any(|v| v.version == version);
        let what = format!("{} has no version {version}", profile.name);
        place.key("versions").require(known, what);
    }
}

fn of_profile(tuple: &Tuple, profile: &Profile, place: &mut Place<'_>) {
    versions(&tuple.versions, profile, place);
    let (presented, identity) = (&tuple.presented, &profile.identity);
    let same = presented.vendor == identity.vendor.value
        && presented.device == identity.device.value
        && presented.class == identity.class.value
        && presented.is_vf == identity.is_vf.value;
    let what = "vendor, device, class and is-vf are not those of the profile";
    place.key("presented").require(same, what);
}

/// Whether a device can match both.
fn overlap(a: &Pattern, b: &Pattern) -> bool {
    let ids = |a, b| a == b || is_any(a) || is_any(b);
    fixed(a, b)
        && ids(a.subvendor, b.subvendor)
        && ids(a.subdevice, b.subdevice)
        && a.revision
            .iter()
            .any(|revision| b.revision.contains(revision))
}

/// Whether every device that matches `a` matches `b`.
fn within(a: &Pattern, b: &Pattern) -> bool {
    let id = |a, b| a == b || is_any(b);
    fixed(a, b)
        && id(a.subvendor, b.subvendor)
        && id(a.subdevice, b.subdevice)
        && a.revision
            .iter()
            .all(|revision| b.revision.contains(revision))
}

fn fixed(a: &Pattern, b: &Pattern) -> bool {
    let parts = |p: &Pattern| (p.vendor, p.device, p.class, p.is_vf);
    parts(a) == parts(b)
}

fn is_any(id: IdOrAny) -> bool {
    id == IdOrAny::Any(Any::Any)
}
