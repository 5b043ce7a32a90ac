// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Limits and checks in words, complete enough to write a reader from them.

use super::literal;
use crate::{
    emit::text::snake,
    model::{Check, Field, Section},
};

/// The name of a field, as it stands in text.
pub(super) fn name(field: &Field) -> String {
    literal(&snake(field.wire()))
}

/// Whether a field cannot hold every value of its type, for another reason than its flags.
pub(super) fn limited(field: &Field) -> bool {
    field.mask.or(field.max).or(field.multiple_of).is_some()
}

/// What a field can hold; `checked` are the fields about which there are checks.
pub(super) fn range(field: &Field, checked: &[&str]) -> String {
    if field.reserved() {
        return "0".into();
    }
    let mut limits = Vec::new();
    limits.extend(field.multiple_of.map(|unit| format!("multiple of {unit}")));
    limits.extend(field.max.map(|max| format!("at most {}", both(max))));
    limits.extend(field.mask.map(|mask| mask_words(mask, field.ty.int.max())));
    if !field.flags.is_empty() {
        limits.push("flags, see below".into());
    }
    match (limits.join(", "), field.ty.count) {
        (limits, _) if limits.is_empty() && checked.contains(&field.name.as_str()) => {
            "see below".into()
        }
        (limits, _) if limits.is_empty() => "any".into(),
        (limits, Some(_)) => format!("each: {limits}"),
        (limits, None) => limits,
    }
}

/// The field that a check is about.
pub(super) fn subject(check: &Check) -> &str {
    match check {
        Check::NonzeroIfSet { field, .. }
        | Check::Index { field, .. }
        | Check::InstanceZeroOnly { field }
        | Check::ZeroUnlessSet { field, .. }
        | Check::UnicastIfSet { field, .. }
        | Check::ZeroFrom { field, .. }
        | Check::Bitmap { field, .. }
        | Check::MacList { field, .. } => field,
    }
}

/// A check, as what has to hold.
pub(super) fn check(check: &Check, section: &Section) -> String {
    let text = |field: &str| section.field(field).map(name).unwrap_or_default();
    let bit = |field: &str, bit: u32| {
        let field = section.field(field);
        let bits = field
            .into_iter()
            .flat_map(|field| field.flags.iter().chain(&field.bits));
        let named = bits.clone().find(|flag| flag.bit == bit);
        let named = named.map(|flag| format!(" ({})", literal(&snake(&flag.name))));
        let field = field.map(name).unwrap_or_default();
        format!("bit {bit}{} of {field}", named.unwrap_or_default())
    };
    let type_of = |field: &str| section.field(field).map(|field| field.ty);
    let elements = |field: &str| type_of(field).and_then(|ty| ty.count);
    match check {
        Check::NonzeroIfSet {
            field,
            bit_of,
            bit: n,
        } => {
            format!("if {} is set, {} is not 0", bit(bit_of, *n), text(field))
        }
        Check::Index {
            field,
            ring,
            unit,
            bit_of,
            bit: n,
            else_max,
        } => format!(
            "if {} is set, {} < {} / {unit}, and if it is not set, {} <= {else_max}",
            bit(bit_of, *n),
            text(field),
            text(ring),
            text(field)
        ),
        Check::InstanceZeroOnly { field } => {
            format!("in all instances but instance 0, {} is 0", text(field))
        }
        Check::ZeroUnlessSet {
            field,
            bit_of,
            bit: n,
        } => {
            let every = elements(field).map_or("", |_| "every element of ");
            format!(
                "if {} is not set, {every}{} is 0",
                bit(bit_of, *n),
                text(field)
            )
        }
        Check::UnicastIfSet {
            field,
            bit_of,
            bit: n,
        } => format!(
            "if {} is set, {} is a unicast address: not all bytes are 0, and bit 0 of its first \
             byte is 0",
            bit(bit_of, *n),
            text(field)
        ),
        Check::ZeroFrom { field, count } => {
            let len = elements(field).unwrap_or(0);
            format!(
                "the elements of {}, which are numbered from 0 to {}, are 0 from number {} on; if \
                 {} >= {len}, this says nothing",
                text(field),
                len.saturating_sub(1),
                text(count),
                text(count)
            )
        }
        Check::Bitmap {
            field,
            zero_bits,
            max_set,
        } => {
            let mut words = format!(
                "in {}, where bit n is bit n mod 8 of byte n / 8 (rounded down), ",
                text(field)
            );
            for bit in zero_bits {
                words += &format!("bit {bit} is 0, ");
            }
            words + &format!("at most {max_set} bits are 1")
        }
        Check::MacList { field, count, size } => {
            let bytes = type_of(field).map_or(0, |ty| ty.size());
            format!(
                "of the {bytes} bytes of {}, the first {} * {size} are addresses of {size} bytes, \
                 and each is a unicast address: not all bytes are 0, and bit 0 of its first byte \
                 is 0; the bytes behind them are 0",
                text(field),
                text(count)
            )
        }
    }
}

/// A number as decimal, and as hexadecimal if that is how one would know it.
fn both(value: u64) -> String {
    if value < 256 {
        value.to_string()
    } else {
        format!("{value} ({})", literal(&format!("{value:#x}")))
    }
}

/// A mask by the bits that are 0 or, if that is shorter, by those that need not be.
fn mask_words(mask: u64, all: u64) -> String {
    let (zero, free) = (bits(all & !mask), bits(mask));
    let mask = literal(&format!("{mask:#x}"));
    if zero.len() < free.len() || zero.len() == 1 && free.len() == 1 && mask.len() > 8 {
        let verb = if zero.len() > 1 || zero.concat().contains(':') {
            "are"
        } else {
            "is"
        };
        format!("{} {} {verb} 0 (mask {mask})", noun(&zero), zero.join(", "))
    } else {
        format!(
            "no other {} than {} (mask {mask})",
            noun(&free),
            free.join(", ")
        )
    }
}

fn noun(ranges: &[String]) -> &'static str {
    match ranges {
        [one] if !one.contains(':') => "bit",
        _ => "bits",
    }
}

/// The bits of a mask in ranges from the highest down, as in `31:27`.
fn bits(mask: u64) -> Vec<String> {
    let mut ranges = Vec::new();
    let mut bit = 64;
    while bit > 0 {
        bit -= 1;
        if (mask >> bit) & 1 == 0 {
            continue;
        }
        let top = bit;
        while bit > 0 && (mask >> (bit - 1)) & 1 == 1 {
            bit -= 1;
        }
        ranges.push(match top == bit {
            true => top.to_string(),
            false => format!("{top}:{bit}"),
        });
    }
    ranges
}
