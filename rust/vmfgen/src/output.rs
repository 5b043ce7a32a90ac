// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Writes generated files, or compares them with what is there.

use crate::emit::{File, MARK, RUST_MARK};
use anyhow::{Context, Result};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Writes what differs, and removes generated files that no longer are.
pub(crate) fn write(root: &Path, files: &[File]) -> Result<()> {
    for file in files {
        let path = root.join(&file.path);
        if fs::read_to_string(&path).is_ok_and(|old| old == file.text) {
            continue;
        }
        let dir = path.parent().unwrap_or(root);
        fs::create_dir_all(dir)
            .and_then(|()| fs::write(&path, &file.text))
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", file.path);
    }
    for path in left_over(root, files)? {
        let whole = root.join(&path);
        fs::remove_file(&whole).with_context(|| format!("cannot remove {}", whole.display()))?;
        println!("removed {}", path.display());
    }
    Ok(())
}

/// Returns a line for each file that is not as it would be generated.
pub(crate) fn compare(root: &Path, files: &[File]) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for file in files {
        let path = root.join(&file.path);
        match fs::read(&path) {
            Ok(old) if old == file.text.as_bytes() => {}
            Ok(_) => lines.push(format!("{}: stale", file.path)),
            Err(_) => lines.push(format!("{}: missing", file.path)),
        }
    }
    for path in left_over(root, files)? {
        lines.push(format!("{}: left over", path.display()));
    }
    Ok(lines)
}

/// Files that carry the mark and lie beside generated ones, but are not generated any more.
fn left_over(root: &Path, files: &[File]) -> Result<Vec<PathBuf>> {
    let ours: BTreeSet<&Path> = files.iter().map(|file| Path::new(&file.path)).collect();
    let dirs: BTreeSet<&Path> = ours.iter().filter_map(|path| path.parent()).collect();
    let mut found = Vec::new();
    for dir in dirs {
        let whole = root.join(dir);
        if !whole.is_dir() {
            continue;
        }
        let entries =
            fs::read_dir(&whole).with_context(|| format!("cannot read {}", whole.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = dir.join(entry.file_name());
            if entry.file_type()?.is_file() && !ours.contains(path.as_path()) {
                let marked = fs::read_to_string(entry.path()).is_ok_and(|text| {
                    text.lines()
                        .take(5)
                        .any(|line| line.contains(MARK) || line.contains(RUST_MARK))
                });
                if marked {
                    found.push(path);
                }
            }
        }
    }
    found.sort();
    Ok(found)
}
