// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The golden vectors: what a published version has written is read for ever, and written again to
//! the byte for a target of that version.
//!
//! `selftests/vectors/PROFILE/vN-*.vmf` are good streams of version N; those in `refused/` are each
//! wrong in one way, and `refused/MANIFEST.json` tells errno, offset and reason of the newest reader.
//! `tests/common/corpus.rs` says what is in them. `VMF_BLESS=1` rewrites them all: only for new ones,
//! or before a version is published. In the lab, which clears the environment, that is
//! `run.sh cargo vmf --config 'env.VMF_BLESS="1"' test --offline --test vectors`.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::corpus::{self, directory, good, refused};
use common::{caps_of, feed, read_as, refused_as, written_as, Log};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use vmf::profile::igbvf_82576::PROFILE;
use vmf::Code;

/// Compares with what is committed, or commits.
fn compare(path: &Path, bytes: &[u8]) {
    if std::env::var_os("VMF_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if fs::read(path).ok().as_deref() != Some(bytes) {
            fs::write(path, bytes).unwrap();
        }
    }
    let committed = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(committed, bytes, "{}", path.display());
}

/// Requires that there are no other streams than these.
fn complete(directory: &Path, names: &BTreeSet<String>) {
    let found: BTreeSet<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".vmf"))
        .collect();
    assert_eq!(&found, names);
}

#[test]
fn litmus_1_good_vectors_load_in_the_newest_reader() {
    let directory = directory();
    let mut names = BTreeSet::new();
    let mut versions = BTreeSet::new();
    for good in good() {
        let name = format!("{}.vmf", good.name);
        compare(&directory.join(&name), &good.bytes());
        let bytes = fs::read(directory.join(&name)).unwrap();
        assert!(name.starts_with(&format!("v{}-", good.version)));
        for version in good.version..=PROFILE.newest() {
            let caps = caps_of(version);
            let outcome = feed(caps, caps.buffer_len(), Log::default(), bytes.chunks(100));
            assert_eq!(outcome.result, Ok(()), "{name}");
            let state = outcome.log.loader.state().unwrap();
            assert_eq!(state, &good.state, "{name}");
            // Litmus 18, and 4: as the target says.
            assert_eq!(written_as(good.version, state, corpus::PROVIDER), bytes);
        }
        names.insert(name);
        versions.insert(good.version);
    }
    complete(&directory, &names);
    let all: BTreeSet<_> = PROFILE.versions.iter().map(|v| v.version).collect();
    assert_eq!(versions, all, "a published version without golden vectors");
}

#[test]
fn refused_vectors_are_refused_as_the_manifest_says() {
    let directory = directory().join("refused");
    let mut names = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for refused in refused() {
        let name = format!("{}.vmf", refused.name);
        let error = refused_as(caps_of(PROFILE.newest()), &refused.bytes);
        let got = (error.code, error.reason, error.offset);
        let want = (refused.code, refused.reason, refused.offset);
        assert_eq!(got, want, "{name}: {error}");
        compare(&directory.join(&name), &refused.bytes);
        codes.insert(error.code.name());
        assert!(names.insert(name), "{}", refused.name);
    }
    compare(
        &directory.join("MANIFEST.json"),
        corpus::manifest().as_bytes(),
    );
    complete(&directory, &names);
    assert!(names.len() >= 25);
    // All but what only a device raises.
    for code in Code::ALL {
        assert_eq!(codes.contains(code.name()), code != Code::Io, "{code}");
    }
}

#[test]
fn fields_of_the_vectors_are_in_use() {
    let find = |name| good().into_iter().find(|good| good.name == name).unwrap();
    assert_eq!(find("v1-reset").state, Default::default());
    assert_eq!(find("v2-reset").state, Default::default());
    let state = find("v1-running").state;
    let zeros = |bytes: &[u8], from| bytes[from..].iter().all(|&byte| byte == 0);
    for queue in state.rx_queue {
        // Words, but for the reserved last one, and what only queue 0 has.
        let bytes = queue.encode();
        assert_eq!(bytes[..32].chunks(4).filter(|w| zeros(w, 0)).count(), 0);
    }
    for queue in state.tx_queue {
        let bytes = queue.encode();
        assert_eq!(bytes[..36].chunks(4).filter(|w| zeros(w, 0)).count(), 0);
    }
    assert!(state.mailbox.request.iter().all(|&word| word != 0));
    assert!(state.filters.multicast.iter().all(|&hash| hash != 0));
    assert_eq!(state.filters.flags, 15);
    assert!(!zeros(&state.filters.vlans, 0));
    assert_eq!(
        read_as(caps_of(1), &find("v1-running").bytes()).result,
        Ok(())
    );
}
