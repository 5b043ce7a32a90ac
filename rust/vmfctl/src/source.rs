// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the command line names: a device, a file, the standard input.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use crate::{
    failure::{Failure, Result},
    generations::{self, START_MAX},
    inventory::Inventory,
    key,
    sysfs::{Address, Sysfs},
};

/// Where bytes come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Device(Address),
    Key(String),
    File(PathBuf),
    Stdin,
}

impl Source {
    /// Takes an address, a key, `-` or a path; a path that looks like one of these needs a `./`.
    pub(crate) fn new(text: &str) -> Self {
        match (text, Address::parse(text)) {
            ("-", _) => Self::Stdin,
            (key, _) if key.starts_with(key::START) => Self::Key(key.into()),
            (_, Some(bdf)) => Self::Device(bdf),
            (path, None) => Self::File(path.into()),
        }
    }

    /// How messages call it.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Device(bdf) => bdf.to_string(),
            // What it starts with names it well enough.
            Self::Key(key) => key.split(',').next().unwrap_or(key).into(),
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".into(),
        }
    }

    /// Opens a file; a device has none.
    pub(crate) fn open(&self) -> Result<Box<dyn Read>> {
        match self {
            Self::File(path) => match File::open(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(error) => Err(Failure::io(path, &error)),
            },
            Self::Stdin => Ok(Box::new(io::stdin())),
            Self::Device(bdf) => Err(Failure::Usage(format!(
                "{bdf} is a device and a file is needed here; \"vmfctl save\" makes one"
            ))),
            Self::Key(_) => Err(Failure::Usage(
                "a key is compared with others only; a file is needed here".into(),
            )),
        }
    }

    /// The length of a file, if it is known.
    pub(crate) fn len(&self) -> Option<u64> {
        match self {
            Self::File(path) => Some(path.metadata().ok()?.len()),
            _ => None,
        }
    }

    /// Reads a descriptor, or the start of a whole stream: file header and all DESCRIPTORs.
    pub(crate) fn start(&self, sysfs: &Sysfs) -> Result<Vec<u8>> {
        match self {
            Self::Device(bdf) => sysfs.descriptor(bdf),
            _ => self.head(self.open()?),
        }
    }

    /// Reads the same of `input`.
    fn head(&self, input: impl Read) -> Result<Vec<u8>> {
        Ok(self.with_head(input)?.0)
    }

    /// Returns an input of this source from its start, with the descriptors that are there.
    pub(crate) fn with_head<R: Read>(&self, mut input: R) -> Result<(Vec<u8>, impl Read)> {
        let mut head = Vec::new();
        let most = START_MAX as u64;
        let read = input.by_ref().take(most).read_to_end(&mut head);
        read.map_err(|error| Failure::Input(format!("{}: {error}", self.label())))?;
        let whole = io::Cursor::new(head.clone()).chain(input);
        Ok((generations::cut(head), whole))
    }

    /// Reads an inventory, or else a descriptor, of what may be readable once only.
    pub(crate) fn inventory_or_start(&self) -> Result<core::result::Result<Inventory, Vec<u8>>> {
        let mut input = self.open()?;
        let mut first = Vec::new();
        let read = input.by_ref().take(1).read_to_end(&mut first);
        read.map_err(|error| Failure::Input(format!("{}: {error}", self.label())))?;
        let is_stream = first.first() == vmf::registry::MAGIC.first();
        let whole = io::Cursor::new(first).chain(input);
        match is_stream {
            true => Ok(Err(self.head(whole)?)),
            false => Ok(Ok(Inventory::parse(self, whole)?)),
        }
    }
}
