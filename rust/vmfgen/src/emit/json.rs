// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The registry for tools, in one file, with every default explicit.

use super::{File, MARK};
use crate::{
    model::{foreign, Registry},
    types::FieldType,
};
use anyhow::{Context, Result};
use serde_json::{json, Map, Value};

pub(super) const SPDX: &str =
    "SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)";

pub(super) fn file(registry: &Registry) -> Result<File> {
    let mut text = serde_json::to_string_pretty(&export(registry)?)?;
    text.push('\n');
    Ok(File {
        path: "Documentation/registry/registry.json".into(),
        text,
    })
}

/// The registry as it is given to tools and published.
pub(crate) fn export(registry: &Registry) -> Result<Value> {
    let index = &registry.index;
    let mut export = json!({
        // JSON has no comments; JSON Schema has this word for them.
        "$comment": format!("{SPDX}; {MARK}"),
        "registry": { "name": index.name, "doc": index.doc, "revision": index.revision },
        "container": registry.container,
        "profiles": registry.profiles,
        "envelope": registry.envelope,
        "tuples": registry.tuples,
        "software": registry.software,
        "device-quirks": registry.device_quirks,
        "foreign": registry.foreign,
    });
    let container = &mut export["container"];
    split_types(&mut container["constants"])?;
    for structure in elements(&mut container["structures"]) {
        split_types(&mut structure["fields"])?;
    }
    for profile in elements(&mut export["profiles"]) {
        for section in elements(&mut profile["sections"]) {
            split_types(&mut section["fields"])?;
        }
    }
    for (entry, exported) in registry
        .foreign
        .iter()
        .zip(elements(&mut export["foreign"]))
    {
        foreign_sizes(entry, &mut exported["structures"])?;
    }
    Ok(export)
}

/// The sizes that programs need not work out.
fn foreign_sizes(entry: &foreign::Entry, list: &mut Value) -> Result<()> {
    for (structure, exported) in entry.structures.iter().zip(elements(list)) {
        let fields = elements(&mut exported["fields"]);
        for (field, exported) in structure.fields.iter().zip(fields) {
            let size = entry.field_size(field).context("a type without a size")?;
            exported["size"] = size.into();
        }
    }
    Ok(())
}

/// Turns the `type` of each element, as `u32[16]`, into type, count and size.
fn split_types(list: &mut Value) -> Result<()> {
    for element in elements(list) {
        let map = element.as_object_mut().context("not a mapping")?;
        let mut split = Map::new();
        for (key, value) in std::mem::take(map) {
            if key == "type" {
                let ty: FieldType = serde_json::from_value(value)?;
                split.insert("type".into(), ty.int.name().into());
                split.insert("count".into(), ty.count.into());
                split.insert("size".into(), ty.size().into());
            } else {
                split.insert(key, value);
            }
        }
        *map = split;
    }
    Ok(())
}

fn elements(list: &mut Value) -> impl Iterator<Item = &mut Value> {
    list.as_array_mut().into_iter().flatten()
}
