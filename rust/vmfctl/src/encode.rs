// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl encode`: a stream from the JSON document that `decode --json` writes.

use std::{
    io::{self, BufReader, BufWriter, IsTerminal, Write},
    path::Path,
};

use serde::Deserialize;
use serde_json::{json, Map, Value as Json};

use crate::{
    bytes::{self, structure, Damaged},
    cli::Io,
    decode::DOCUMENT,
    failure::{Failure, Outcome, Result},
    layout::{length, number, Layout},
    output::Output,
    registry::{Field, Registry},
    source::Source,
};

/// The document; what is only for people is not looked at.
#[derive(Deserialize)]
pub(crate) struct Document {
    document: String,
    #[serde(default)]
    file_header: Option<Map<String, Json>>,
    #[serde(default)]
    sections: Vec<Map<String, Json>>,
    #[serde(default)]
    rest: Option<Json>,
}

/// Builds a stream.
struct Encoder<'r, W> {
    layout: Layout<'r>,
    out: W,
    /// Whether CRCs, lengths and counters are taken from the document.
    as_is: bool,
    offset: u64,
    crc: u32,
    sections: u32,
    generations: u32,
}

/// Reads a document from `source` and writes the stream.
pub(crate) fn run(
    io: &Io,
    registry: &Registry,
    source: &Source,
    output: Option<&Path>,
    as_is: bool,
) -> Result {
    let input = BufReader::new(source.open()?);
    let document: Document = serde_json::from_reader(input)
        .map_err(|error| Failure::Input(format!("{}: {error}", source.label())))?;
    let Some(path) = output else {
        let stdout = io::stdout();
        if io.json || stdout.is_terminal() {
            return Err(Failure::Usage(
                "a stream is binary: give --output FILE, or redirect the standard output".into(),
            ));
        }
        encode(&document, registry, as_is, BufWriter::new(stdout.lock()))?;
        return Ok(Outcome::Good);
    };
    let mut file = Output::create(path)?;
    let len = encode(&document, registry, as_is, BufWriter::new(&mut file))?;
    file.finish()?;
    let mut out = io.out();
    if io.json {
        writeln!(
            out,
            "{}",
            json!({"document": "vmf-encode/1", "file": path, "length": len})
        )?;
    } else {
        writeln!(out, "{}: {len} bytes", path.display())?;
    }
    out.flush()?;
    Ok(Outcome::Good)
}

/// Writes the stream that `document` describes to `out`, and returns its length.
pub(crate) fn encode(
    document: &Document,
    registry: &Registry,
    as_is: bool,
    out: impl Write,
) -> Result<u64> {
    if document.document != DOCUMENT {
        return Err(Failure::Input(format!(
            "this is a {:?} and not a {DOCUMENT:?}: take what \"vmfctl decode --json\" writes",
            document.document
        )));
    }
    let layout = Layout {
        registry,
        profile: None,
    };
    let mut encoder = Encoder {
        layout,
        out,
        as_is,
        offset: 0,
        crc: 0,
        sections: 0,
        generations: 0,
    };
    if let Some(header) = &document.file_header {
        encoder
            .file_header(header)
            .map_err(Problem::named("file_header"))?;
    }
    for (index, section) in document.sections.iter().enumerate() {
        let path = format!("sections[{index}]");
        encoder.section(section).map_err(Problem::named(&path))?;
    }
    if let Some(rest) = &document.rest {
        let rest = bytes::leaf("bytes", rest).map_err(|error| error.within("rest"));
        encoder.write(&rest.map_err(Problem::Value).map_err(Failure::from)?)?;
    }
    encoder.out.flush()?;
    Ok(encoder.offset)
}

/// What can go wrong in a section.
enum Problem {
    Value(Damaged),
    Output(io::Error),
}

impl Problem {
    fn named(path: &str) -> impl FnOnce(Self) -> Failure + '_ {
        move |problem| match problem {
            Self::Value(damaged) => Self::Value(damaged.within(path)).into(),
            other => other.into(),
        }
    }
}

impl From<Damaged> for Problem {
    fn from(damaged: Damaged) -> Self {
        Self::Value(damaged)
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Value(damaged) => Self::Input(damaged.to_string()),
            Problem::Output(error) => error.into(),
        }
    }
}

impl<'r, W: Write> Encoder<'r, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        self.out.write_all(bytes)
    }

    /// Sets a field that follows from others, unless all are taken as they are.
    fn derive(&self, fields: &[Field], bytes: &mut [u8], name: &str, value: u64) {
        if !self.as_is {
            bytes::set(fields, bytes, name, value);
        }
    }

    fn file_header(&mut self, json: &Map<String, Json>) -> core::result::Result<(), Problem> {
        let fields = self.layout.registry.structure("file-header");
        let mut bytes = structure(fields, json)?;
        let len = bytes.len() as u64;
        self.derive(fields, &mut bytes, "header_len", len);
        self.derive(fields, &mut bytes, "crc", 0);
        let crc = crc32c::crc32c(&bytes);
        self.derive(fields, &mut bytes, "crc", crc.into());
        Ok(self.write(&bytes)?)
    }

    fn section(&mut self, json: &Map<String, Json>) -> core::result::Result<(), Problem> {
        let registry = self.layout.registry;
        let header_json = bytes::object(json, "header")?;
        let fields = registry.structure("section-header");
        let mut header = structure(fields, header_json).map_err(|error| error.within("header"))?;
        let kind = number(fields, &header, "type").unwrap_or(0);
        let kind = u32::try_from(kind).unwrap_or(0);

        let mut payload = self.payload(kind, json)?;
        self.sections = self.sections.saturating_add(1);
        if kind == vmf::registry::KIND_DESCRIPTOR {
            self.generations = self.generations.saturating_add(1);
            let decoded = self.layout.content("attributes", "", &payload, 0);
            self.layout.profile = self.layout.profile_in(&decoded);
        }
        let padding = bytes::padding(json, payload.len(), self.as_is)?;
        if kind == vmf::registry::KIND_END {
            let end = registry.structure("end");
            let total = [header.len(), payload.len(), padding.len()];
            let total = total
                .iter()
                .fold(self.offset, |sum, len| sum.saturating_add(*len as u64));
            let generation = self.generations.saturating_sub(1);
            for (name, value) in [
                ("sections", self.sections.into()),
                ("generation", generation.into()),
                ("total", total),
                ("stream_crc", self.crc.into()),
            ] {
                self.derive(end, &mut payload, name, value);
            }
        }

        let body = crc32c::crc32c_append(crc32c::crc32c(&payload), &padding);
        let seq = self.sections.saturating_sub(1);
        self.derive(fields, &mut header, "seq", seq.into());
        self.derive(fields, &mut header, "length", payload.len() as u64);
        self.derive(fields, &mut header, "payload_crc", body.into());
        let crc_at = length(fields).saturating_sub(4);
        let crc = crc32c::crc32c(header.get(..crc_at).unwrap_or(&[]));
        self.derive(fields, &mut header, "header_crc", crc.into());
        for part in [header, payload, padding] {
            self.write(&part)?;
        }
        Ok(())
    }

    /// The payload, from whichever form the document has it in.
    fn payload(
        &self,
        kind: u32,
        json: &Map<String, Json>,
    ) -> core::result::Result<Vec<u8>, Damaged> {
        let registry = self.layout.registry;
        let known = registry.section(kind, self.layout.profile);
        let content = known.map_or("", |known| &known.content);
        if let Some(Json::Array(list)) = json.get("attributes") {
            return bytes::joined("attributes", list, |item| self.attribute(item));
        }
        let own = known.map_or(&[][..], |known| &known.fields);
        let fields = if own.is_empty() {
            bytes::structure_in(registry, content)
        } else {
            own
        };
        bytes::content(fields, self.as_is, json)
    }

    fn attribute(&self, json: &Map<String, Json>) -> core::result::Result<Vec<u8>, Damaged> {
        if json.contains_key("rest") {
            return bytes::leaf("bytes", json.get("rest").unwrap_or(&Json::Null));
        }
        let registry = self.layout.registry;
        let fields = registry.structure("attribute-header");
        let header_json = bytes::object(json, "header")?;
        let mut out = structure(fields, header_json).map_err(|error| error.within("header"))?;
        let key = number(fields, &out, "key").unwrap_or(0);
        let known = registry.attribute(u16::try_from(key).unwrap_or(0));
        let content = known.map_or("", |known| &known.content);
        let value = bytes::content(bytes::structure_in(registry, content), self.as_is, json)?;
        self.derive(fields, &mut out, "len", value.len() as u64);
        let padding = bytes::padding(json, value.len(), self.as_is)?;
        out.extend(value);
        out.extend(padding);
        Ok(out)
    }
}
