// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Arguments of the checks of a section: fields that exist and are of a type that fits.

use crate::{
    model::{Check, Field, Section},
    problems::Place,
    types::Int,
};

/// Checks every check of `section`.
pub(super) fn check(section: &Section, place: &mut Place<'_>) {
    for (n, check) in section.checks.iter().enumerate() {
        Arguments {
            section,
            place: place.item("checks", n),
        }
        .check(check);
    }
}

struct Arguments<'s, 'p> {
    section: &'s Section,
    place: Place<'p>,
}

impl<'s> Arguments<'s, '_> {
    fn check(&mut self, check: &Check) {
        match check {
            Check::NonzeroIfSet { field, bit_of, bit } => {
                self.integer("field", field);
                self.bit(bit_of, *bit);
            }
            Check::Index {
                field,
                ring,
                unit: _,
                bit_of,
                bit,
                else_max: _,
            } => {
                self.int32("field", field);
                self.int32("ring", ring);
                self.bit(bit_of, *bit);
            }
            Check::InstanceZeroOnly { field } => {
                self.integer("field", field);
                let many = self.section.instances.count > 1;
                self.place.require(many, "the section has only instance 0");
            }
            Check::ZeroUnlessSet { field, bit_of, bit } => {
                self.field("field", field);
                self.bit(bit_of, *bit);
            }
            Check::UnicastIfSet { field, bit_of, bit } => {
                self.typed("field", field, "an array of 6 bytes", |field| {
                    field.ty.bytes() && field.ty.size() == 6
                });
                self.bit(bit_of, *bit);
            }
            Check::ZeroFrom { field, count } => {
                self.array("field", field);
                // What fits into an index everywhere.
                self.typed("count", count, "a u8 or u16", |field| {
                    field.ty.count.is_none() && matches!(field.ty.int, Int::U8 | Int::U16)
                });
            }
            Check::Bitmap {
                field,
                zero_bits,
                max_set,
            } => {
                let bits = self.bytes("field", field, 1).saturating_mul(8);
                let mut place = self.place.key("zero-bits");
                for &bit in zero_bits {
                    place.require(u64::from(bit) < bits, format!("{field} has no bit {bit}"));
                }
                let mut place = self.place.key("max-set");
                let fits = u64::from(*max_set) <= bits;
                place.require(fits, format!("{field} has only {bits} bits"));
            }
            Check::MacList { field, count, size } => {
                let bytes = self.bytes("field", field, *size);
                let Some(count) = self.int32("count", count) else {
                    return;
                };
                let fits = count.max.is_some_and(|max| max <= bytes / u64::from(*size));
                self.place.key("count").require(
                    fits,
                    format!(
                        "{} needs a max of at most what {field} has room for",
                        count.name
                    ),
                );
            }
        }
    }

    /// Looks up the field that argument `key` names.
    fn field(&mut self, key: &str, name: &str) -> Option<&'s Field> {
        let field = self.section.field(name).filter(|field| !field.reserved());
        let what = format!("there is no field {name}");
        self.place.key(key).require(field.is_some(), what);
        field
    }

    /// The same, of a type that is `good`.
    fn typed(
        &mut self,
        key: &str,
        name: &str,
        want: &str,
        good: impl Fn(&Field) -> bool,
    ) -> Option<&'s Field> {
        let field = self.field(key, name)?;
        let field = Some(field).filter(|field| good(field));
        let what = format!("{name} has to be {want}");
        self.place.key(key).require(field.is_some(), what);
        field
    }

    fn integer(&mut self, key: &str, name: &str) -> Option<&'s Field> {
        self.typed(key, name, "an integer", |field| field.ty.count.is_none())
    }

    fn int32(&mut self, key: &str, name: &str) -> Option<&'s Field> {
        self.typed(key, name, "a u32", |field| {
            field.ty.count.is_none() && field.ty.int == Int::U32
        })
    }

    fn array(&mut self, key: &str, name: &str) {
        self.typed(key, name, "an array", |field| field.ty.count.is_some());
    }

    /// An array of bytes whose length is a multiple of `size`; returns the length.
    fn bytes(&mut self, key: &str, name: &str, size: u32) -> u64 {
        let want = format!("an array of bytes, a multiple of {size} long");
        let good = |field: &Field| field.ty.bytes() && field.ty.size() % u64::from(size) == 0;
        self.typed(key, name, &want, good)
            .map_or(0, |field| field.ty.size())
    }

    /// A bit that has a name, which the messages of a reader then have.
    fn bit(&mut self, bit_of: &str, bit: u32) {
        let Some(field) = self.integer("bit-of", bit_of) else {
            return;
        };
        let named = field
            .flags
            .iter()
            .chain(&field.bits)
            .any(|flag| flag.bit == bit);
        let what = format!("bit {bit} is neither in flags nor in bits of {bit_of}");
        self.place.key("bit").require(named, what);
    }
}
