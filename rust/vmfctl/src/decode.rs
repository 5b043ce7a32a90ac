// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl decode`: every byte of a stream with its name.

use std::io::{Read, Write};

use serde_json::{json, Map, Value as Json};

use crate::{
    cli::Io,
    failure::{Failure, Outcome, Result},
    parts::{Kind, Part, Parts},
    print,
    registry::Registry,
    tree::{hex, members},
};

/// The name of the JSON document, with the version of its layout.
pub(crate) const DOCUMENT: &str = "vmf-stream/1";

/// Decodes `input`.
pub(crate) fn run(io: &Io, registry: &Registry, input: impl Read) -> Result {
    let mut parts = Parts::new(input, registry);
    let mut out = io.out();
    if io.json {
        json_document(&mut out, registry, &mut parts)?;
    } else {
        text_document(&mut out, &mut parts)?;
    }
    out.flush()?;
    match parts.scanner.damage.first() {
        None => Ok(Outcome::Good),
        Some(error) if parts.sections == 0 => Err(Failure::Input(format!(
            "no VMF stream: {error}; \"vmfctl extract\" finds one in the file of a VMM"
        ))),
        Some(error) => Err(Failure::Input(format!("damaged stream: {error}"))),
    }
}

/// Reads the next part; a failure is that of the input.
fn next<R: Read>(parts: &mut Parts<'_, R>) -> Result<Option<Part>> {
    parts
        .next()
        .map_err(|error| Failure::Input(format!("input: {error}")))
}

fn text_document<R: Read>(out: &mut dyn Write, parts: &mut Parts<'_, R>) -> Result<()> {
    while let Some(part) = next(parts)? {
        let title = print::styled(print::BOLD, &part.title());
        writeln!(out, "{:#08x}  {title}, {} bytes", part.offset, part.len)?;
        if !part.meaning.is_empty() {
            writeln!(out, "{:10}{}", "", print::styled(print::DIM, &part.meaning))?;
        }
        print::nodes(out, &part.nodes, 1)?;
        if let Kind::Rest(bytes) = &part.kind {
            hex_dump(out, part.offset, bytes)?;
            let mut more = 0;
            loop {
                match rest(parts)?.len() as u64 {
                    0 => break,
                    len => more = u64::saturating_add(more, len),
                }
            }
            if more != 0 {
                writeln!(out, "{:10}and {more} bytes more", "")?;
            }
        }
    }
    let (sections, len) = (parts.sections, parts.scanner.offset());
    let profile = parts.profile().unwrap_or("unknown").to_string();
    writeln!(out, "{sections} sections, {len} bytes, profile {profile}")?;
    for error in &parts.scanner.damage {
        writeln!(out, "{}", print::styled(print::RED, &error.to_string()))?;
    }
    Ok(())
}

fn rest<R: Read>(parts: &mut Parts<'_, R>) -> Result<Vec<u8>> {
    parts
        .scanner
        .rest()
        .map_err(|error| Failure::Input(format!("input: {error}")))
}

fn hex_dump(out: &mut dyn Write, at: u64, bytes: &[u8]) -> Result<()> {
    for (row, chunk) in (0u64..).zip(bytes.chunks(16)) {
        let offset = at.saturating_add(row.saturating_mul(16));
        writeln!(out, "{offset:#08x}  {}", hex(chunk))?;
    }
    Ok(())
}

/// Writes the document section by section, so that a long stream need not fit in memory.
fn json_document<R: Read>(
    out: &mut dyn Write,
    registry: &Registry,
    parts: &mut Parts<'_, R>,
) -> Result<()> {
    let head = &registry.registry;
    let revision = json!({"name": head.name, "revision": head.revision});
    write!(out, "{{\"document\":\"{DOCUMENT}\",\"registry\":{revision}")?;
    let mut separator = ",\"sections\":[\n";
    while let Some(part) = next(parts)? {
        match &part.kind {
            Kind::FileHeader => {
                let header = Json::from(members(&part.nodes));
                write!(out, ",\n\"file_header\":{header}")?;
            }
            Kind::Section { .. } => {
                let mut map = Map::new();
                map.insert("name".into(), part.name.clone().into());
                map.insert("offset".into(), part.offset.into());
                map.extend(members(&part.nodes));
                write!(out, "{separator}{}", Json::from(map))?;
                separator = ",\n";
            }
            Kind::Rest(bytes) => {
                close_sections(out, &mut separator)?;
                write!(
                    out,
                    ",\n\"rest\":{{\"offset\":{},\"value\":\"{}",
                    part.offset,
                    hex(bytes)
                )?;
                loop {
                    let bytes = rest(parts)?;
                    if bytes.is_empty() {
                        break;
                    }
                    write!(out, "{}", hex(&bytes))?;
                }
                write!(out, "\"}}")?;
            }
        }
    }
    close_sections(out, &mut separator)?;
    let damage: Vec<_> = parts.scanner.damage.iter().map(error_json).collect();
    let profile = parts.profile();
    let len = parts.scanner.offset();
    writeln!(
        out,
        ",\n\"profile\":{},\"length\":{len},\"damage\":{}}}",
        json!(profile),
        Json::from(damage)
    )?;
    Ok(())
}

/// Ends the list of sections, once.
fn close_sections(out: &mut dyn Write, separator: &mut &'static str) -> Result<()> {
    match *separator {
        "" => {}
        ",\n" => write!(out, "]")?,
        _ => write!(out, ",\"sections\":[]")?,
    }
    *separator = "";
    Ok(())
}

/// An error of the codec in JSON.
pub(crate) fn error_json(error: &vmf::Error) -> Json {
    let section = error
        .section
        .map(|id| json!({"type": id.kind, "instance": id.instance, "seq": id.seq}));
    json!({
        "error": error.code.name(),
        "errno": error.code.errno(),
        "offset": error.offset,
        "section": section,
        "reason": error.reason,
        "got": error.got,
        "want": error.want,
    })
}
