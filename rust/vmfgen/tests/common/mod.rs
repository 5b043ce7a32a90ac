// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A copy of the registry that a test may spoil, and the program run on it.

#![allow(dead_code, unreachable_pub, missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde::Serialize;
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

pub const CONTAINER: &str = "container.yaml";
pub const ENVELOPE: &str = "envelope.yaml";
pub const INDEX: &str = "registry.yaml";
pub const PROFILE: &str = "profiles/vf.net.igbvf-82576.yaml";
pub const TUPLES: &str = "tuples.yaml";

/// What the program has said.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A tree with nothing but a registry.
pub struct Tree {
    pub dir: PathBuf,
}

impl Tree {
    /// Makes a tree with a copy of the registry, without what is published.
    pub fn new(name: &str) -> Self {
        let top = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let dir = top.join(env!("CARGO_CRATE_NAME")).join(name);
        let _ = fs::remove_dir_all(&dir);
        let tree = Self { dir };
        fs::create_dir_all(tree.registry().join("profiles")).unwrap();
        for file in [CONTAINER, ENVELOPE, INDEX, PROFILE, TUPLES, "schema.yaml"] {
            fs::copy(source(file), tree.registry().join(file)).unwrap();
        }
        // The real one may be far on; here the first revision is due. Formats of others only take
        // time, unless a test is about them.
        tree.edit(INDEX, "revision = 1; foreign = []");
        tree
    }

    /// Adds formats of others.
    pub fn with_foreign<S: AsRef<str> + Serialize>(self, files: &[S]) -> Self {
        fs::create_dir_all(self.registry().join("foreign")).unwrap();
        for file in files.iter().map(AsRef::as_ref) {
            fs::copy(source(file), self.registry().join(file)).unwrap();
        }
        let files = serde_json::to_string(files).unwrap();
        self.edit(INDEX, &format!("foreign = {files}"));
        self
    }

    pub fn registry(&self) -> PathBuf {
        self.dir.join("Documentation/registry")
    }

    /// Changes a file of the registry by edits with semicolons between them:
    ///
    /// * `a/b = json` sets a value; elements of lists go by their name or position;
    /// * `a/b + json` appends to a list;
    /// * `a/b copy json` appends a copy of an element to its list, changed as in `json`;
    /// * `a/b -` takes out.
    ///
    /// JSON is YAML, so that is how the file is written, below the comment with the licence.
    pub fn edit(&self, file: &str, edits: &str) {
        let path = self.registry().join(file);
        let text = fs::read_to_string(&path).unwrap();
        let comment = text.lines().next().filter(|line| line.starts_with('#'));
        let mut value = serde_norway::from_str(&text).unwrap();
        for edit in edits.split(';').map(str::trim) {
            apply(&mut value, edit);
        }
        fs::write(path, format!("{}\n{value}\n", comment.unwrap_or("---"))).unwrap();
    }

    pub fn run(&self, args: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_vmfgen"))
            .arg("--root")
            .arg(&self.dir)
            .args(args)
            .output()
            .unwrap();
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Requires that the registry is refused, with a line that starts and goes on like this.
    pub fn refused(&self, start: &str, words: &str) {
        let run = self.run(&[]);
        let like = |line: &str| line.starts_with(start) && line.contains(words);
        let found = run.stderr.lines().any(like);
        assert!(found, "no line \"{start} ... {words}\" in:\n{}", run.stderr);
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(
            !self.dir.join("include").exists(),
            "written although refused"
        );
    }

    /// Requires that the registry is accepted.
    pub fn accepted(&self) {
        let run = self.run(&[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }

    pub fn publish(&self) {
        let run = self.run(&["publish"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Runs `test` on each line of `cases`: a tree that is named after the line, what is before the
/// arrow, what is behind.
pub fn each(name: &str, cases: &str, test: impl Fn(Tree, &str, &str)) {
    for (n, case) in cases.lines().map(str::trim).enumerate() {
        if let Some((edits, words)) = case.split_once(" => ") {
            println!("{case}");
            test(Tree::new(&format!("{name}-{n}")), edits, words);
        } else {
            assert!(case.is_empty(), "no arrow: {case}");
        }
    }
}

fn apply(value: &mut Value, edit: &str) {
    let (path, edit) = edit.split_once(' ').expect(edit);
    let (verb, json) = edit.split_once(' ').unwrap_or((edit, "null"));
    let json: Value = serde_json::from_str(json).expect(json);
    let (list, last) = path.rsplit_once('/').unwrap_or(("", path));
    match verb {
        "=" => *at(value, path) = json,
        "+" => at(value, path).as_array_mut().expect(path).push(json),
        "copy" => {
            let mut copy = at(value, path).clone();
            for (key, json) in json.as_object().expect(path) {
                copy[key] = json.clone();
            }
            at(value, list).as_array_mut().expect(path).push(copy);
        }
        "-" => match at(value, list) {
            Value::Array(list) => drop(list.remove(position(list, last))),
            list => drop(list.as_object_mut().expect(path).remove(last).expect(path)),
        },
        verb => panic!("{verb}?"),
    }
}

/// The files of all formats of others, in the order of the index.
pub fn foreign() -> Vec<String> {
    let index = fs::read_to_string(source(INDEX)).unwrap();
    let index: Value = serde_norway::from_str(&index).unwrap();
    serde_json::from_value(index["foreign"].clone()).unwrap()
}

/// Returns where a file of the real registry is.
pub fn source(file: &str) -> PathBuf {
    let registry = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Documentation/registry");
    registry.join(file)
}

/// Finds a part of a file.
pub fn at<'a>(mut value: &'a mut Value, path: &str) -> &'a mut Value {
    for part in path.split('/').filter(|part| !part.is_empty()) {
        value = match value {
            Value::Array(list) => {
                let index = position(list, part);
                list.get_mut(index).expect(path)
            }
            _ => &mut value[part],
        };
    }
    value
}

fn position(list: &[Value], part: &str) -> usize {
    let named = list.iter().position(|item| item["name"] == part);
    named.unwrap_or_else(|| part.parse().expect(part))
}
