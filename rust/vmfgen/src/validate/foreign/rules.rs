// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The rules of a check: each is about something that a stream has, and says something of it.

use crate::{
    model::foreign::{Compare, Entry, Records, Rule, Run, Structure, LENGTH},
    problems::Place,
    types::{Base, ForeignContent, ForeignType},
};

pub(super) fn check(entry: &Entry, place: &mut Place<'_>) {
    for check in &entry.checks {
        let mut place = place.item("checks", &check.name);
        for (n, rule) in check.rules.iter().enumerate() {
            self::rule(entry, rule, &mut place.item("rules", n));
        }
    }
}

fn rule(entry: &Entry, rule: &Rule, place: &mut Place<'_>) {
    for name in &rule.formats {
        let known = entry.formats.iter().any(|format| &format.name == name);
        let what = format!("there is no format {name}");
        place.key("formats").require(known, what);
    }
    let paths = [&rule.of, &rule.known_tags, &rule.whole, &rule.fits];
    let Some(path) = paths.into_iter().flatten().next() else {
        return place.report("is about nothing");
    };
    let constant = !rule.one_of.is_empty() || rule.at_least.is_some() || rule.at_most.is_some();
    let compares = constant || rule.destination.is_some();
    let listed = rule.destination == Some(Compare::Listed);
    place.require(
        rule.of.is_some() || !compares && !rule.required,
        "there is nothing to compare",
    );
    place.require(
        listed != rule.key.is_empty() && (listed || rule.not_below.is_empty()),
        "key has to be with what is listed, and nowhere else, not-below only there",
    );
    if path == LENGTH && rule.of.is_some() {
        let what = "the length is compared with a number, and always there";
        return place.require(
            constant && rule.destination.is_none() && !rule.required,
            what,
        );
    }
    let target = targets(entry, rule, path);
    let mut at = place.key(path);
    let Some(target) = target else {
        return at.report("there is nothing of that name in the streams");
    };
    if rule.of.is_some() {
        let what = "is compared with nothing, and need not be there";
        at.require(compares || rule.required, what);
    }
    match (&target, &rule.unless) {
        (Target::Records(records), unless) if rule.known_tags.is_some() => {
            at.require(records.tag.is_some(), "has no tags");
            let header = entry.structure(&records.header);
            let bits = unless.as_ref().map(|unless| {
                let field = header.and_then(|header| header.field(&unless.field));
                let int = field.and_then(|field| field.ty.base.int());
                (unless.bit, int.map_or(0, |int| int.bits()))
            });
            at.key("unless").require(
                bits.is_none_or(|(bit, bits)| bit < bits),
                "there is no such bit in the header",
            );
        }
        (_, unless) => {
            at.require(rule.known_tags.is_none(), "is not made of records");
            let what = "has to be with known-tags";
            at.key("unless").require(unless.is_none(), what);
        }
    }
    match &target {
        Target::Structure(structure) if listed => {
            for name in rule.key.iter().chain(&rule.not_below) {
                let field = structure
                    .field(name)
                    .filter(|field| field.ty.count.is_none());
                at.key(name).require(
                    field.is_some_and(|field| field.ty.base.int().is_some()),
                    format!("there is no such integer in {}", structure.name),
                );
            }
        }
        Target::Integer => at.require(!listed, "is no structure"),
        _ => at.require(!compares, "is no integer"),
    }
}

/// What a path leads to.
enum Target<'a> {
    Integer,
    Structure(&'a Structure),
    Records(&'a Records),
    Other,
}

/// Follows a path through the streams that the rule is about.
fn targets<'a>(entry: &'a Entry, rule: &Rule, path: &str) -> Option<Target<'a>> {
    let formats = entry.formats.iter();
    let formats =
        formats.filter(|format| rule.formats.is_empty() || rule.formats.contains(&format.name));
    let mut runs = formats.flat_map(|format| &format.stream);
    runs.find_map(|run| below(entry, run, path))
}

fn below<'a>(entry: &'a Entry, run: &'a Run, path: &str) -> Option<Target<'a>> {
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    if run.name != name {
        return None;
    }
    match (&run.content, rest) {
        (ForeignContent::Of(base), None) => of_base(entry, base),
        (ForeignContent::Records(name), rest) => {
            let records = entry.records(name)?;
            match rest {
                None => Some(Target::Records(records)),
                Some(rest) => in_records(entry, records, rest),
            }
        }
        (ForeignContent::Of(Base::Structure(name)), Some(rest)) => {
            in_structure(entry, entry.structure(name)?, rest)
        }
        (_, None) => Some(Target::Other),
        (_, Some(_)) => None,
    }
}

fn in_records<'a>(entry: &'a Entry, records: &'a Records, path: &str) -> Option<Target<'a>> {
    match path.strip_prefix("header.") {
        Some(rest) => in_structure(entry, entry.structure(&records.header)?, rest),
        None => {
            let mut payloads = records.payloads.iter();
            payloads.find_map(|run| below(entry, run, path))
        }
    }
}

fn in_structure<'a>(entry: &'a Entry, structure: &'a Structure, path: &str) -> Option<Target<'a>> {
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let ForeignType { base, .. } = &structure.field(name)?.ty;
    match (base, rest) {
        (base, None) => of_base(entry, base),
        (Base::Structure(name), Some(rest)) => in_structure(entry, entry.structure(name)?, rest),
        (_, Some(_)) => None,
    }
}

fn of_base<'a>(entry: &'a Entry, base: &Base) -> Option<Target<'a>> {
    Some(match base {
        Base::Structure(name) => Target::Structure(entry.structure(name)?),
        Base::Char => Target::Other,
        Base::Int(..) => Target::Integer,
    })
}
