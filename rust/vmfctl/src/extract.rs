// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl extract`: streams out of the files of VMMs.

mod image;
mod json;
mod qemu;

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use serde_json::json;

use self::image::Image;
use crate::{
    cli::Io,
    failure::{Failure, Outcome, Result},
    registry::Registry,
    scan::{Element, Scanner},
};

/// The name of the file in a snapshot of cloud-hypervisor that has the state of devices.
const STATE_FILE: &str = "state.json";

/// Where the bytes of a stream are.
enum Place {
    /// In pieces of the file: offsets and lengths.
    Pieces(Vec<(u64, u64)>),
    /// In memory, because they were decoded.
    Memory(Vec<u8>),
}

/// A stream that was found.
struct Found {
    /// The name of the device, or where it was in the file.
    name: String,
    place: Place,
}

impl Found {
    fn len(&self) -> u64 {
        match &self.place {
            Place::Pieces(pieces) => {
                let lens = pieces.iter().map(|(_, len)| *len);
                lens.fold(0, u64::saturating_add)
            }
            Place::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Copies the stream.
    fn copy(&self, image: &Image<'_>, out: &mut dyn Write) -> io::Result<()> {
        match &self.place {
            Place::Memory(bytes) => out.write_all(bytes),
            Place::Pieces(pieces) => pieces
                .iter()
                .try_for_each(|(at, len)| image.copy(*at, *len, out)),
        }
    }
}

/// What a stream is, from its own words.
struct Summary {
    file: Option<PathBuf>,
    profile: Option<String>,
    damage: Option<vmf::Error>,
}

/// Finds the streams in `path`, and writes them to `output`.
pub(crate) fn run(io: &Io, registry: &Registry, path: &Path, output: Option<&Path>) -> Result {
    let path = if path.is_dir() {
        path.join(STATE_FILE)
    } else {
        path.to_path_buf()
    };
    let file = File::open(&path).map_err(|error| Failure::io(&path, &error))?;
    let found = find(&path, &file)?;
    if found.is_empty() {
        let hint = "multifd, postcopy and compressed migration files are not understood";
        let text = format!("{}: no VMF stream found; {hint}", path.display());
        writeln!(anstream::stderr(), "vmfctl: {text}")?;
    }
    let image = Image::new(&file).map_err(|error| Failure::io(&path, &error))?;
    let mut summaries = Vec::new();
    for (index, stream) in found.iter().enumerate() {
        let target = output.map(|output| match found.len() {
            1 => output.to_path_buf(),
            _ => PathBuf::from(format!("{}.{index}", output.display())),
        });
        summaries.push(write(stream, &image, target)?);
    }

    let mut out = io.out();
    if io.json {
        let list = found.iter().zip(&summaries).map(|(stream, summary)| {
            json!({
                "name": stream.name,
                "length": stream.len(),
                "file": summary.file,
                "profile": summary.profile,
                "intact": summary.damage.is_none(),
                "damage": summary.damage.as_ref().map(ToString::to_string),
            })
        });
        let document = json!({
            "document": "vmf-extract/1",
            "registry": registry.registry.revision,
            "streams": list.collect::<Vec<_>>(),
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
    } else {
        for (stream, summary) in found.iter().zip(&summaries) {
            let profile = summary.profile.as_deref().unwrap_or("unknown profile");
            let (name, len) = (&stream.name, stream.len());
            write!(out, "{name}: {profile}, {len} bytes")?;
            if let Some(file) = &summary.file {
                write!(out, " -> {}", file.display())?;
            }
            match &summary.damage {
                Some(error) => writeln!(out, "; damaged: {error}")?,
                None => writeln!(out)?,
            }
        }
    }
    out.flush()?;
    Ok(Outcome::of(!found.is_empty()))
}

fn find(path: &Path, file: &File) -> Result<Vec<Found>> {
    let wrap = |error: io::Error| Failure::io(path, &error);
    let image = Image::new(file).map_err(wrap)?;
    let head = image.read(0, 64).map_err(wrap)?;
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(first, Some(b'{' | b'[')) {
        let text = BufReader::new(file);
        let document = serde_json::from_reader(text)
            .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
        let streams = json::find(&document).into_iter();
        let found = streams.map(|(name, bytes)| Found {
            name,
            place: Place::Memory(bytes),
        });
        return Ok(found.collect());
    }
    let streams = if head.starts_with(&qemu::FILE_MAGIC) {
        qemu::find(&image).map_err(wrap)?
    } else {
        Vec::new()
    };
    if !streams.is_empty() {
        let found = streams.into_iter().map(|(name, pieces)| Found {
            name,
            place: Place::Pieces(pieces),
        });
        return Ok(found.collect());
    }
    in_one_piece(&image).map_err(wrap)
}

/// Finds streams that are stored without anything in between.
fn in_one_piece(image: &Image<'_>) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = image.find(at, &vmf::registry::MAGIC)? {
        let mut scanner = Scanner::new(image.from(start));
        while !scanner.done() && scanner.next()?.is_some() {}
        let len = scanner.known();
        at = start.saturating_add(len.max(1));
        if len > vmf::FileHeader::LEN as u64 {
            found.push(Found {
                name: format!("offset {start:#x}"),
                place: Place::Pieces(vec![(start, len)]),
            });
        }
    }
    Ok(found)
}

/// Copies a stream to `target`, or nowhere, and looks at it on the way.
fn write(stream: &Found, image: &Image<'_>, target: Option<PathBuf>) -> Result<Summary> {
    if let Some(path) = &target {
        let file = File::create(path).map_err(|error| Failure::io(path, &error))?;
        let mut file = io::BufWriter::new(file);
        let copied = stream.copy(image, &mut file).and_then(|()| file.flush());
        copied.map_err(|error| Failure::io(path, &error))?;
    }
    let input: Box<dyn Read + '_> = match &stream.place {
        Place::Memory(bytes) => Box::new(bytes.as_slice()),
        Place::Pieces(pieces) => Box::new(image.pieces(pieces)),
    };
    let (profile, damage) =
        look(input).map_err(|error| Failure::Input(format!("{}: {error}", stream.name)))?;
    Ok(Summary {
        file: target.map(|path| fs::canonicalize(&path).unwrap_or(path)),
        profile,
        damage,
    })
}

/// The profile of a stream, and its first damage.
fn look(input: impl Read) -> io::Result<(Option<String>, Option<vmf::Error>)> {
    let mut scanner = Scanner::new(input);
    let mut profile = None;
    while let Some(element) = scanner.next()? {
        match element {
            Element::Section(section) if section.kind == vmf::registry::KIND_DESCRIPTOR => {
                let descriptor = vmf::Descriptor::parse(&section.payload).ok();
                profile = descriptor.map(|known| {
                    let (name, version) = (known.profile_name(), known.version());
                    format!("{name} version {version}")
                });
            }
            _ => {}
        }
    }
    Ok((profile, scanner.damage.first().copied()))
}
