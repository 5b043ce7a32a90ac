// SPDX-License-Identifier: GPL-2.0

//! How the end of a migration is known before it begins: the attributes in `migration_format/`, and
//! [`vfio::handshake`].
//!
//! `cat SOURCE/descriptor >DESTINATION/check` is the whole protocol: the verdict is that of the
//! `write()` of a migration, by the same function, and then that of the VMM on configuration space.

use super::{
    errno,
    preamble::Preamble,
    Line,
    Provider,
    CRC, //
};
use core::{
    marker::PhantomData,
    ops::Range, //
};
use kernel::{
    fmt,
    prelude::*, //
};
use vfio::{
    handshake::Say,
    sysfs::{
        Binary,
        Page,
        Text, //
    },
    Bound,
    Device, //
};
use vmf::{
    profile::Carried,
    registry,
    Capabilities,
    Descriptor,
    Match,
    Presented,
    Refusal,
    Version,
    DESCRIPTOR_MAX, //
};

/// The directory that the attributes are in.
pub const DIRECTORY: &CStr = c"migration_format";

/// What all providers have; as attributes, limits are the profile's, see [`limit()`].
pub struct Handshake<T>(PhantomData<T>);

impl<T: Provider> Handshake<T> {
    /// Those that are one line of text.
    pub const TEXT: &'static [Text<T>] = &[
        Text::read_only(c"container_version", |_, page| {
            write!(page, "{}.{}", registry::MAJOR, registry::MINOR)
        }),
        Text::read_only(c"registry_revision", |_, page| {
            write!(page, "{}", registry::REGISTRY_REVISION)
        }),
        Text::read_only(c"profile", |dev, page| {
            write!(page, "{}", caps(dev).profile_name)
        }),
        Text::read_only(c"profile_uuid", |dev, page| {
            uuid(&caps(dev).profile_uuid, page)
        }),
        Text::read_only(c"profile_version", |dev, page| {
            write!(page, "{}", caps(dev).version)
        }),
        Text::read_only(c"profile_floor", |dev, page| {
            write!(page, "{}", caps(dev).floor)
        }),
        Text::read_only(c"min_reader", |dev, page| {
            let of = |version: &Version| version.min_reader;
            write!(
                page,
                "{}",
                <T::State as Carried>::PROFILE
                    .version(target(dev))
                    .map_or(0, of)
            )
        }),
        Text::read_only(c"features", |dev, page| {
            let [low, high] = caps(dev).features.0;
            write!(page, "0x{high:016x}{low:016x}")
        }),
        Text::read_only(c"subsystem_rule", |dev, page| match caps(dev).subsystem {
            Match::Any => write!(page, "any"),
            Match::Equal => write!(page, "equal"),
        }),
        Text::read_only(c"stream_max", |dev, page| {
            write!(page, "{}", caps(dev).stream_max)
        }),
        Text::read_write(
            c"max_profile_version",
            |dev, page| write!(page, "{}", dev.data().format().newest()),
            |dev, text| {
                let version = text.parse().map_err(|_| EINVAL)?;
                dev.data().format().set_newest(version)
            },
        ),
        Text::read_write(
            c"target_profile_version",
            |dev, page| write!(page, "{}", target(dev)),
            |dev, text| {
                let version = text.parse().map_err(|_| EINVAL)?;
                dev.data().format().set_target(version)
            },
        ),
    ];
    /// Those that are bytes.
    pub const BINARY: &'static [Binary<T>] = &[
        // Everybody may read this, so nothing is logged; the session says why.
        Binary::read_only(c"descriptor", |dev| descriptor(dev, &|_| ())),
        Binary::write_only(c"check", |dev, bytes| {
            check(dev, bytes, &|why| log(dev, why))
        }),
    ];
}

/// The same by the file descriptor of a device, for who sees no files of the host.
impl<T: Provider> vfio::handshake::Handshake<T> for Handshake<T> {
    fn descriptor(dev: &Device<T, Bound>, say: Say<'_>) -> Result<KVVec<u8>> {
        descriptor(dev, say)
    }

    fn check(dev: &Device<T, Bound>, bytes: &[u8], say: Say<'_>) -> Result {
        check(dev, bytes, say)
    }
}

fn caps<T: Provider>(dev: &Device<T, Bound>) -> Capabilities {
    dev.data().get_ref().format().capabilities()
}

fn target<T: Provider>(dev: &Device<T, Bound>) -> u32 {
    dev.data().format().target()
}

fn uuid(bytes: &[u8; 16], page: &mut Page<'_>) -> Result {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            write!(page, "-")?;
        }
        write!(page, "{byte:02x}")?;
    }
    Ok(())
}

/// Shows a limit of the profile: what an attribute `limit_…` of a driver has to say.
///
/// # Errors
///
/// - [`ENODATA`]: the profile has no such limit.
pub fn limit<T: Provider, const ID: u16>(dev: &Device<T, Bound>, page: &mut Page<'_>) -> Result {
    let caps = caps(dev);
    let mut limits = caps.limits.as_slice().iter();
    let limit = limits.find(|limit| limit.id == ID).ok_or(ENODATA)?;

    write!(page, "{}", limit.value)
}

/// Returns the start of a stream that would be saved now.
///
/// # Errors
///
/// - [`EOPNOTSUPP`]: the target version has no words for what the guest uses.
fn descriptor<T: Provider>(dev: &Device<T, Bound>, say: Say<'_>) -> Result<KVVec<u8>> {
    let format = dev.data().get_ref().format();
    let (_, bytes) = Preamble::new(format, &format.used(), |refusal| {
        say(fmt!("descriptor: {}", Line(refusal)));
    })?;

    Ok(bytes)
}

/// Judges the start of a stream that could be loaded here.
///
/// # Errors
///
/// Those of a `write()` of the same bytes.
///
/// - [`EXDEV`]: a VMM would find that configuration space differs, which it compares itself, at the end;
///   of a function that is not behind a port it would not look at all of it.
fn check<T: Provider>(dev: &Device<T, Bound>, bytes: &[u8], say: Say<'_>) -> Result {
    const WHAT: &str = "check";
    let format = dev.data().get_ref().format();
    let descriptor = judge(bytes, &caps(dev), WHAT, say)?;
    let own = format.config();

    vmf::check_config(&descriptor, T::State::PROFILE, own.as_slice())
        .map_err(|refusal| refused(WHAT, say, refusal))
}

/// Makes a device show the configuration space of another one, of which this is the start of a stream.
///
/// The caller sees to it that nobody has opened the device. `fixed` is the part of configuration space
/// that the device cannot show otherwise.
///
/// # Errors
///
/// Those of a `write()` of the same bytes, but for the subsystem.
///
/// - [`EXDEV`]: the other device differs in the `fixed` part.
pub fn adopt<T: Provider>(dev: &Device<T, Bound>, bytes: &[u8], fixed: Range<u64>) -> Result {
    const WHAT: &str = "adopt";
    let refused = |refusal| refused(WHAT, &|why| log(dev, why), refusal);
    let format = dev.data().get_ref().format();
    let own = caps(dev);
    let Presented {
        subvendor,
        subdevice,
        ..
    } = Descriptor::of_stream(bytes, CRC)
        .map_err(refused)?
        .presented();
    let caps = Capabilities {
        presented: Presented {
            subvendor,
            subdevice,
            ..own.presented
        },
        ..own
    };
    let descriptor = judge(bytes, &caps, WHAT, &|why| log(dev, why))?;
    let mut result = Ok(());
    let config = format.config();

    vmf::check_config_each(
        &descriptor,
        T::State::PROFILE,
        config.as_slice(),
        &mut |found| {
            if let (Some(code), true) = (found.code, fixed.contains(&found.id)) {
                result = Err(Refusal::new(code, found.rule, found.got, found.want));
            }
        },
    );
    result.map_err(refused)?;
    format.adopt(&descriptor);
    Ok(())
}

/// Judges the start of a stream as the `write()` of a migration does.
fn judge<'a>(
    bytes: &'a [u8],
    caps: &Capabilities,
    what: &str,
    say: Say<'_>,
) -> Result<Descriptor<'a>> {
    let mut buffer = KVVec::new();

    buffer.resize(DESCRIPTOR_MAX, 0, GFP_KERNEL)?;
    vmf::preflight(bytes, caps, CRC, &mut buffer).map_err(|error| {
        say(fmt!("{what}: {}", Line(error)));
        errno(error.code)
    })?;
    Descriptor::of_stream(bytes, CRC).map_err(|refusal| refused(what, say, refusal))
}

fn refused(what: &str, say: Say<'_>, refusal: Refusal) -> Error {
    say(fmt!("{what}: {}", Line(refusal)));
    errno(refusal.code)
}

/// Says it to the administrator, who alone can write to these attributes.
fn log<T: Provider>(dev: &Device<T, Bound>, why: fmt::Arguments<'_>) {
    dev_info!(dev.parent(), "{why}\n");
}
