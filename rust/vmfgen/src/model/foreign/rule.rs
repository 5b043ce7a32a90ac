// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a check compares, so that programs can.

use serde::{Deserialize, Serialize};

/// One comparison; see `rule` in `schema.yaml`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Rule {
    #[serde(default)]
    pub(crate) formats: Vec<String>,
    pub(crate) of: Option<String>,
    #[serde(default)]
    pub(crate) one_of: Vec<u64>,
    pub(crate) at_least: Option<u64>,
    pub(crate) at_most: Option<u64>,
    pub(crate) destination: Option<Compare>,
    #[serde(default)]
    pub(crate) key: Vec<String>,
    #[serde(default)]
    pub(crate) not_below: Vec<String>,
    #[serde(default)]
    pub(crate) required: bool,
    pub(crate) known_tags: Option<String>,
    pub(crate) unless: Option<Unless>,
    pub(crate) whole: Option<String>,
    pub(crate) fits: Option<String>,
}

/// The path that stands for the length of the stream.
pub(crate) const LENGTH: &str = "length";

/// How the destination is compared.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Compare {
    Equal,
    Superset,
    Listed,
}

/// The bit of a header that lets unknown tags pass.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unless {
    pub(crate) field: String,
    pub(crate) bit: u32,
}
