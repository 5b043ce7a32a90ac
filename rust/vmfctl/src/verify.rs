// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl verify`: the verdict on a whole stream.

use std::io::{Read, Write};

use serde_json::json;

use crate::{
    cli::Io,
    decode::error_json,
    failure::{Failure, Outcome, Result},
    foreign::{self, Kind},
    print, progress,
    registry::Registry,
    source::Source,
    verdict,
};

/// Verifies all of `files`; good if all are accepted.
pub(crate) fn run(
    io: &Io,
    registry: &Registry,
    files: &[String],
    version: Option<u32>,
    name: Option<&str>,
) -> Result {
    let mut good = true;
    for file in files {
        let source = Source::new(file);
        let outcome = match foreign::open(registry, &source, name)? {
            Kind::Foreign(stream) => foreign::verify(io, &stream, &source.label()),
            Kind::Vmf(input) => one(io, registry, &source, input, version),
        };
        good &= outcome? == Outcome::Good;
    }
    Ok(Outcome::of(good))
}

fn one(
    io: &Io,
    registry: &Registry,
    source: &Source,
    input: impl Read,
    version: Option<u32>,
) -> Result {
    let (head, input) = source.with_head(input)?;
    let caps = verdict::of_registry(registry, &head, version)?;
    let input = progress::watch(input, source.len());
    let judged = verdict::verify(input, &caps)
        .map_err(|error| Failure::Input(format!("{}: {error}", source.label())))?;
    let destination = format!("{} version {}", caps.profile_name, caps.version);
    let mut out = io.out();
    if io.json {
        let document = json!({
            "document": "vmf-verify/1",
            "file": source.label(),
            "profile": caps.profile_name,
            "profile_version": caps.version,
            "accepted": judged.is_ok(),
            "length": judged.ok(),
            "error": judged.as_ref().err().map(error_json),
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
    } else {
        match &judged {
            Ok(len) => {
                let word = print::styled(print::GREEN, "accepted");
                writeln!(
                    out,
                    "{}: {word} as {destination}: {len} bytes",
                    source.label()
                )?;
            }
            Err(error) => {
                let word = print::styled(print::RED, "refused");
                writeln!(out, "{}: {word} as {destination}: {error}", source.label())?;
                if let Some(meaning) = registry.error(error.code.errno()) {
                    writeln!(out, "  {}: {meaning}", error.code.name())?;
                }
            }
        }
    }
    out.flush()?;
    Ok(Outcome::of(judged.is_ok()))
}
