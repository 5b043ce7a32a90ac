// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A driver that is not of this project, and what is known of its streams.

mod host;
mod layout;
mod rule;
pub mod types;

pub use self::{layout::*, rule::*, types::*};

use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    pub name: String,
    pub title: String,
    pub doc: String,
    pub module: String,
    pub driver: String,
    pub source: String,
    pub status: Status,
    /// The one that evidence is about, unless it names another.
    pub release: String,
    /// Why the entry no longer counts.
    pub retired: Option<String>,
    pub ids: Ids,
    pub offered: Vec<Fact>,
    pub formats: Vec<Format>,
    #[serde(default)]
    pub records: Vec<Records>,
    #[serde(default)]
    pub structures: Vec<Structure>,
    pub checks: Vec<Check>,
    pub features: Vec<Feature>,
    pub properties: Vec<Property>,
    pub releases: Vec<Release>,
}

impl Entry {
    pub fn format(&self, name: &str) -> Option<&Format> {
        self.formats.iter().find(|format| format.name == name)
    }

    pub fn records(&self, name: &str) -> Option<&Records> {
        self.records.iter().find(|records| records.name == name)
    }

    pub fn property(&self, name: PropertyName) -> Option<&Property> {
        self.properties.iter().find(|one| one.name == name)
    }

    pub fn structure(&self, name: &str) -> Option<&Structure> {
        self.structures.iter().find(|s| s.name == name)
    }

    /// The size of one element in bytes; of a structure, that which it claims to have.
    pub fn size(&self, base: &Base) -> Option<u32> {
        match base {
            Base::Structure(name) => Some(self.structure(name)?.length),
            other => other.size(),
        }
    }

    /// The size of all elements of a field in bytes.
    pub fn field_size(&self, field: &Field) -> Option<u64> {
        let count = field.ty.count.unwrap_or(1);
        Some(u64::from(self.size(&field.ty.base)?).saturating_mul(count.into()))
    }

    /// All evidence, in the order of the file.
    pub fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        let lists = [&self.ids.evidence].into_iter();
        let lists = lists
            .chain(self.offered.iter().map(|fact| &fact.evidence))
            .chain(self.formats.iter().map(|format| &format.evidence))
            .chain(self.records.iter().map(|records| &records.evidence))
            .chain(self.structures.iter().map(|s| &s.evidence))
            .chain(self.checks.iter().map(|check| &check.evidence))
            .chain(self.features.iter().map(|feature| &feature.evidence))
            .chain(self.properties.iter().map(|p| &p.evidence))
            .chain(self.releases.iter().map(|release| &release.evidence));
        lists.flatten()
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    InTree,
    Sample,
    OutOfTree,
}

/// Where a statement can be checked.
#[derive(Debug, Deserialize, Serialize)]
pub struct Evidence {
    pub file: String,
    /// Or a structure, table or section.
    pub function: String,
    /// Of the driver, if it is not that of the entry.
    pub release: Option<String>,
    /// Of something else than the driver: the tree, and which version of it.
    pub tree: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Fact {
    pub doc: String,
    pub evidence: Vec<Evidence>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ids {
    pub evidence: Vec<Evidence>,
    #[serde(default)]
    pub devices: Vec<Device>,
    #[serde(default)]
    pub mdev_types: Vec<MdevType>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Device {
    pub vendor: u16,
    pub device: u16,
    pub doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct MdevType {
    pub name: String,
    pub doc: String,
}

/// One of the formats that releases of the driver write or read.
#[derive(Debug, Deserialize, Serialize)]
pub struct Format {
    pub name: String,
    pub doc: String,
    pub recognise: Recognise,
    pub stream: Vec<Run>,
    pub evidence: Vec<Evidence>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Recognise {
    pub certainty: Certainty,
    #[serde(default)]
    pub fields: Vec<Mark>,
    pub doc: String,
}

/// How sure that is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    None,
    Likely,
    Certain,
}

impl Certainty {
    /// How a stream of a format that was named counts, or was recognised.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "named",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// A value that stands at a place of every stream of a format.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Mark {
    pub offset: u32,
    #[serde(rename = "type")]
    pub ty: ForeignType,
    pub value: u64,
}

/// What a destination compares, and what it does if it does not fit.
#[derive(Debug, Deserialize, Serialize)]
pub struct Check {
    pub name: String,
    pub doc: String,
    pub errno: String,
    pub at: Place,
    pub then: Then,
    #[serde(default)]
    pub rules: Vec<Rule>,
    pub evidence: Vec<Evidence>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    Write,
    /// The arc from RESUMING to STOP.
    Stop,
}

impl Place {
    /// The moment in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Write => "in write()",
            Self::Stop => "on the way to STOP",
        }
    }
}

/// What becomes of a stream that was refused once.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    Refused,
    WritesFail,
    GoesOn,
}

impl Then {
    /// The same in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Refused => "nothing succeeds any more until the device is reset",
            Self::WritesFail => "later writes fail, and the way to STOP succeeds all the same",
            Self::GoesOn => "a VMM that goes on is not stopped, so that it has to heed the error",
        }
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Feature {
    pub name: FeatureName,
    pub has: Has,
    pub doc: String,
    pub evidence: Vec<Evidence>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureName {
    P2p,
    PreCopy,
    PrecopyInfoV2,
    DmaLogging,
}

impl FeatureName {
    pub const ALL: [Self; 4] = [
        Self::P2p,
        Self::PreCopy,
        Self::PrecopyInfoV2,
        Self::DmaLogging,
    ];

    pub const fn title(self) -> &'static str {
        match self {
            Self::P2p => "P2P",
            Self::PreCopy => "PRE_COPY",
            Self::PrecopyInfoV2 => "INFOv2",
            Self::DmaLogging => "DMA logging",
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Has {
    Always,
    Depends,
    Never,
}

/// An answer to a question that is asked of every format.
#[derive(Debug, Deserialize, Serialize)]
pub struct Property {
    pub name: PropertyName,
    /// In few words, for the table of all.
    pub value: String,
    pub doc: String,
    pub evidence: Vec<Evidence>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PropertyName {
    Framing,
    ByteOrder,
    Identity,
    Version,
    End,
    ShortStream,
    Checksum,
    Early,
    Documented,
}

impl PropertyName {
    pub const ALL: [Self; 9] = [
        Self::Framing,
        Self::ByteOrder,
        Self::Identity,
        Self::Version,
        Self::End,
        Self::ShortStream,
        Self::Checksum,
        Self::Early,
        Self::Documented,
    ];

    pub const fn title(self) -> &'static str {
        match self {
            Self::Framing => "framing",
            Self::ByteOrder => "byte order",
            Self::Identity => "identity",
            Self::Version => "version",
            Self::End => "end marker",
            Self::ShortStream => "short stream",
            Self::Checksum => "checksum",
            Self::Early => "checked early",
            Self::Documented => "documented",
        }
    }
}

/// A release that was looked at.
#[derive(Debug, Deserialize, Serialize)]
pub struct Release {
    pub release: String,
    /// Nothing if it cannot save.
    pub writes: Option<String>,
    pub reads: Vec<String>,
    pub doc: String,
    pub evidence: Vec<Evidence>,
}
