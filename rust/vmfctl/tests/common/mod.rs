// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Helpers of the tests: streams made by the codec, a directory for files, and the tool itself.

#![allow(dead_code, unreachable_pub, missing_docs)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value as Json;
use vmf::{
    profile::igbvf_82576::{State, PROFILE},
    registry::{KIND_DESCRIPTOR, KIND_END},
    Crc32c, FileHeader, SectionHeader, Writer, FLAG_CRITICAL,
};

pub const NAME: &str = "vf.net.igbvf-82576";

pub fn crc() -> Crc32c {
    Crc32c::new(crc32c::crc32c_append)
}

/// A directory of one test, empty at first.
pub fn dir(test: &str) -> PathBuf {
    // Other crates may use the same target directory.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("vmfctl")
        .join(test);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// What the tool said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub bytes: Vec<u8>,
}

impl Said {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    #[track_caller]
    pub fn has(&self, text: &str) {
        let found = self.out.contains(text) || self.err.contains(text);
        assert!(found, "no {text:?} in:\n{}{}", self.out, self.err);
    }
}

/// Runs the tool; whatever it does, it must not use colours, as no terminal is there.
pub fn vmfctl(args: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_vmfctl"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into(),
        err: String::from_utf8_lossy(&output.stderr).into(),
        bytes: output.stdout,
    };
    let binary = args.first() == Some(&"encode");
    assert!(binary || !said.out.contains('\u{1b}'));
    assert!(!said.err.contains('\u{1b}'));
    said
}

pub fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_string()
}

/// A state with something in every section.
pub fn state() -> State {
    let mut state = State::default();
    for queue in &mut state.rx_queue {
        queue.rdba = 0x1_2345_6000;
        queue.rdlen = 0x1000;
        queue.rdh = 3;
        queue.rdt = 200;
        queue.rxdctl = 1 << 25;
    }
    state.tx_queue[0].tdba = 0xffff_ffff_ffff_ffe0;
    state.interrupts.eims = 7;
    state.interrupts.eitr = [1, 2, 0xffff];
    state.mailbox.vmbmem[0] = 0x6001_0002;
    state.statistics.gprc = 77;
    state
}

/// A stream of `state` at a version.
pub fn stream_of(version: u32, state: &State) -> Vec<u8> {
    let caps = capabilities(version);
    let mut buf = vec![0; 1 << 16];
    let mut writer = Writer::new(&mut buf, crc()).unwrap();
    let mut fields = caps.fields();
    // The profile has no optional features.
    fields.required = state.features();
    writer.descriptor(&fields).unwrap();
    state.write(version, &mut writer).unwrap();
    let len = writer.end().unwrap();
    buf.truncate(len);
    buf
}

pub fn capabilities(version: u32) -> vmf::Capabilities {
    let presented = PROFILE.presented(0x1af4, 0x1100, 1);
    PROFILE.capabilities(version, presented).unwrap()
}

/// A stream of the newest version.
pub fn stream() -> Vec<u8> {
    stream_of(2, &state())
}

/// File header and DESCRIPTOR of a device with these capabilities.
pub fn descriptor(edit: impl FnOnce(&mut vmf::Capabilities)) -> Vec<u8> {
    descriptor_showing(edit, &[])
}

/// The same of one that states configuration space.
pub fn descriptor_showing(
    edit: impl FnOnce(&mut vmf::Capabilities),
    config: &[vmf::ConfigWord],
) -> Vec<u8> {
    let mut caps = capabilities(2);
    edit(&mut caps);
    let mut buf = vec![0; 4096];
    let mut writer = Writer::new(&mut buf, crc()).unwrap();
    let fields = vmf::DescriptorFields {
        config,
        ..caps.fields()
    };
    writer.descriptor(&fields).unwrap();
    let len = writer.len();
    buf.truncate(len);
    buf
}

/// A section to assemble; its CRCs are right.
pub struct Raw {
    pub kind: u32,
    pub schema: u16,
    pub flags: u16,
    pub instance: u32,
    pub payload: Vec<u8>,
}

pub fn raw(kind: u32, instance: u32, payload: &[u8]) -> Raw {
    Raw {
        kind,
        schema: 1,
        flags: FLAG_CRITICAL,
        instance,
        payload: payload.to_vec(),
    }
}

/// A stream of any sections, behind a file header with `extra` bytes more; END is added.
pub fn assemble(extra: &[u8], sections: &[Raw]) -> Vec<u8> {
    let mut header = FileHeader::CURRENT;
    header.header_len = 32 + extra.len() as u32;
    let mut out = header.encode().to_vec();
    out.extend(extra);
    header.crc = crc32c::crc32c(&out);
    out[..32].copy_from_slice(&header.encode());
    let generations = sections
        .iter()
        .filter(|section| section.kind == KIND_DESCRIPTOR)
        .count();
    for (seq, section) in (0..).zip(sections) {
        push(&mut out, seq, section);
    }
    let end = vmf::End {
        sections: sections.len() as u32 + 1,
        generation: generations.max(1) as u32 - 1,
        total: out.len() as u64 + 56,
        stream_crc: crc32c::crc32c(&out),
    };
    push(
        &mut out,
        sections.len() as u32,
        &raw(KIND_END, 0, &end.encode()),
    );
    out
}

fn push(out: &mut Vec<u8>, seq: u32, section: &Raw) {
    let mut body = section.payload.clone();
    body.resize(vmf::padded(body.len()), 0);
    let header = SectionHeader {
        kind: section.kind,
        schema: section.schema,
        flags: section.flags,
        instance: section.instance,
        seq,
        length: section.payload.len() as u64,
        payload_crc: crc32c::crc32c(&body),
        header_crc: 0,
    };
    out.extend(header.seal(crc()));
    out.extend(body);
}

/// The payload of DESCRIPTOR in `preamble`.
pub fn payload_of(preamble: &[u8]) -> &[u8] {
    let length = u64::from_le_bytes(preamble[48..56].try_into().unwrap());
    &preamble[64..64 + length as usize]
}

/// A copy of sysfs with one device, by BDF or UUID, whose driver describes its format.
pub fn sysfs(root: &Path, address: &str, descriptor: &[u8], queues: u32) {
    let bus = if address.contains('-') { "mdev" } else { "pci" };
    let dir = format!("bus/{bus}/devices/{address}/migration_format");
    for (name, value) in [
        ("container_version", "1.0".to_string()),
        ("profile", NAME.into()),
        (
            "profile_uuid",
            "58bc0add-fe7f-40a8-a167-bafa521ab699".into(),
        ),
        ("profile_version", "2".into()),
        ("profile_floor", "1".into()),
        ("min_reader", "1".into()),
        ("features", "0x1".into()),
        ("subsystem_rule", "any".into()),
        ("limit_rx-queues", queues.to_string()),
        ("limit_tx-queues", queues.to_string()),
        ("limit_msix-vectors", "3".into()),
        ("stream_max", "65536".into()),
        ("registry_revision", "1".into()),
        ("target_profile_version", "2".into()),
    ] {
        write(root, &format!("{dir}/{name}"), format!("{value}\n"));
    }
    write(root, &format!("{dir}/descriptor"), descriptor);
    write(root, &format!("{dir}/check"), "");
}
