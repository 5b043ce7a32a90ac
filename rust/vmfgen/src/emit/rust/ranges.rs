// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `validate()` of a payload: calls of the functions in `rust/vmf/src/profile/ranges.rs`.

use super::{
    hex,
    structure::{known_flags, members},
};
use crate::{
    emit::text::snake,
    model::{Check, Field, Section},
};

pub(super) fn validate(section: &Section) -> String {
    let flagged = members(&section.fields).filter(|field| !field.flags.is_empty());
    let flags = |field: &Field| {
        let value = format!("self.{}", snake(&field.name));
        known_flags(&section.name, field, &value)
    };
    let mut lines: Vec<_> = flagged.clone().map(flags).collect();
    lines.extend(members(&section.fields).flat_map(limits));
    for check in &section.checks {
        lines.extend(calls(check, section));
    }
    let why = match (flagged.count(), lines.is_empty()) {
        (_, true) => "None: the guest can have any value.",
        (0, _) => "[`Code::Range`](crate::Code::Range) if one is out of its range.",
        _ => {
            "[`Code::BadMsg`](crate::Code::BadMsg) if a flag is unknown;
        /// [`Code::Range`](crate::Code::Range) if a field is out of its range."
        }
    };
    // The last test is the result.
    let tail = match lines.pop() {
        Some(last) => match last.strip_suffix("?;") {
            Some(call) => call.to_owned(),
            None => last + "\nOk(())",
        },
        None => "Ok(())".into(),
    };
    lines.push(tail);
    let by_instance = |check: &Check| matches!(check, Check::InstanceZeroOnly { .. });
    let instance = match section.checks.iter().any(by_instance) {
        true => "instance",
        false => "_instance",
    };
    format!(
        "/// Checks the ranges of the fields, as those of `instance`.
        ///
        /// # Errors
        ///
        /// {why}
        pub fn validate(&self, {instance}: u32) -> Result<(), Refusal> {{
            {}
        }}\n",
        lines.join("\n")
    )
}

/// What limits a field, or every element of it.
fn limits(field: &Field) -> Vec<String> {
    let name = snake(&field.name);
    let tests = [
        ("multiple_of", "not a multiple", field.multiple_of),
        ("at_most", "too large", field.max),
        ("within_mask", "bits outside of the mask", field.mask),
    ];
    let value = match field.ty.count {
        Some(_) => name.clone(),
        None => format!("self.{name}"),
    };
    let call = |(test, why, limit): (&str, &str, Option<u64>)| {
        limit.map(|limit| format!("{test}(\"{name}: {why}\", {value}, {})?;", hex(limit)))
    };
    let mut lines: Vec<_> = tests.into_iter().filter_map(call).collect();
    if field.ty.count.is_some() && !lines.is_empty() {
        lines = vec![format!(
            "for {name} in self.{name} {{ {} }}",
            lines.join("\n")
        )];
    }
    lines
}

fn calls(check: &Check, section: &Section) -> Vec<String> {
    let one = match check {
        Check::NonzeroIfSet { field, bit_of, bit } => {
            let (name, set) = (snake(field), is_set(bit_of, *bit));
            let bit = bit_name(section, bit_of, *bit);
            format!("nonzero_if(\"{name}: 0 although {bit} is set\", self.{name}, {set})?;")
        }
        Check::Index {
            field,
            ring,
            unit,
            bit_of,
            bit,
            else_max,
        } => format!(
            "index(\"{0}: beyond the ring\", self.{0}, self.{1} / {unit}, {2}, {3})?;",
            snake(field),
            snake(ring),
            is_set(bit_of, *bit),
            hex((*else_max).into())
        ),
        Check::InstanceZeroOnly { field } => format!(
            "zero_unless(\"{0}: not 0 in another instance than 0\", &[self.{0}], instance == 0)?;",
            snake(field)
        ),
        Check::ZeroUnlessSet { field, bit_of, bit } => {
            let array = section
                .field(field)
                .is_some_and(|field| field.ty.count.is_some());
            let name = snake(field);
            let values = match array {
                true => format!("&self.{name}"),
                false => format!("&[self.{name}]"),
            };
            let set = is_set(bit_of, *bit);
            let bit = bit_name(section, bit_of, *bit);
            format!("zero_unless(\"{name}: not 0 without {bit}\", {values}, {set})?;")
        }
        Check::UnicastIfSet { field, bit_of, bit } => format!(
            "unicast_if(\"{0}: no unicast address\", &self.{0}, {1})?;",
            snake(field),
            is_set(bit_of, *bit)
        ),
        Check::ZeroFrom { field, count } => format!(
            "zero_from(\"{0}: not 0 beyond {1}\", &self.{0}, self.{1}.into())?;",
            snake(field),
            snake(count)
        ),
        Check::Bitmap {
            field,
            zero_bits,
            max_set,
        } => {
            let name = snake(field);
            let zero = |bit| format!("bit_zero(\"{name}: bit {bit} set\", &self.{name}, {bit})?;");
            let mut calls: Vec<_> = zero_bits.iter().map(zero).collect();
            let reason = format!("{name}: too many bits set");
            calls.push(format!(
                "bits_at_most(\"{reason}\", &self.{name}, {max_set})?;"
            ));
            return calls;
        }
        Check::MacList { field, count, .. } => format!(
            "mac_list(\"{0}: no unicast address, or not 0 beyond {1}\", &self.{0}, self.{1})?;",
            snake(field),
            snake(count)
        ),
    };
    vec![one]
}

fn is_set(field: &str, bit: u32) -> String {
    format!("self.{} & {:#x} != 0", snake(field), 1_u64 << bit)
}

/// A bit as messages call it.
fn bit_name(section: &Section, field: &str, bit: u32) -> String {
    let bits = section.field(field).into_iter();
    let mut bits = bits.flat_map(|field| field.flags.iter().chain(&field.bits));
    let name = bits
        .find(|flag| flag.bit == bit)
        .map(|flag| snake(&flag.name));
    format!(
        "{}.{}",
        snake(field),
        name.unwrap_or_else(|| bit.to_string())
    )
}
