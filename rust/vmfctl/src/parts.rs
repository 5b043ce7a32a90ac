// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A stream as a row of decoded parts: file header, sections, and what cannot be told.

use std::io::{self, Read};

use crate::{
    layout::Layout,
    registry::Registry,
    scan::{Element, Scanner, Section},
    tree::{Leaf, Node, Value},
};

/// What a part is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    FileHeader,
    /// A section with its type, instance and fragment.
    Section {
        kind: u32,
        instance: u32,
        fragment: u32,
    },
    /// The first bytes of what cannot be told.
    Rest(Vec<u8>),
}

/// A part of a stream.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    /// Its name in the registry.
    pub(crate) name: String,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) meaning: String,
    pub(crate) nodes: Vec<Node>,
}

impl Part {
    /// How people call it.
    pub(crate) fn title(&self) -> String {
        match &self.kind {
            Kind::FileHeader => "file header".into(),
            Kind::Section {
                kind,
                instance,
                fragment,
            } => {
                let more = match fragment {
                    0 => String::new(),
                    fragment => format!(" fragment {fragment}"),
                };
                format!("{} {instance}{more} (type {kind:#x})", self.name)
            }
            Kind::Rest(_) => "rest".into(),
        }
    }
}

/// Decodes a stream part by part.
#[derive(Debug)]
pub(crate) struct Parts<'r, R> {
    pub(crate) scanner: Scanner<R>,
    layout: Layout<'r>,
    /// The name of the profile in the descriptor.
    name: Option<String>,
    /// Type, instance and fragment of the section before.
    last: (u32, u32, u32),
    /// The sections so far.
    pub(crate) sections: u32,
}

impl<'r, R: Read> Parts<'r, R> {
    pub(crate) fn new(input: R, registry: &'r Registry) -> Self {
        Self {
            scanner: Scanner::new(input),
            layout: Layout {
                registry,
                profile: None,
            },
            name: None,
            last: (0, 0, 0),
            sections: 0,
        }
    }

    /// The name of the profile of the stream, once its descriptor was seen, if the profile is known.
    pub(crate) fn profile(&self) -> Option<&str> {
        let known = self.layout.profile?;
        Some(self.name.as_deref().unwrap_or(&known.name))
    }

    /// Returns the next part, or [`None`] at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Part>> {
        Ok(match self.scanner.next()? {
            None => None,
            Some(Element::FileHeader(bytes)) => Some(Part {
                kind: Kind::FileHeader,
                name: "file_header".into(),
                offset: 0,
                len: bytes.len() as u64,
                meaning: String::new(),
                nodes: self.layout.structure("file-header", &bytes, 0),
            }),
            Some(Element::Section(section)) => Some(self.section(&section)),
            Some(Element::Rest { offset, bytes }) => Some(Part {
                len: bytes.len() as u64,
                kind: Kind::Rest(bytes),
                name: "rest".into(),
                offset,
                meaning: "bytes that cannot be told".into(),
                nodes: Vec::new(),
            }),
        })
    }

    fn section(&mut self, section: &Section) -> Part {
        let Section { kind, instance, .. } = *section;
        let header_len = section.header.len() as u64;
        let payload_at = section.offset.saturating_add(header_len);
        let padding_at = payload_at.saturating_add(section.payload.len() as u64);

        let mut payload = self.payload(section, payload_at);
        if kind == vmf::registry::KIND_DESCRIPTOR {
            self.layout.profile = self.layout.profile_in(&payload);
            self.name = name_in(&payload);
            // Once more, now that names of the profile are known.
            payload = self.payload(section, payload_at);
        }
        let header = self
            .layout
            .structure("section-header", &section.header, section.offset);
        let mut nodes = vec![Node::Group("header".into(), header), payload];
        if !section.padding.is_empty() {
            let leaf = Leaf::bytes("padding", padding_at, &section.padding, "");
            nodes.push(Node::Leaf(leaf));
        }

        let fragment = match self.last {
            (last, same, fragment) if (last, same) == (kind, instance) => {
                fragment.saturating_add(1)
            }
            _ => 0,
        };
        self.last = (kind, instance, fragment);
        self.sections = self.sections.saturating_add(1);
        let known = self.layout.registry.section(kind, self.layout.profile);
        let end = padding_at.saturating_add(section.padding.len() as u64);
        Part {
            kind: Kind::Section {
                kind,
                instance,
                fragment,
            },
            name: known.map_or("unknown".into(), |known| known.name.clone()),
            offset: section.offset,
            len: end.saturating_sub(section.offset),
            meaning: known.map_or(String::new(), |known| known.doc.clone()),
            nodes,
        }
    }

    fn payload(&self, section: &Section, at: u64) -> Node {
        let known = self
            .layout
            .registry
            .section(section.kind, self.layout.profile);
        match known {
            Some(known) if known.content.is_empty() => {
                let fields = self.layout.fields("", &known.fields, &section.payload, at);
                Node::Group("fields".into(), fields)
            }
            Some(known) => self
                .layout
                .content(&known.content, "", &section.payload, at),
            None => self.layout.content("", "", &section.payload, at),
        }
    }
}

/// The name of the profile in a decoded descriptor.
fn name_in(payload: &Node) -> Option<String> {
    let mut name = None;
    payload.leaves("", &mut |path, leaf| {
        if let (true, Value::Text(text)) = (path.ends_with(".profile_name.text"), &leaf.value) {
            name = Some(text.clone());
        }
    });
    name
}
