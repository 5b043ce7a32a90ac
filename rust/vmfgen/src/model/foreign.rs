// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A driver that is not of this project, and what is known of its streams.

mod layout;
mod rule;

pub(crate) use self::{layout::*, rule::*};

use crate::types::{Base, ForeignType};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) doc: String,
    pub(crate) module: String,
    pub(crate) driver: String,
    pub(crate) source: String,
    pub(crate) status: Status,
    /// The one that evidence is about, unless it names another.
    pub(crate) release: String,
    /// Why the entry no longer counts.
    pub(crate) retired: Option<String>,
    pub(crate) ids: Ids,
    pub(crate) offered: Vec<Fact>,
    pub(crate) formats: Vec<Format>,
    #[serde(default)]
    pub(crate) records: Vec<Records>,
    #[serde(default)]
    pub(crate) structures: Vec<Structure>,
    pub(crate) checks: Vec<Check>,
    pub(crate) features: Vec<Feature>,
    pub(crate) properties: Vec<Property>,
    pub(crate) releases: Vec<Release>,
}

impl Entry {
    pub(crate) fn structure(&self, name: &str) -> Option<&Structure> {
        self.structures.iter().find(|s| s.name == name)
    }

    /// The size of one element in bytes; of a structure, that which it claims to have.
    pub(crate) fn size(&self, base: &Base) -> Option<u64> {
        match base {
            Base::Structure(name) => Some(self.structure(name)?.length.into()),
            other => other.size().map(u64::from),
        }
    }

    /// All evidence, in the order of the file.
    pub(crate) fn evidence(&self) -> impl Iterator<Item = &Evidence> {
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
pub(crate) enum Status {
    InTree,
    Sample,
    OutOfTree,
}

/// Where a statement can be checked.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evidence {
    pub(crate) file: String,
    /// Or a structure, table or section.
    pub(crate) function: String,
    /// Of the driver, if it is not that of the entry.
    pub(crate) release: Option<String>,
    /// Of something else than the driver: the tree, and which version of it.
    pub(crate) tree: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fact {
    pub(crate) doc: String,
    pub(crate) evidence: Vec<Evidence>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Ids {
    pub(crate) evidence: Vec<Evidence>,
    #[serde(default)]
    pub(crate) devices: Vec<Device>,
    #[serde(default)]
    pub(crate) mdev_types: Vec<MdevType>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Device {
    pub(crate) vendor: u16,
    pub(crate) device: u16,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MdevType {
    pub(crate) name: String,
    pub(crate) doc: String,
}

/// One of the formats that releases of the driver write or read.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Format {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) recognise: Recognise,
    pub(crate) stream: Vec<Run>,
    pub(crate) evidence: Vec<Evidence>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recognise {
    pub(crate) certainty: Certainty,
    #[serde(default)]
    pub(crate) fields: Vec<Mark>,
    pub(crate) doc: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Certainty {
    Certain,
    Likely,
    None,
}

/// A value that stands at a place of every stream of a format.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    pub(crate) offset: u32,
    #[serde(rename = "type")]
    pub(crate) ty: ForeignType,
    pub(crate) value: u64,
}

/// What a destination compares, and what it does if it does not fit.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) errno: String,
    pub(crate) at: Place,
    pub(crate) then: Then,
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
    pub(crate) evidence: Vec<Evidence>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    Write,
    /// The arc from RESUMING to STOP.
    Stop,
}

/// What becomes of a stream that was refused once.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Then {
    Refused,
    WritesFail,
    GoesOn,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feature {
    pub(crate) name: FeatureName,
    pub(crate) has: Has,
    pub(crate) doc: String,
    pub(crate) evidence: Vec<Evidence>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FeatureName {
    P2p,
    PreCopy,
    PrecopyInfoV2,
    DmaLogging,
}

impl FeatureName {
    pub(crate) const ALL: [Self; 4] = [
        Self::P2p,
        Self::PreCopy,
        Self::PrecopyInfoV2,
        Self::DmaLogging,
    ];

    pub(crate) const fn title(self) -> &'static str {
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
pub(crate) enum Has {
    Always,
    Depends,
    Never,
}

/// An answer to a question that is asked of every format.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Property {
    pub(crate) name: PropertyName,
    /// In few words, for the table of all.
    pub(crate) value: String,
    pub(crate) doc: String,
    pub(crate) evidence: Vec<Evidence>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PropertyName {
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
    pub(crate) const ALL: [Self; 9] = [
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

    pub(crate) const fn title(self) -> &'static str {
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
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    pub(crate) release: String,
    /// Nothing if it cannot save.
    pub(crate) writes: Option<String>,
    pub(crate) reads: Vec<String>,
    pub(crate) doc: String,
    pub(crate) evidence: Vec<Evidence>,
}
