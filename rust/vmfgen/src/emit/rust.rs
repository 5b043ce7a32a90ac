// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Rust of the codec, `rust/vmf`.
//!
//! What is written here is laid out by rustfmt, as what bindgen writes is: only the width of
//! comments is up to the templates.

mod container;
mod profile;
mod ranges;
mod state;
mod structure;
mod tables;

use super::{
    text::{lines, wrap},
    File, RUST_MARK,
};
use crate::model::Registry;
use anyhow::{ensure, Context, Result};
use std::{
    io::Write,
    process::{Command, Stdio},
};

const DIR: &str = "rust/vmf/src";
const WIDTH: usize = 100;

pub(super) fn files(registry: &Registry) -> Result<Vec<File>> {
    let mut files = container::files(registry);
    for profile in &registry.profiles {
        files.extend(profile::files(registry, profile));
    }
    for file in &mut files {
        file.text = format(&file.text).with_context(|| format!("cannot format {}", file.path))?;
    }
    Ok(files)
}

/// A file of `body`, with `about` as its documentation.
fn file(path: &str, about: &str, body: &str) -> File {
    let head = format!(
        "// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause\n//\n// {RUST_MARK}\n\n{about}\n"
    );
    File {
        path: format!("{DIR}/{path}.rs"),
        text: head + body,
    }
}

/// A comment of documentation, as `///` or `//!`, for something that is indented by `indent`.
fn doc(mark: &str, text: &str, indent: usize) -> String {
    let width = WIDTH - indent - mark.len() - 1;
    lines(&wrap(text, width), |line| format!("{mark} {line}\n")) + "\n"
}

/// Numbers of one digit are decimal.
fn hex(value: u64) -> String {
    if value > 9 {
        format!("{value:#x}")
    } else {
        value.to_string()
    }
}

/// Formats with the settings of the kernel, which are the defaults.
fn format(text: &str) -> Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2021", "--config-path", "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("rustfmt does not run; the lab has it: selftests/lab/run.sh cargo vmfgen run")?;
    // All of it is read before anything is written, so this does not wait for ever.
    let mut stdin = rustfmt.stdin.take().context("no pipe to rustfmt")?;
    stdin
        .write_all(text.as_bytes())
        .context("cannot write to rustfmt")?;
    drop(stdin);
    let output = rustfmt.wait_with_output().context("rustfmt does not end")?;
    ensure!(
        output.status.success(),
        "rustfmt has failed: {}",
        output.status
    );
    String::from_utf8(output.stdout).context("rustfmt has not written UTF-8")
}
