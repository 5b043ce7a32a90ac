// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl save` and `vmfctl load`: streams from and to a device.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use serde_json::json;

use crate::{
    cli::{Io, Transfer},
    failure::{errno_text, Failure, Outcome, Result},
    output::Output,
    print, progress,
    registry::Registry,
    sysfs::Address,
    vfio::{Device, State},
};

/// The temporary end of a stream in PRE_COPY.
const ENOMSG: i32 = 42;

/// How much is moved in one go, as QEMU does.
const CHUNK: usize = 1 << 20;

/// Names what failed, and what is known about it.
struct Context<'a> {
    io: &'a Io,
    registry: &'a Registry,
    bdf: Address,
}

impl<'a> Context<'a> {
    fn new(io: &'a Io, registry: &'a Registry, arguments: &Transfer) -> Result<Self> {
        let bdf = Address::parse(&arguments.bdf).ok_or_else(|| {
            let bdf = &arguments.bdf;
            Failure::Usage(format!(
                "{bdf:?} is no PCI address such as 0000:01:10.0, and no UUID"
            ))
        })?;
        Ok(Self { io, registry, bdf })
    }

    /// Explains a failure of the device.
    fn explain(&self, what: &str, error: &io::Error) -> String {
        let mut text = format!("{}: {what}: {}", self.bdf, errno_text(error));
        let meaning = error
            .raw_os_error()
            .and_then(|errno| self.registry.error(errno));
        if let Some(meaning) = meaning {
            text = format!("{text}\n  {meaning}");
        }
        match self.io.sysfs.last_error(&self.bdf) {
            Some(reason) => {
                for line in reason.lines() {
                    text = format!("{text}\n  the driver says: {line}");
                }
                text
            }
            None => format!("{text}\n  the kernel log has the driver's reason, if it gave one"),
        }
    }

    fn failed(&self, what: &str, error: &io::Error) -> Failure {
        Failure::Input(self.explain(what, error))
    }

    fn set_state(&self, device: &Device, state: State) -> Result<Option<File>> {
        let what = format!("to {}", state.name());
        device
            .set_state(state)
            .map_err(|error| self.failed(&what, &error))
    }

    /// Enters a state that starts a session.
    fn session(&self, device: &Device, state: State) -> Result<File> {
        self.set_state(device, state)?.ok_or_else(|| {
            let name = state.name();
            Failure::Input(format!("{}: {name} gave no data file", self.bdf))
        })
    }

    fn open(&self) -> Result<(Device, bool)> {
        let device = Device::open(&self.io.sysfs, &self.bdf)?;
        let pre_copy = device
            .has_pre_copy()
            .map_err(|error| self.failed("this device cannot be migrated", &error))?;
        Ok((device, pre_copy))
    }
}

/// Saves a device.
pub(crate) fn save(io: &Io, registry: &Registry, arguments: &Transfer) -> Result {
    let context = Context::new(io, registry, arguments)?;
    let (device, pre_copy) = context.open()?;
    let first = if pre_copy {
        State::PreCopy
    } else {
        State::StopCopy
    };
    let mut data = context.session(&device, first)?;
    let path = &arguments.file;
    let mut file = Output::create(path)?;
    let bar = progress::bar(device.data_size().ok());
    let mut copy = |data: &mut File, state: State| -> Result<u64> {
        let mut chunk = vec![0; CHUNK];
        let mut total = 0u64;
        loop {
            let len = match data.read(&mut chunk) {
                Ok(len) => len,
                Err(error) if error.raw_os_error() == Some(ENOMSG) && state == State::PreCopy => 0,
                Err(error) => {
                    let what = format!("read in {}; {}", state.name(), file.fate());
                    return Err(context.failed(&what, &error));
                }
            };
            let bytes = chunk.get(..len).unwrap_or(&[]);
            if bytes.is_empty() {
                return Ok(total);
            }
            file.write_all(bytes)
                .map_err(|error| Failure::io(path, &error))?;
            total = total.saturating_add(len as u64);
            bar.inc(len as u64);
        }
    };

    let mut early = 0;
    if pre_copy {
        early = copy(&mut data, State::PreCopy)?;
        context.set_state(&device, State::StopCopy)?;
    }
    let late = copy(&mut data, State::StopCopy)?;
    bar.finish_and_clear();
    context.set_state(&device, State::Stop)?;
    file.finish()?;

    let total = early.saturating_add(late);
    let mut out = io.out();
    if io.json {
        let document = json!({
            "document": "vmf-save/1",
            "bdf": context.bdf.to_string(),
            "file": path,
            "length": total,
            "pre_copy": early,
            "stop_copy": late,
        });
        writeln!(out, "{document}")?;
    } else {
        let (bdf, path) = (&context.bdf, path.display());
        writeln!(
            out,
            "{bdf} -> {path}: {total} bytes, {early} of them in PRE_COPY"
        )?;
    }
    out.flush()?;
    Ok(Outcome::Good)
}

/// Loads a device, to see whether it accepts.
pub(crate) fn load(io: &Io, registry: &Registry, arguments: &Transfer) -> Result {
    let context = Context::new(io, registry, arguments)?;
    let path = &arguments.file;
    let mut file = File::open(path).map_err(|error| Failure::io(path, &error))?;
    let len = file.metadata().map(|data| data.len()).ok();
    let (device, _) = context.open()?;
    let mut data = context.session(&device, State::Resuming)?;
    let bar = progress::bar(len);
    let mut chunk = vec![0; CHUNK];
    let mut total = 0u64;
    let refused = loop {
        let len = file
            .read(&mut chunk)
            .map_err(|error| Failure::io(path, &error))?;
        let bytes = chunk.get(..len).unwrap_or(&[]);
        if bytes.is_empty() {
            drop(data);
            break device
                .set_state(State::Stop)
                .err()
                .map(|error| ("to STOP", error));
        }
        if let Err(error) = data.write_all(bytes) {
            break Some(("write", error));
        }
        total = total.saturating_add(len as u64);
        bar.inc(len as u64);
    };
    bar.finish_and_clear();

    let reason = refused
        .as_ref()
        .map(|(what, error)| context.explain(what, error));
    let mut out = io.out();
    if io.json {
        let errno = refused.as_ref().and_then(|(_, error)| error.raw_os_error());
        let document = json!({
            "document": "vmf-load/1",
            "bdf": context.bdf.to_string(),
            "file": path,
            "accepted": refused.is_none(),
            "length": total,
            "errno": errno,
            "reason": reason,
        });
        writeln!(out, "{document}")?;
    } else {
        match &reason {
            None => {
                let word = print::styled(print::GREEN, "accepted");
                let (bdf, path) = (&context.bdf, path.display());
                writeln!(
                    out,
                    "{path} -> {bdf}: {word}, {total} bytes; closing resets the device"
                )?;
            }
            Some(reason) => {
                writeln!(out, "{} {reason}", print::styled(print::RED, "refused:"))?;
            }
        }
    }
    out.flush()?;
    Ok(Outcome::of(refused.is_none()))
}
