// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Makes damaged streams, to compare this reader with others.
//!
//! `cargo run --example mutants -- COUNT SEED OUTDIR|-` writes COUNT streams to `OUTDIR/mutants.bin`
//! or to standard output, each as its length, a little-endian `u32`, and its bytes. They are made of
//! the golden vectors, and depend on these and SEED only.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{corpus, mutate, Prng};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

fn emit(count: usize, seed: u64, out: &mut dyn Write) -> io::Result<()> {
    let directory = corpus::directory();
    let read = |name: &str| fs::read(directory.join(name).with_extension("vmf"));
    let names = corpus::good().into_iter().map(|good| good.name);
    let seeds = names.map(read).collect::<Result<Vec<_>, _>>()?;
    let mut prng = Prng::new(seed);
    for good in seeds.iter().cycle().take(count) {
        let bytes = mutate(&mut prng, good);
        let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        out.write_all(&len.to_le_bytes())?;
        out.write_all(&bytes)?;
    }
    out.flush()
}

fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let usage = || io::Error::other("usage: mutants COUNT SEED OUTDIR|-");
    let [count, seed, to] = arguments.as_slice() else {
        return Err(usage());
    };
    let count = count.parse().map_err(|_| usage())?;
    let seed = seed.parse().map_err(|_| usage())?;
    if to == "-" {
        return emit(count, seed, &mut BufWriter::new(io::stdout().lock()));
    }
    fs::create_dir_all(to)?;
    let file = File::create(Path::new(to).join("mutants.bin"))?;
    emit(count, seed, &mut BufWriter::new(file))
}
