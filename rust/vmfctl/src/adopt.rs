// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl adopt`: a function in software shows the configuration space of another one.

use std::fs::OpenOptions;
use std::io::{self, Write};

use crate::{
    cli::Io,
    failure::{errno_name, Failure, Outcome, Result},
    generations,
    source::Source,
    sysfs::Address,
};

/// Hands the descriptor of `source` to the device.
pub(crate) fn run(io: &Io, device: &str, source: &Source) -> Result {
    let address = Address::parse(device)
        .ok_or_else(|| Failure::Usage(format!("{device:?} is no UUID of a mediated device")))?;
    let preamble = generations::in_force(&source.start(&io.sysfs)?);
    let path = io.sysfs.format_dir(&address).join("adopt");
    let opened = OpenOptions::new().write(true).open(&path);
    let mut file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Input(format!(
            "{address}: no function in software, which has migration_format/adopt"
        )),
        _ => Failure::io(&path, &error),
    })?;
    // Whole, as the driver takes no pieces.
    let Err(error) = file.write_all(&preamble) else {
        return Ok(Outcome::Good);
    };
    match (error.kind(), error.raw_os_error().and_then(errno_name)) {
        (io::ErrorKind::ResourceBusy, _) => Err(Failure::Input(format!(
            "{address}: somebody has opened it; that has to come after"
        ))),
        (_, Some(name)) => {
            writeln!(
                io.out(),
                "refused: {name}; \"vmfctl check\" and the kernel log say why"
            )?;
            Ok(Outcome::Bad)
        }
        _ => Err(Failure::io(&path, &error)),
    }
}
