// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The container: numbers that are used once, names that exist, structures without gaps.

use super::{ascending, layout, unique};
use crate::{
    model::{Attribute, Constant, ConstantValue, Container, Structure, TypeRange},
    problems::Place,
    types::{Content, Int},
};

/// Constants by which profiles are judged.
const CONSTANTS: [&str; 3] = ["payload-max", "preamble-max", "sections-max"];
/// Structures that are around the payload of a section.
const STRUCTURES: [&str; 2] = ["end", "section-header"];

pub(super) fn check(container: &Container, place: &mut Place<'_>) {
    constants(&container.constants, &mut place.key("constants"));
    type_ranges(&container.type_ranges, &mut place.key("type-ranges"));
    layout::bits(
        &container.section_flags,
        Int::U16,
        &mut place.key("section-flags"),
    );
    layout::bits(
        &container.attribute_flags,
        Int::U16,
        &mut place.key("attribute-flags"),
    );
    sections(container, place);
    attributes(&container.attributes, container, place);
    for (key, list) in [
        ("rules", &container.rules),
        ("policy-actions", &container.policy_actions),
    ] {
        let mut place = place.key(key);
        unique(
            &mut place,
            "id",
            list.iter().map(|item| (item.id, &item.name)),
        );
        unique(
            &mut place,
            "name",
            list.iter().map(|item| (&item.name, item.id)),
        );
    }
    let structures = &container.structures;
    unique(
        &mut place.key("structures"),
        "name",
        structures.iter().map(|s| (&s.name, &s.name)),
    );
    for name in STRUCTURES {
        let there = structure(container, name).is_some();
        place
            .key("structures")
            .require(there, format!("{name} is missing"));
    }
    for structure in structures {
        let mut place = place.item("structures", &structure.name);
        layout::check(&structure.fields, structure.length, &mut place);
        place.require(
            structure.length % 8 == 0,
            format!(
                "length {} is no multiple of 8, where the next would start",
                structure.length
            ),
        );
    }
    let errors = &container.errors;
    let mut place = place.key("errors");
    unique(
        &mut place,
        "number",
        errors.iter().map(|e| (e.number, &e.name)),
    );
    unique(
        &mut place,
        "errno",
        errors.iter().map(|e| (&e.errno, &e.name)),
    );
    unique(
        &mut place,
        "name",
        errors.iter().map(|e| (&e.name, &e.errno)),
    );
}

/// The value of the constant `name`, if it is an integer.
pub(super) fn integer(container: &Container, name: &str) -> Option<u64> {
    let constant = container.constants.iter().find(|c| c.name == name)?;
    match constant.value {
        ConstantValue::Integer(value) => Some(value),
        ConstantValue::Bytes(_) => None,
    }
}

/// The structure `name`.
pub(super) fn structure<'a>(container: &'a Container, name: &str) -> Option<&'a Structure> {
    container.structures.iter().find(|s| s.name == name)
}

/// The range of section types that `name` assigns.
pub(super) fn range<'a>(container: &'a Container, name: &str) -> Option<&'a TypeRange> {
    container
        .type_ranges
        .iter()
        .find(|range| range.name == name)
}

fn constants(constants: &[Constant], place: &mut Place<'_>) {
    unique(place, "name", constants.iter().map(|c| (&c.name, &c.name)));
    for name in CONSTANTS {
        let there = constants
            .iter()
            .any(|c| c.name == name && c.ty.count.is_none());
        place.require(there, format!("{name} is missing"));
    }
    for constant in constants {
        let ty = constant.ty;
        let good = match &constant.value {
            ConstantValue::Integer(value) => ty.count.is_none() && *value <= ty.int.max(),
            ConstantValue::Bytes(text) => {
                let bytes = u64::try_from(text.split(' ').count());
                ty.bytes() && bytes.is_ok_and(|bytes| bytes == ty.size())
            }
        };
        let mut place = place.key(&constant.name);
        place.require(good, format!("the value is not a {ty}"));
    }
}

fn type_ranges(ranges: &[TypeRange], place: &mut Place<'_>) {
    unique(
        place,
        "name",
        ranges.iter().map(|range| (&range.name, &range.name)),
    );
    for name in ["container", "profile"] {
        let there = ranges.iter().any(|range| range.name == name);
        place.require(there, format!("{name} is missing"));
    }
    let mut end = 0;
    for range in ranges {
        let TypeRange {
            name, first, last, ..
        } = range;
        place.require(first <= last, format!("{name} ends before it starts"));
        place.require(
            *first > end,
            format!("{name} starts at {first:#x}, which is 0 or of the range before"),
        );
        end = *last;
    }
}

fn sections(container: &Container, place: &mut Place<'_>) {
    let sections = &container.sections;
    let mut list = place.key("sections");
    unique(
        &mut list,
        "type",
        sections.iter().map(|s| (s.kind, &s.name)),
    );
    unique(
        &mut list,
        "name",
        sections.iter().map(|s| (&s.name, s.kind)),
    );
    ascending(&mut list, "type", sections.iter().map(|s| s.kind));
    for section in sections {
        let mut place = place.item("sections", &section.name);
        if let Some(TypeRange { first, last, .. }) = range(container, "container") {
            place.key("type").require(
                (*first..=*last).contains(&section.kind),
                format!("{:#x} is not in the range of the container", section.kind),
            );
        }
        for flag in &section.flags {
            let known = container.section_flags.iter().any(|f| &f.name == flag);
            place
                .key("flags")
                .require(known, format!("there is no section flag {flag}"));
        }
        content(&section.content, container, &mut place);
    }
}

fn attributes(attributes: &[Attribute], container: &Container, place: &mut Place<'_>) {
    let mut list = place.key("attributes");
    unique(
        &mut list,
        "key",
        attributes.iter().map(|a| (a.key, &a.name)),
    );
    unique(
        &mut list,
        "name",
        attributes.iter().map(|a| (&a.name, a.key)),
    );
    ascending(&mut list, "key", attributes.iter().map(|a| a.key));
    for attribute in attributes {
        let mut place = place.item("attributes", &attribute.name);
        content(&attribute.content, container, &mut place);
        place.require(
            attribute.must || !attribute.mandatory,
            "a mandatory attribute has to be one that readers must know",
        );
    }
}

fn content(content: &Content, container: &Container, place: &mut Place<'_>) {
    if let Content::Structure(name) | Content::ListOfStructures(name) = content {
        let known = container.structures.iter().any(|s| &s.name == name);
        place
            .key("content")
            .require(known, format!("there is no structure {name}"));
    }
}
