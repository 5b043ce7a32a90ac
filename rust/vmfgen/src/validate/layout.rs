// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Fields: where they are and what limits them.
//!
//! A C compiler has to lay a structure out like the registry without being told to pack it: every
//! field at a multiple of its size, gaps filled with reserved fields.

use super::unique;
use crate::{
    model::{Field, Flag},
    problems::Place,
    types::Int,
};
use std::cmp::Ordering;

/// Checks the `fields` of something that is `length` bytes long.
pub(super) fn check(fields: &[Field], length: u32, place: &mut Place<'_>) {
    let names = fields.iter().map(|field| (&field.name, &field.name));
    unique(&mut place.key("fields"), "name", names);
    let wires = fields.iter().map(|field| (field.wire(), &field.name));
    unique(&mut place.key("fields"), "wire name", wires);

    let mut end = 0;
    for field in fields {
        let mut place = place.item("fields", &field.name);
        let offset = u64::from(field.offset);
        let mut at = place.key("offset");
        match offset.cmp(&end) {
            Ordering::Less => at.report(format!(
                "{offset} overlaps the field before, which ends at {end}"
            )),
            Ordering::Equal => {}
            Ordering::Greater => at.report(format!(
                "{offset} leaves a gap, the field before ends at {end}"
            )),
        }
        let align = field.ty.int.size();
        at.require(
            field.offset % align == 0,
            format!(
                "{offset} is not aligned, {} needs a multiple of {align}",
                field.ty
            ),
        );
        end = offset.saturating_add(field.ty.size());
        limits(field, &mut place);
    }

    let mut place = place.key("length");
    place.require(
        u64::from(length) == end,
        format!("{length}, but the last field ends at {end}"),
    );
    let align = fields.iter().map(|field| field.ty.int.size()).max();
    place.require(
        align.is_none_or(|align| length % align == 0),
        format!("{length} is no multiple of the largest field, C would pad it"),
    );
}

fn limits(field: &Field, place: &mut Place<'_>) {
    let Field {
        mask,
        max,
        multiple_of,
        ..
    } = *field;
    if field.reserved() {
        let limited = mask.or(max).or(multiple_of).is_some();
        let plain = !limited && field.flags.is_empty() && field.bits.is_empty();
        place.require(
            plain,
            "a reserved field is 0 and has no limits, flags or bits",
        );
        return;
    }
    place.require(field.doc.is_some(), "doc is missing");
    let widest = field.ty.int.max();
    for (name, limit) in [("mask", mask), ("max", max), ("multiple-of", multiple_of)] {
        if let Some(limit) = limit {
            place.key(name).require(
                limit <= widest,
                format!("{limit:#x} does not fit into {}", field.ty.int.name()),
            );
        }
    }
    for (name, list) in [("flags", &field.flags), ("bits", &field.bits)] {
        place.require(
            list.is_empty() || field.ty.count.is_none(),
            format!("{name} of an array have no meaning"),
        );
        bits(list, field.ty.int, &mut place.key(name));
    }
    place.require(
        field.flags.is_empty() || mask.or(max).or(multiple_of).is_none(),
        "flags say which bits may be set, so mask, max and multiple-of have no place",
    );
    for bit in &field.bits {
        place.item("bits", &bit.name).require(
            mask.is_none_or(|mask| mask.checked_shr(bit.bit).is_none_or(|mask| mask & 1 != 0)),
            format!("bit {} is not in the mask of the field", bit.bit),
        );
    }
}

/// Checks a list of bits of an integer.
pub(super) fn bits(list: &[Flag], int: Int, place: &mut Place<'_>) {
    unique(place, "bit", list.iter().map(|flag| (flag.bit, &flag.name)));
    unique(
        place,
        "name",
        list.iter().map(|flag| (&flag.name, flag.bit)),
    );
    for flag in list {
        place.require(
            flag.bit < int.bits(),
            format!("bit {} of {} is beyond {}", flag.bit, flag.name, int.name()),
        );
    }
}
