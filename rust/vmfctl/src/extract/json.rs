// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Streams in JSON, as in the `state.json` of a snapshot of cloud-hypervisor.
//!
//! It keeps the state of a VFIO device as a base64 string in an object that is itself JSON in a
//! string, and has used lists of numbers for bytes. Nothing depends on the names around them: whatever
//! is bytes and starts as a stream does is one.

use base64::{
    alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    Engine,
};
use serde_json::Value as Json;
use vmf::registry::MAGIC;

use crate::tree::{hex, unhex};

/// Base64 with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The digits of base64 that depend on the magic alone.
const MAGIC_DIGITS: usize = MAGIC.len() * 8 / 6;

/// All streams in `document`, with their JSON pointers.
pub(super) fn find(document: &Json) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    walk(document, String::new(), &mut found);
    found
}

fn walk(json: &Json, path: String, found: &mut Vec<(String, Vec<u8>)>) {
    if let Some(bytes) = bytes(json).filter(|bytes| bytes.starts_with(&MAGIC)) {
        found.push((path, bytes));
        return;
    }
    match json {
        Json::Object(map) => {
            for (key, value) in map {
                walk(value, format!("{path}/{key}"), found);
            }
        }
        Json::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                walk(value, format!("{path}/{index}"), found);
            }
        }
        Json::String(text) if text.starts_with(['{', '[']) => {
            if let Ok(inner) = serde_json::from_str(text) {
                walk(&inner, path, found);
            }
        }
        _ => {}
    }
}

/// The bytes that a string or a list of numbers stands for, if it can be a stream.
fn bytes(json: &Json) -> Option<Vec<u8>> {
    match json {
        Json::String(text) if text.starts_with(&hex(&MAGIC)) => unhex(text),
        Json::String(text) => {
            let start = BASE64.encode(MAGIC);
            let start = start.get(..MAGIC_DIGITS)?;
            text.starts_with(start).then(|| BASE64.decode(text).ok())?
        }
        Json::Array(list) => {
            let byte = |value: &Json| u8::try_from(value.as_u64()?).ok();
            let start = list.get(..MAGIC.len())?.iter().map(byte);
            start
                .eq(MAGIC.iter().copied().map(Some))
                .then(|| list.iter().map(byte).collect())?
        }
        _ => None,
    }
}
