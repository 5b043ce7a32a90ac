// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Puts the streams of devices together that a multifd migration of QEMU has sent by several channels.
//!
//! What a device has sent before the guest was stopped is in the main channel, where it is told as in
//! any file of QEMU; behind it come the parts in the other channels, in their order.

use std::{
    collections::{btree_map::Entry, BTreeMap},
    fs::File,
    path::{Path, PathBuf},
};

use serde_json::{json, Value as Json};

use super::{
    multifd::{self, Channel},
    qemu, Findings, Found, Place,
};
use crate::{
    failure::{Failure, Result},
    foreign::{self, Certainty, HEAD},
    image::{Image, Pieces},
    registry::Registry,
};

/// How many gaps are listed.
const GAPS: usize = 8;

/// What there is of a stream that is not all there.
pub(super) struct Incomplete {
    name: String,
    parts: usize,
    len: u64,
    missing: Vec<String>,
}

impl Incomplete {
    pub(super) fn text(&self) -> String {
        let Self { name, len, .. } = self;
        let parts = match self.parts {
            1 => "1 part".into(),
            parts => format!("{parts} parts"),
        };
        let missing = self.missing.join(", ");
        format!("{name}: not all there: {parts}, {len} bytes; missing: {missing}")
    }

    pub(super) fn json(&self) -> Json {
        json!({
            "name": self.name,
            "parts": self.parts,
            "length": self.len,
            "missing": self.missing,
        })
    }
}

/// A part of a device's state, in one of the files.
struct Piece {
    file: usize,
    at: u64,
    len: u64,
}

/// What the channels have of a device.
#[derive(Default)]
pub(super) struct Device {
    parts: BTreeMap<u32, Piece>,
    /// Of the part behind all others.
    last: Option<u32>,
}

/// A device: name and instance.
type Key = (String, u32);

impl Device {
    fn len(&self) -> u64 {
        let streams = self.stream();
        streams.fold(0, |sum, part| sum.saturating_add(part.len))
    }

    /// The parts that the device has given.
    fn stream(&self) -> impl Iterator<Item = &Piece> {
        let parts = self.parts.iter();
        let own = parts.filter(|(index, _)| Some(**index) != self.last);
        own.map(|(_, part)| part)
    }

    /// The parts that are missing, in words.
    fn missing(&self) -> Vec<String> {
        let (mut missing, mut next, mut more) = (Vec::new(), 0_u32, false);
        for index in self.parts.keys() {
            match index.checked_sub(next) {
                None | Some(0) => {}
                Some(_) if missing.len() == GAPS => more = true,
                Some(1) => missing.push(format!("part {next}")),
                Some(_) => missing.push(format!("parts {next} to {}", index.saturating_sub(1))),
            }
            next = index.saturating_add(1);
        }
        if more {
            missing.push("more between them".into());
        }
        if self.last.is_none() {
            missing.push(format!("all from part {next} on"));
        }
        missing
    }

    fn append_to(&self, pieces: &mut Pieces) {
        for part in self.stream() {
            pieces.push_of(part.file, part.at, part.len);
        }
    }
}

/// Finds the streams in channels, of which the main one comes first, if it is there.
pub(super) fn find(
    registry: &Registry,
    paths: &[PathBuf],
    files: &[File],
    main: bool,
) -> Result<Findings> {
    let wrap = |path: &Path| {
        let path = path.to_path_buf();
        move |error| Failure::io(&path, &error)
    };
    let (mut findings, mut channels, mut pages) = (Findings::default(), Vec::new(), None);
    for (path, file) in paths.iter().zip(files).skip(main.into()) {
        let image = Image::file(file).map_err(wrap(path))?;
        let channel = multifd::read(image, path, &mut pages)?;
        if let Some(at) = channel.cut {
            let path = path.display();
            let note = format!("{path}: ends in the packet at offset {at:#x}");
            findings.notes.push(note);
        }
        channels.push((path.as_path(), channel));
    }
    findings.notes.extend(not_here(&channels)?);
    let mut devices = sorted(main.into(), channels)?;
    if main {
        // There is a first one, as it is the main channel.
        let (Some(path), Some(file)) = (paths.first(), files.first()) else {
            return Ok(findings);
        };
        let image = Image::file(file).map_err(wrap(path))?;
        for known in qemu::find(image, 0).map_err(wrap(path))? {
            let key = known
                .instance
                .map(|instance| (known.name.clone(), instance));
            let device = key.and_then(|key| devices.remove(&key));
            findings.add(known, device);
        }
        if let Some((name, _)) = devices.into_keys().next() {
            let path = path.display();
            let why = format!("{path}: nothing of {name}, which is in the other channels");
            return Err(Failure::Input(why));
        }
        return Ok(findings);
    }
    for ((name, _), device) in devices {
        let mut pieces = Pieces::default();
        device.append_to(&mut pieces);
        let first = paths.first().map_or(Path::new(""), PathBuf::as_path);
        let head = Image::pieces(files, &pieces).read(0, HEAD);
        let missing = device.missing();
        if missing.is_empty() && is_start(registry, &head.map_err(wrap(first))?) {
            findings.found.push(Found {
                name,
                place: Place::Pieces(pieces),
            });
            continue;
        }
        findings.incomplete(name, &device, missing, true);
    }
    Ok(findings)
}

impl Findings {
    /// Adds a device of the main channel, with what other channels have of it.
    pub(super) fn add(&mut self, known: qemu::Device, device: Option<Device>) {
        let qemu::Device {
            name, mut pieces, ..
        } = known;
        let missing = device.as_ref().map(Device::missing).unwrap_or_default();
        match &device {
            Some(device) if !missing.is_empty() => {
                self.incomplete(name, device, missing, false);
                return;
            }
            Some(device) => device.append_to(&mut pieces),
            None => {}
        }
        if pieces.len == 0 {
            self.stateless.push(name);
            return;
        }
        self.found.push(Found {
            name,
            place: Place::Pieces(pieces),
        });
    }

    fn incomplete(&mut self, name: String, device: &Device, missing: Vec<String>, start: bool) {
        let before = "what was sent before the guest was stopped: it is in the main channel";
        self.incomplete.push(Incomplete {
            name,
            parts: device.stream().count(),
            len: device.len(),
            missing: missing
                .into_iter()
                .chain(start.then(|| before.into()))
                .collect(),
        });
    }
}

/// Is it certain that a stream starts like this?
fn is_start(registry: &Registry, head: &[u8]) -> bool {
    head.starts_with(&vmf::registry::MAGIC)
        || foreign::identify(&registry.foreign, head)
            .is_some_and(|identity| identity.certainty == Certainty::Certain)
}

/// Which channels are known to be missing; refuses those that do not belong together.
fn not_here(channels: &[(&Path, Channel)]) -> Result<Option<String>> {
    let mut ids = BTreeMap::new();
    for (path, channel) in channels {
        if let Some((first, known)) = channels.first() {
            if known.uuid != channel.uuid {
                let (path, first) = (path.display(), first.display());
                let (ours, theirs) = (uuid(channel), uuid(known));
                let why = format!("{path}: of the guest {ours}, and {first} is of {theirs}");
                return Err(Failure::Input(why));
            }
        }
        if let Some(other) = ids.insert(channel.id, path) {
            let (path, other, id) = (path.display(), other.display(), channel.id);
            let why = format!("{path}: channel {id}, as {other} is");
            return Err(Failure::Input(why));
        }
    }
    let last = ids.keys().next_back().copied().unwrap_or(0);
    let missing: Vec<_> = (0..last)
        .filter(|id| !ids.contains_key(id))
        .map(|id| id.to_string())
        .collect();
    Ok((!missing.is_empty()).then(|| format!("not given: channel {}", missing.join(", "))))
}

fn uuid(channel: &Channel) -> uuid::Uuid {
    uuid::Uuid::from_bytes(channel.uuid)
}

/// The devices of channels, the first of which is the file `first`.
fn sorted(first: usize, channels: Vec<(&Path, Channel)>) -> Result<BTreeMap<Key, Device>> {
    let mut devices: BTreeMap<Key, Device> = BTreeMap::new();
    for (file, (path, channel)) in (first..).zip(channels) {
        let path = path.display();
        for part in channel.parts {
            let (index, at, name) = (part.index, part.at, part.name);
            let refuse = |why: &str| {
                let why = format!("{path}: offset {at:#x}: part {index} of {name} {why}");
                Err(Failure::Input(why))
            };
            let device = devices.entry((name.clone(), part.instance)).or_default();
            let Entry::Vacant(place) = device.parts.entry(index) else {
                return refuse("is there twice");
            };
            place.insert(Piece {
                file,
                at,
                len: part.len,
            });
            if part.last && device.last.replace(index).is_some() {
                return refuse("is the last one, and so is another");
            }
            let end = device.parts.last_key_value().map(|(index, _)| *index);
            if device.last.is_some_and(|last| Some(last) != end) {
                return refuse("and the last one are not in order");
            }
        }
    }
    Ok(devices)
}
