// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! How fast the codec is, against memcpy of the same bytes in the same process; what framing costs
//! in bytes; and whether the reader allocates. Prints a table, and JSON with `--json FILE`.
//!
//! What depends on the machine is only reported. That the reader allocates, or that framing takes
//! more than it may, is a failure.

mod alloc;
mod report;

use std::{env, hint::black_box, process::ExitCode, time::Instant};

use vmf::profile::igbvf_82576::{State, PROFILE};
use vmf::{
    Capabilities, Crc32c, DescriptorFields, Limits, Reader, Refusal, Section, SectionSpec, Visitor,
    Writer, FLAG_CONT, FLAG_CRITICAL,
};

use report::{Framing, Report, Row};

const MIB: usize = 1 << 20;
/// The largest payload of a section, and how many make the state.
const FRAGMENT: usize = MIB;
const FRAGMENTS: usize = 16;
const KIND: u32 = 0x10001;
/// How often everything is measured, in turn.
const RUNS: usize = 31;

/// CRC32C in hardware, with and without the function that combines two values.
const PLAIN: Crc32c = Crc32c::new(crc32c::crc32c_append);
const COMBINED: Crc32c = PLAIN.with_combine(crc32c::crc32c_combine);

const SECTIONS: &[SectionSpec] = &[SectionSpec {
    kind: KIND,
    schema: 1,
    min_reader: 1,
    flags: FLAG_CRITICAL,
    instances: 1,
    len_max: (FRAGMENT * FRAGMENTS) as u32,
    introduced: 1,
    feature: None,
    omit_if_zero: false,
    name: "memory",
}];

/// A profile with one large section.
fn capabilities() -> Capabilities {
    let presented = PROFILE.presented(0x1af4, 0x1100, 1);
    let igbvf = PROFILE.capabilities(1, presented).expect("version 1");
    Capabilities {
        profile_uuid: [7; 16],
        profile_name: "bench",
        limits: Limits::new(&[]),
        sections: SECTIONS,
        stream_max: (2 * FRAGMENT * FRAGMENTS) as u64,
        ..igbvf
    }
}

/// Looks at what it is given.
#[derive(Default)]
struct Look {
    sections: usize,
    bytes: usize,
}

impl Visitor for Look {
    fn section(&mut self, section: &Section<'_>) -> Result<(), Refusal> {
        self.sections += 1;
        self.bytes += black_box(section.payload).len();
        Ok(())
    }
}

fn encode(crc: Crc32c, state: &[u8], out: &mut [u8]) -> Result<usize, Refusal> {
    let caps = capabilities();
    let mut writer = Writer::new(out, crc)?;
    writer.descriptor(&caps.fields())?;
    let fragments = state.chunks(FRAGMENT);
    let last = fragments.len() - 1;
    for (at, fragment) in fragments.enumerate() {
        let cont = if at == last { 0 } else { FLAG_CONT };
        writer.section(KIND, 1, FLAG_CRITICAL | cont, 0, fragment)?;
    }
    writer.end()
}

fn decode(crc: Crc32c, stream: &[u8], piece: usize, buf: &mut [u8]) -> Look {
    let mut reader = Reader::new(capabilities(), crc, buf);
    let mut look = Look::default();
    for piece in stream.chunks(piece) {
        reader.feed(piece, &mut look).expect("a good stream");
    }
    reader.finish().expect("a good stream");
    look
}

/// What framing adds to the payloads of a stream of `version`, with all that it can carry.
fn framing(version: u32) -> Framing {
    let presented = PROFILE.presented(0x1af4, 0x1100, 1);
    let caps = PROFILE.capabilities(version, presented);
    let caps = caps.expect("a version of the profile");
    let mut state = State::default();
    if version == PROFILE.newest() {
        state.statistics.gprc = 1;
        state.unicast.count = 1;
        state.unicast.addresses[0] = 2;
    }
    let (required, optional) = PROFILE.split(version, &state.features());
    let fields = DescriptorFields {
        required,
        optional,
        ..caps.fields()
    };
    let mut out = [0; 8192];
    let mut writer = Writer::new(&mut out, PLAIN).expect("room");
    writer.descriptor(&fields).expect("room");
    state.write(version, &mut writer).expect("a valid state");
    let total = writer.end().expect("room");

    let mut look = Look::default();
    let mut reader = Reader::new(caps, PLAIN, vec![0; caps.buffer_len()]);
    reader.feed(&out[..total], &mut look).expect("good");
    Framing {
        profile: PROFILE.name,
        version,
        total,
        overhead: total - look.bytes,
    }
}

/// Something to measure.
type Work<'a> = (&'static str, Option<f64>, Box<dyn FnMut() + 'a>);

/// Measures everything `RUNS` times, in turn, so that all see the same machine.
fn measure(work: &mut [Work<'_>]) -> Vec<Row> {
    let mut times = vec![Vec::with_capacity(RUNS); work.len()];
    for run in 0..=RUNS {
        for ((_, _, job), times) in work.iter_mut().zip(&mut times) {
            let start = Instant::now();
            job();
            let elapsed = start.elapsed().as_secs_f64();
            // The first one pays for page faults.
            if run > 0 {
                times.push(elapsed);
            }
        }
    }
    let memcpy = times[0].clone();
    let rows = work.iter().zip(times);
    rows.map(|((name, target, _), times)| {
        let ratios = memcpy.iter().zip(&times).map(|(base, time)| base / time);
        Row {
            name,
            mib_per_s: (FRAGMENT * FRAGMENTS / MIB) as f64 / median(times.clone()),
            ratio: median(ratios.collect()),
            target: *target,
        }
    })
    .collect()
}

fn median(mut list: Vec<f64>) -> f64 {
    list.sort_by(f64::total_cmp);
    list[list.len() / 2]
}

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let json = match (args.next().as_deref(), args.next()) {
        (None, _) => None,
        (Some("--json"), Some(file)) => Some(file),
        _ => {
            eprintln!("usage: vmf-bench [--json FILE]");
            return ExitCode::from(2);
        }
    };

    // No two words are the same; nothing here depends on what they are.
    let words =
        (0..(FRAGMENT * FRAGMENTS / 8) as u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let state: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    let mut copy = vec![0xa5; state.len()];
    let mut out = vec![0xa5; state.len() + 8192];
    let mut plain = out.clone();
    let len = encode(COMBINED, &state, &mut out).expect("room");
    let stream = out[..len].to_vec();
    let mut buf = vec![0xa5; capabilities().buffer_len()];
    let mut second = buf.clone();

    let before = alloc::count();
    let look = decode(COMBINED, &stream, 4096, &mut buf);
    let allocations = alloc::count() - before;
    assert_eq!((look.sections, look.bytes), (FRAGMENTS, state.len()));

    let goal = Some(report::RATIO_TARGET);
    let mut work: Vec<Work<'_>> = vec![
        (
            "memcpy",
            None,
            Box::new(|| black_box(&mut copy[..]).copy_from_slice(black_box(&state))),
        ),
        (
            "crc32c alone",
            None,
            Box::new(|| {
                black_box(crc32c::crc32c(black_box(&state)));
            }),
        ),
        (
            "encode",
            goal,
            Box::new(|| {
                encode(COMBINED, black_box(&state), &mut out).expect("room");
            }),
        ),
        (
            "encode, stream CRC not combined",
            None,
            Box::new(|| {
                encode(PLAIN, black_box(&state), &mut plain).expect("room");
            }),
        ),
        (
            "decode, pieces of 1 MiB",
            goal,
            Box::new(|| {
                decode(COMBINED, black_box(&stream), MIB, &mut buf);
            }),
        ),
        (
            "decode, pieces of 4 KiB",
            None,
            Box::new(|| {
                decode(COMBINED, black_box(&stream), 4096, &mut second);
            }),
        ),
    ];
    let report = Report {
        what: format!(
            "{} MiB of state in {FRAGMENTS} fragments, median of {RUNS} runs",
            FRAGMENT * FRAGMENTS / MIB
        ),
        rows: measure(&mut work),
        framing: (1..=PROFILE.newest()).map(framing).collect(),
        allocations,
        sections: look.sections + 2,
    };
    print!("{}", report.table());
    if let Some(file) = json {
        if let Err(error) = std::fs::write(&file, report.json()) {
            eprintln!("cannot write {file}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::from(u8::from(!report.sound()))
}
