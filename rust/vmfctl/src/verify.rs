// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl verify`: the verdict on a whole stream.

use std::io::Write;

use serde_json::json;

use crate::{
    cli::Io,
    decode::error_json,
    failure::{Failure, Outcome, Result},
    print, progress,
    registry::Registry,
    source::Source,
    verdict,
};

/// Verifies all of `files`; good if all are accepted.
pub(crate) fn run(io: &Io, registry: &Registry, files: &[String], version: Option<u32>) -> Result {
    let mut good = true;
    for file in files {
        good &= one(io, registry, &Source::new(file), version)? == Outcome::Good;
    }
    Ok(Outcome::of(good))
}

fn one(io: &Io, registry: &Registry, source: &Source, version: Option<u32>) -> Result {
    let (head, input) = source.open_with_head()?;
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
