// SPDX-License-Identifier: GPL-2.0

//! A stream on its way out, in the format of `Documentation/userspace-api/vmf.rst`.

use super::{
    not_expressible,
    preamble::Preamble,
    Provider, //
};
use kernel::prelude::*;
use vfio::{
    data_file::{
        Peek,
        PrecopyInfo,
        SaveStream, //
    },
    Device,
    Image,
    Open, //
};
use vmf::Features;

/// A stream on its way out.
pub struct Outgoing {
    image: Image,
    preamble: Preamble,
    /// Why there can be no whole stream was logged: user space may ask as often as it likes.
    told: bool,
}

impl Outgoing {
    /// Starts a stream with what does not depend on the device being stopped; `used` is what the guest
    /// uses.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EOPNOTSUPP`]: the version to write has no words for what the guest uses; it is logged.
    pub fn new<T: Provider>(dev: &Device<T, Open>, used: &Features) -> Result<Self> {
        let refused = |refusal| not_expressible(dev, refusal);
        let (preamble, bytes) = Preamble::new(dev.data().get_ref().format(), used, refused)?;

        Ok(Self {
            image: Image::initial(bytes),
            preamble,
            told: false,
        })
    }

    /// Makes a whole stream of a device that is stopped. What cannot be expressed is for `read()` to
    /// say, not for the arc.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn whole<T: Provider>(
        dev: &Device<T, Open>,
        used: &Features,
        state: Result<KBox<T::State>>,
    ) -> Result<Self> {
        let mut stream = match Self::new(dev, used) {
            Err(err) if err == EOPNOTSUPP => Self::plain(dev)?,
            result => result?,
        };

        stream.complete(dev, used, state);
        Ok(stream)
    }

    /// Starts a stream that cannot be completed, for which [`Self::new()`] has just said why.
    fn plain<T: Provider>(dev: &Device<T, Open>) -> Result<Self> {
        Ok(Self {
            told: true,
            ..Self::new(dev, &Features::default())?
        })
    }

    /// Adds a descriptor if the guest has begun to use what the last one does not speak of.
    ///
    /// # Errors
    ///
    /// As for [`Self::new()`].
    pub fn refresh<T: Provider>(&mut self, dev: &Device<T, Open>, used: &Features) -> Result {
        let format = dev.data().get_ref().format();
        let told = core::mem::replace(&mut self.told, true);
        let refused = |refusal| {
            if !told {
                not_expressible(dev, refusal);
            }
        };
        let sent = self.image.bytes();

        if let Some((preamble, bytes)) = self.preamble.renew(format, used, sent, refused)? {
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
    pub fn complete<T: Provider>(
        &mut self,
        dev: &Device<T, Open>,
        used: &Features,
        state: Result<KBox<T::State>>,
    ) {
        let result = self.refresh(dev, used).and(state).and_then(|state| {
            let refused = |refusal| not_expressible(dev, refusal);
            let bytes = self.preamble.finish(&*state, self.image.bytes(), refused)?;
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
