// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Streams of other drivers, as far as the registry knows their formats.

mod compare;
mod fields;
mod host;
mod identify;
mod records;
mod report;
mod rules;
#[cfg(test)]
mod tests;
mod verdict;
mod walk;

pub(crate) use self::{
    compare::check,
    identify::{identify, Identity, HEAD},
    report::decode,
    verdict::verify,
    walk::{survey, walk, Walked},
};
pub(crate) use vmf_registry::foreign::{Certainty, Entry};

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::{
    failure::{Failure, Result},
    image::Image,
    registry::Registry,
    source::Source,
};

/// How much of a standard input is kept in memory.
const IN_MEMORY: u64 = 1 << 30;

/// The name that stands for the format of this project.
const VMF: &str = "vmf";

/// Something in a stream that is not as documented.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    pub(crate) offset: u64,
    /// In what.
    path: String,
    /// Whether it is that the stream ended.
    cut: bool,
    what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            offset, path, what, ..
        } = self;
        let ended = if self.cut { "the stream ended: " } else { "" };
        let separator = if path.is_empty() { "" } else { ", " };
        write!(f, "{ended}offset {offset:#x}{separator}{path}: {what}")
    }
}

/// A stream of others.
#[derive(Debug)]
pub(crate) struct Stream<'r> {
    pub(crate) identity: Identity<'r>,
    bytes: Bytes,
}

/// Where its bytes are.
#[derive(Debug)]
enum Bytes {
    File(File),
    Memory(Vec<u8>),
}

impl Stream<'_> {
    fn walk(&self, label: &str) -> Result<Walked> {
        let image = match &self.bytes {
            Bytes::File(file) => Image::file(file),
            Bytes::Memory(bytes) => Ok(Image::memory(bytes)),
        };
        image
            .and_then(|image| walk(&self.identity, image))
            .map_err(|error| Failure::Input(format!("{label}: {error}")))
    }
}

/// What an input is.
pub(crate) enum Kind<'r> {
    /// A stream of others.
    Foreign(Stream<'r>),
    /// Anything else, which is for the codec to judge: the input from its start.
    Vmf(Box<dyn Read>),
}

/// Looks what `source` is, or takes it for what it is called.
pub(crate) fn open<'r>(
    registry: &'r Registry,
    source: &Source,
    name: Option<&str>,
) -> Result<Kind<'r>> {
    let failed = |error: io::Error| Failure::Input(format!("{}: {error}", source.label()));
    let mut input = source.open()?;
    let mut head = Vec::new();
    let read = input.by_ref().take(HEAD as u64).read_to_end(&mut head);
    read.map_err(failed)?;
    let Some(identity) = identity(registry, &head, name)? else {
        return Ok(Kind::Vmf(Box::new(io::Cursor::new(head).chain(input))));
    };
    let bytes = match source {
        Source::File(path) if path.is_file() => {
            Bytes::File(File::open(path).map_err(|error| Failure::io(path, &error))?)
        }
        _ => {
            let mut bytes = head;
            let read = input.take(IN_MEMORY).read_to_end(&mut bytes);
            read.map_err(failed)?;
            if bytes.len() as u64 > IN_MEMORY {
                return Err(Failure::Input(format!(
                    "{}: more than {IN_MEMORY} bytes; put them into a file",
                    source.label()
                )));
            }
            Bytes::Memory(bytes)
        }
    };
    Ok(Kind::Foreign(Stream { identity, bytes }))
}

/// The format of others that `head` is of, or that is called `name`; none if it is ours, or unknown.
fn identity<'r>(
    registry: &'r Registry,
    head: &[u8],
    name: Option<&str>,
) -> Result<Option<Identity<'r>>> {
    match name {
        Some(VMF) => Ok(None),
        Some(name) => match identify::named(&registry.foreign, name, head) {
            Some(identity) => Ok(Some(identity)),
            None => Err(Failure::Usage(format!(
                "there is no format \"{name}\"; there are {VMF}, {}",
                identify::names(&registry.foreign)
            ))),
        },
        None if head.starts_with(&vmf::registry::MAGIC) => Ok(None),
        None => Ok(identify(&registry.foreign, head)),
    }
}

/// Looks whether a file is a stream of others, without taking anything from an input that cannot be
/// read twice.
pub(crate) fn peek<'r>(registry: &'r Registry, path: &Path) -> Option<Identity<'r>> {
    let mut head = Vec::new();
    let file = path.is_file().then(|| File::open(path).ok())??;
    file.take(HEAD as u64).read_to_end(&mut head).ok()?;
    identity(registry, &head, None).ok()?
}
