// SPDX-License-Identifier: GPL-2.0

//! What is known of a migration before there is one, for who has no more than a file descriptor.
//!
//! A VMM in a container is handed the device and sees no files of the host. Three
//! `VFIO_DEVICE_FEATURE`s tell it: the descriptor of the device, its verdict on the descriptor of
//! another one, and why that was refused or the last migration has failed.
//!
//! Nothing here takes the session lock, and no lock at all is held while memory of user space is
//! copied: what a fault of it is waiting for, only the caller waits for.
//!
//! C header: `include/uapi/linux/vfio_handshake.h`

use crate::{
    bindings,
    limit::Kind,
    Bound,
    Device,
    Driver,
    Open, //
};
use core::mem::size_of;
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    fmt,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice,
        UserSliceWriter, //
    }, //
};

/// Longest descriptor in bytes.
pub const SIZE_MAX: usize = bindings::VFIO_DEVICE_FEATURE_X_MIG_SIZE_MAX as usize;

/// Length in bytes of `size` and `flags`, which are before the data.
const HEAD: usize = size_of::<bindings::vfio_device_feature_x_mig_bytes>();

const GET: u32 = bindings::VFIO_DEVICE_FEATURE_GET;
const SET: u32 = bindings::VFIO_DEVICE_FEATURE_SET;

/// Takes one line that says why something was refused.
pub type Say<'a> = &'a dyn Fn(fmt::Arguments<'_>);

/// What speaks for the format of a driver.
///
/// Its functions run in the task of whoever has the device, may sleep, and are not serialised. They
/// must not wait for the device, nor for a guest.
pub trait Handshake<T: Driver> {
    /// Whether the features are there.
    const OFFERED: bool = true;

    /// Returns the bytes with which a stream would begin that is saved now, [`SIZE_MAX`] at most.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: the stream has no words for what the guest uses.
    fn descriptor(dev: &Device<T, Bound>, say: Say<'_>) -> Result<KVVec<u8>>;

    /// Judges the descriptor of another device, of 1 to [`SIZE_MAX`] bytes, and changes nothing.
    ///
    /// # Errors
    ///
    /// Those of a `write()` of the same bytes, and what could be found later only. Not [`EINVAL`],
    /// [`EFAULT`], [`E2BIG`], [`ENOSPC`] or [`ENOTTY`], which are about the call.
    fn check(dev: &Device<T, Bound>, bytes: &[u8], say: Say<'_>) -> Result;
}

/// The driver has no format to speak of.
pub struct Disabled;

impl<T: Driver> Handshake<T> for Disabled {
    const OFFERED: bool = false;

    fn descriptor(_dev: &Device<T, Bound>, _say: Say<'_>) -> Result<KVVec<u8>> {
        Err(ENOTTY)
    }

    fn check(_dev: &Device<T, Bound>, _bytes: &[u8], _say: Say<'_>) -> Result {
        Err(ENOTTY)
    }
}

#[derive(Clone, Copy)]
enum Feature {
    Descriptor,
    Check,
    LastError,
}

impl Feature {
    fn of(flags: u32) -> Option<Self> {
        match flags & bindings::VFIO_DEVICE_FEATURE_MASK {
            bindings::VFIO_DEVICE_FEATURE_X_MIG_DESCRIPTOR => Some(Self::Descriptor),
            bindings::VFIO_DEVICE_FEATURE_X_MIG_CHECK => Some(Self::Check),
            bindings::VFIO_DEVICE_FEATURE_X_MIG_LAST_ERROR => Some(Self::LastError),
            _ => None,
        }
    }

    /// Returns what it begins a line with.
    fn name(self) -> &'static str {
        match self {
            Self::Descriptor => "descriptor",
            Self::Check => "check",
            Self::LastError => "last error",
        }
    }

    /// Returns the flag that it is there for.
    fn direction(self) -> u32 {
        match self {
            Self::Check => SET,
            Self::Descriptor | Self::LastError => GET,
        }
    }
}

/// A call, as the vfio core has it.
struct Call<'a, T: Driver> {
    dev: &'a Device<T, Open>,
    feature: Feature,
    arg: UserPtr,
    /// Bytes at `arg`.
    len: usize,
}

/// Answers a `VFIO_DEVICE_FEATURE` with `len` bytes at `arg`; `None` if it is not one of these.
///
/// # Errors
///
/// As in the C header.
pub(crate) fn feature<T: Driver>(
    dev: &Device<T, Open>,
    flags: u32,
    arg: UserPtr,
    len: usize,
) -> Option<Result> {
    let feature = Feature::of(flags).filter(|_| T::Handshake::OFFERED)?;
    let call = Call {
        dev,
        feature,
        arg,
        len,
    };

    Some(call.answer(flags))
}

impl<T: Driver> Call<'_, T> {
    fn answer(&self, flags: u32) -> Result {
        let direction = self.feature.direction();
        let wanted = flags & (GET | SET);

        // Who probes is not refused anything.
        if flags & bindings::VFIO_DEVICE_FEATURE_PROBE != 0 {
            return if wanted & !direction == 0 {
                Ok(())
            } else {
                Err(EINVAL)
            };
        }
        if wanted != direction {
            let can = if direction == SET { "set" } else { "got" };
            return self.refuse(EINVAL, fmt!("EINVAL: can be {can} only"));
        }
        let room = match self.len.checked_sub(HEAD) {
            Some(room) => room,
            None => return self.refuse(EINVAL, fmt!("EINVAL: argsz without size and flags")),
        };
        let (mut reader, writer) = UserSlice::new(self.arg, self.len).reader_writer();
        let (size, reserved): (u32, u32) = match (reader.read(), reader.read()) {
            (Ok(size), Ok(reserved)) => (size, reserved),
            _ => return self.refuse(EFAULT, fmt!("EFAULT: size and flags cannot be read")),
        };
        // CAST: widening.
        let size = size as usize;
        if reserved != 0 {
            return self.refuse(EINVAL, fmt!("EINVAL: unknown flags {reserved:#x}"));
        }
        if let (Feature::Check, Err((err, why))) = (self.feature, fits(size)) {
            return self.refuse(err, fmt!("{why}: {size} bytes"));
        }
        if size > room {
            return self.refuse(
                EINVAL,
                fmt!("EINVAL: size {size}, room for {room} by argsz"),
            );
        }
        let say: Say<'_> = &|why| self.say(why);
        match self.feature {
            Feature::Descriptor => {
                let bytes = T::Handshake::descriptor(self.dev.as_bound(), say)?;
                self.give(writer, size, &bytes)
            }
            Feature::Check => {
                let mut bytes = KVVec::new();
                let data = UserSlice::new(self.arg.wrapping_byte_add(HEAD), size);

                match data.read_all(&mut bytes, GFP_KERNEL_ACCOUNT) {
                    Ok(()) => T::Handshake::check(self.dev.as_bound(), &bytes, say),
                    Err(err) if err == EFAULT => {
                        self.refuse(EFAULT, fmt!("EFAULT: {size} bytes cannot be read"))
                    }
                    Err(err) => Err(err),
                }
            }
            Feature::LastError => {
                let text = self.dev.last_error().of_owner();
                self.give(writer, size, text.as_bytes())
            }
        }
    }

    /// Writes the length of `bytes`, and `bytes` if there is room.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: there is not.
    /// - [`EFAULT`]
    fn give(&self, mut writer: UserSliceWriter, room: usize, bytes: &[u8]) -> Result {
        let mut give = || -> Result<bool> {
            let fits = bytes.len() <= room;

            writer.write(&u32::try_from(bytes.len())?)?;
            if fits {
                // As it was found.
                writer.write(&0_u32)?;
                writer.write_slice(bytes)?;
            }
            Ok(fits)
        };

        match give() {
            Ok(true) => Ok(()),
            // No line: this is how the length is asked for.
            Ok(false) => Err(ENOSPC),
            Err(err) => self.refuse(err, fmt!("EFAULT: {} bytes cannot be written", bytes.len())),
        }
    }

    /// Returns `err` with a line that says why.
    fn refuse(&self, err: Error, why: fmt::Arguments<'_>) -> Result {
        self.say(fmt!("{}: {why}", self.feature.name()));
        Err(err)
    }

    /// Leaves a line for the user and, ten times in five seconds at most, in the log. What is wrong with
    /// a request for the last line is in the log only, as that is still to be read.
    fn say(&self, why: fmt::Arguments<'_>) {
        if self.dev.limits().allows(Kind::Question) {
            dev_info!(self.dev.parent(), "{why}\n");
        }
        if !matches!(self.feature, Feature::LastError) {
            self.dev.last_error().set_asked(why);
        }
    }
}

/// Looks at the length in bytes of what is to be judged.
fn fits(size: usize) -> Result<(), (Error, &'static str)> {
    match size {
        0 => Err((ENODATA, "ENODATA: no descriptor")),
        1..=SIZE_MAX => Ok(()),
        _ => Err((E2BIG, "E2BIG: too long for a descriptor")),
    }
}
