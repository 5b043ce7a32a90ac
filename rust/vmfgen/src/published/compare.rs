// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Compares two exports, the older one published.

use crate::problems::Place;
use serde_json::{Map, Value};

/// Keys whose values are for people.
const TEXT: [&str; 9] = [
    "$comment", "answer", "doc", "evidence", "info", "reset", "spec", "title", "words",
];
/// Lists without order that may grow.
const SETS: [&str; 8] = [
    "bits", "devices", "fields", "limits", "revision", "tuples", "types", "versions",
];

/// Parts of a contract that revision 1 did not have: they say what it had left open.
const LATER: [&str; 5] = [
    "capability-list",
    "clauses",
    "config",
    "messages",
    "registers",
];

/// A list of objects.
struct List {
    key: &'static str,
    /// What tells its elements apart.
    id: &'static str,
    grows: bool,
}

const fn list(key: &'static str, id: &'static str, grows: bool) -> List {
    List { key, id, grows }
}

const LISTS: [List; 27] = [
    list("attribute-flags", "bit", true),
    list("attributes", "key", true),
    list("bars", "bar", false),
    list("bits", "bit", true),
    list("capability-list", "name", true),
    list("clauses", "name", true),
    // What is compared has been compared ever since.
    list("config", "offset", false),
    list("constants", "name", true),
    list("device-quirks", "name", true),
    list("errors", "number", true),
    list("features", "bit", true),
    list("fields", "name", false),
    list("flags", "bit", false),
    list("limits", "id", true),
    list("messages", "name", true),
    list("policies", "id", true),
    list("policy-actions", "id", true),
    list("quirks", "feature", true),
    list("registers", "name", true),
    list("rules", "id", true),
    list("section-flags", "bit", true),
    list("sections", "type", true),
    list("software", "name", true),
    list("structures", "name", true),
    list("tuples", "name", true),
    list("type-ranges", "name", true),
    list("versions", "version", true),
];

/// Reports what `old` has published and `new` has not as it was.
pub(super) fn registries(old: &Value, new: &Value, place: &mut Place<'_>) {
    Scope::default().value("container", &old["container"], &new["container"], place);
    Scope::default().value("tuples", &old["tuples"], &new["tuples"], place);
    // Revision 1 had none of these.
    for key in ["envelope", "software", "device-quirks"] {
        if !old[key].is_null() {
            Scope::default().value(key, &old[key], &new[key], place);
        }
    }
    for old in elements(old, "profiles") {
        let mut place = place.item("profiles", label(old, "name"));
        match find(new, "profiles", "name", &old["name"]) {
            Some(new) => profile(old, new, &mut place),
            None => place.report("has vanished"),
        }
    }
    // Of formats of others only the names stay: what is known of them may be mended at any time.
    for old in elements(old, "foreign") {
        let found = find(new, "foreign", "name", &old["name"]);
        let mut place = place.item("foreign", label(old, "name"));
        place.require(found.is_some(), "has vanished");
    }
}

/// All of an export but its revision, what is for people, and formats of others.
pub(super) fn fixed_part(export: &Value) -> Value {
    fn strip(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let map = map.iter().filter(|(key, _)| !TEXT.contains(&key.as_str()));
                map.map(|(key, value)| (key.clone(), strip(value)))
                    .collect()
            }
            Value::Array(list) => list.iter().map(strip).collect(),
            other => other.clone(),
        }
    }
    let mut export = strip(export);
    export["foreign"] = Value::Null;
    for tuple in export["tuples"].as_array_mut().into_iter().flatten() {
        tuple["status"] = Value::Null;
    }
    export
}

fn profile(old: &Value, new: &Value, place: &mut Place<'_>) {
    let scope = Scope {
        published: published_versions(old),
        reserved: Some(&new["reserved"]),
    };
    if !scope.published.is_empty() {
        return scope.object(old, new, place);
    }
    // Of a draft only the names are taken, and the numbers never used for something else.
    for key in ["name", "uuid", "module"] {
        scope.value(key, &old[key], &new[key], place);
    }
    for key in ["features", "limits", "sections"] {
        scope.value(key, &old[key], &new[key], place);
    }
}

fn published_versions(profile: &Value) -> Vec<Value> {
    let versions = elements(profile, "versions");
    let published = versions.filter(|version| version["status"] == "published");
    published
        .map(|version| version["version"].clone())
        .collect()
}

/// What else there is to know about the part that is compared.
#[derive(Default)]
struct Scope<'a> {
    /// The versions that the older profile has published.
    published: Vec<Value>,
    /// In a profile, the numbers that the newer one will never use again.
    reserved: Option<&'a Value>,
}

impl Scope<'_> {
    fn object(&self, old: &Value, new: &Value, place: &mut Place<'_>) {
        let none = Map::new();
        let (old, new) = (
            old.as_object().unwrap_or(&none),
            new.as_object().unwrap_or(&none),
        );
        for (key, old) in old {
            self.value(key, old, new.get(key).unwrap_or(&Value::Null), place);
        }
        // What the export did not have at that time must not say anything yet.
        for (key, new) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
            if LATER.contains(&key.as_str()) {
                continue;
            }
            if !TEXT.contains(&key.as_str()) && !says_nothing(new) {
                place.key(key).report(format!("was not there, is {new}"));
            }
        }
    }

    fn value(&self, key: &str, old: &Value, new: &Value, place: &mut Place<'_>) {
        let objects = old
            .as_array()
            .is_some_and(|list| list.iter().any(Value::is_object));
        let empty = old.as_array().is_some_and(Vec::is_empty);
        let lists = LISTS.iter().find(|list| list.key == key);
        match (key, lists) {
            _ if TEXT.contains(&key) => {}
            (_, Some(list)) if objects || empty && list.grows => {
                self.list(list, old, new, place);
            }
            _ if SETS.contains(&key) && old.is_array() => set(key, old, new, place),
            ("minor", _) => place.key(key).require(
                new.as_u64() >= old.as_u64(),
                format!("was {old}, is {new}, and may only grow"),
            ),
            ("status", _) if self.reserved.is_none() => {}
            ("status", _) if old == "draft" => {}
            _ if old.is_object() => self.object(old, new, &mut place.key(key)),
            _ => place
                .key(key)
                .require(old == new, format!("was {old}, is {new}")),
        }
    }

    fn list(&self, list: &List, old: &Value, new: &Value, place: &mut Place<'_>) {
        for old in old.as_array().into_iter().flatten() {
            let found = find_in(new, list.id, &old[list.id]);
            let mut place = place.item(list.key, label(old, list.id));
            let settled = self.settled(list, old);
            match found {
                Some(new) if settled => self.object(old, new, &mut place),
                Some(new) => self.value("name", &old["name"], &new["name"], &mut place),
                None => self.vanished(list, settled, old, new, &mut place),
            }
        }
        for new in new.as_array().into_iter().flatten() {
            if find_in(old, list.id, &new[list.id]).is_some() {
                continue;
            }
            let mut place = place.item(list.key, label(new, list.id));
            place.require(list.grows, "was added to what is published");
            place.require(
                !self.published.contains(&new["introduced"]),
                format!(
                    "was added to version {}, which is published",
                    new["introduced"]
                ),
            );
        }
    }

    /// Whether an element of a list is part of a published version.
    fn settled(&self, list: &List, element: &Value) -> bool {
        let version = match (self.reserved, list.key) {
            (Some(_), "versions") => &element["version"],
            (Some(_), "features" | "sections") => &element["introduced"],
            (Some(_), _) => return !self.published.is_empty(),
            (None, _) => return true,
        };
        self.published.contains(version)
    }

    fn vanished(
        &self,
        list: &List,
        settled: bool,
        old: &Value,
        new: &Value,
        place: &mut Place<'_>,
    ) {
        let id = &old[list.id];
        let renumbered = find_in(new, "name", &old["name"]).filter(|_| !old["name"].is_null());
        if let (Some(new), true) = (renumbered, settled) {
            let word = list.id;
            return place.report(format!("was renumbered: {word} was {id}, is {}", new[word]));
        }
        let reserved = match (list.key, self.reserved) {
            ("versions", _) => return place.require(!settled, "has vanished"),
            ("features", Some(reserved)) => ("bits", reserved),
            ("limits", Some(reserved)) => ("limits", reserved),
            ("sections", Some(reserved)) => ("types", reserved),
            _ => return place.report("has vanished"),
        };
        let (key, numbers) = reserved;
        if settled {
            place.report("has vanished, although it is part of a published version");
        } else if !elements(numbers, key).any(|number| number == id) {
            place.report(format!(
                "has vanished; its number {id} has to be in reserved.{key}"
            ));
        }
    }
}

fn set(key: &str, old: &Value, new: &Value, place: &mut Place<'_>) {
    for old in old.as_array().into_iter().flatten() {
        let there = new.as_array().is_some_and(|list| list.contains(old));
        place.key(key).require(there, format!("{old} has vanished"));
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

fn elements<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn find<'a>(value: &'a Value, key: &str, id: &str, want: &Value) -> Option<&'a Value> {
    find_in(&value[key], id, want)
}

fn find_in<'a>(list: &'a Value, id: &str, want: &Value) -> Option<&'a Value> {
    list.as_array()?.iter().find(|element| &element[id] == want)
}

/// How messages call an element of a list.
fn label(element: &Value, id: &str) -> String {
    match (&element["name"], &element[id]) {
        (Value::String(name), _) | (_, Value::String(name)) => name.clone(),
        (_, number) => number.to_string(),
    }
}
