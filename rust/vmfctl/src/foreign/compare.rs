// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl check` of two streams of one driver: would a device that sends the one take the other?
//! Against a host see [`host`].

use std::{fs::File, io::Write, path::Path};

use serde_json::{json, Map, Value as Json};

use super::{
    host::{self, Host},
    open, peek,
    rules::judge,
    verdict::{conclusion, outcome, releases, rows, verdict_json},
    verify, Identity, Kind, Stream, HEAD,
};
use crate::{
    cli::Io,
    failure::{Failure, Outcome, Result},
    image::Image,
    inventory::Inventory,
    print,
    registry::Registry,
    source::Source,
};

/// Checks `source` against a destination, if one of them is a stream of others.
pub(crate) fn check(
    io: &Io,
    registry: &Registry,
    source: &Source,
    against: Option<&Source>,
    name: Option<&str>,
) -> Result<Option<Outcome>> {
    let one = stream(registry, source, name)?;
    let label = source.label();
    let known = against.map(|against| stream(registry, against, None));
    let known = known.transpose()?.flatten();
    if let (Some(one), Some(against), None) = (&one, against, &known) {
        if let Some(result) = check_host(io, registry, (one, label.as_str()), against) {
            return result.map(Some);
        }
    }
    // The name is that of the source, and of the other one where nothing better is known.
    let other = match (known, against) {
        (None, Some(against)) => stream(registry, against, name)?,
        (known, _) => known,
    };
    match (one, against, other) {
        (None, _, None) => Ok(None),
        (Some(one), None, _) => verify(io, &one, &label).map(Some),
        (Some(one), Some(against), Some(other)) => {
            let their_label = against.label();
            let (mine, theirs) = (one.identity.entry, other.identity.entry);
            if mine.name != theirs.name {
                let (mine, theirs) = (&mine.name, &theirs.name);
                return Err(different(&format!(
                    "{label} is a stream of {mine}, and {their_label} one of {theirs}"
                )));
            }
            compare(io, (&one, label.as_str()), (&other, their_label.as_str())).map(Some)
        }
        (Some(one), Some(against), None) => {
            let (mine, their_label) = (&one.identity.entry.name, against.label());
            Err(different(&format!(
                "{label} is a stream of {mine}, and {their_label} something else"
            )))
        }
        (None, against, Some(other)) => {
            let their_label = against.map_or(String::new(), Source::label);
            let theirs = &other.identity.entry.name;
            Err(different(&format!(
                "{label} is something else than {their_label}, a stream of {theirs}"
            )))
        }
    }
}

/// Against a device of this host, or an inventory; none if it is neither.
fn check_host(
    io: &Io,
    registry: &Registry,
    source: (&Stream<'_>, &str),
    against: &Source,
) -> Option<Result> {
    let inventory = match against {
        Source::Device(address) => match Inventory::of_device(&io.sysfs, registry, address) {
            Ok(inventory) => inventory,
            Err(failure) => return Some(Err(failure)),
        },
        Source::File(path) if is_text(path) => Inventory::read(against).ok()?,
        Source::File(_) => return None,
        Source::Key(_) | Source::Stdin => return None,
    };
    let host = Host {
        label: against.label(),
        kernel: inventory.kernel.as_deref(),
        others: &inventory.others,
    };
    Some(host::check(io, source, &host))
}

/// Whether a file starts as text; others can be large. What can be read once only may be.
fn is_text(path: &Path) -> bool {
    if !path.is_file() {
        return true;
    }
    let image = File::open(path).and_then(|file| Image::file(&file)?.read(0, HEAD));
    image.is_ok_and(|head| head.is_ascii())
}

fn different(what: &str) -> Failure {
    Failure::Usage(format!(
        "{what}: what no driver compares is not compared here"
    ))
}

/// A stream of others in a file.
fn stream<'r>(
    registry: &'r Registry,
    source: &Source,
    name: Option<&str>,
) -> Result<Option<Stream<'r>>> {
    let Source::File(path) = source else {
        return Ok(None);
    };
    if name.is_none() && peek(registry, path).is_none() {
        return Ok(None);
    }
    match open(registry, source, name)? {
        Kind::Foreign(stream) => Ok(Some(stream)),
        Kind::Vmf(_) => Ok(None),
    }
}

fn compare(
    io: &Io,
    (source, label): (&Stream<'_>, &str),
    (other, their_label): (&Stream<'_>, &str),
) -> Result {
    let walked = source.walk(label)?;
    let theirs = other.walk(their_label)?;
    let judged = judge(&source.identity, &walked, Some(&theirs));
    let pairs = Pairs::of(&source.identity, &other.identity);
    let mut out = io.out();
    if io.json {
        let mut map = Map::new();
        map.insert("document".into(), "foreign-check/1".into());
        map.insert("source".into(), label.into());
        map.insert("destination".into(), their_label.into());
        map.extend(verdict_json(&source.identity, &walked, &judged));
        if !pairs.readable() {
            map.insert("accepted".into(), false.into());
        }
        map.insert(
            "destination_format".into(),
            json!(other.identity.format.name),
        );
        map.insert("destination_releases".into(), json!(pairs.theirs));
        map.insert("of_which_read".into(), json!(pairs.reading));
        serde_json::to_writer_pretty(&mut out, &Json::from(map))?;
        writeln!(out)?;
    } else {
        let title = format!(
            "{label}: {}, to a device that sends {their_label}",
            source.identity.words()
        );
        writeln!(out, "{}", print::styled(print::BOLD, &title))?;
        rows(&mut out, &judged)?;
        pairs.text(&mut out, &source.identity, &other.identity)?;
        if pairs.readable() {
            conclusion(&mut out, &source.identity, &walked, &judged)?;
        }
    }
    out.flush()?;
    match pairs.readable() {
        true => outcome(&walked, &judged),
        false => Ok(Outcome::Bad),
    }
}

/// Which releases can be at the destination, and which of them read what the source sends.
struct Pairs<'r> {
    theirs: Vec<&'r str>,
    reading: Vec<&'r str>,
}

impl<'r> Pairs<'r> {
    fn of(source: &Identity<'r>, other: &Identity<'r>) -> Self {
        let (theirs, _) = releases(other);
        let (_, reads) = releases(source);
        let reading = theirs.iter().copied().filter(|one| reads.contains(one));
        Self {
            reading: reading.collect(),
            theirs,
        }
    }

    /// Of a format that nobody writes nothing is known of who reads.
    fn readable(&self) -> bool {
        self.theirs.is_empty() || !self.reading.is_empty()
    }

    fn text(&self, out: &mut dyn Write, source: &Identity<'_>, other: &Identity<'_>) -> Result<()> {
        let (mine, theirs) = (&source.format.name, &other.format.name);
        let list = self.theirs.join(", ");
        match (self.readable(), self.reading.as_slice()) {
            (_, []) if self.theirs.is_empty() => {
                writeln!(out, "no release that was looked at writes {theirs}")?;
            }
            (false, _) => {
                let word = print::styled(print::RED, "not read:");
                writeln!(
                    out,
                    "{word} releases that write {theirs} ({list}) do not read {mine}"
                )?;
            }
            (true, reading) if reading.len() == self.theirs.len() => {
                writeln!(out, "releases that write {theirs} ({list}) read {mine}")?;
            }
            (true, reading) => {
                let some = reading.join(", ");
                writeln!(
                    out,
                    "of the releases that write {theirs} ({list}) these read {mine}: {some}"
                )?;
            }
        }
        Ok(())
    }
}
