// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! See `vmf_fuzz::model`.

#![no_main]

libfuzzer_sys::fuzz_target!(
    init: vmf_fuzz::seeds::write_and_exit("model"),
    |data: &[u8]| vmf_fuzz::model(data)
);
