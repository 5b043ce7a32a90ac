// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl`: the user-space tool of the VFIO Migration Format.
//!
//! Verdicts come from the codec that the kernel uses, names and layouts from the registry.

mod adopt;
mod announce;
mod bytes;
mod check;
mod cli;
mod decode;
mod describe;
mod diff;
mod docs;
mod encode;
mod envelope;
mod extract;
mod failure;
mod foreign;
mod generations;
mod image;
mod inventory;
mod key;
mod layout;
mod matrix;
mod modules;
mod output;
mod parts;
mod policy;
mod print;
mod progress;
mod registry;
mod scan;
mod source;
mod sysfs;
mod tap;
mod transfer;
mod tree;
mod verdict;
mod verify;
mod vfio;

use std::{io::Write, process::ExitCode};

use clap::Parser;

use crate::{
    cli::{Cli, Command, Io},
    failure::Result,
    registry::Registry,
    source::Source,
    sysfs::Sysfs,
};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                // There is nowhere left to report that this failed.
                let _ = writeln!(anstream::stderr(), "vmfctl: {text}");
            }
            failure.code()
        }
    }
}

/// Whether the exit status of a command is what somebody asked for.
fn is_verdict(command: &Command) -> bool {
    matches!(
        command,
        Command::Check { .. }
            | Command::Verify { .. }
            | Command::Matrix { .. }
            | Command::Diff { .. }
            | Command::Extract { .. }
            | Command::Load(_)
            | Command::Adopt { .. }
    )
}

fn run(cli: Cli) -> Result {
    let registry = Registry::open(cli.registry.as_deref())?;
    let io = Io {
        json: cli.json,
        verdict: is_verdict(&cli.command),
        sysfs: Sysfs { root: cli.sysfs },
    };
    match cli.command {
        Command::Inventory(form) => inventory::run(&io, &registry, form),
        Command::Describe { source } => describe::run(&io, &registry, &Source::new(&source)),
        Command::Check {
            source,
            destination,
            against,
            profile_version,
            format,
        } => {
            let against = against.or(destination);
            let against = against.as_deref().map(Source::new);
            let source = Source::new(&source);
            let (against, name) = (against.as_ref(), format.name.as_deref());
            match foreign::check(&io, &registry, &source, against, name)? {
                Some(outcome) => Ok(outcome),
                None => check::run(&io, &registry, &source, against, profile_version),
            }
        }
        Command::Decode { file, format } => {
            let source = Source::new(&file);
            match foreign::open(&registry, &source, format.name.as_deref())? {
                foreign::Kind::Foreign(stream) => {
                    foreign::decode(&io, &registry, &stream, &source.label())
                }
                foreign::Kind::Vmf(input) => {
                    decode::run(&io, &registry, progress::watch(input, source.len()))
                }
            }
        }
        Command::Encode {
            file,
            output,
            as_is,
        } => encode::run(
            &io,
            &registry,
            &Source::new(&file),
            output.as_deref(),
            as_is,
        ),
        Command::Verify {
            files,
            profile_version,
            format,
        } => verify::run(
            &io,
            &registry,
            &files,
            profile_version,
            format.name.as_deref(),
        ),
        Command::Diff { a, b, all } => {
            diff::run(&io, &registry, &Source::new(&a), &Source::new(&b), all)
        }
        Command::Extract { files, output } => {
            extract::run(&io, &registry, &files, output.as_deref())
        }
        Command::Matrix { inventories } => matrix::run(&io, &registry, &inventories),
        Command::Save(arguments) => transfer::save(&io, &registry, &arguments),
        Command::Load(arguments) => transfer::load(&io, &registry, &arguments),
        Command::Adopt { device, source } => adopt::run(&io, &device, &Source::new(&source)),
        Command::Attach { device, interface } => tap::attach(&io, &device, &interface),
        Command::Detach { device } => tap::detach(&io, &device),
        Command::Announce { device, stations } => announce::run(&io, &device, &stations),
        Command::Completions { shell } => docs::completions(&io, shell),
        Command::Man { out } => docs::man(&io, out.as_deref()),
    }
}
