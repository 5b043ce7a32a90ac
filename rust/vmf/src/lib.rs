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
//! - [`profile`] has what is specific to a class of devices.
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
mod crc;
mod descriptor;
mod error;
pub mod profile;
mod reader;
mod sequence;
mod wire;
mod writer;

pub use self::{
    capabilities::{
        Capabilities, Limit, Limits, Match, Rule, SectionSpec, FEATURE_WORDS, LIMITS_MAX,
    },
    check::check,
    crc::Crc32c,
    descriptor::{
        Attribute, Descriptor, DescriptorFields, LimitEntry, Malformed, ManifestEntry, Presented,
        ATTR_HEADER_LEN, ATTR_MUST, KEY_FEATURES_OPTIONAL, KEY_FEATURES_REQUIRED, KEY_LIMITS,
        KEY_MANIFEST, KEY_POLICY_DIGEST, KEY_PRESENTED, KEY_PROFILE_NAME, KEY_PROFILE_UUID,
        KEY_PROFILE_VERSION, KEY_PROVIDER_DRIVER, KEY_PROVIDER_FIRMWARE, KEY_PROVIDER_IDS,
        KEY_PROVIDER_OS, KEY_PROVIDER_VERSION, KEY_STREAM_MAX, PROFILE_NAME_MAX,
    },
    error::{Code, Error, Refusal, SectionId},
    reader::{preflight, Progress, Reader, Section, Visitor},
    wire::{
        padded, preamble_len, section_len, stream_len, End, FileHeader, SectionHeader, ALIGN,
        CONTAINER_SCHEMA, DESCRIPTOR_MAX, ENDIAN_TAG, END_LEN, FILE_HEADER_LEN, FILE_HEADER_MAX,
        FLAGS_KNOWN, FLAGS_MANIFEST, FLAG_CONT, FLAG_CRITICAL, FLAG_VERIFY_ONLY, GENERATIONS_MAX,
        INCOMPAT_KNOWN, KIND_DESCRIPTOR, KIND_END, KIND_FEATURE_NAMES, KIND_POLICY, KIND_TEXT,
        MAGIC, MAJOR, MINOR, PAYLOAD_MAX, PREAMBLE_MAX, SECTIONS_MAX, SECTION_HEADER_LEN,
    },
    writer::{Position, Writer},
};
