// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl extract`: streams out of the files of VMMs.

mod channels;
mod json;
mod libvirt;
mod multifd;
mod qemu;
mod search;
mod summary;

use std::{
    fs::{File, Metadata},
    io::{self, BufReader, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde_json::json;

use self::{channels::Incomplete, libvirt::Content, search::Search, summary::Summary};
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

/// How many streams are looked at, or devices; a guest can have written any number to its memory.
const FOUND_MAX: usize = 4096;

/// Where the bytes of a stream are.
enum Place {
    /// In pieces of the files.
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

    fn image<'a>(&'a self, files: &'a [File]) -> Image<'a> {
        match &self.place {
            Place::Pieces(pieces) => Image::pieces(files, pieces),
            Place::Memory(bytes) => Image::memory(bytes),
        }
    }
}

/// What was found.
#[derive(Default)]
struct Findings {
    found: Vec<Found>,
    /// The names of devices whose state is not there.
    stateless: Vec<String>,
    /// Of which only parts are there.
    incomplete: Vec<Incomplete>,
    /// What else is to be said.
    notes: Vec<String>,
}

/// Finds the streams in `paths`, and writes them to `output`.
pub(crate) fn run(
    io: &Io,
    registry: &Registry,
    paths: &[PathBuf],
    output: Option<&Path>,
) -> Result {
    let files = Files::open(paths)?;
    let Findings {
        found,
        stateless,
        incomplete,
        mut notes,
    } = files.find(registry)?;
    let mut lacking = Vec::new();
    if found.is_empty() && incomplete.is_empty() {
        lacking.push("no VMF stream found, and none of another driver".into());
    }
    if !stateless.is_empty() {
        let devices = stateless.join(", ");
        lacking.push(format!(
            "the state of {devices} is not here: with multifd it is in other channels"
        ));
    }
    if !lacking.is_empty() {
        notes.push(format!("{}: {}", files.shown(), lacking.join("; ")));
    }
    notes.extend(incomplete.iter().map(Incomplete::text));
    let targets = found.iter().enumerate().map(|(index, _)| {
        output.map(|output| match found.len() {
            1 => output.to_path_buf(),
            _ => PathBuf::from(format!("{}.{index}", output.display())),
        })
    });
    let targets: Vec<_> = targets.collect();
    files.keep(targets.iter().flatten())?;
    let mut summaries = Vec::new();
    for (stream, target) in found.iter().zip(targets) {
        let image = stream.image(&files.files);
        summaries.push(Summary::of(registry, &stream.name, image, target)?);
    }

    if files.may_lack_some() && summaries.iter().any(Summary::is_damaged) {
        let shown = files.shown();
        notes.push(format!(
            "{shown}: with multifd the rest is in other channels: give them as well"
        ));
    }
    for note in &notes {
        // What was found does not depend on who reads this.
        let _ = writeln!(anstream::stderr(), "vmfctl: {note}");
    }

    let mut out = io.out();
    if io.json {
        let document = json!({
            "document": "vmf-extract/1",
            "registry": registry.registry.revision,
            "streams": summaries.iter().map(Summary::json).collect::<Vec<_>>(),
            "incomplete": incomplete.iter().map(Incomplete::json).collect::<Vec<_>>(),
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
    } else {
        for summary in &summaries {
            writeln!(out, "{}", summary.text())?;
        }
    }
    out.flush()?;
    let all = incomplete.is_empty() && stateless.is_empty();
    Ok(Outcome::of(!found.is_empty() && all))
}

/// The files that were given.
struct Files {
    /// No channel of multifd comes behind one.
    paths: Vec<PathBuf>,
    files: Vec<File>,
    /// How many are none.
    others: usize,
}

impl Files {
    fn open(paths: &[PathBuf]) -> Result<Self> {
        let mut opened = Vec::new();
        for path in paths {
            let path = match path.is_dir() {
                true => path.join(STATE_FILE),
                false => path.clone(),
            };
            let file = File::open(&path).map_err(|error| Failure::io(&path, &error))?;
            let channel = starts_with(&path, &file, &multifd::MAGIC)?;
            opened.push((channel, path, file));
        }
        opened.sort_by_key(|(channel, ..)| *channel);
        let others = opened.partition_point(|(channel, ..)| !channel);
        let opened = opened.into_iter().map(|(_, path, file)| (path, file));
        let (paths, files) = opened.unzip();
        Ok(Self {
            paths,
            files,
            others,
        })
    }

    fn shown(&self) -> String {
        let shown = self.paths.iter().map(|path| path.display().to_string());
        shown.collect::<Vec<_>>().join(", ")
    }

    /// Refuses to write over any of the files.
    fn keep<'a>(&self, targets: impl Iterator<Item = &'a PathBuf>) -> Result<()> {
        let known = |data: &Metadata| (data.dev(), data.ino());
        let files = self.files.iter().filter_map(|file| file.metadata().ok());
        let files: Vec<_> = files.map(|data| known(&data)).collect();
        for target in targets {
            let there = target.metadata();
            if there.is_ok_and(|data| files.contains(&known(&data))) {
                let target = target.display();
                let why = format!("{target}: is what is read; name another --output");
                return Err(Failure::Usage(why));
            }
        }
        Ok(())
    }

    /// Can there be other channels of the same migration?
    fn may_lack_some(&self) -> bool {
        match (&*self.paths, &*self.files, self.others) {
            ([path, ..], [file, ..], 1..) => {
                starts_with(path, file, &qemu::FILE_MAGIC).unwrap_or(false)
            }
            _ => true,
        }
    }

    /// Finds the streams in one file, or in the channels of a migration.
    fn find(&self, registry: &Registry) -> Result<Findings> {
        let refuse = |path: &Path, why| Err(Failure::Input(format!("{}: {why}", path.display())));
        match (&*self.paths, &*self.files, self.others) {
            ([path], [file], 1) => in_file(registry, path, file),
            ([_, path, ..], _, 2..) => refuse(
                path,
                "no channel of multifd, of which alone several can be given, with the main one",
            ),
            ([path, ..], [file, ..], 1) if !starts_with(path, file, &qemu::FILE_MAGIC)? => {
                refuse(path, "neither a channel of multifd nor the main one")
            }
            (paths, files, others) => channels::find(registry, paths, files, others == 1),
        }
    }
}

fn starts_with(path: &Path, file: &File, magic: &[u8]) -> Result<bool> {
    let head = Image::file(file).and_then(|image| image.read(0, magic.len()));
    Ok(head.map_err(|error| Failure::io(path, &error))? == magic)
}

/// Finds the streams in a file.
fn in_file(registry: &Registry, path: &Path, file: &File) -> Result<Findings> {
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
        return Ok(Findings {
            found: found.collect(),
            ..Findings::default()
        });
    }
    let shown = path.display().to_string();
    let start = match libvirt::open(image, &shown).map_err(wrap)? {
        Some(Content::Unreadable(why)) => return refuse(&why),
        Some(Content::Qemu(start)) => Some(start),
        None if head.starts_with(&qemu::FILE_MAGIC) => Some(0),
        None => None,
    };
    if let Some(command) = libvirt::decompressor(&head) {
        return refuse(&format!("compressed; first run: {command} <{shown} >FILE"));
    }
    let mut findings = Findings::default();
    if let Some(start) = start {
        for device in qemu::find(image, start).map_err(wrap)? {
            findings.add(device, None);
        }
        if !findings.found.is_empty() {
            return Ok(findings);
        }
    }
    findings.found = in_one_piece(image).map_err(wrap)?;
    if findings.found.is_empty() && foreign::identify(&registry.foreign, &head).is_some() {
        findings.found.push(Found::piece(0, image.len));
    }
    Ok(findings)
}

/// Finds streams of ours that are stored without anything in between.
fn in_one_piece(image: Image<'_>) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut search = Search::new(image, &vmf::registry::MAGIC);
    while let Some(start) = search.next()? {
        let mut scanner = Scanner::strict(image.from(start));
        while !scanner.done() && scanner.next()?.is_some() {}
        let len = scanner.known();
        search.skip_to(start.saturating_add(len));
        if len > vmf::FileHeader::LEN as u64 {
            if found.len() == FOUND_MAX {
                return Err(io::Error::other(format!("more than {FOUND_MAX} streams")));
            }
            found.push(Found::piece(start, len));
        }
    }
    Ok(found)
}
