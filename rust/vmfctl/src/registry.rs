// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The registry as data: all names, layouts, units and meanings come from here.
//!
//! `registry.json` is generated from the YAML in Documentation/registry and built in; `--registry`
//! takes another one. Only what the tool shows is read; other keys are ignored.

use std::{fs, path::Path};

use serde::{Deserialize, Deserializer};
use vmf::profile::envelope;
use vmf_registry::{
    foreign,
    tuple::{IdOrAny, Pattern, Tuple},
    Flag,
};

use crate::failure::{Failure, Result};

/// The registry that this tool was built with.
const BUILT_IN: &str = include_str!("../../../Documentation/registry/registry.json");

/// All of it.
#[derive(Deserialize, Debug)]
pub(crate) struct Registry {
    pub(crate) registry: Head,
    pub(crate) container: Container,
    /// That of envelopes, too.
    pub(crate) profiles: Vec<Profile>,
    #[serde(default)]
    envelope: Option<Envelope>,
    pub(crate) tuples: Vec<Tuple>,
    /// Formats of others.
    #[serde(default)]
    pub(crate) foreign: Vec<foreign::Entry>,
}

/// Which registry it is.
#[derive(Deserialize, Debug)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) revision: u32,
}

/// The container: what all streams have in common.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Container {
    pub(crate) sections: Vec<Section>,
    pub(crate) section_flags: Vec<Flag>,
    pub(crate) attribute_flags: Vec<Flag>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) rules: Vec<Numbered>,
    pub(crate) structures: Vec<Structure>,
    errors: Vec<ErrorClass>,
}

/// A class of refusals.
#[derive(Deserialize, Debug)]
struct ErrorClass {
    number: i32,
    doc: String,
}

/// A section type, of the container (with `content`) or of a profile (with `fields`).
#[derive(Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Section {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: u32,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) content: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) fields: Vec<Field>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) doc: String,
}

/// A name for a number.
#[derive(Deserialize, Debug)]
pub(crate) struct Numbered {
    pub(crate) id: u64,
    pub(crate) name: String,
}

/// An attribute of the descriptor.
#[derive(Deserialize, Debug)]
pub(crate) struct Attribute {
    pub(crate) key: u16,
    pub(crate) name: String,
    pub(crate) content: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) unit: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) doc: String,
}

/// A structure of the container.
#[derive(Deserialize, Debug)]
pub(crate) struct Structure {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
}

/// The type of a field, or of the elements of one that is an array.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scalar {
    U8,
    U16,
    U32,
    U64,
}

impl Scalar {
    /// Its size in bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 4,
            Self::U64 => 8,
        }
    }
}

/// A field of a structure or of a section.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Field {
    name: String,
    #[serde(default)]
    wire_name: Option<String>,
    pub(crate) offset: usize,
    #[serde(rename = "type")]
    pub(crate) scalar: Scalar,
    /// The number of elements, if it is an array.
    #[serde(default)]
    pub(crate) count: Option<usize>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) unit: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) doc: String,
    #[serde(default, deserialize_with = "or_default")]
    flags: Vec<Flag>,
    #[serde(default, deserialize_with = "or_default")]
    bits: Vec<Flag>,
}

impl Field {
    /// Its name on the wire, as vmf.rst spells it.
    pub(crate) fn name(&self) -> String {
        let name = self.wire_name.as_deref().unwrap_or(&self.name);
        name.replace('-', "_")
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.scalar.size().saturating_mul(self.count.unwrap_or(1))
    }

    /// Where it ends in its structure.
    pub(crate) fn end(&self) -> usize {
        self.offset.saturating_add(self.len())
    }

    /// The bits that have names.
    pub(crate) fn bits(&self) -> impl Iterator<Item = &Flag> {
        self.flags.iter().chain(&self.bits)
    }
}

/// A profile.
#[derive(Deserialize, Debug)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) uuid: uuid::Text,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) title: String,
    pub(crate) versions: Vec<Version>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) features: Vec<Flag>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) limits: Vec<LimitDoc>,
    pub(crate) sections: Vec<Section>,
}

impl Profile {
    /// The newest version.
    pub(crate) fn newest(&self) -> u32 {
        let versions = self.versions.iter().map(|version| version.version);
        versions.max().unwrap_or(0)
    }
}

/// The profile of blobs that only their driver understands.
#[derive(Deserialize, Debug)]
struct Envelope {
    name: String,
    uuid: uuid::Text,
    section: Section,
}

impl From<Envelope> for Profile {
    fn from(envelope: Envelope) -> Self {
        let section = Section {
            content: "opaque".into(),
            ..envelope.section
        };
        Self {
            name: envelope.name,
            uuid: envelope.uuid,
            title: "a blob that only its driver understands".into(),
            versions: Vec::new(),
            features: Vec::new(),
            limits: Vec::new(),
            sections: vec![section],
        }
    }
}

/// A version of a profile.
#[derive(Deserialize, Debug)]
pub(crate) struct Version {
    pub(crate) version: u32,
}

/// A limit of a profile.
#[derive(Deserialize, Debug)]
pub(crate) struct LimitDoc {
    pub(crate) id: u64,
    pub(crate) name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) unit: String,
}

/// UUIDs in their text form.
pub(crate) mod uuid {
    use serde::{de::Error, Deserialize, Deserializer};

    /// A UUID that the registry spells as text.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct Text(pub(crate) [u8; 16]);

    impl<'de> Deserialize<'de> for Text {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            let uuid = ::uuid::Uuid::parse_str(&text).map_err(D::Error::custom)?;
            Ok(Self(uuid.into_bytes()))
        }
    }
}

/// Takes `null` for the default.
fn or_default<'de, D, T>(deserializer: D) -> core::result::Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Registry {
    /// The registry in `path`, or the one that is built in.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Self::parse(BUILT_IN)
                .map_err(|error| Failure::Input(format!("built-in registry: {error}")));
        };
        let text = fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
        Self::parse(&text).map_err(|error| {
            Failure::Input(format!(
                "{}: not a registry.json of this revision: {error}",
                path.display()
            ))
        })
    }

    fn parse(text: &str) -> serde_json::Result<Self> {
        let mut registry: Self = serde_json::from_str(text)?;
        let envelope = registry.envelope.take().map(Profile::from);
        registry.profiles.extend(envelope);
        Ok(registry)
    }

    /// The profile with this name; that of an envelope goes on with the name of a format.
    pub(crate) fn profile(&self, name: &str) -> Option<&Profile> {
        let name = match envelope::format(name) {
            Some(_) => envelope::PROFILE.name,
            None => name,
        };
        self.profiles.iter().find(|profile| profile.name == name)
    }

    /// The profile with this UUID.
    pub(crate) fn profile_of(&self, uuid: [u8; 16]) -> Option<&Profile> {
        let mut all = self.profiles.iter();
        all.find(|profile| profile.uuid.0 == uuid)
    }

    /// The names of features of a profile, of which feature 0 is the lowest bit.
    pub(crate) fn feature_names(&self, profile: &str, mask: u128) -> impl Iterator<Item = &str> {
        let profile = self.profile(profile);
        let known = profile.map_or(&[][..], |known| &known.features).iter();
        let there = known.filter(move |feature| {
            let bit = mask.checked_shr(feature.bit).unwrap_or(0);
            bit & 1 != 0
        });
        there.map(|feature| feature.name.as_str())
    }

    /// The fields of a structure of the container; none if it is unknown.
    pub(crate) fn structure(&self, name: &str) -> &[Field] {
        let mut all = self.container.structures.iter();
        all.find(|structure| structure.name == name)
            .map_or(&[], |structure| &structure.fields)
    }

    /// What it means that a stream is refused with `errno`.
    pub(crate) fn error(&self, errno: i32) -> Option<&str> {
        let mut all = self.container.errors.iter();
        all.find(|class| class.number == errno)
            .map(|class| class.doc.as_str())
    }

    /// The attribute with this key.
    pub(crate) fn attribute(&self, key: u16) -> Option<&Attribute> {
        let mut all = self.container.attributes.iter();
        all.find(|attribute| attribute.key == key)
    }

    /// The section type `kind`, of the container or of `profile`.
    pub(crate) fn section<'a>(
        &'a self,
        kind: u32,
        profile: Option<&'a Profile>,
    ) -> Option<&'a Section> {
        let own = profile.map_or(&[][..], |profile| &profile.sections);
        let mut all = self.container.sections.iter().chain(own);
        all.find(|section| section.kind == kind)
    }

    /// The most specific tuple that a device with this identity belongs to.
    pub(crate) fn tuple(&self, id: &vmf::Presented) -> Option<&Tuple> {
        let fits = self.tuples.iter();
        fits.filter(|tuple| matches(&tuple.presented, id))
            .max_by_key(|tuple| weight(&tuple.presented))
    }
}

/// Whether `id` is one of the identities of a tuple.
fn matches(pattern: &Pattern, id: &vmf::Presented) -> bool {
    let any_or = |want: IdOrAny, got| match want {
        IdOrAny::Id(want) => want == got,
        IdOrAny::Any(_) => true,
    };
    let [interface, subclass, base] = id.class;
    pattern.vendor == id.vendor
        && pattern.device == id.device
        && any_or(pattern.subvendor, id.subvendor)
        && any_or(pattern.subdevice, id.subdevice)
        && pattern.revision.contains(&id.revision)
        && pattern.class == u32::from_be_bytes([0, base, subclass, interface])
        && pattern.is_vf == id.is_vf()
}

/// How many parts of the identity the pattern fixes.
fn weight(pattern: &Pattern) -> usize {
    let ids = [pattern.subvendor, pattern.subdevice];
    ids.iter().filter(|id| matches!(id, IdOrAny::Id(_))).count()
}
