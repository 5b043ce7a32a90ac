// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Checks the registry of the VFIO Migration Format and generates what follows from it.

mod check;
mod emit;
mod load;
mod model;
mod output;
mod problems;
mod published;
mod types;
mod validate;

use crate::problems::{Problems, Refused};
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
  1  with --check: some generated file is stale, missing or left over; with check: any problem
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
    /// Check a contribution to the registry
    #[command(long_about = "\
Check a contribution to the registry: licences, names and places of the files, their shape, all that \
has to hold between numbers, names and references, what is published, and whether the generated files \
are up to date. Each problem is a line: the file, the key, what is wrong. Nothing is written.")]
    Check {
        /// Say only what is wrong with these files of the registry [default: all, and generated ones]
        files: Vec<PathBuf>,
    },

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
    let out = options.out.as_deref().unwrap_or(&root);
    let vectors = root.join(VECTORS);
    if let Some(Command::Check { files }) = &options.command {
        let (registry, vectors) = (&dir, &vectors);
        let tree = check::Tree {
            registry,
            vectors,
            out,
        };
        return Ok(tell(&check::run(&tree, files)?));
    }
    let mut problems = Problems::default();
    let registry = load::registry(&dir, &mut problems)?;
    problems.verdict()?;
    let registry = registry.context("nothing was read")?;
    validate::registry(&registry, &vectors, &mut problems);
    problems.verdict()?;
    let export = emit::export(&registry)?;
    let revision = registry.index.revision;
    published::check(&dir, revision, &export, &mut problems)?;
    problems.verdict()?;

    if let Some(Command::Publish) = options.command {
        let file = published::publish(&dir, revision, &export)?;
        println!("published {file}");
        return Ok(ExitCode::SUCCESS);
    }
    let files = emit::files(&registry)?;
    if !options.check {
        output::write(out, &files)?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(tell(&output::compare(out, &files)?))
}

/// Writes what is wrong, and says whether anything is.
fn tell(lines: &[String]) -> ExitCode {
    for line in lines {
        println!("{line}");
    }
    ExitCode::from(if lines.is_empty() { 0 } else { STALE })
}

/// The closest directory upwards of `start` that has a registry.
fn find_root(start: &Path) -> Result<PathBuf> {
    let found = start.ancestors().find(|dir| dir.join(REGISTRY).is_dir());
    found
        .map(Path::to_path_buf)
        .with_context(|| format!("no {REGISTRY} in {} or above; use --root", start.display()))
}
