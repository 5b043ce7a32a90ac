// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! See `vmf_fuzz::structured`.

#![no_main]

libfuzzer_sys::fuzz_target!(
    init: vmf_fuzz::seeds::write_and_exit("structured"),
    |data: &[u8]| vmf_fuzz::structured(data)
);
