// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a check compares, so that programs can.

use serde::{Deserialize, Serialize};

/// One comparison; see `rule` in `schema.yaml`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rule {
    #[serde(default)]
    pub formats: Vec<String>,
    pub of: Option<String>,
    #[serde(default)]
    pub one_of: Vec<u64>,
    pub at_least: Option<u64>,
    pub at_most: Option<u64>,
    pub destination: Option<Compare>,
    #[serde(default)]
    pub key: Vec<String>,
    #[serde(default)]
    pub not_below: Vec<String>,
    #[serde(default)]
    pub required: bool,
    pub known_tags: Option<String>,
    pub unless: Option<Unless>,
    pub whole: Option<String>,
    pub fits: Option<String>,
}

/// The path that stands for the length of the stream.
pub const LENGTH: &str = "length";

/// How the destination is compared.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    Equal,
    Superset,
    Listed,
}

/// The bit of a header that lets unknown tags pass.
#[derive(Debug, Deserialize, Serialize)]
pub struct Unless {
    pub field: String,
    pub bit: u32,
}
