// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The tool against `selftests/vmf_reader.py`, which was written from the document alone.

#![allow(missing_docs, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::arithmetic_side_effects, clippy::panic)]

mod common;

use common::{dir, vmfctl, write};
use serde_json::{Deserializer, Value as Json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const MUTANTS: usize = 10_000;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs the second reader and returns what it prints; a refusal is no failure of it.
fn reader(arguments: &[&str]) -> String {
    let output = Command::new("python3")
        .arg("-B")
        .arg(top().join("selftests/vmf_reader.py"))
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() <= Some(1), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The golden vectors of the profile that the second reader knows.
fn vectors() -> Vec<PathBuf> {
    let directory = top().join("selftests/vectors/vf.net.igbvf-82576");
    let mut all: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "vmf"))
        .collect();
    all.sort();
    assert!(all.len() >= 6);
    all
}

/// What the document calls the JSON form: without members for people.
fn plain(json: Json) -> Json {
    match json {
        Json::Object(map) => map
            .into_iter()
            .filter(|(key, _)| {
                !["names", "unit", "meaning", "note", "registry"].contains(&key.as_str())
            })
            .map(|(key, value)| (key, plain(value)))
            .collect(),
        Json::Array(list) => list.into_iter().map(plain).collect(),
        other => other,
    }
}

/// Both decode a golden vector to the JSON that is kept beside it; with `VMF_BLESS` it is written.
#[test]
fn vectors_decode_alike() {
    for file in vectors() {
        let name = file.to_str().unwrap();
        let tool = plain(vmfctl(&["decode", "--json", name]).json());
        let second: Json = serde_json::from_str(&reader(&["decode", name])).unwrap();
        assert_eq!(second, tool, "{name}");
        let kept = file.with_extension("json");
        let text = serde_json::to_string_pretty(&tool).unwrap() + "\n";
        if std::env::var_os("VMF_BLESS").is_some() {
            fs::write(&kept, &text).unwrap();
        }
        assert_eq!(fs::read_to_string(&kept).unwrap(), text, "{name}");
        // And the JSON is the stream.
        let encoded = vmfctl(&["encode", kept.to_str().unwrap()]);
        assert_eq!(encoded.bytes, fs::read(&file).unwrap(), "{name}");
    }
}

/// The verdict of the tool on each file, in the words of the second reader.
fn verdicts(files: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for files in files.chunks(1000) {
        let mut arguments = vec!["verify", "--json"];
        arguments.extend(files.iter().map(String::as_str));
        let said = vmfctl(&arguments);
        let documents = Deserializer::from_str(&said.out).into_iter::<Json>();
        all.extend(documents.map(|document| match &document.unwrap()["error"] {
            Json::Null => "ok".to_string(),
            error => format!("{} {}", error["error"].as_str().unwrap(), error["offset"]),
        }));
    }
    all
}

#[test]
fn refused_vectors_are_refused_alike() {
    let directory = top().join("selftests/vectors/vf.net.igbvf-82576/refused");
    let manifest = fs::read_to_string(directory.join("MANIFEST.json")).unwrap();
    let manifest: Json = serde_json::from_str(&manifest).unwrap();
    let manifest = manifest.as_object().unwrap();
    assert!(manifest.len() >= 25);
    let files: Vec<String> = manifest
        .keys()
        .map(|name| directory.join(name).to_str().unwrap().to_string())
        .collect();
    let want: Vec<String> = manifest
        .values()
        .map(|entry| format!("{} {}", entry["errno"].as_str().unwrap(), entry["offset"]))
        .collect();
    assert_eq!(verdicts(&files), want);
    let mut arguments = vec!["verify"];
    arguments.extend(files.iter().map(String::as_str));
    let said = reader(&arguments);
    let said: Vec<_> = said.lines().map(|line| line.rsplit(": ").next()).collect();
    let want: Vec<_> = want.iter().map(|want| Some(want.as_str())).collect();
    assert_eq!(said, want);
}

/// Streams with damage, in half of them with CRCs that are right again.
#[test]
fn mutants_are_judged_alike() {
    let dir = dir("mutants");
    let target = dir.join("target");
    let status = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--locked", "--target-dir"])
        .arg(&target)
        .arg("--manifest-path")
        .arg(top().join("rust/vmf/Cargo.toml"))
        .args(["--example", "mutants", "--", &MUTANTS.to_string(), "1"])
        .arg(&dir)
        .status();
    assert!(status.unwrap().success());
    let all = dir.join("mutants.bin");
    let bytes = fs::read(&all).unwrap();
    let mut rest = &bytes[..];
    let mut files = Vec::new();
    while let Some((len, tail)) = rest.split_first_chunk() {
        let (stream, tail) = tail.split_at(u32::from_le_bytes(*len).try_into().unwrap());
        files.push(write(&dir, &files.len().to_string(), stream));
        rest = tail;
    }
    assert_eq!(files.len(), MUTANTS);
    let tool = verdicts(&files);
    let second = reader(&["verify", "--mutants", all.to_str().unwrap()]);
    let second: Vec<_> = second.lines().collect();
    assert_eq!((tool.len(), second.len()), (MUTANTS, MUTANTS));
    for (at, (tool, second)) in tool.iter().zip(second).enumerate() {
        assert_eq!(tool, second, "stream {at} of {}", all.display());
    }
    let accepted = tool.iter().filter(|verdict| *verdict == "ok").count();
    let mut kinds: Vec<_> = tool.iter().map(|v| v.split(' ').next().unwrap()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert!(accepted > 0 && kinds.len() > 8, "{kinds:?}");
    println!("{MUTANTS} mutants: {accepted} accepted, the same verdict on all; {kinds:?}");
    fs::remove_dir_all(&dir).unwrap();
}
