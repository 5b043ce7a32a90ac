// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Named values in JSON to bytes: the reverse of [`layout`](crate::layout).

use std::fmt;

use serde_json::{Map, Value as Json};

use crate::{
    layout::{gap_name, length},
    registry::{Field, Registry},
    tree::unhex,
};

/// A value that cannot be encoded, and where it is.
#[derive(Debug)]
pub(crate) struct Damaged {
    path: String,
    reason: String,
}

impl Damaged {
    fn new(path: &str, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            reason: reason.into(),
        }
    }

    /// The same, of a part of `outer`.
    pub(crate) fn within(self, outer: &str) -> Self {
        let path = match self.path.as_str() {
            "" => outer.to_string(),
            path => format!("{outer}.{path}"),
        };
        Self { path, ..self }
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

type Result<T> = core::result::Result<T, Damaged>;

/// The object `name` in `json`.
pub(crate) fn object<'a>(json: &'a Map<String, Json>, name: &str) -> Result<&'a Map<String, Json>> {
    match json.get(name) {
        Some(Json::Object(map)) => Ok(map),
        _ => Err(Damaged::new(name, "an object is needed")),
    }
}

/// The fields of the structure that `content` is or lists; none for other content.
pub(crate) fn structure_in<'r>(registry: &'r Registry, content: &str) -> &'r [Field] {
    match content.split_once(' ') {
        Some(("structure" | "list", name)) => registry.structure(name),
        _ => &[],
    }
}

/// The bytes of a payload or value, whichever form `json` has it in; `fields` are its layout.
pub(crate) fn content(fields: &[Field], as_is: bool, json: &Map<String, Json>) -> Result<Vec<u8>> {
    for (name, value) in json {
        let bytes = match (name.as_str(), value) {
            ("fields", Json::Object(_)) if fields.is_empty() => {
                let hint = "no layout is known for this type; give bytes instead";
                Err(Damaged::new("", hint))
            }
            ("fields", Json::Object(map)) => structure(fields, map),
            ("entries", Json::Array(list)) => {
                return joined("entries", list, |entry| one_entry(fields, as_is, entry))
            }
            ("uuid" | "text" | "number" | "words" | "bytes", value) => leaf(name, value),
            _ => continue,
        };
        return bytes.map_err(|error| error.within(name));
    }
    let forms = "fields, entries, attributes, uuid, text, number, words or bytes";
    Err(Damaged::new("", format!("the content is missing: {forms}")))
}

/// An entry of a list: a structure, and the text behind it if it has one.
fn one_entry(fields: &[Field], as_is: bool, json: &Map<String, Json>) -> Result<Vec<u8>> {
    if json.len() == 1 && json.contains_key("rest") {
        return leaf("bytes", json.get("rest").unwrap_or(&Json::Null));
    }
    let mut out = structure(fields, json)?;
    for name in ["text", "bytes"] {
        let Some(value) = json.get(name) else {
            continue;
        };
        let text = leaf(name, value).map_err(|error| error.within(name))?;
        if !as_is {
            set(fields, &mut out, "len", text.len() as u64);
        }
        let padding = padding(json, text.len(), as_is)?;
        out.extend(text);
        out.extend(padding);
    }
    Ok(out)
}

/// The padding behind `len` bytes: what `json` has, or else zeros.
pub(crate) fn padding(json: &Map<String, Json>, len: usize, as_is: bool) -> Result<Vec<u8>> {
    let zeros = vec![0; vmf::padded(len).saturating_sub(len)];
    let own = match json.get("padding") {
        Some(own) => leaf("bytes", own).map_err(|error| error.within("padding"))?,
        None => Vec::new(),
    };
    Ok(if as_is || own.len() == zeros.len() {
        own
    } else {
        zeros
    })
}

/// The objects of a list, each as bytes, one behind the other.
pub(crate) fn joined(
    name: &str,
    list: &[Json],
    each: impl Fn(&Map<String, Json>) -> Result<Vec<u8>>,
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let path = format!("{name}[{index}]");
        let map = item
            .as_object()
            .ok_or_else(|| Damaged::new(&path, "an object is needed"))?;
        out.extend(each(map).map_err(|error| error.within(&path))?);
    }
    Ok(out)
}

/// The bytes of a structure.
///
/// A field that is not there is 0. With `rest` the structure ends at the last field that is there,
/// and `rest` follows.
pub(crate) fn structure(fields: &[Field], json: &Map<String, Json>) -> Result<Vec<u8>> {
    let mut out = vec![0; length(fields)];
    let mut end = 0;
    for field in fields {
        if let Some(gap) = json.get(&gap_name(end)) {
            place(&mut out, end, &leaf("bytes", gap)?);
        }
        let name = field.name();
        if let Some(value) = json.get(&name) {
            let bytes = field_bytes(field, plain(value)).map_err(|error| error.within(&name))?;
            place(&mut out, field.offset, &bytes);
            end = field.end();
        }
    }
    if let Some(rest) = json.get("rest") {
        out.truncate(end);
        out.extend(leaf("bytes", rest).map_err(|error| error.within("rest"))?);
    }
    Ok(out)
}

fn place(out: &mut [u8], at: usize, bytes: &[u8]) {
    let end = at.saturating_add(bytes.len());
    if let Some(to) = out.get_mut(at..end) {
        to.copy_from_slice(bytes);
    }
}

/// Sets the integer field `name` of a structure, if there is one.
pub(crate) fn set(fields: &[Field], bytes: &mut [u8], name: &str, value: u64) {
    if let Some(field) = fields.iter().find(|field| field.name() == name) {
        let digits = value.to_le_bytes();
        let digits = digits.get(..field.len()).unwrap_or(&digits);
        place(bytes, field.offset, digits);
    }
}

/// A value without what `decode` says about it.
fn plain(json: &Json) -> &Json {
    json.get("value").unwrap_or(json)
}

fn field_bytes(field: &Field, json: &Json) -> Result<Vec<u8>> {
    let size = field.scalar.size();
    let bytes = match json {
        Json::Array(list) => {
            let digits = list.iter().map(|value| int_bytes(value, size));
            digits.collect::<Result<Vec<_>>>()?.concat()
        }
        Json::String(text) if size == 1 && field.count.is_some() => from_hex(text)?,
        value => int_bytes(value, size)?,
    };
    if bytes.len() != field.len() {
        let (got, want) = (bytes.len(), field.len());
        return Err(Damaged::new(
            "",
            format!("{got} bytes, but the field has {want}"),
        ));
    }
    Ok(bytes)
}

/// The bytes of a value that is no structure; `form` says how it is written.
pub(crate) fn leaf(form: &str, json: &Json) -> Result<Vec<u8>> {
    match (form, plain(json)) {
        ("uuid", Json::String(text)) => match uuid::Uuid::parse_str(text) {
            Ok(uuid) => Ok(uuid.into_bytes().to_vec()),
            Err(error) => Err(Damaged::new("", error.to_string())),
        },
        ("text", Json::String(text)) => Ok(text.clone().into_bytes()),
        ("number", value) => int_bytes(value, 8),
        ("words", Json::Array(list)) => {
            let words = list.iter().map(|value| int_bytes(value, 8));
            Ok(words.collect::<Result<Vec<_>>>()?.concat())
        }
        ("bytes", Json::String(text)) => from_hex(text),
        (form, _) => Err(Damaged::new("", format!("not in the form of {form}"))),
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>> {
    unhex(text).ok_or_else(|| Damaged::new("", "an even number of hexadecimal digits is needed"))
}

/// An integer of `size` bytes: a number, or a string of decimal digits or of 0x and digits.
fn int_bytes(json: &Json, size: usize) -> Result<Vec<u8>> {
    let value = match json {
        Json::String(text) => match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        },
        json => json.as_u64(),
    };
    let digits = value.map(u64::to_le_bytes);
    let split = digits
        .as_ref()
        .and_then(|digits| digits.split_at_checked(size));
    match split {
        Some((low, high)) if high.iter().all(|byte| *byte == 0) => Ok(low.to_vec()),
        _ => Err(Damaged::new(
            "",
            format!("an integer of {size} bytes is needed, not {json}"),
        )),
    }
}
