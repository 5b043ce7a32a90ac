// SPDX-License-Identifier: GPL-2.0

//! State to bytes and back, in the format of `Documentation/userspace-api/vmf.rst`.

use super::{
    format::{
        features,
        Format,
        Preamble, //
    },
    shadow::Shadow,
    Device, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*, //
};
use vfio::{
    data_file::{
        Peek,
        PrecopyInfo,
        SaveStream, //
    },
    staging::crc32::crc32c_append,
    Image, //
};
use vmf::{
    profile::igbvf_82576::{
        Loader,
        State, //
    },
    Code,
    Crc32c,
    Features,
    Progress,
    Reader,
    Refusal, //
};

/// The kernel's CRC32C.
pub(crate) const CRC: Crc32c = Crc32c::new(crc32c_append);

/// Returns the errno of a refusal.
pub(crate) fn errno(code: Code) -> Error {
    Error::from_errno(-code.errno())
}

/// Returns the errno of a refusal.
pub(crate) fn to_errno(refusal: Refusal) -> Error {
    errno(refusal.code)
}

/// Lets the kernel print what the codec, which does not know the kernel, has to say.
pub(crate) struct Line<T>(pub(crate) T);

impl<T: core::fmt::Display> kernel::fmt::Display for Line<T> {
    fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
        self.0.fmt(f)
    }
}

/// Says why a source has no words for the state of its guest, in the log and in `last_error`.
pub(crate) fn not_expressible(dev: &Device, refusal: Refusal) {
    dev.report(fmt!("state not expressible: {}", Line(refusal)));
}

fn format(dev: &Device) -> &Format {
    &dev.data().get_ref().format
}

/// A stream on its way out.
pub(crate) struct Outgoing {
    image: Image,
    preamble: Preamble,
    /// Why there can be no whole stream was logged: user space may ask as often as it likes.
    told: bool,
}

impl Outgoing {
    /// Starts a stream with what does not depend on the device being stopped.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EOPNOTSUPP`]: the version to write has no words for what the guest uses; it is logged.
    pub(crate) fn new(dev: &Device, shadow: &Shadow) -> Result<Self> {
        Self::speaking_of(dev, &features(&shadow.mailbox.control))
    }

    /// Starts a stream that cannot be completed, for which [`Self::new()`] has just said why.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn plain(dev: &Device) -> Result<Self> {
        Ok(Self {
            told: true,
            ..Self::speaking_of(dev, &Features::default())?
        })
    }

    fn speaking_of(dev: &Device, used: &Features) -> Result<Self> {
        let refused = |refusal| not_expressible(dev, refusal);
        let (preamble, bytes) = Preamble::new(format(dev), used, refused)?;

        Ok(Self {
            image: Image::initial(bytes),
            preamble,
            told: false,
        })
    }

    /// Adds a descriptor if the guest has begun to use what the last one does not speak of.
    ///
    /// # Errors
    ///
    /// As for [`Self::new()`].
    pub(crate) fn refresh(&mut self, dev: &Device, shadow: &Shadow) -> Result {
        let used = features(&shadow.mailbox.control);
        let told = core::mem::replace(&mut self.told, true);
        let refused = |refusal| {
            if !told {
                not_expressible(dev, refusal);
            }
        };
        let sent = self.image.bytes();

        if let Some((preamble, bytes)) = self.preamble.renew(format(dev), &used, sent, refused)? {
            let sent = sent.len();
            self.image
                .append_initial(bytes.get(sent..).ok_or(EINVAL)?)?;
            // Not before the bytes are there, which memory may be short for.
            self.preamble = preamble;
        }
        self.told = told;
        Ok(())
    }

    /// Supplies the rest; if that fails, `read()` does, after what there is.
    ///
    /// A VMM resets the source when the arc to STOP_COPY fails, and lets it go on when the stream
    /// does.
    pub(crate) fn complete(&mut self, dev: &Device, shadow: &Shadow, state: Result<KBox<State>>) {
        let result = self.refresh(dev, shadow).and(state).and_then(|state| {
            let refused = |refusal| not_expressible(dev, refusal);
            let bytes = self.preamble.finish(&state, self.image.bytes(), refused)?;
            self.image.complete(bytes)
        });
        if let Err(err) = result {
            self.image.fail(err);
        }
    }
}

impl SaveStream for Outgoing {
    fn peek(&self, out: &mut [u8]) -> Peek {
        self.image.peek(out)
    }

    fn consume(&mut self, len: usize) {
        self.image.consume(len);
    }

    fn precopy_info(&self) -> PrecopyInfo {
        self.image.precopy_info()
    }
}

/// Memory of the reader, for the largest section that it has to see as a whole.
struct Buffer(KVVec<u8>);

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// A stream on its way in. Its memory is allocated once, whatever the stream says.
pub(crate) struct Incoming {
    reader: Reader<Buffer>,
    loader: Loader,
}

impl Incoming {
    /// Prepares for a stream to this device.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new(dev: &Device) -> Result<KBox<Self>> {
        let caps = format(dev).capabilities();
        let mut buffer = KVVec::new();
        buffer.resize(caps.buffer_len(), 0, GFP_KERNEL_ACCOUNT)?;
        let buffer = Buffer(buffer);

        // Together they are too much for the stack, through which this would go several times.
        Ok(KBox::new(
            Self {
                reader: Reader::new(caps, CRC, buffer),
                loader: Loader::default(),
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }

    /// Takes the next bytes; returns whether the stream is complete now.
    ///
    /// # Errors
    ///
    /// That of the first violation, now and ever after. It is logged once.
    pub(crate) fn feed(&mut self, dev: &Device, data: &[u8]) -> Result<bool> {
        let known = self.reader.error().is_some();

        match self.reader.feed(data, &mut self.loader) {
            Ok(progress) => Ok(progress == Progress::Complete),
            Err(error) => {
                if !known {
                    dev.report(fmt!("stream refused: {}", Line(error)));
                }
                Err(errno(error.code))
            }
        }
    }

    /// Returns the state of a complete stream.
    pub(crate) fn state(&self) -> Option<&State> {
        self.loader.state()
    }

    /// Makes a failure to load the error of the stream, and logs it.
    pub(crate) fn fail(&mut self, dev: &Device, refusal: Refusal) -> Error {
        let error = self.reader.fail(refusal);

        dev.report(fmt!("stream not loaded: {}", Line(error)));
        errno(error.code)
    }

    /// Says whether the stream was loaded.
    ///
    /// # Errors
    ///
    /// - [`ENODATA`]: it has not ended.
    /// - the error that it was refused with.
    pub(crate) fn finish(&self, dev: &Device) -> Result {
        self.reader.finish().map_err(|error| {
            if error.code == Code::NoData {
                dev.report(fmt!("stream refused: {}", Line(error)));
            }
            errno(error.code)
        })
    }
}
