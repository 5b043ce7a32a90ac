// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Inputs to start from: golden streams where there are some, else what the codec writes.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
};

use crate::codec::Profile;

/// With `VMF_SEEDS` in the environment, writes the seeds of a target to the folder that it names
/// and ends the process. Takes golden streams from the folder that `VMF_VECTORS` names.
pub fn write_and_exit(target: &str) {
    let Some(to) = env::var_os("VMF_SEEDS").map(PathBuf::from) else {
        return;
    };
    let mut streams = Vec::new();
    if let Some(from) = env::var_os("VMF_VECTORS") {
        collect(Path::new(&from), &mut streams);
    }
    streams.extend(Profile::ALL.map(Profile::good));
    let seeds: Vec<_> = match target {
        "reader" => streams,
        "check" => streams.iter().filter_map(|bytes| payload(bytes)).collect(),
        // These make up their own; no bytes stand for no edits.
        _ => vec![Vec::new()],
    };
    fs::create_dir_all(&to).expect("cannot make the folder for seeds");
    for (n, seed) in seeds.iter().enumerate() {
        fs::write(to.join(format!("seed-{n:03}")), seed).expect("cannot write a seed");
    }
    process::exit(0);
}

/// Collects the streams in a folder and below.
fn collect(folder: &Path, streams: &mut Vec<Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, streams);
        } else if path.extension().is_some_and(|name| name == "vmf") {
            streams.extend(fs::read(&path));
        }
    }
}

/// Returns the payload of the first section behind an ordinary file header, whatever it is.
fn payload(bytes: &[u8]) -> Option<Vec<u8>> {
    let length = u32::from_le_bytes(bytes.get(48..52)?.try_into().ok()?);
    let payload = bytes.get(64..)?.get(..usize::try_from(length).ok()?)?;
    Some(payload.to_vec())
}
