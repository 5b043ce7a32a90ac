// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! How a command ends: the exit status, and what to say when it is not a verdict.

use std::{fmt, io, path::Path, process::ExitCode};

/// What a command found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// Done; accepted; no difference.
    Good,
    /// Refused; different.
    Bad,
}

impl Outcome {
    /// [`Outcome::Good`] if `good`.
    pub(crate) fn of(good: bool) -> Self {
        if good {
            Self::Good
        } else {
            Self::Bad
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Good => Self::SUCCESS,
            Outcome::Bad => Self::from(1),
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something impossible.
    Usage(String),
    /// A file or device cannot be read or written, or its content is damaged.
    Input(String),
    /// Whoever reads the output has gone: nothing is wrong. It does not come from commands whose
    /// exit status is a verdict, see [`crate::print::out`].
    Gone,
}

impl Failure {
    /// The exit status.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Gone => 0,
            Self::Usage(_) => 2,
            Self::Input(_) => 3,
        })
    }

    /// A failure of the operating system at `path`.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self::Input(format!("{}: {}", path.display(), errno_text(error)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Input(text) => f.write_str(text),
            Self::Gone => Ok(()),
        }
    }
}

/// Failures without a path are those of the standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Gone,
            _ => Self::Input(format!("output: {}", errno_text(&error))),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        match error.io_error_kind() {
            Some(io::ErrorKind::BrokenPipe) => Self::Gone,
            _ => Self::Input(format!("JSON: {error}")),
        }
    }
}

/// A shorthand.
pub(crate) type Result<T = Outcome> = core::result::Result<T, Failure>;

/// The names of the errors that a VFIO device or this format returns, see vmf.rst.
const NAMES: [(i32, &str); 20] = [
    (1, "EPERM"),
    (2, "ENOENT"),
    (4, "EINTR"),
    (9, "EBADF"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (14, "EFAULT"),
    (16, "EBUSY"),
    (19, "ENODEV"),
    (20, "ENOTDIR"),
    (21, "EISDIR"),
    (22, "EINVAL"),
    (24, "EMFILE"),
    (25, "ENOTTY"),
    (28, "ENOSPC"),
    (30, "EROFS"),
    (42, "ENOMSG"),
    (110, "ETIMEDOUT"),
    (125, "ECANCELED"),
];

/// The name of an errno, if it is one that is met here.
pub(crate) fn errno_name(errno: i32) -> Option<&'static str> {
    let codes = vmf::Code::ALL.iter();
    let mut all = codes
        .map(|code| (code.errno(), code.name()))
        .chain(NAMES.iter().copied());
    all.find(|(number, _)| *number == errno)
        .map(|(_, name)| name)
}

/// An error of the operating system, with the name of its errno in front.
pub(crate) fn errno_text(error: &io::Error) -> String {
    match error.raw_os_error().and_then(errno_name) {
        Some(name) => format!("{name}: {error}"),
        None => error.to_string(),
    }
}
