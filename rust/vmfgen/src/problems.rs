// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Why a registry is refused: every problem with its place, all of them at once.

use std::{error, fmt};

/// Collects problems of one file after the other.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
}

#[derive(Debug)]
struct Problem {
    file: String,
    line: String,
}

impl Problems {
    /// Starts with the problems of `file`, a path below the registry.
    pub(crate) fn of<'a>(&'a mut self, file: &'a str) -> Place<'a> {
        Place {
            problems: self,
            file,
            path: String::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Leaves those of some files.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.list.retain(|problem| keep(&problem.file));
    }

    /// One line for each.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|problem| problem.line.as_str())
    }

    /// Refuses if there is any problem.
    pub(crate) fn verdict(&self) -> Result<(), Refused> {
        if self.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> = self.lines().collect();
        Err(Refused(lines.join("\n")))
    }
}

/// A place in a file of the registry.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    problems: &'a mut Problems,
    file: &'a str,
    path: String,
}

impl Place<'_> {
    /// Goes to a key below.
    pub(crate) fn key(&mut self, key: &str) -> Place<'_> {
        let path = match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        self.at(path)
    }

    /// Goes to an element below, of the list `key`; `id` is its name or number.
    pub(crate) fn item(&mut self, key: &str, id: impl fmt::Display) -> Place<'_> {
        let path = format!("{}[{id}]", self.key(key).path);
        self.at(path)
    }

    fn at(&mut self, path: String) -> Place<'_> {
        Place {
            problems: self.problems,
            file: self.file,
            path,
        }
    }

    /// Notes a problem at this place.
    pub(crate) fn report(&mut self, what: impl fmt::Display) {
        let line = match self.path.as_str() {
            "" => format!("{}: {what}", self.file),
            path => format!("{}: {path}: {what}", self.file),
        };
        let file = self.file.into();
        self.problems.list.push(Problem { file, line });
    }

    /// Notes a problem unless `good`.
    pub(crate) fn require(&mut self, good: bool, what: impl fmt::Display) {
        if !good {
            self.report(what);
        }
    }
}

/// The problems for which a registry is refused, a line each.
#[derive(Debug)]
pub(crate) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Refused {}
