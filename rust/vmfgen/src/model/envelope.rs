// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The profile of blobs.

use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Envelope {
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) doc: String,
    pub(crate) stream_max: u32,
    pub(crate) section: Blob,
}

/// The one section of an envelope.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Blob {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: u32,
    pub(crate) schema: u16,
    pub(crate) length_max: u32,
    pub(crate) doc: String,
}
