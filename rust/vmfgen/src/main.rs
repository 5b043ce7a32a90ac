// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Checks the registry of the VFIO Migration Format and generates what follows from it.

mod emit;
mod load;
mod model;
mod output;
mod problems;
mod published;
mod types;
mod validate;

use crate::problems::Refused;
use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

const REGISTRY: &str = "Documentation/registry";
const VECTORS: &str = "selftests/vectors";

const STALE: u8 = 1;
const REFUSED: u8 = 3;
const FAILED: u8 = 4;

/// Checks the registry of the VFIO Migration Format and generates what follows from it.
///
/// Without a command, all generated files are written: the C header, the export for tools, tables
/// of the documentation, Rust of the codec. Nothing is written if the registry is refused.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Exit status:
  0  all is well
  1  with --check: some generated file is stale, missing or left over
  2  wrong usage
  3  the registry is refused: shape, consistency, or a change of what is published
  4  a file cannot be read or written"
)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,

    /// Top of the tree [default: found upwards from the current directory]
    #[arg(long, value_name = "DIR", global = true)]
    root: Option<PathBuf>,

    /// The registry [default: Documentation/registry of the tree]
    #[arg(long, value_name = "DIR", global = true)]
    registry: Option<PathBuf>,

    /// Top of the tree for the generated files [default: as --root]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Write nothing; list the generated files that are not up to date
    #[arg(long)]
    check: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Publish the revision: from then on, what is in it can no longer be changed
    #[command(long_about = "\
Publish the revision of the registry, as published/REVISION.json beside it: from then on, what is \
in it can no longer be changed. Then revision in registry.yaml has to go up by one before anything \
is added.")]
    Publish,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(if error.is::<Refused>() {
                REFUSED
            } else {
                FAILED
            })
        }
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    let root = match &options.root {
        Some(root) => root.clone(),
        None => find_root(&env::current_dir()?)?,
    };
    let dir = options
        .registry
        .clone()
        .unwrap_or_else(|| root.join(REGISTRY));
    let registry = load::registry(&dir)?;
    validate::registry(&registry, &root.join(VECTORS))?;
    let export = emit::export(&registry)?;
    let revision = registry.index.revision;
    published::check(&dir, revision, &export)?;

    if let Some(Command::Publish) = options.command {
        let file = published::publish(&dir, revision, &export)?;
        println!("published {file}");
        return Ok(ExitCode::SUCCESS);
    }
    let out = options.out.as_deref().unwrap_or(&root);
    let files = emit::files(&registry)?;
    if !options.check {
        output::write(out, &files)?;
        return Ok(ExitCode::SUCCESS);
    }
    let stale = output::compare(out, &files)?;
    for line in &stale {
        println!("{line}");
    }
    Ok(ExitCode::from(if stale.is_empty() { 0 } else { STALE }))
}

/// The closest directory upwards of `start` that has a registry.
fn find_root(start: &Path) -> Result<PathBuf> {
    let found = start.ancestors().find(|dir| dir.join(REGISTRY).is_dir());
    found
        .map(Path::to_path_buf)
        .with_context(|| format!("no {REGISTRY} in {} or above; use --root", start.display()))
}
