// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl man` and `vmfctl completions`: made from the definition of the command line.

use std::{fs, io::Write, path::Path};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{
    cli::{Cli, Io},
    failure::{Failure, Outcome, Result},
};

/// Writes the completions of `shell`.
pub(crate) fn completions(io: &Io, shell: Shell) -> Result {
    // The generator wants a writer that does not fail.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vmfctl", &mut text);
    let mut out = io.out();
    out.write_all(&text)?;
    out.flush()?;
    Ok(Outcome::Good)
}

/// Writes all man pages to the directory `dir`, or the main one.
pub(crate) fn man(io: &Io, dir: Option<&Path>) -> Result {
    let command = Cli::command();
    match dir {
        Some(dir) => {
            let made =
                fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command, dir));
            made.map_err(|error| Failure::io(dir, &error))?;
        }
        None => {
            let mut out = io.out();
            clap_mangen::Man::new(command).render(&mut out)?;
            out.flush()?;
        }
    }
    Ok(Outcome::Good)
}
