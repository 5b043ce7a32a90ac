// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Reads the files of a registry and holds each against its part of `schema.yaml`.

use crate::{
    model::{Index, Registry, TupleFile},
    problems::Problems,
};
use anyhow::{anyhow, Context, Result};
use jsonschema::Validator;
use serde::{de::DeserializeOwned, Serialize};
use serde_json::{json, Value};
use std::{fs, path::Path};

/// The file in which a registry starts.
pub(crate) const INDEX: &str = "registry.yaml";
const SCHEMA: &str = "schema.yaml";

/// Reads the registry in `dir`; what it returns has the shape that the schema says.
pub(crate) fn registry(dir: &Path) -> Result<Registry> {
    let files = Files {
        dir,
        schema: value(dir, SCHEMA)?,
    };
    let index: Index = files.read(INDEX, "registry")?;
    let tuples: TupleFile = files.read(&index.tuples, "tuples")?;
    Ok(Registry {
        container: files.read(&index.container, "container")?,
        profiles: files.read_all(&index.profiles, "profile")?,
        envelope: files.read(&index.envelope, "envelope")?,
        tuples: tuples.tuples,
        device_quirks: tuples.device_quirks,
        foreign: files.read_all(&index.foreign, "foreign")?,
        index,
    })
}

struct Files<'a> {
    dir: &'a Path,
    schema: Value,
}

impl Files<'_> {
    /// Reads `file`, which is to be as the definition `kind` of the schema.
    fn read<T: DeserializeOwned + Serialize>(&self, file: &str, kind: &str) -> Result<T> {
        self.read_as(file, &self.validator(kind)?)
    }

    /// Reads several of one kind; what takes longest is to make a validator.
    fn read_all<T: DeserializeOwned + Serialize>(
        &self,
        files: &[String],
        kind: &str,
    ) -> Result<Vec<T>> {
        let validator = self.validator(kind)?;
        let each = files.iter().map(|file| self.read_as(file, &validator));
        each.collect()
    }

    fn read_as<T: DeserializeOwned + Serialize>(
        &self,
        file: &str,
        validator: &Validator,
    ) -> Result<T> {
        let value = value(self.dir, file)?;
        let mut problems = Problems::default();
        for error in validator.iter_errors(&value) {
            let mut place = problems.of(file);
            match path_in(&value, error.instance_path().as_str()) {
                path if path.is_empty() => place.report(&error),
                path => place.key(&path).report(&error),
            }
        }
        problems.verdict()?;
        let known =
            || format!("{file} is as {SCHEMA} says, but not as this version of vmfgen knows it");
        let parsed = T::deserialize(&value).with_context(known)?;
        match lost(&value, &serde_json::to_value(&parsed)?) {
            None => Ok(parsed),
            Some(key) => Err(anyhow!("nothing would become of {key}")).with_context(known),
        }
    }

    fn validator(&self, kind: &str) -> Result<Validator> {
        let mut schema = self.schema.clone();
        let root = schema.as_object_mut();
        let root = root.with_context(|| format!("{SCHEMA}: not a mapping"))?;
        // One kind instead of any: a message about "none of five" helps nobody.
        root.remove("oneOf");
        root.insert("$ref".into(), json!(format!("#/$defs/{kind}")));
        jsonschema::draft202012::new(&schema)
            .map_err(|error| anyhow!("{SCHEMA}: {}: {error}", error.instance_path()))
    }
}

/// Reads a YAML file; the first step refuses keys that are there twice.
fn value(dir: &Path, file: &str) -> Result<Value> {
    let path = dir.join(file);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let yaml: serde_norway::Value = serde_norway::from_str(&text)
        .with_context(|| format!("{}: no valid YAML", path.display()))?;
    serde_json::to_value(yaml).with_context(|| format!("{}: not like JSON", path.display()))
}

/// A key that is in `file` and not in what was made of it.
fn lost<'a>(file: &'a Value, parsed: &Value) -> Option<&'a str> {
    match (file, parsed) {
        (Value::Object(file), parsed) => file.iter().find_map(|(key, value)| {
            let there = parsed.get(key);
            there.map_or(Some(key.as_str()), |there| lost(value, there))
        }),
        (Value::Array(file), Value::Array(parsed)) => {
            let mut pairs = file.iter().zip(parsed);
            pairs.find_map(|(value, there)| lost(value, there))
        }
        _ => None,
    }
}

/// Writes a JSON pointer as a path, with the names of list elements where they have one.
fn path_in(root: &Value, pointer: &str) -> String {
    let mut path = String::new();
    let mut at = Some(root);
    for part in pointer.split('/').skip(1) {
        match at {
            Some(Value::Array(list)) => {
                at = part.parse().ok().and_then(|n: usize| list.get(n));
                let name = at.and_then(|item| item.get("name")?.as_str());
                path += &format!("[{}]", name.unwrap_or(part));
            }
            _ => {
                at = at.and_then(|map| map.get(part));
                if !path.is_empty() {
                    path.push('.');
                }
                path += part;
            }
        }
    }
    path
}
