// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The registry only grows: what a revision has published stays as it is.
//!
//! `published/N.json` is the export as it was in revision N. It is compared as JSON and not as a
//! [`Registry`](crate::model::Registry), so that old files need not know what came later.

mod compare;

use crate::{load::INDEX, problems::Problems};
use anyhow::{bail, Context, Result};
use serde_json::{json, Value};
use std::{fs, io::ErrorKind, path::Path};

/// The directory below the registry.
const DIR: &str = "published";

/// Compares the export of `revision` with every publication.
pub(crate) fn check(
    registry: &Path,
    revision: u32,
    export: &Value,
    problems: &mut Problems,
) -> Result<()> {
    let revisions = revisions(registry)?;
    let newest = revisions.last().copied().unwrap_or(0);
    for &old in &revisions {
        let file = format!("{DIR}/{old}.json");
        let path = registry.join(&file);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let old_export: Value = serde_json::from_str(&text)
            .with_context(|| format!("{}: no valid JSON", path.display()))?;
        compare::registries(&old_export, export, &mut problems.of(&file));
        let unchanged = compare::fixed_part(&old_export) == compare::fixed_part(export);
        if old == newest && old == revision && !unchanged {
            problems.of(INDEX).key("revision").report(format!(
                "{old} is published and the registry is not as it was; the next is {}",
                next(newest)
            ));
        }
    }
    problems.of(INDEX).key("revision").require(
        revision == newest || revision == next(newest),
        format!("{revision}, but the newest in {DIR} is {newest}"),
    );
    Ok(())
}

/// Publishes the export of `revision`, which was checked; returns the file.
pub(crate) fn publish(registry: &Path, revision: u32, export: &Value) -> Result<String> {
    let file = format!("{DIR}/{revision}.json");
    let path = registry.join(&file);
    if path.exists() {
        bail!("{} is there already and is never changed", path.display());
    }
    let mut export = export.clone();
    for entry in export["foreign"].as_array_mut().into_iter().flatten() {
        *entry = json!({ "name": entry["name"] });
    }
    let text = serde_json::to_string_pretty(&export)? + "\n";
    fs::create_dir_all(registry.join(DIR))
        .and_then(|()| fs::write(&path, text))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file)
}

fn next(revision: u32) -> u32 {
    revision.saturating_add(1)
}

/// The revisions that are published, ascending.
fn revisions(registry: &Path) -> Result<Vec<u32>> {
    let dir = registry.join(DIR);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", dir.display())),
    };
    let mut list = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".json"));
        match number.and_then(|number| number.parse().ok()) {
            Some(revision) => list.push(revision),
            None if name.as_encoded_bytes().starts_with(b".") => {}
            None => bail!("{}: not a revision", dir.join(&name).display()),
        }
    }
    list.sort_unstable();
    Ok(list)
}
