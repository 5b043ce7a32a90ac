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
use std::{fs, io::ErrorKind, path::Path};

/// The file in which a registry starts.
pub(crate) const INDEX: &str = "registry.yaml";
pub(crate) const SCHEMA: &str = "schema.yaml";

/// Reads the registry in `dir`; what it returns has the shape that the schema says.
///
/// There is nothing if a file has not, which is among the problems then.
pub(crate) fn registry(dir: &Path, problems: &mut Problems) -> Result<Option<Registry>> {
    let Some(schema) = value(dir, SCHEMA, problems)? else {
        return Ok(None);
    };
    let mut files = Files {
        dir,
        schema,
        problems,
    };
    let Some(index) = files.read::<Index>(INDEX, "registry")? else {
        return Ok(None);
    };
    let container = files.read(&index.container, "container")?;
    let profiles = files.read_all(&index.profiles, "profile")?;
    let envelope = files.read(&index.envelope, "envelope")?;
    let tuples: Option<TupleFile> = files.read(&index.tuples, "tuples")?;
    let foreign = files.read_all(&index.foreign, "foreign")?;
    let (Some(container), Some(profiles), Some(envelope), Some(tuples), Some(foreign)) =
        (container, profiles, envelope, tuples, foreign)
    else {
        return Ok(None);
    };
    Ok(Some(Registry {
        schema: files.schema,
        index,
        container,
        profiles,
        envelope,
        tuples: tuples.tuples,
        software: tuples.software,
        device_quirks: tuples.device_quirks,
        foreign,
    }))
}

/// Holds `file`, which need not belong to the registry, against the definition `kind` of the schema.
pub(crate) fn shape(dir: &Path, file: &str, kind: &str, problems: &mut Problems) -> Result<()> {
    let Some(schema) = value(dir, SCHEMA, problems)? else {
        return Ok(());
    };
    let mut files = Files {
        dir,
        schema,
        problems,
    };
    let validator = files.validator(kind)?;
    files.shaped(file, &validator).map(drop)
}

struct Files<'a> {
    dir: &'a Path,
    schema: Value,
    problems: &'a mut Problems,
}

impl Files<'_> {
    /// Reads `file`, which is to be as the definition `kind` of the schema.
    fn read<T>(&mut self, file: &str, kind: &str) -> Result<Option<T>>
    where
        T: DeserializeOwned + Serialize,
    {
        let validator = self.validator(kind)?;
        self.read_as(file, &validator)
    }

    /// Reads several of one kind; what takes longest is to make a validator.
    fn read_all<T>(&mut self, files: &[String], kind: &str) -> Result<Option<Vec<T>>>
    where
        T: DeserializeOwned + Serialize,
    {
        let validator = self.validator(kind)?;
        let mut all = Some(Vec::new());
        for file in files {
            match (self.read_as(file, &validator)?, &mut all) {
                (Some(one), Some(all)) => all.push(one),
                _ => all = None,
            }
        }
        Ok(all)
    }

    fn read_as<T>(&mut self, file: &str, validator: &Validator) -> Result<Option<T>>
    where
        T: DeserializeOwned + Serialize,
    {
        let Some(value) = self.shaped(file, validator)? else {
            return Ok(None);
        };
        let known =
            || format!("{file} is as {SCHEMA} says, but not as this version of vmfgen knows it");
        let parsed = T::deserialize(&value).with_context(known)?;
        match lost(&value, &serde_json::to_value(&parsed)?) {
            None => Ok(Some(parsed)),
            Some(key) => Err(anyhow!("nothing would become of {key}")).with_context(known),
        }
    }

    /// Reads `file`, and notes where it is not as it has to be.
    fn shaped(&mut self, file: &str, validator: &Validator) -> Result<Option<Value>> {
        let Some(value) = value(self.dir, file, self.problems)? else {
            return Ok(None);
        };
        let mut good = true;
        for error in validator.iter_errors(&value) {
            good = false;
            let mut place = self.problems.of(file);
            match path_in(&value, error.instance_path().as_str()) {
                path if path.is_empty() => place.report(&error),
                path => place.key(&path).report(&error),
            }
        }
        Ok(good.then_some(value))
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
pub(crate) fn value(dir: &Path, file: &str, problems: &mut Problems) -> Result<Option<Value>> {
    let path = dir.join(file);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && file != INDEX => {
            problems.of(file).report("belongs here, and is not there");
            return Ok(None);
        }
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let yaml = serde_norway::from_str::<serde_norway::Value>(&text);
    match yaml.map_err(|error| error.to_string()).and_then(|yaml| {
        let json = serde_json::to_value(yaml);
        json.map_err(|error| format!("not like JSON: {error}"))
    }) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            problems.of(file).report(format!("no valid YAML: {error}"));
            Ok(None)
        }
    }
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
