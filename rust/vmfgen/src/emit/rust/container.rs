// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `registry.rs`: numbers, enumerations and structures of the container.

use super::{doc, file, hex, structure};
use crate::{
    emit::{
        text::{camel, lines, lower, sentence, upper, with_unit},
        File,
    },
    model::{Constant, ConstantValue, Container, Envelope, ErrorCode, Flag, Numbered, Registry},
};

pub(super) fn files(registry: &Registry) -> Vec<File> {
    let container = &registry.container;
    vec![
        file(
            "registry",
            "//! What the registry says of the container.\n",
            &numbers(registry),
        ),
        file(
            "registry/codes",
            "//! Rules, actions and errors.\n",
            &[
                byte_enum(
                    "Rule",
                    "How the value of a limit at the source has to relate to that of the destination.",
                    &container.rules,
                ),
                byte_enum(
                    "Action",
                    "What a difference in a host policy means.",
                    &container.policy_actions,
                ),
                codes(&container.errors),
            ]
            .concat(),
        ),
        file(
            "registry/structures",
            "//! Structures of the container.\n",
            &structures(container),
        ),
    ]
}

fn structures(container: &Container) -> String {
    let mut out = "use crate::{bytes::{known_flags, Fields, Put}, error::Refusal};\n\n".to_owned();
    for structure in &container.structures {
        out += &structure::container(structure);
        out.push('\n');
    }
    out
}

fn numbers(registry: &Registry) -> String {
    let container = &registry.container;
    let names: Vec<_> = container
        .structures
        .iter()
        .map(|s| camel(&s.name))
        .collect();
    let uses = format!(
        "mod codes;\nmod structures;\n\n\
         pub use self::{{codes::{{Action, Code, Rule}}, structures::{{{}}}}};\n",
        names.join(", ")
    );
    [
        uses,
        constants(registry),
        lines(&container.type_ranges, |range| {
            let about = format!("First and last section type for: {}", sentence(&range.doc));
            let name = format!("TYPES_{}", upper(&range.name));
            let value = format!("[{:#010x}, {:#010x}]", range.first, range.last);
            constant(&about, &name, "[u32; 2]", &value)
        }),
        flags(
            "Section flag",
            "FLAG",
            "FLAGS_KNOWN",
            &container.section_flags,
        ) + &flags(
            "Attribute flag",
            "ATTR",
            "ATTR_FLAGS_KNOWN",
            &container.attribute_flags,
        ),
        lines(&container.sections, |section| {
            let about = format!("Section type: {}", sentence(&section.doc));
            let name = format!("KIND_{}", upper(&section.name));
            constant(&about, &name, "u32", &section.kind.to_string())
        }),
        lines(&container.attributes, |attribute| {
            let about = format!("Attribute key: {}", sentence(&attribute.doc));
            let name = format!("KEY_{}", upper(&attribute.name));
            constant(&about, &name, "u16", &attribute.key.to_string())
        }),
        envelope(&registry.envelope),
    ]
    .join("\n\n")
}

fn envelope(envelope: &Envelope) -> String {
    let section = &envelope.section;
    let uuid: Vec<_> = envelope.uuid.chars().filter(|c| *c != '-').collect();
    let uuid = lines(&uuid.chunks(2).collect::<Vec<_>>(), |byte| {
        format!("0x{},", String::from_iter(*byte))
    });
    let number = |number: u32| hex(number.into());
    [
        constant(
            "What the name of the profile of an envelope begins with; a dot and a name follow.",
            "ENVELOPE_NAME",
            "&str",
            &format!("\"{}\"", envelope.name),
        ),
        constant(
            "The UUID of the profile of all envelopes.",
            "ENVELOPE_UUID",
            "[u8; 16]",
            &format!("[{uuid}]"),
        ),
        constant(
            "The longest stream of any format in an envelope, in bytes.",
            "ENVELOPE_STREAM_MAX",
            "u64",
            &number(envelope.stream_max),
        ),
        constant(
            &format!("Section type of an envelope: {}", lower(&section.doc)),
            &format!("KIND_{}", upper(&section.name)),
            "u32",
            &number(section.kind),
        ),
        constant(
            &format!("The newest schema of section `{}`.", section.name),
            &format!("{}_SCHEMA", upper(&section.name)),
            "u16",
            &section.schema.to_string(),
        ),
        constant(
            &format!(
                "The longest payload of section `{}`, in bytes.",
                section.name
            ),
            &format!("{}_MAX", upper(&section.name)),
            "u32",
            &number(section.length_max),
        ),
    ]
    .concat()
}

fn constant(about: &str, name: &str, ty: &str, value: &str) -> String {
    doc("///", about, 0) + &format!("pub const {name}: {ty} = {value};\n")
}

fn constants(registry: &Registry) -> String {
    let container = &registry.container;
    let about = "The revision of the registry.";
    let revision = registry.index.revision.to_string();
    let mut out = constant(about, "REGISTRY_REVISION", "u32", &revision);
    let about = "The container major version; a reader requires its own.";
    out += &constant(about, "MAJOR", "u16", &container.major.to_string());
    let about = "The container minor version; informational.";
    out += &constant(about, "MINOR", "u16", &container.minor.to_string());
    for item in &container.constants {
        let about = with_unit(&sentence(&item.doc), item.unit.as_deref());
        let ty = structure::rust_type(item.ty);
        out += &constant(&about, &upper(&item.name), &ty, &value(item));
    }
    out
}

/// A constant for each flag, and one for all of them.
fn flags(what: &str, prefix: &str, known: &str, flags: &[Flag]) -> String {
    let name = |flag: &Flag| format!("{prefix}_{}", upper(&flag.name));
    let mut out = String::new();
    for flag in flags {
        let about = format!("{what}: {}", lower(&flag.doc));
        out += &constant(&about, &name(flag), "u16", &format!("1 << {}", flag.bit));
    }
    let about = format!("The {}s that are assigned.", what.to_lowercase());
    let all: Vec<_> = flags.iter().map(name).collect();
    out + &constant(&about, known, "u16", &all.join(" | "))
}

fn value(constant: &Constant) -> String {
    match &constant.value {
        ConstantValue::Integer(value) => hex(*value),
        ConstantValue::Bytes(text) => {
            let bytes: Vec<_> = text.split(' ').map(|byte| format!("0x{byte}")).collect();
            format!("[{}]", bytes.join(", "))
        }
    }
}

/// An enumeration whose values are single bytes of a stream.
fn byte_enum(name: &str, about: &str, items: &[Numbered]) -> String {
    let what = name.to_lowercase();
    let variants = lines(items, |item| {
        let about = sentence(&item.doc);
        format!("/// {about}\n{} = {},\n", camel(&item.name), item.id)
    });
    let from = lines(items, |item| {
        format!("{} => Some(Self::{}),\n", item.id, camel(&item.name))
    });
    let names = lines(items, |item| {
        format!("Self::{} => \"{}\",\n", camel(&item.name), item.name)
    });
    format!(
        "/// {about}
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum {name} {{ {variants} }}

        impl {name} {{
            /// Returns the byte that stands for the {what} in a stream.
            pub const fn to_byte(self) -> u8 {{ self as u8 }}

            /// Returns the {what} that `byte` stands for in a stream.
            pub const fn from_byte(byte: u8) -> Option<Self> {{
                match byte {{
                    {from}
                    _ => None,
                }}
            }}

            /// Returns the name of the {what}.
            pub const fn name(self) -> &'static str {{
                match self {{ {names} }}
            }}
        }}

        "
    )
}

fn codes(errors: &[ErrorCode]) -> String {
    let variants = lines(errors, |e| {
        doc("///", &sentence(&e.doc), 4) + &e.name + ",\n"
    });
    let all = lines(errors, |e| format!("Self::{},", e.name));
    let numbers = lines(errors, |e| format!("Self::{} => {},\n", e.name, e.number));
    let names = lines(errors, |e| {
        format!("Self::{} => \"{}\",\n", e.name, e.errno)
    });
    let count = errors.len();
    format!(
        "/// The classes of refusal; each is one errno that `write()` and `SET_STATE` return.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Code {{ {variants} }}

        impl Code {{
            /// Every code, for tables and tests.
            pub const ALL: [Self; {count}] = [{all}];

            /// Returns the positive Linux errno, as numbered in `asm-generic/errno.h`.
            pub const fn errno(self) -> i32 {{
                match self {{ {numbers} }}
            }}

            /// Returns the name of the errno, e.g. `\"EBADMSG\"`.
            pub const fn name(self) -> &'static str {{
                match self {{ {names} }}
            }}
        }}
        "
    )
}
