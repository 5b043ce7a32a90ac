// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Checks a contribution: all that can be told of it without its author.

use crate::{
    emit, load, output,
    problems::{Place, Problems},
    published, validate,
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The first line of every file: what is contributed can be copied into anything.
const LICENCE: &str =
    "# SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)";

/// Where entries have files of their own: the folder, the definition of the schema.
const FOLDERS: [(&str, &str); 2] = [("profiles", "profile"), ("foreign", "foreign")];

/// Where things are.
pub(crate) struct Tree<'a> {
    pub(crate) registry: &'a Path,
    pub(crate) vectors: &'a Path,
    pub(crate) out: &'a Path,
}

/// Returns a line for each problem; with `files`, of these only.
///
/// Each step needs what the one before has found good, so that they end with the first that has not.
pub(crate) fn run(tree: &Tree<'_>, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut problems = Problems::default();
    let wanted = named(tree, files)?;
    let listed = listed(tree.registry)?;
    let there = yaml(tree.registry)?;
    for file in &there {
        first_line(tree.registry, file, &mut problems.of(file))?;
    }
    for (folder, kind) in FOLDERS {
        for file in there.iter().filter(|file| of(file, folder)) {
            if !listed.contains(file) {
                let what = format!("is not in {} of {}", plural(kind), load::INDEX);
                problems.of(file).report(what);
                load::shape(tree.registry, file, kind, &mut problems)?;
            }
        }
        let ours = listed.iter().filter(|file| of(file, folder));
        for (one, next) in ours.clone().zip(ours.skip(1)) {
            let what = format!("{next} stands behind {one}");
            let mut place = problems.of(load::INDEX);
            place.key(plural(kind)).require(one <= next, what);
        }
    }
    let mut stale = Vec::new();
    if let Some(registry) = load::registry(tree.registry, &mut problems)? {
        validate::registry(&registry, tree.vectors, &mut problems);
        names(&registry.index.profiles, &registry.profiles, &mut problems);
        if problems.is_empty() {
            let export = emit::export(&registry)?;
            let revision = registry.index.revision;
            published::check(tree.registry, revision, &export, &mut problems)?;
        }
        if problems.is_empty() && files.is_empty() {
            stale = output::compare(tree.out, &emit::files(&registry)?)?;
        }
    }
    if !files.is_empty() {
        problems.retain(|file| wanted.iter().any(|wanted| wanted == file));
    }
    let lines = problems.lines().map(String::from);
    let stale = stale.into_iter();
    let stale = stale.map(|line| format!("{line}: vmfgen without a command writes it"));
    Ok(lines.chain(stale).collect())
}

/// The files of the command line, as the registry calls them.
fn named(tree: &Tree<'_>, files: &[PathBuf]) -> Result<Vec<String>> {
    let top = tree.registry.canonicalize();
    let top = top.with_context(|| format!("cannot read {}", tree.registry.display()))?;
    let name = |file: &PathBuf| {
        // From where the caller is, from the registry, or from the top of the tree.
        let whole = file.canonicalize();
        let whole = whole.or_else(|_| tree.registry.join(file).canonicalize());
        let whole = whole.or_else(|_| tree.out.join(file).canonicalize());
        let whole = whole.with_context(|| format!("cannot read {}", file.display()))?;
        let below = whole.strip_prefix(&top);
        let below = below.with_context(|| format!("{} is not in the registry", file.display()))?;
        Ok(below.to_string_lossy().into_owned())
    };
    files.iter().map(name).collect()
}

/// What the index lists of entries that have files of their own, in its order, as far as it can be read.
fn listed(registry: &Path) -> Result<Vec<String>> {
    let index = load::value(registry, load::INDEX, &mut Problems::default())?;
    let lists = FOLDERS.map(|(_, kind)| {
        let list = index.as_ref().and_then(|index| index.get(plural(kind)));
        list.and_then(Value::as_array).cloned().unwrap_or_default()
    });
    let files = lists.iter().flatten().filter_map(Value::as_str);
    Ok(files.map(String::from).collect())
}

/// All files of YAML, in order.
fn yaml(registry: &Path) -> Result<Vec<String>> {
    let mut list = Vec::new();
    for folder in [""].into_iter().chain(FOLDERS.map(|(folder, _)| folder)) {
        let dir = registry.join(folder);
        if !dir.is_dir() {
            continue;
        }
        let entries =
            fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
        for entry in entries {
            let path = Path::new(folder).join(entry?.file_name());
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                list.push(path.to_string_lossy().into_owned());
            }
        }
    }
    list.sort();
    Ok(list)
}

fn of(file: &str, folder: &str) -> bool {
    file.split_once('/').is_some_and(|(dir, _)| dir == folder)
}

/// The key of the index.
fn plural(kind: &str) -> &str {
    match kind {
        "profile" => "profiles",
        kind => kind,
    }
}

fn first_line(registry: &Path, file: &str, place: &mut Place<'_>) -> Result<()> {
    let path = registry.join(file);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let what = format!("the first line has to be \"{LICENCE}\"");
    place.require(text.lines().next() == Some(LICENCE), what);
    Ok(())
}

/// Whoever has the name of a profile finds its file.
fn names(files: &[String], profiles: &[crate::model::Profile], problems: &mut Problems) {
    for (file, profile) in files.iter().zip(profiles) {
        let name = format!("profiles/{}.yaml", profile.name);
        let what = format!("{} is not the name of the file", profile.name);
        problems.of(file).key("name").require(*file == name, what);
    }
}
