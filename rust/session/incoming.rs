// SPDX-License-Identifier: GPL-2.0

//! A stream on its way in.

use super::{
    errno,
    Line,
    Provider,
    CRC, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*, //
};
use vfio::{
    migration::Progress,
    Device,
    Open, //
};
use vmf::{
    profile::Carried,
    Code,
    Reader,
    Refusal, //
};

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
pub struct Incoming<T: Provider> {
    reader: Reader<Buffer>,
    loader: <T::State as Carried>::Loader,
}

impl<T: Provider> Incoming<T> {
    /// Prepares for a stream to this device.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn new(dev: &Device<T, Open>) -> Result<KBox<Self>> {
        let caps = dev.data().get_ref().format().capabilities();
        let mut buffer = KVVec::new();
        buffer.resize(caps.buffer_len(), 0, GFP_KERNEL_ACCOUNT)?;
        let buffer = Buffer(buffer);

        // Together they are too much for the stack, through which this would go several times.
        Ok(KBox::new(
            Self {
                reader: Reader::new(caps, CRC, buffer),
                loader: Default::default(),
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// That of the first violation, now and ever after. It is logged once.
    pub fn feed(&mut self, dev: &Device<T, Open>, data: &[u8]) -> Result<Progress> {
        let known = self.reader.error().is_some();

        match self.reader.feed(data, &mut self.loader) {
            Ok(vmf::Progress::Complete) => Ok(Progress::Complete),
            Ok(vmf::Progress::More) => Ok(Progress::More),
            Err(error) => {
                if !known {
                    dev.report(fmt!("stream refused: {}", Line(error)));
                }
                Err(errno(error.code))
            }
        }
    }

    /// Returns the state of a complete stream.
    pub fn state(&self) -> Option<&T::State> {
        T::State::loaded(&self.loader)
    }

    /// Makes a failure to load the error of the stream, and logs it.
    pub fn fail(&mut self, dev: &Device<T, Open>, refusal: Refusal) -> Error {
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
    pub fn finish(&self, dev: &Device<T, Open>) -> Result {
        self.reader.finish().map_err(|error| {
            if error.code == Code::NoData {
                dev.report(fmt!("stream refused: {}", Line(error)));
            }
            errno(error.code)
        })
    }
}
