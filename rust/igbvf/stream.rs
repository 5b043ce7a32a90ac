// SPDX-License-Identifier: GPL-2.0

//! State to bytes and back, in the format of `Documentation/userspace-api/vmf.rst`.

use super::Device;
use kernel::{
    pci,
    prelude::*, //
};
use vfio::staging::crc32::crc32c_append;
use vmf::{
    profile::igbvf_82576::{
        self as profile,
        Loader,
        State, //
    },
    Capabilities,
    Code,
    Position,
    Presented,
    Progress,
    Reader,
    Refusal,
    Writer, //
};

/// Length of a full stream in bytes; all streams have it.
pub(crate) const LEN: usize = profile::TOTAL_LEN;

/// Returns the errno of a refusal.
pub(crate) fn errno(code: Code) -> Error {
    Error::from_errno(-code.errno())
}

/// Describes the function as the guest sees it.
fn capabilities(pdev: &pci::Device) -> Capabilities {
    let [_, high, middle, low] = pdev.pci_class().as_raw().to_be_bytes();

    profile::capabilities(Presented {
        vendor: pdev.vendor_id().as_raw(),
        device: pdev.device_id(),
        subvendor: pdev.subsystem_vendor_id(),
        subdevice: pdev.subsystem_device_id(),
        revision: pdev.revision_id(),
        class: [low, middle, high],
        is_vf: true,
    })
}

/// File header and descriptor: all that a destination needs to refuse.
///
/// They say what the function is, which does not change while it is bound, so they are made once.
pub(crate) struct Preamble {
    bytes: [u8; profile::INITIAL_LEN],
    end: Position,
}

impl Preamble {
    /// Makes the preamble of a function.
    ///
    /// # Errors
    ///
    /// - the errno of a refusal, which would be a defect of the profile.
    pub(crate) fn new(pdev: &pci::Device) -> Result<Self> {
        let mut bytes = [0; profile::INITIAL_LEN];
        let end = {
            let mut writer = Writer::new(&mut bytes, crc32c_append).map_err(to_errno)?;
            writer
                .descriptor(&capabilities(pdev).fields())
                .map_err(to_errno)?;
            writer.position()
        };
        Ok(Self { bytes, end })
    }

    /// Returns the bytes, to be read in PRE_COPY.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn to_vec(&self) -> Result<KVVec<u8>> {
        let mut bytes = KVVec::new();
        bytes.extend_from_slice(&self.bytes, GFP_KERNEL)?;
        Ok(bytes)
    }

    /// Writes a full stream.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EOPNOTSUPP`]: the guest has put something into the device that the profile has no words
    ///   for; it is logged.
    pub(crate) fn with_state(&self, dev: &Device, state: &State) -> Result<KVVec<u8>> {
        let mut bytes = KVVec::with_capacity(LEN, GFP_KERNEL)?;
        bytes.extend_from_slice(&self.bytes, GFP_KERNEL)?;
        bytes.resize(LEN, 0, GFP_KERNEL)?;

        let mut write = || -> core::result::Result<usize, Refusal> {
            let mut writer = Writer::resume(&mut bytes, crc32c_append, self.end)?;
            state.write(&mut writer)?;
            writer.end()
        };
        match write() {
            Ok(_) => Ok(bytes),
            Err(refusal) => Err(not_expressible(dev, refusal)),
        }
    }
}

/// Logs what the profile has no words for, and returns the errno of that.
pub(crate) fn not_expressible(dev: &Device, refusal: Refusal) -> Error {
    dev_err!(dev.pci(), "state not expressible: {}\n", Line(refusal));
    EOPNOTSUPP
}

fn to_errno(refusal: Refusal) -> Error {
    errno(refusal.code)
}

/// Lets the kernel print what the codec, which does not know the kernel, has to say.
struct Line<T>(T);

impl<T: core::fmt::Display> kernel::fmt::Display for Line<T> {
    fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
        self.0.fmt(f)
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
    pub(crate) fn new(dev: &Device) -> Result<Self> {
        let caps = capabilities(dev.pci());
        let mut buffer = KVVec::new();
        buffer.resize(caps.buffer_len(), 0, GFP_KERNEL)?;
        let buffer = Buffer(buffer);

        Ok(Self {
            reader: Reader::new(caps, crc32c_append, buffer),
            loader: Loader::default(),
        })
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
                    dev_err!(dev.pci(), "stream refused: {}\n", Line(error));
                }
                Err(errno(error.code))
            }
        }
    }

    /// Returns the state of a complete stream.
    pub(crate) fn state(&self) -> Option<State> {
        self.loader.state().copied()
    }

    /// Makes a failure to load the error of the stream, and logs it.
    pub(crate) fn fail(&mut self, dev: &Device, refusal: Refusal) -> Error {
        let error = self.reader.fail(refusal);

        dev_err!(dev.pci(), "stream not loaded: {}\n", Line(error));
        errno(error.code)
    }

    /// Says whether the stream was loaded.
    ///
    /// # Errors
    ///
    /// - [`ENODATA`]: it has not ended.
    /// - the error that it was refused with.
    pub(crate) fn finish(&self) -> Result {
        self.reader.finish().map_err(|error| errno(error.code))
    }
}
