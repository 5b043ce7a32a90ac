// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A structure of the container or the payload of a section: fields, `encode()`, `decode()`.

use super::{doc, ranges};
use crate::{
    emit::text::{camel, lower, sentence, snake, upper, with_unit},
    model::{Field, Section, Structure},
    types::FieldType,
};

/// The longest array for which the core library has a `Default`.
const DEFAULT_MAX: u32 = 32;
const CODE: &str = "[`Code::BadMsg`](crate::Code::BadMsg)";

/// A structure of the container.
pub(super) fn container(structure: &Structure) -> String {
    let fields = &structure.fields;
    let name = camel(&structure.name);
    let head = head(&name, &structure.doc, fields);
    let bits = bits(structure.length, fields);
    let encode = encode(fields);
    let decode = decode(&structure.name, fields, false);
    format!("{head}impl {name} {{\n{bits}\n{encode}\n{decode}}}\n")
}

/// The payload of a section, which has ranges, too.
pub(super) fn payload(section: &Section) -> String {
    let fields = &section.fields;
    let name = camel(&section.name);
    let head = head(&name, &section.doc, fields);
    let (kind, schema) = (section.kind, section.schema);
    let bits = bits(section.length, fields);
    let encode = encode(fields);
    let decode = decode(&section.name, fields, true);
    let validate = ranges::validate(section);
    format!(
        "{head}impl {name} {{
            /// The section type.
            pub const KIND: u32 = {kind:#x};
            /// The newest schema.
            pub const SCHEMA: u16 = {schema};
            {bits}\n{encode}\n{decode}\n{validate}}}\n"
    )
}

pub(super) fn rust_type(ty: FieldType) -> String {
    match ty.count {
        Some(count) => format!("[{}; {count}]", ty.int.name()),
        None => ty.int.name().into(),
    }
}

/// The fields that are part of the structure in Rust.
pub(super) fn members(fields: &[Field]) -> impl Iterator<Item = &Field> + Clone {
    fields.iter().filter(|field| !field.reserved())
}

/// Definition, and `Default`.
fn head(name: &str, about: &str, fields: &[Field]) -> String {
    let derived = members(fields).all(|f| f.ty.count.is_none_or(|count| count <= DEFAULT_MAX));
    let mut out = doc("///", &sentence(about), 0);
    out += "#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug";
    out += if derived { ", Default)]\n" } else { ")]\n" };
    out += &format!("pub struct {name} {{\n");
    for field in members(fields) {
        out += &doc("///", &about_field(field), 4);
        out += &format!("pub {}: {},\n", snake(&field.name), rust_type(field.ty));
    }
    out += "}\n\n";
    if !derived {
        let zero = |field: &Field| match field.ty.count {
            Some(count) => format!("{}: [0; {count}],\n", snake(&field.name)),
            None => format!("{}: 0,\n", snake(&field.name)),
        };
        let zeros: String = members(fields).map(zero).collect();
        out += &format!(
            "impl Default for {name} {{
                /// All fields 0.
                fn default() -> Self {{ Self {{ {zeros} }} }}
            }}\n\n"
        );
    }
    out
}

fn about_field(field: &Field) -> String {
    let mut about = sentence(field.doc.as_deref().unwrap_or_default());
    if let Some(spec) = &field.spec {
        about.truncate(about.len() - 1);
        about += &format!(" ({spec}).");
    }
    with_unit(&about, field.unit.as_deref())
}

/// Length, the largest values of fields, and constants for their bits.
fn bits(length: u32, fields: &[Field]) -> String {
    let mut out = format!("/// The length in bytes.\npub const LEN: usize = {length};\n");
    for field in members(fields) {
        let limits = [
            (field.max, "MAX", "largest"),
            (field.mask, "MASK", "bits of"),
        ];
        for (limit, suffix, what) in limits {
            let Some(limit) = limit else { continue };
            let (name, int) = (snake(&field.name), field.ty.int.name());
            let (upper, limit) = (upper(&field.name), super::hex(limit));
            out += &format!("/// The {what} `{name}`.\n");
            out += &format!("pub const {upper}_{suffix}: {int} = {limit};\n");
        }
        for bit in field.flags.iter().chain(&field.bits) {
            let about = format!("`{}`: {}", snake(&field.name), lower(&bit.doc));
            out += &doc("///", &about, 4);
            let (name, int) = (upper(&field.name), field.ty.int.name());
            out += &format!(
                "pub const {name}_{}: {int} = 1 << {};\n",
                upper(&bit.name),
                bit.bit
            );
        }
    }
    out
}

fn encode(fields: &[Field]) -> String {
    let put = |field: &Field| {
        let (name, int) = (snake(&field.name), field.ty.int.name());
        match field.ty.count {
            _ if field.reserved() => format!(".zeros({})", field.ty.size()),
            Some(_) if field.ty.bytes() => format!(".bytes(&self.{name})"),
            Some(_) => format!(".{int}s(&self.{name})"),
            None => format!(".{int}(self.{name})"),
        }
    };
    let puts: String = fields.iter().map(put).collect();
    format!(
        "/// Encodes the fields.
        pub fn encode(&self) -> [u8; Self::LEN] {{
            let mut out = [0; Self::LEN];
            Put::new(&mut out){puts};
            out
        }}\n"
    )
}

fn decode(owner: &str, fields: &[Field], payload: bool) -> String {
    let reserved = fields.iter().any(Field::reserved);
    let flagged = members(fields).any(|field| !field.flags.is_empty());
    let mut why = Vec::new();
    if payload {
        why.push(
            "[`Code::MsgSize`](crate::Code::MsgSize) if the length is not [`Self::LEN`]".into(),
        );
    }
    match (reserved, flagged) {
        (true, true) => why.push(format!(
            "{CODE} if a reserved field is not 0 or a flag is unknown"
        )),
        (true, false) => why.push(format!("{CODE} if a reserved field is not 0")),
        (false, true) => why.push(format!("{CODE} if a flag is unknown")),
        (false, false) => {}
    }
    let fallible = !why.is_empty();

    let mut out = String::from(match payload {
        true => "/// Decodes the fields, whose ranges are up to [`Self::validate`].\n",
        false => "/// Decodes the fields.\n",
    });
    if fallible {
        out += "///\n/// # Errors\n///\n";
        out += &doc("///", &format!("{}.", why.join("; ")), 4);
    }
    let argument = if payload {
        "payload: &[u8]"
    } else {
        "bytes: &[u8; Self::LEN]"
    };
    let result = if fallible {
        "Result<Self, Refusal>"
    } else {
        "Self"
    };
    out += &format!("pub fn decode({argument}) -> {result} {{\n");
    if payload {
        out += "let bytes: &[u8; Self::LEN] = exact(payload)?;\n";
    }
    out += "let mut get = Fields::new(bytes);\n";
    let get = |field| get(owner, field);
    out += &fields.iter().map(get).collect::<String>();
    let names: Vec<_> = members(fields).map(|field| snake(&field.name)).collect();
    let value = format!("Self {{ {} }}", names.join(", "));
    out += &if fallible {
        format!("Ok({value})")
    } else {
        value
    };
    out + "\n}\n"
}

fn get(owner: &str, field: &Field) -> String {
    let (name, int) = (snake(&field.name), field.ty.int.name());
    if field.reserved() {
        let size = field.ty.size();
        return format!("get.reserved(\"reserved field of {owner}\", {size})?;\n");
    }
    let call = match field.ty.count {
        Some(_) if field.ty.bytes() => "bytes()".into(),
        Some(_) => format!("{int}s()"),
        None => format!("{int}()"),
    };
    let mut out = format!("let {name} = get.{call};\n");
    if !field.flags.is_empty() {
        out += &known_flags(owner, field, &name);
    }
    out
}

/// A call that requires of `value` that it has no unknown flag.
pub(super) fn known_flags(owner: &str, field: &Field, value: &str) -> String {
    let bits = field.flags.iter();
    let known = bits.fold(0_u64, |known, flag| known | (1 << flag.bit));
    format!("known_flags(\"unknown flag of {owner}\", {value}, {known:#x})?;\n")
}
