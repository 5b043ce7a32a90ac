// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A progress bar for long streams, on a terminal only.

use std::io::Read;

use indicatif::{ProgressBar, ProgressStyle};

/// Streams that are shorter take no time.
const WORTH_IT: u64 = 1 << 24;

/// A bar for `len` bytes; hidden if they are few, or if the standard error is no terminal.
pub(crate) fn bar(len: Option<u64>) -> ProgressBar {
    let Some(len) = len.filter(|len| *len >= WORTH_IT) else {
        return ProgressBar::hidden();
    };
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}");
    let bar = ProgressBar::new(len);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Shows how much of `input` was read.
pub(crate) fn watch<R: Read>(input: R, len: Option<u64>) -> impl Read {
    bar(len).wrap_read(input)
}
