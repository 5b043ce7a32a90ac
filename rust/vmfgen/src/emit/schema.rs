// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The shape of the export, so that whoever ships it can hold it against that.
//!
//! It follows from the schema of the files: what may be left out there is explicit in the export,
//! `null` where there is no default, and a type that is one string there has keys of its own.

use super::{json::SPDX, File, MARK};
use crate::{load::SCHEMA, model::Registry};
use anyhow::{Context, Result};
use serde_json::{json, Map, Value};

const ABOUT: &str = "\
What registry.json has: the registry of the VFIO Migration Format, for programs. All keys are always \
there and in the same order, null or an empty list where nothing is to be said. Integers have up to 64 \
bits. This is the schema of one revision. A later one may have more keys and elements, so that a \
program should pass over those that it does not know; what is published keeps its meaning.";

pub(super) fn file(registry: &Registry) -> Result<File> {
    let mut text = serde_json::to_string_pretty(&schema(&registry.schema)?)?;
    text.push('\n');
    Ok(File {
        path: "Documentation/registry/registry.schema.json".into(),
        text,
    })
}

fn schema(files: &Value) -> Result<Value> {
    let mut defs = files["$defs"].clone();
    let map = defs.as_object_mut();
    let map = map.with_context(|| format!("{SCHEMA}: no definitions"))?;
    let mut index = map.shift_remove("registry").unwrap_or_default();
    let tuples = map.shift_remove("tuples").unwrap_or_default();
    // Files and what their types are called are no matter of the export.
    for key in ["file", "type", "foreign-type"] {
        map.shift_remove(key);
    }
    for def in map.values_mut() {
        exported(def);
    }
    let keys = ["name", "doc", "revision"];
    if let Some(properties) = index["properties"].as_object_mut() {
        properties.retain(|key, _| keys.contains(&key.as_str()));
    }
    exported(&mut index);
    let mut lists = tuples["properties"].clone();
    for key in ["tuples", "software", "device-quirks"] {
        exported(&mut lists[key]);
    }
    let of = |def: &str| json!({ "$ref": format!("#/$defs/{def}") });
    let list = |def: &str| json!({ "type": "array", "items": of(def) });
    let properties = json!({
        "$comment": { "description": "The licence.", "type": "string" },
        "registry": index,
        "container": of("container"),
        "profiles": list("profile"),
        "envelope": of("envelope"),
        "tuples": lists["tuples"].take(),
        "software": lists["software"].take(),
        "device-quirks": lists["device-quirks"].take(),
        "foreign": list("foreign"),
    });
    Ok(json!({
        "$schema": files["$schema"],
        "$comment": format!("{SPDX}; {MARK}"),
        "title": files["title"],
        "description": ABOUT,
        "type": "object",
        "required": keys_of(&properties),
        "additionalProperties": false,
        "properties": properties,
        "$defs": defs,
    }))
}

fn keys_of(properties: &Value) -> Vec<String> {
    let map = properties.as_object().into_iter().flatten();
    map.map(|(key, _)| key.clone()).collect()
}

/// Turns the schema of a part of a file into that of the same part of the export.
fn exported(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(exported),
        Value::Object(map) => {
            map.values_mut().for_each(exported);
            if map.get("type").is_some_and(|ty| ty == "object") {
                object(map);
            }
        }
        _ => {}
    }
}

fn object(schema: &mut Map<String, Value>) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let required: Vec<_> = required.as_array().into_iter().flatten().collect();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (key, value) in properties.iter_mut() {
        if !required.iter().any(|name| *name == key) {
            nullable(value);
        }
    }
    split_type(properties);
    let properties = Value::Object(properties.clone());
    schema.insert("required".into(), keys_of(&properties).into());
    // Of several keys one is there: here, is not null.
    for choice in schema
        .get_mut("oneOf")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(name) = choice["required"][0].as_str() {
            *choice = json!({ "properties": { name: { "not": { "type": "null" } } } });
        }
    }
}

/// What may be left out in a file is null or empty in the export, or has its default.
fn nullable(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else {
        return;
    };
    let description = map.shift_remove("description");
    map.shift_remove("minItems");
    let mut outer = Map::new();
    outer.extend(description.map(|text| ("description".into(), text)));
    match map.get("type").is_some_and(|ty| ty == "array") {
        true => outer.append(map),
        false => {
            let either = json!([Value::Object(std::mem::take(map)), { "type": "null" }]);
            outer.insert("anyOf".into(), either);
        }
    }
    *map = outer;
}

/// Types of fields have keys for the element, the number of elements and the size of all.
fn split_type(properties: &mut Map<String, Value>) {
    let reference = properties.get("type").and_then(|ty| ty["$ref"].as_str());
    let pattern = match reference {
        Some("#/$defs/type") => "^u(8|16|32|64)$",
        Some("#/$defs/foreign-type") if properties.contains_key("name") => {
            "^(u8|char|(le|be|ne)(16|32|64)|structure [a-z][a-z0-9-]*)$"
        }
        // What a format is recognised by is one integer.
        Some("#/$defs/foreign-type") => "^(u8|(le|be|ne)(16|32|64))$",
        _ => return,
    };
    let element = json!({
        "description": "Of one element: an unsigned integer, in the order of bytes that is said, little-endian \
                        if none is; a byte of a text that is padded with NUL; or a structure.",
        "type": "string",
        "pattern": pattern,
    });
    properties.insert("type".into(), element);
    if !properties.contains_key("name") {
        return;
    }
    let count = json!({
        "description": "The number of elements, if it is an array.",
        "anyOf": [{ "$ref": "#/$defs/count" }, { "type": "null" }],
    });
    let size = json!({ "description": "Of all elements, in bytes.", "$ref": "#/$defs/count" });
    properties.insert("count".into(), count);
    properties.insert("size".into(), size);
}
