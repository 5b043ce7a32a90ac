// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Hostile streams: whatever they say, all bytes are accounted for, and it ends.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

#[path = "../../tests/streams/mod.rs"]
mod streams;

use std::time::{Duration, Instant};

use super::{identify::named, rules::judge, survey, walk::walk, Entry, Identity, Walked};
use crate::{image::Image, registry::Registry};

/// Mutants of each stream.
const MUTANTS: usize = 1000;

fn taken_apart(identity: &Identity<'_>, bytes: &[u8]) -> Walked {
    let walked = walk(identity, Image::memory(bytes)).unwrap();
    let tally = walked.tally;
    let sum = tally.documented + tally.opaque + tally.unknown;
    assert_eq!(sum, bytes.len() as u64, "{}: {bytes:02x?}", identity.name());
    judge(identity, &walked, Some(&walked));
    // Without nodes the same is found.
    let quick = survey(identity, Image::memory(bytes)).unwrap();
    assert!(quick.nodes.is_empty());
    let found = |walked: &Walked| format!("{:?} {:?}", walked.tally, walked.damage);
    assert_eq!(found(&quick), found(&walked), "{}", identity.name());
    walked
}

/// A generator that is the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end.max(1)
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.below(256) as u8),
            2 => bytes.extend_from_within(at..),
            3 => {
                let end = bytes.len().min(at + 8);
                bytes[at..end].fill(0xff);
            }
            4 => {
                let end = bytes.len().min(at + 4);
                bytes[at..end].fill(0);
            }
            _ => bytes[at..]
                .iter_mut()
                .take(1)
                .for_each(|byte| *byte ^= 1 << random.below(8)),
        }
        if bytes.is_empty() {
            break;
        }
    }
}

#[test]
fn mutants() {
    let registry = Registry::open(None).unwrap();
    let mut random = Random(0x5eed);
    for (name, stream) in streams::all() {
        let identity = named(&registry.foreign, name, &stream).unwrap();
        assert!(taken_apart(&identity, &stream).damage.is_empty(), "{name}");
        for _ in 0..MUTANTS {
            let mut bytes = stream.clone();
            mutate(&mut bytes, &mut random);
            let other = named(&registry.foreign, name, &bytes).unwrap();
            taken_apart(&other, &bytes);
        }
        // In the format of every other driver, it is just bytes.
        for entry in &registry.foreign {
            for format in &entry.formats {
                let other = format!("{}/{}", entry.name, format.name);
                taken_apart(&named(&registry.foreign, &other, &stream).unwrap(), &stream);
            }
        }
    }
}

#[test]
fn too_many_values() {
    let registry = Registry::open(None).unwrap();
    let start = Instant::now();
    for (name, record) in [
        ("mlx5/records", streams::record(1, 9, &[])),
        (
            "virtio/records",
            streams::record(0, 0, &streams::part(0x103, 0, 0, &[1])),
        ),
        ("xe/packets", streams::packet(9, &[])),
    ] {
        let bytes = record.repeat((16 << 20) / record.len());
        let identity = named(&registry.foreign, name, &bytes).unwrap();
        let walked = taken_apart(&identity, &bytes);
        let what = walked.damage.first().unwrap().to_string();
        assert!(what.contains("values: the rest is not decoded"), "{what}");
        assert!(walked.tally.unknown > 1 << 10);
    }
    assert!(start.elapsed() < Duration::from_secs(300));
}

/// The registry may be hostile as well: records that are in themselves.
#[test]
fn too_deep() {
    let entry = r#"{
        "name": "deep", "title": "", "doc": "", "module": "", "driver": "", "source": "",
        "status": "sample", "release": "", "checks": [], "ids": {"evidence": []}, "offered": [],
        "features": [], "properties": [], "releases": [],
        "formats": [{
            "name": "deep", "doc": "", "evidence": [],
            "recognise": {"certainty": "none", "doc": ""},
            "stream": [{"name": "a", "content": "records r", "count": "rest", "doc": ""}]
        }],
        "records": [{
            "name": "r", "doc": "", "header": "h", "length": {"field": "l", "times": 255},
            "payloads": [{"name": "b", "content": "records r", "count": "rest", "doc": ""}],
            "evidence": []
        }],
        "structures": [{
            "name": "h", "doc": "", "length": 1,
            "fields": [{"name": "l", "offset": 0, "type": "u8"}], "evidence": []
        }]
    }"#;
    let entries: [Entry; 1] = [serde_json::from_str(entry).unwrap()];
    let identity = named(&entries, "deep/deep", &[]).unwrap();
    let walked = taken_apart(&identity, &[0xff; 100_000]);
    let damage: Vec<_> = walked.damage.iter().map(ToString::to_string).collect();
    assert!(
        damage
            .iter()
            .any(|what| what.contains("records in records")),
        "{damage:?}"
    );
}

/// What is not decoded cannot be compared, and does not pass for what was.
#[test]
fn too_many_to_compare() {
    let entry = r#"{
        "name": "many", "title": "", "doc": "", "module": "", "driver": "", "source": "",
        "status": "sample", "release": "", "ids": {"evidence": []}, "offered": [],
        "features": [], "properties": [], "releases": [], "records": [], "structures": [],
        "checks": [{
            "name": "zero", "doc": "", "errno": "EINVAL", "at": "write", "then": "writes-fail",
            "rules": [{"of": "a", "one-of": [0]}], "evidence": []
        }],
        "formats": [{
            "name": "many", "doc": "", "evidence": [],
            "recognise": {"certainty": "none", "doc": ""},
            "stream": [{"name": "a", "content": "le64", "count": "rest", "doc": ""}]
        }]
    }"#;
    let entries: [Entry; 1] = [serde_json::from_str(entry).unwrap()];
    let identity = named(&entries, "many/many", &[]).unwrap();
    assert!(taken_apart(&identity, &[0; 1 << 16]).damage.is_empty());
    let walked = taken_apart(&identity, &vec![0; (16 << 20) + 8]);
    let what = walked.damage.first().unwrap().to_string();
    assert!(what.contains("too many values to be compared"), "{what}");
}
