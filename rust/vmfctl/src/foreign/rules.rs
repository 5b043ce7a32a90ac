// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a destination compares, applied to a stream that was taken apart, and to one of the destination
//! if there is one.

use std::collections::BTreeSet;

use vmf_registry::foreign::{Check, Compare, Count, Rule, Tag, LENGTH};

use super::{
    identify::Identity,
    walk::{Facts, Walked},
};

/// How a rule or a check ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Holding {
    Holds,
    /// What the destination has is not known here.
    Depends,
    Fails,
}

impl Holding {
    /// The word in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Depends => "depends",
            Self::Fails => "fails",
        }
    }
}

/// What one rule found.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) of: String,
    pub(super) got: String,
    pub(super) want: String,
    pub(super) holding: Holding,
}

/// What became of a check.
#[derive(Debug)]
pub(super) struct Judged<'r> {
    pub(super) check: &'r Check,
    pub(super) findings: Vec<Finding>,
}

impl Judged<'_> {
    /// A check without rules is for the device or its host to make.
    pub(super) fn holding(&self) -> Holding {
        let worst = self.findings.iter().map(|finding| finding.holding).max();
        match worst {
            None if self.check.rules.is_empty() => Holding::Depends,
            worst => worst.unwrap_or(Holding::Holds),
        }
    }
}

/// All paths that something looks at.
pub(super) fn paths(identity: &Identity<'_>) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for rule in identity.entry.checks.iter().flat_map(|check| &check.rules) {
        let columns = rule.key.iter().chain(&rule.not_below);
        if let Some(of) = &rule.of {
            paths.extend(columns.map(|column| format!("{of}.{column}")));
        }
        paths.extend(rule.of.iter().chain(&rule.known_tags).cloned());
    }
    for run in &identity.format.stream {
        if let Count::Text(path) = &run.count {
            paths.insert(path.clone());
        }
    }
    paths
}

/// Makes the checks of the driver of `source`, in its order.
pub(super) fn judge<'r>(
    identity: &Identity<'r>,
    source: &Walked,
    destination: Option<&Walked>,
) -> Vec<Judged<'r>> {
    let format = &identity.format.name;
    let asked = |rule: &&Rule| rule.formats.is_empty() || rule.formats.contains(format);
    let checks = identity.entry.checks.iter();
    checks
        .map(|check| Judged {
            check,
            findings: check
                .rules
                .iter()
                .filter(asked)
                .map(|rule| apply(rule, source, destination))
                .collect(),
        })
        .collect()
}

fn apply(rule: &Rule, source: &Walked, destination: Option<&Walked>) -> Finding {
    let found = |of: &str, got: String, want: &str, holding| Finding {
        of: of.replace('-', "_"),
        got,
        want: want.into(),
        holding,
    };
    let told = |holds| {
        if holds {
            Holding::Holds
        } else {
            Holding::Fails
        }
    };
    if let Some(path) = &rule.known_tags {
        let strangers = source.facts.strangers.get(path).into_iter().flatten();
        let refused = strangers.clone().find(|(_, _, header)| {
            let bit = rule
                .unless
                .as_ref()
                .and_then(|unless| header.get(&unless.field)?.checked_shr(unless.bit));
            bit.unwrap_or(0) & 1 == 0
        });
        let got = match (refused, strangers.count()) {
            (Some((Tag::Number(tag), at, _)), _) => format!("tag {tag:#x} at {at:#x}"),
            // It is from a stream, and must not control the terminal.
            (Some((Tag::Text(tag), at, _)), _) => format!("tag {tag:?} at {at:#x}"),
            (None, 0) => "all are known".into(),
            (None, several) => format!("{several} that may be dropped"),
        };
        return found(path, got, "known tags", told(refused.is_none()));
    }
    if let Some(path) = rule.whole.as_ref().or(rule.fits.as_ref()) {
        let inside = |at: &str| {
            let below = at.strip_prefix(path.as_str());
            below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
        };
        let fits_only = rule.whole.is_none();
        let mut damage = source.damage.iter();
        let damage = damage.find(|one| inside(&one.path) && !(fits_only && one.cut));
        let got = damage.map_or("as they should be".into(), |damage| damage.what.clone());
        return found(path, got, "lengths that fit", told(damage.is_none()));
    }
    let Some(path) = &rule.of else {
        return found("", String::new(), "", Holding::Depends);
    };
    if path == LENGTH {
        let holding = told(passes(rule, source.len));
        let want = constants(rule, &|number| number.to_string());
        return found(path, source.len.to_string(), &want, holding);
    }
    let values = source.facts.values.get(path).map_or(&[][..], Vec::as_slice);
    let there = !values.is_empty() || source.facts.seen.contains(path);
    match (there, rule.required) {
        (false, true) => return found(path, "missing".into(), "there", Holding::Fails),
        (false, false) => return found(path, "missing".into(), "passes", Holding::Holds),
        (true, _) => {}
    }
    let Some(compare) = rule.destination else {
        let wrong = values.iter().find(|(value, _)| !passes(rule, *value));
        let got = match (wrong, values) {
            (Some((value, at)), _) => format!("{} at {at:#x}", number(*value)),
            (None, [(value, _)]) => number(*value),
            (None, []) => "there".into(),
            (None, several) => format!("{} times right", several.len()),
        };
        let want = match bounded(rule) {
            true => constants(rule, &number),
            false => "there".into(),
        };
        let holds = !bounded(rule) || wrong.is_none();
        return found(path, got, &want, told(holds));
    };
    if compare == Compare::Listed {
        let (got, want, holding) = listed(rule, path, &source.facts, destination);
        return found(path, got, &want, holding);
    }
    let mine = source.facts.first(path).unwrap_or(0);
    let theirs = destination.map(|walked| walked.facts.first(path));
    let word = match compare {
        Compare::Superset => "every bit of it",
        Compare::Equal | Compare::Listed => "the same",
    };
    let (want, holding) = match theirs {
        None => (word.into(), Holding::Depends),
        Some(None) => ("not in the stream".into(), Holding::Depends),
        Some(Some(theirs)) => {
            let holds = match compare {
                Compare::Superset => mine & !theirs == 0,
                Compare::Equal | Compare::Listed => mine == theirs,
            };
            (number(theirs), told(holds))
        }
    };
    found(path, number(mine), &want, holding)
}

/// Whether a rule compares with numbers of its own.
fn bounded(rule: &Rule) -> bool {
    !rule.one_of.is_empty() || rule.at_least.is_some() || rule.at_most.is_some()
}

fn passes(rule: &Rule, value: u64) -> bool {
    let bounds = rule.at_least.is_some() || rule.at_most.is_some();
    let within = rule.at_least.is_none_or(|least| value >= least)
        && rule.at_most.is_none_or(|most| value <= most);
    rule.one_of.contains(&value) || bounds && within
}

/// The numbers of a rule in words.
fn constants(rule: &Rule, text: &dyn Fn(u64) -> String) -> String {
    let one_of = rule.one_of.iter().map(|number| text(*number));
    let least = rule
        .at_least
        .map(|least| format!("at least {}", text(least)));
    let most = rule.at_most.map(|most| format!("at most {}", text(most)));
    let all: Vec<_> = one_of.chain(least).chain(most).collect();
    all.join(" or ")
}

/// Whether the destination has something for each element of the source.
fn listed(
    rule: &Rule,
    path: &str,
    source: &Facts,
    destination: Option<&Walked>,
) -> (String, String, Holding) {
    let mine = rows(rule, path, source);
    let got = format!("{} of them", mine.len());
    let Some(walked) = destination else {
        let holding = match mine.is_empty() {
            true => Holding::Holds,
            false => Holding::Depends,
        };
        return (got, "one for each, not lower".into(), holding);
    };
    let theirs = rows(rule, path, &walked.facts);
    let keys = rule.key.len();
    let lacking = mine.iter().find(|row| {
        let same = theirs
            .iter()
            .find(|other| other.iter().take(keys).eq(row.iter().take(keys)));
        !same.is_some_and(|same| {
            let mut pairs = row.iter().zip(same).skip(keys);
            pairs.all(|(mine, theirs)| mine <= theirs)
        })
    });
    match lacking {
        None => (got, format!("{} of them", theirs.len()), Holding::Holds),
        Some(row) => {
            let row: Vec<_> = row.iter().copied().map(number).collect();
            (
                row.join(" "),
                "one that is not lower".into(),
                Holding::Fails,
            )
        }
    }
}

/// The elements of a list by the columns of a rule, keys first.
fn rows(rule: &Rule, path: &str, facts: &Facts) -> Vec<Vec<u64>> {
    let names = rule.key.iter().chain(&rule.not_below);
    let columns: Vec<_> = names
        .map(|name| facts.values.get(&format!("{path}.{name}")))
        .collect();
    let len = columns.iter().flatten().map(|column| column.len()).min();
    let row = |index: usize| {
        let cells = columns
            .iter()
            .map(|column| column.and_then(|column| column.get(index)));
        cells
            .map(|cell| cell.map_or(0, |(value, _)| *value))
            .collect()
    };
    (0..len.unwrap_or(0)).map(row).collect()
}

/// A number as decode shows it.
fn number(value: u64) -> String {
    crate::tree::Value::Int(value).text("")
}
