// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The worked example of `Documentation/driver-api/adding-a-section.rst`, taken out of the document
//! and built: a registry with the section, a codec generated from it, and the example's own test.

#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const DOCUMENT: &str = include_str!("../../../Documentation/driver-api/adding-a-section.rst");

/// What the document leaves out of its test: a stream from one version of the driver to another.
const AROUND: &str = "
use vmf::profile::igbvf_82576::{Drops, Loader, State, PROFILE};
use vmf::{Crc32c, Reader, Writer};

fn through(state: &State, from: u32, to: u32) -> State {
    let crc = Crc32c::new(crc32c::crc32c_append);
    let caps = |version| PROFILE.capabilities(version, PROFILE.presented(0, 0, 1)).unwrap();
    let mut buf = [0; 4096];
    let mut writer = Writer::new(&mut buf, crc).unwrap();
    writer.descriptor(&caps(from).fields()).unwrap();
    state.write(from, &mut writer).unwrap();
    let len = writer.end().unwrap();
    let mut loader = Loader::default();
    let mut reader = Reader::new(caps(to), crc, vec![0; caps(to).buffer_len()]);
    reader.feed(&buf[..len], &mut loader).unwrap();
    *loader.state().unwrap()
}
";

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the code block of the document that has this name.
fn block(name: &str) -> String {
    let mark = format!("\n   :name: {name}\n\n");
    let (_, rest) = DOCUMENT.split_once(&mark).unwrap();
    let lines = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("   "));
    let text: String = lines
        .map(|line| line.get(3..).unwrap_or("").to_owned() + "\n")
        .collect();
    text.trim_end().to_owned() + "\n"
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, name) = (
            entry.as_ref().unwrap().path(),
            entry.as_ref().unwrap().file_name(),
        );
        match entry.is_dir() {
            true if name == "target" || name == "tests" || name == "examples" => {}
            true => copy(&entry, &to.join(name)),
            false => drop(fs::copy(&entry, to.join(name)).unwrap()),
        }
    }
}

#[test]
fn the_example_of_the_document_works() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("adding-a-section");
    let _ = fs::remove_dir_all(&root);
    copy(
        &top().join("Documentation/registry"),
        &root.join("Documentation/registry"),
    );
    copy(&top().join("rust/vmf"), &root.join("rust/vmf"));

    // The edits of the registry.
    let path = root.join("Documentation/registry/registry.yaml");
    let yaml = fs::read_to_string(&path).unwrap();
    // Another addition may have brought it there already.
    let edited = yaml.replacen("revision: 1\n", &block("revision"), 1);
    assert!(edited.contains(&block("revision")), "{edited}");
    fs::write(&path, edited).unwrap();
    let path = root.join("Documentation/registry/profiles/vf.net.igbvf-82576.yaml");
    let yaml = fs::read_to_string(&path).unwrap();
    let yaml = yaml.replacen(
        "\n\nfeatures:",
        &format!("\n{}\nfeatures:", block("version")),
        1,
    );
    let yaml = yaml.replacen("\nquirks:", &format!("{}\nquirks:", block("section")), 1);
    let register = yaml.lines().find(|line| line.contains("{name: RQDPC,"));
    let yaml = yaml.replacen(&format!("{}\n", register.unwrap()), &block("register"), 1);
    fs::write(&path, yaml).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_vmfgen"))
        .arg("--root")
        .arg(&root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    // The two lines of the driver, and the test.
    let tests = root.join("rust/vmf/tests");
    fs::create_dir_all(&tests).unwrap();
    let test = [AROUND, &block("mapping"), &block("test")].concat();
    fs::write(tests.join("example.rs"), test).unwrap();
    let output = Command::new(env!("CARGO"))
        .args([
            "test",
            "--quiet",
            "--offline",
            "--test",
            "example",
            "--manifest-path",
        ])
        .arg(root.join("rust/vmf/Cargo.toml"))
        .arg("--target-dir")
        .arg(root.join("target"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("1 passed"), "{said}");

    // The section is in the document, the header and the export as well.
    for (file, text) in [
        (
            "Documentation/userspace-api/vmf-tables/profile-igbvf-82576.rst",
            "drops: ``rqdpc``",
        ),
        ("include/uapi/linux/vmf.h", "struct vmf_igbvf_82576_drops"),
        ("Documentation/registry/registry.json", "\"drops\""),
    ] {
        assert!(
            fs::read_to_string(root.join(file)).unwrap().contains(text),
            "{file}"
        );
    }
    fs::remove_dir_all(&root).unwrap();
}
