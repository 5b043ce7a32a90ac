// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the registry of the VFIO Migration Format says of drivers of others, and of devices.
//!
//! The generator reads it as YAML and writes it as JSON, and the tool reads that: this is the one
//! place where both find what there is. `Documentation/registry/schema.yaml` explains every key. A key
//! that is not known is left out here, as it is from a later revision; the generator, which is to know
//! all, refuses it.

pub mod foreign;
pub mod tuple;

use serde::{Deserialize, Serialize};

/// A bit that has a name.
#[derive(Debug, Deserialize, Serialize)]
pub struct Flag {
    pub bit: u32,
    pub name: String,
    pub doc: String,
}
