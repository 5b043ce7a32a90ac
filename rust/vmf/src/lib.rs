// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The codec of the VFIO Migration Format (VMF).
//!
//! A VMF stream carries the state of a VFIO device from one host to another. It starts with a
//! descriptor that says what the stream is and what it needs, so that a destination can refuse it,
//! with a reason, before any state moves. `Documentation/userspace-api/vmf.rst` is the normative
//! description; this crate is one implementation of it.
//!
//! - [`Writer`] builds a stream in a buffer; [`stream_len`] and [`preamble_len`] give sizes without
//!   writing.
//! - [`Reader`] takes the bytes of a stream in pieces of any size and hands verified sections to a
//!   [`Visitor`].
//! - [`check()`] is the verdict of a destination, with its [`Capabilities`], on a [`Descriptor`];
//!   [`preflight()`] is the same on the bytes of one.
//! - [`profile`] has what is specific to a class of devices, and [`registry`] what the registry says
//!   of the container; both are generated from `Documentation/registry` by `rust/vmfgen`.
//!
//! The same sources are built into a kernel module and, by cargo, into tools and tests. There is no
//! allocation, no `unsafe` and no path that panics. CRC32C comes from the user, see [`Crc32c`].
//!
//! The CRCs detect accidents, not malice: authenticity is up to the transport.

#![crate_name = "vmf"]
#![cfg_attr(not(MODULE), no_std)]
#![forbid(unsafe_code)]

mod bytes;
mod capabilities;
mod check;
mod config;
mod crc;
mod descriptor;
mod error;
pub mod profile;
mod reader;
pub mod registry;
mod sequence;
mod wire;
mod writer;

pub use self::{
    capabilities::{Capabilities, Limits, LIMITS_MAX},
    check::{check, check_each, Finding},
    config::{check_config, check_config_each, Config, CONFIG_MAX},
    crc::Crc32c,
    descriptor::{
        Attribute, ConfigWord, Descriptor, DescriptorFields, LimitEntry, Malformed, ManifestEntry,
        PolicyEntry, Presented,
    },
    error::{Error, Refusal, SectionId},
    profile::spec::{
        ConfigSpec, Feature, Features, Identity, Limit, Match, Policy, Profile, SectionSpec,
        Version, FEATURE_WORDS,
    },
    reader::{preflight, Progress, Reader, Section, Visitor},
    registry::{
        Action, Code, End, FileHeader, Rule, SectionHeader, ATTR_MUST, FLAG_CONT, FLAG_CRITICAL,
        FLAG_VERIFY_ONLY,
    },
    wire::{
        padded, preamble_len, section_len, sections_len, stream_len, ALIGN, DESCRIPTOR_MAX,
        FLAGS_MANIFEST, PREAMBLE_MAX,
    },
    writer::{Position, Writer},
};
