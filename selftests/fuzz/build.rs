// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Builds the reader in C, with which that of `rust/vmf` is compared.

fn main() {
    println!("cargo::rerun-if-changed=src/c_reader.c");
    println!("cargo::rerun-if-changed=../../include");
    cc::Build::new()
        .file("src/c_reader.c")
        .include("../../include")
        .include("../../include/uapi")
        .flag("-fsanitize=undefined")
        // A trap is an abort, and needs no library.
        .flag("-fsanitize-undefined-trap-on-error")
        .warnings_into_errors(true)
        .compile("c_reader");
}
