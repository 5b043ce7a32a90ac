// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The reader in C, `include/vmf`: it has the verdict and the offset of the codec, on any bytes.

use std::{
    ffi::{c_char, c_int, c_uint, CString},
    ptr,
};

use vmf::registry::ENVELOPE_UUID;
use vmf::{
    Capabilities, Code, Descriptor, Error, Features, LimitEntry, ManifestEntry, Match, Reader,
    Refusal, Section, SectionSpec, Visitor,
};

use crate::{
    codec::{self, Profile},
    Prng,
};

/// `struct vmf_part`.
#[repr(C)]
struct Part {
    entry: [u32; 6],
    since: u32,
    feature: c_int,
    len_min: u32,
}

/// `struct vmf_caps`.
#[repr(C)]
struct Caps {
    id: [u8; 16],
    any_subsystem: bool,
    any_revision: bool,
    uuid: *const u8,
    name: *const c_char,
    driver: *const c_char,
    version: u32,
    min_reader: u32,
    floor: u32,
    features: [u64; 2],
    limits: *const [u64; 2],
    limit_names: *const *const c_char,
    parts: *const Part,
    nr_limits: c_uint,
    nr_parts: c_uint,
    stream_max: u64,
}

extern "C" {
    fn vmf_c_judge(
        caps: *const Caps,
        data: *const u8,
        len: usize,
        piece: usize,
        at: *mut u64,
    ) -> c_int;
}

/// The integers of a structure of the format.
fn words<const N: usize, T>(bytes: &[u8], word: fn(&[u8]) -> T) -> [T; N] {
    let size = bytes.len() / N;
    std::array::from_fn(|n| word(&bytes[n * size..(n + 1) * size]))
}

fn u32_of(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

fn u64_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

/// The verdict of the reader in C: errno, or 0, and offset.
fn judge(caps: &Capabilities, bytes: &[u8], piece: usize) -> (i32, u64) {
    let name = CString::new(caps.profile_name).expect("a name without NUL");
    let limits: Vec<[u64; 2]> = caps
        .limits
        .as_slice()
        .iter()
        .map(|limit| LimitEntry {
            id: limit.id,
            rule: limit.rule.to_byte(),
            value: limit.value,
        })
        .map(|entry| words(&entry.encode(), u64_of))
        .collect();
    let parts: Vec<_> = caps
        .sections
        .iter()
        .map(|spec| {
            let entry = ManifestEntry {
                kind: spec.kind,
                schema: spec.schema,
                min_reader: spec.min_reader,
                flags: spec.flags,
                count_max: spec.instances,
                len_max: spec.len_max,
            };
            Part {
                entry: words(&entry.encode(), u32_of),
                since: spec.introduced,
                feature: spec.feature.map_or(-1, c_int::from),
                len_min: len_min(caps, spec),
            }
        })
        .collect();
    let raw = Caps {
        id: caps.presented.encode(),
        any_subsystem: caps.subsystem == Match::Any,
        any_revision: caps.revision == Match::Any,
        uuid: caps.profile_uuid.as_ptr(),
        name: name.as_ptr(),
        driver: ptr::null(),
        version: caps.version,
        min_reader: 1,
        floor: caps.floor,
        features: caps.features.0,
        limits: limits.as_ptr(),
        limit_names: ptr::null(),
        parts: parts.as_ptr(),
        nr_limits: limits.len() as c_uint,
        nr_parts: parts.len() as c_uint,
        stream_max: caps.stream_max,
    };
    let mut at = 0;
    // SAFETY: All pointers are to as much as C expects, which outlives the call and is not kept;
    // the structures are laid out as those of the header.
    let errno = unsafe { vmf_c_judge(&raw, bytes.as_ptr(), bytes.len(), piece, &mut at) };
    (errno, at)
}

/// Demands that both readers say the same, however the stream is cut.
///
/// Neither looks at the content of sections here, nor has the one in C policies.
pub fn agree(profile: Profile, bytes: &[u8]) {
    let caps = Capabilities {
        policies: &[],
        ..profile.capabilities()
    };
    let want = match verdict(&caps, bytes) {
        Ok(()) => (0, 0),
        Err(error) => (error.code.errno(), error.offset),
    };
    for piece in [bytes.len().max(1), 1 + Prng::of(bytes).below(64)] {
        let got = judge(&caps, bytes, piece);
        assert_eq!(got.0, want.0, "another errno in C, in pieces of {piece}");
        assert!(got.0 == 0 || got.1 == want.1, "{got:?} in C, not {want:?}");
    }
}

/// The shortest payload of a section; unless it is the longest one, too, there may be fragments.
fn len_min(caps: &Capabilities, spec: &SectionSpec) -> u32 {
    if caps.profile_uuid == ENVELOPE_UUID {
        1
    } else {
        spec.len_max
    }
}

/// The verdict on all but the content of sections.
fn verdict(caps: &Capabilities, bytes: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(*caps, codec::crc(false), vec![0; caps.buffer_len()]);
    let mut visitor = Container {
        caps: *caps,
        version: 0,
        features: Features::default(),
        seen: Vec::new(),
        before: 0,
    };
    let _ = reader.feed(bytes, &mut visitor);
    reader.finish()
}

/// What the document asks of the sections of a profile, in other words than the codec.
struct Container {
    caps: Capabilities,
    version: u32,
    features: Features,
    seen: Vec<(u32, u32)>,
    /// Bytes of the instance in the fragments before.
    before: usize,
}

impl Visitor for Container {
    fn descriptor(&mut self, descriptor: &Descriptor<'_>) -> Result<(), Refusal> {
        let (required, optional) = (
            codec::features(descriptor.features_required()),
            codec::features(descriptor.features_optional()),
        );
        self.version = descriptor.version();
        self.features = Features([0, 1].map(|n| required.0[n] | optional.0[n]));
        Ok(())
    }

    fn section(&mut self, section: &Section<'_>) -> Result<(), Refusal> {
        let refuse = |code| Err(Refusal::new(code, "container", 0, 0));
        let spec = self.caps.section(section.kind).expect("a known section");
        let fixed = len_min(&self.caps, spec) == spec.len_max;
        if section.more && fixed
            || spec.introduced > self.version
            || spec.feature.is_some_and(|bit| !self.features.has(bit))
        {
            return refuse(Code::IlSeq);
        }
        let len = self.before + section.payload.len();
        self.before = if section.more { len } else { 0 };
        if !section.more && len < len_min(&self.caps, spec) as usize {
            return refuse(Code::MsgSize);
        }
        self.seen.push((section.kind, section.instance));
        Ok(())
    }

    fn verify(&mut self) -> Result<(), Refusal> {
        let version = self.version;
        let due = |spec: &&SectionSpec| {
            spec.flags & vmf::FLAG_CRITICAL != 0
                && spec.feature.is_none()
                && spec.introduced <= version
        };
        for spec in self.caps.sections.iter().filter(due) {
            if !(0..spec.instances).all(|n| self.seen.contains(&(spec.kind, n))) {
                return Err(Refusal::new(Code::IlSeq, "section missing", 0, 0));
            }
        }
        Ok(())
    }
}
