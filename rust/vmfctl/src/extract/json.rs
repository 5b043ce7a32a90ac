// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Streams in JSON, as in the `state.json` of a snapshot of cloud-hypervisor.
//!
//! It keeps the state of a VFIO device as a base64 string in an object that is itself JSON in a
//! string, and has used lists of numbers for bytes. Whatever is bytes and starts as a stream for certain
//! is one, wherever it is; what could start otherwise has to be below something of VFIO, and to be
//! as documented to its end.

use base64::{
    alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    Engine,
};
use serde_json::Value as Json;
use vmf::registry::MAGIC;

use crate::{
    foreign::{self, Certainty, HEAD},
    image::Image,
    registry::Registry,
    tree::unhex,
};

/// Base64 with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How many digits of base64 are looked at first: at least as many bytes as a stream is known by.
const DIGITS: usize = HEAD.div_ceil(3) * 4;

/// A way to write bytes: from a string or a list, the first of them, at least so many.
type Form = fn(&Json, usize) -> Option<Vec<u8>>;

/// All streams in `document`, with their JSON pointers.
pub(super) fn find(registry: &Registry, document: &Json) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    walk(registry, document, String::new(), &mut found);
    found
}

fn walk(registry: &Registry, json: &Json, path: String, found: &mut Vec<(String, Vec<u8>)>) {
    if let Some(bytes) = stream(registry, json, &path) {
        found.push((path, bytes));
        return;
    }
    match json {
        Json::Object(map) => {
            for (key, value) in map {
                // It must not control the terminal.
                let key = key.escape_debug();
                walk(registry, value, format!("{path}/{key}"), found);
            }
        }
        Json::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                walk(registry, value, format!("{path}/{index}"), found);
            }
        }
        Json::String(text) if text.starts_with(['{', '[']) => {
            if let Ok(inner) = serde_json::from_str(text) {
                walk(registry, &inner, path, found);
            }
        }
        _ => {}
    }
}

/// The stream that a string or a list of numbers stands for, if it is one.
fn stream(registry: &Registry, json: &Json, path: &str) -> Option<Vec<u8>> {
    let forms: [Form; 3] = [in_hex, in_base64, in_numbers];
    forms.iter().find_map(|read| {
        let head = read(json, HEAD)?;
        if head.starts_with(&MAGIC) {
            return read(json, usize::MAX);
        }
        let identity = foreign::identify(&registry.foreign, &head)?;
        let certain = identity.certainty == Certainty::Certain;
        if !certain && !path.contains("vfio") {
            return None;
        }
        let bytes = read(json, usize::MAX)?;
        let walked = foreign::walk(&identity, Image::memory(&bytes)).ok()?;
        (certain || walked.damage.is_empty()).then_some(bytes)
    })
}

/// Hexadecimal digits.
fn in_hex(json: &Json, len: usize) -> Option<Vec<u8>> {
    let text = json.as_str()?;
    unhex(text.get(..len.saturating_mul(2)).unwrap_or(text))
}

/// Base64.
fn in_base64(json: &Json, len: usize) -> Option<Vec<u8>> {
    let text = json.as_str()?;
    let digits = if len == usize::MAX { len } else { DIGITS };
    BASE64.decode(text.get(..digits).unwrap_or(text)).ok()
}

/// A list of numbers.
fn in_numbers(json: &Json, len: usize) -> Option<Vec<u8>> {
    let byte = |value: &Json| u8::try_from(value.as_u64()?).ok();
    json.as_array()?.iter().take(len).map(byte).collect()
}
