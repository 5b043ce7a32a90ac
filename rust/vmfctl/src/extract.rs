// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl extract`: streams out of the files of VMMs.

mod json;
mod libvirt;
mod qemu;
mod search;
mod summary;

use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
};

use serde_json::json;

use self::{libvirt::Content, search::Search, summary::Summary};
use crate::{
    cli::Io,
    failure::{Failure, Outcome, Result},
    foreign,
    image::{Image, Pieces},
    registry::Registry,
    scan::Scanner,
};

/// The name of the file in a snapshot of cloud-hypervisor that has the state of devices.
const STATE_FILE: &str = "state.json";

/// The first bytes of a channel of multifd, with its version.
const MULTIFD_MAGIC: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1];

/// Where the bytes of a stream are.
enum Place {
    /// In pieces of the file.
    Pieces(Pieces),
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
    /// A stream that is in one piece.
    fn piece(at: u64, len: u64) -> Self {
        let mut pieces = Pieces::default();
        pieces.push(at, len);
        Self {
            name: format!("offset {at:#x}"),
            place: Place::Pieces(pieces),
        }
    }

    fn image<'a>(&'a self, file: &'a File) -> Image<'a> {
        match &self.place {
            Place::Pieces(pieces) => Image::pieces(file, pieces),
            Place::Memory(bytes) => Image::memory(bytes),
        }
    }
}

/// Finds the streams in `path`, and writes them to `output`.
pub(crate) fn run(io: &Io, registry: &Registry, path: &Path, output: Option<&Path>) -> Result {
    let path = if path.is_dir() {
        path.join(STATE_FILE)
    } else {
        path.to_path_buf()
    };
    let file = File::open(&path).map_err(|error| Failure::io(&path, &error))?;
    let (found, stateless) = find(registry, &path, &file)?;
    if found.is_empty() {
        let mut text = format!(
            "{}: no VMF stream found, and none of another driver",
            path.display()
        );
        if !stateless.is_empty() {
            let devices = stateless.join(", ");
            text = format!(
                "{text}; the state of {devices} is not here: with multifd it is in other channels"
            );
        }
        writeln!(anstream::stderr(), "vmfctl: {text}")?;
    }
    let mut summaries = Vec::new();
    for (index, stream) in found.iter().enumerate() {
        let target = output.map(|output| match found.len() {
            1 => output.to_path_buf(),
            _ => PathBuf::from(format!("{}.{index}", output.display())),
        });
        let image = stream.image(&file);
        summaries.push(Summary::of(registry, &stream.name, image, target)?);
    }

    let mut out = io.out();
    if io.json {
        let document = json!({
            "document": "vmf-extract/1",
            "registry": registry.registry.revision,
            "streams": summaries.iter().map(Summary::json).collect::<Vec<_>>(),
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
    } else {
        for summary in &summaries {
            writeln!(out, "{}", summary.text())?;
        }
    }
    out.flush()?;
    Ok(Outcome::of(!found.is_empty()))
}

/// Finds the streams in a file, and the names of devices whose state is not there.
fn find(registry: &Registry, path: &Path, file: &File) -> Result<(Vec<Found>, Vec<String>)> {
    let wrap = |error: io::Error| Failure::io(path, &error);
    let refuse = |why: &str| Err(Failure::Input(format!("{}: {why}", path.display())));
    let image = Image::file(file).map_err(wrap)?;
    let head = image.read(0, foreign::HEAD).map_err(wrap)?;
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(first, Some(b'{' | b'[')) {
        let text = BufReader::new(file);
        let document = serde_json::from_reader(text)
            .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
        let streams = json::find(registry, &document).into_iter();
        let found = streams.map(|(name, bytes)| Found {
            name,
            place: Place::Memory(bytes),
        });
        return Ok((found.collect(), Vec::new()));
    }
    let shown = path.display().to_string();
    let start = match libvirt::open(image, &shown).map_err(wrap)? {
        Some(Content::Unreadable(why)) => return refuse(&why),
        Some(Content::Qemu(start)) => Some(start),
        None if head.starts_with(&qemu::FILE_MAGIC) => Some(0),
        None => None,
    };
    if head.starts_with(&MULTIFD_MAGIC) {
        return refuse("a channel of a multifd migration, which has parts of streams only");
    }
    if let Some(command) = libvirt::decompressor(&head) {
        return refuse(&format!("compressed; first run: {command} <{shown} >FILE"));
    }
    let mut stateless = Vec::new();
    if let Some(start) = start {
        let mut found = Vec::new();
        for device in qemu::find(image, start).map_err(wrap)? {
            match device.pieces.len {
                0 => stateless.push(device.name),
                _ => found.push(Found {
                    name: device.name,
                    place: Place::Pieces(device.pieces),
                }),
            }
        }
        if !found.is_empty() {
            return Ok((found, stateless));
        }
    }
    let mut found = in_one_piece(image).map_err(wrap)?;
    if found.is_empty() && foreign::identify(&registry.foreign, &head).is_some() {
        found.push(Found::piece(0, image.len));
    }
    Ok((found, stateless))
}

/// Finds streams of ours that are stored without anything in between.
fn in_one_piece(image: Image<'_>) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut search = Search::new(image, &vmf::registry::MAGIC);
    while let Some(start) = search.next()? {
        let mut scanner = Scanner::new(image.from(start));
        while !scanner.done() && scanner.next()?.is_some() {}
        let len = scanner.known();
        search.skip_to(start.saturating_add(len));
        if len > vmf::FileHeader::LEN as u64 {
            found.push(Found::piece(start, len));
        }
    }
    Ok(found)
}
