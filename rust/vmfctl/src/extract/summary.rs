// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a stream is, from its own words.

use std::{
    fs,
    io::{self, Read},
    path::PathBuf,
};

use serde_json::{json, Value as Json};

use crate::{
    failure::{Failure, Result},
    foreign::{self, Identity, HEAD},
    image::Image,
    output::Output,
    registry::Registry,
    scan::{Element, Scanner},
};

/// What is said of a stream.
pub(super) struct Summary<'r> {
    name: String,
    len: u64,
    file: Option<PathBuf>,
    format: Format<'r>,
    damage: Option<String>,
}

/// Whose stream it is.
enum Format<'r> {
    /// Ours, with the profile and its version.
    Vmf(Option<String>),
    Foreign(Identity<'r>),
    Unknown,
}

impl<'r> Summary<'r> {
    /// Copies the stream to `target`, or nowhere, and looks at it.
    pub(super) fn of(
        registry: &'r Registry,
        name: &str,
        image: Image<'_>,
        target: Option<PathBuf>,
    ) -> Result<Self> {
        if let Some(path) = &target {
            let mut output = Output::create(path)?;
            output.copy(image.from(0), image.len)?;
            output.finish()?;
        }
        let (format, damage) =
            look(registry, image).map_err(|error| Failure::Input(format!("{name}: {error}")))?;
        Ok(Self {
            name: name.into(),
            len: image.len,
            file: target.map(|path| fs::canonicalize(&path).unwrap_or(path)),
            format,
            damage,
        })
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.damage.is_some()
    }

    pub(super) fn json(&self) -> Json {
        let (format, certainty, profile) = match &self.format {
            Format::Vmf(profile) => (Some("vmf".into()), Some("certain"), profile.as_ref()),
            Format::Foreign(identity) => {
                (Some(identity.name()), Some(identity.certainty.name()), None)
            }
            Format::Unknown => (None, None, None),
        };
        json!({
            "name": self.name,
            "length": self.len,
            "file": self.file,
            "format": format,
            "certainty": certainty,
            "profile": profile,
            "intact": self.damage.is_none(),
            "damage": self.damage,
        })
    }

    pub(super) fn text(&self) -> String {
        let format = match &self.format {
            Format::Vmf(profile) => profile.clone().unwrap_or("unknown profile".into()),
            Format::Foreign(identity) => identity.words(),
            Format::Unknown => "unknown format".into(),
        };
        let mut text = format!("{}: {format}, {} bytes", self.name, self.len);
        if let Some(file) = &self.file {
            text = format!("{text} -> {}", file.display());
        }
        match &self.damage {
            Some(damage) => format!("{text}; damaged: {damage}"),
            None => text,
        }
    }
}

/// The format of a stream, and its first damage.
fn look<'r>(registry: &'r Registry, image: Image<'_>) -> io::Result<(Format<'r>, Option<String>)> {
    let head = image.read(0, HEAD)?;
    if head.starts_with(&vmf::registry::MAGIC) {
        let (profile, damage) = ours(image.from(0))?;
        return Ok((Format::Vmf(profile), damage.map(|error| error.to_string())));
    }
    let Some(identity) = foreign::identify(&registry.foreign, &head) else {
        return Ok((Format::Unknown, None));
    };
    let walked = foreign::survey(&identity, image)?;
    let damage = walked.damage.first().map(ToString::to_string);
    Ok((Format::Foreign(identity), damage))
}

/// The profile of a stream, and its first damage.
fn ours(input: impl Read) -> io::Result<(Option<String>, Option<vmf::Error>)> {
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
