// SPDX-License-Identifier: GPL-2.0

//! The file through which user space reads or writes a migration stream.
//!
//! A file owns its stream and a reference to the device, never a raw pointer back, so that it may
//! outlive the session, the open device and its binding; all that is left to it then is `ENODEV`.
//! It holds a reference to the module through `fops.owner`.

mod fops;

use self::fops::{
    ResumeFops,
    SaveFops, //
};
use crate::{
    migration::{
        Failed,
        Live,
        Migration,
        PreCopyProfile as _,
        Progress,
        State, //
    },
    session::Session,
    staging::anon_inode,
    Device,
    Open, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    fs::File,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Atomic,
        poll::PollCondVarBox,
        static_lock_class,
        Arc,
        Mutex, //
    }, //
};

/// What is at the head of a stream that is being read.
pub enum Peek {
    /// This many bytes were copied.
    Data(usize),
    /// Nothing now, perhaps later: `ENOMSG`.
    NoMessage,
    /// Nothing ever again: `read()` returns 0.
    EndOfStream,
    /// The stream cannot be completed. A `read()` that ended it instead would pass for the whole.
    Failed(Error),
}

/// What is left to read in PRE_COPY, in the order in which it comes.
///
/// `VFIO_MIG_GET_PRECOPY_INFO` reports it in terms of what the user has opted in to.
pub struct PrecopyInfo {
    /// Bytes that the destination needs before the device stops; greater than 0 at first.
    pub initial: u64,
    /// The same, but they have come while the stream was being read, as something has changed that
    /// the first ones told.
    pub renewed: u64,
    /// How often initial bytes have come while the stream was being read.
    pub generation: u32,
    /// Bytes that the running device has changed meanwhile.
    pub dirty: u64,
}

/// A stream that is being read.
pub trait SaveStream: Send + Unpin + 'static {
    /// Copies the head of the stream to `out` without consuming it.
    fn peek(&self, out: &mut [u8]) -> Peek;

    /// Removes `len` bytes, which were peeked at before.
    fn consume(&mut self, len: usize);

    /// Returns what is left to read in PRE_COPY.
    fn precopy_info(&self) -> PrecopyInfo;
}

/// Bytes that are moved between user space and a stream at a time.
const BOUNCE_LEN: usize = 4096;

/// Memory for that, for the time of a call: a file may be kept for long after its session is over.
fn bounce() -> Result<KBox<[u8; BOUNCE_LEN]>> {
    KBox::init(pin_init::init_zeroed(), GFP_KERNEL)
}

/// A data file: `S` is the stream.
#[pin_data]
pub struct DataFile<T: Migration, S> {
    dev: ARef<Device<T>>,
    /// Number of resets when the session began; one more ends it.
    epoch: u32,
    /// Number of closes when the session began; one more, and the device is another one's.
    closes: u32,
    /// Serialises the callers of `read()` or `write()`, and is held while user memory is copied.
    /// Nobody else takes it.
    #[pin]
    io: Mutex<()>,
    /// `None` once the session is over. Held for copies in kernel memory, and while a complete
    /// stream is loaded, when the session lock is held as well.
    #[pin]
    stream: Mutex<Option<S>>,
    /// [`PrecopyInfo::generation`] when `VFIO_PRECOPY_INFO_REINIT` was reported last.
    reported: Atomic<u32>,
    /// In a box of its own that RCU frees: a [`PollCondVar`](kernel::sync::poll::PollCondVar) in
    /// here would wait for a grace period when the file goes, which may be inside an arc.
    readable: PollCondVarBox,
}

impl<T: Migration, S: Send + Unpin + 'static> DataFile<T, S> {
    /// `epoch` is the session's: a reset that it does not know of yet ends this file as well.
    fn new(dev: &Device<T, Open>, epoch: u32, stream: S) -> Result<Arc<Self>> {
        Arc::pin_init(
            try_pin_init!(Self {
                dev: (&**dev).into(),
                epoch,
                closes: dev.closes(),
                io <- new_mutex!((), "vfio::DataFile::io"),
                stream <- new_mutex!(Some(stream), "vfio::DataFile::stream"),
                reported: Atomic::new(0),
                readable: PollCondVarBox::new(c"vfio::DataFile::readable", static_lock_class!())?,
            }? Error),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Runs `op` on the stream; `None` if the session is over.
    fn with<R>(&self, op: impl FnOnce(&mut S) -> R) -> Option<R> {
        // A reset that nobody has settled yet ends the session all the same.
        if self.dev.epoch() != self.epoch {
            return None;
        }
        (*self.stream.lock()).as_mut().map(op)
    }

    /// As [`Device::with_session()`], as long as it is the session of who has opened this file.
    fn with_session<R>(
        &self,
        op: impl FnOnce(&Device<T, Open>, &mut Session<T>) -> Result<R>,
    ) -> Result<R> {
        self.dev.with_session_since(self.closes, op)
    }

    /// Ends the session.
    fn disconnect(&self) {
        let stream = self.stream.lock().take();

        // Outside of the lock: a driver's stream may be large.
        drop(stream);
        self.readable.notify_all();
    }
}

impl<T: Migration> DataFile<T, T::Saving> {
    /// Returns the evidence that the device is in a PRE_COPY state of this session.
    fn live<'a>(&self, state: &'a State<T>) -> Option<Live<'a, T>> {
        // The link in the state is what makes the session; it may be that of another file.
        match state {
            State::PreCopy(run, link) if core::ptr::eq(&*link.0, self) => Some(Live::Running(run)),
            State::PreCopyP2p(run, link) if core::ptr::eq(&*link.0, self) => {
                Some(Live::Quiesced(run))
            }
            _ => None,
        }
    }

    /// Lets the driver put on the stream what it has.
    ///
    /// `dev` is that of the session, which is locked, and `live` is what [`Self::live()`] says.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the session is over.
    /// - whatever the driver gives.
    fn refresh(&self, dev: &Device<T, Open>, live: Live<'_, T>) -> Result {
        let woken = self
            .with(|stream| {
                let idle = is_idle(stream);

                T::PreCopy::refresh(dev, live, stream)?;
                Ok::<_, Error>(idle && !is_idle(stream))
            })
            .ok_or(ENODEV)??;

        if woken {
            self.readable.notify_all();
        }
        Ok(())
    }

    /// Looks for more to read, when everything was read.
    ///
    /// Not for a user who is told about new initial data: it comes on the stream with the ioctl
    /// that tells, and not before.
    ///
    /// # Errors
    ///
    /// As [`Self::refresh()`].
    fn look_for_more(&self) -> Result {
        self.with_session(|dev, session| match self.live(&session.migration) {
            Some(live) if !dev.precopy_info_v2() => self.refresh(dev, live),
            _ => Ok(()),
        })
    }
}

/// Returns whether there is nothing to read now.
fn is_idle(stream: &impl SaveStream) -> bool {
    matches!(stream.peek(&mut [0]), Peek::NoMessage)
}

impl<T: Migration> DataFile<T, T::Resuming> {
    /// Feeds bytes to the stream and loads it when it is complete.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the session is over.
    /// - whatever the driver gives for the bytes or the load.
    fn receive(&self, data: &[u8]) -> Result {
        self.with_session(|dev, session| {
            // The link in the state is what makes the session; it may be that of another file.
            match &session.migration {
                State::Resuming(_, link) if core::ptr::eq(&*link.0, self) => (),
                _ => return Err(ENODEV),
            }
            let progress = self
                .with(|stream| T::receive(dev, stream, data))
                .ok_or(ENODEV)?
                .inspect_err(|err| {
                    dev.last_error()
                        .set_if_none(fmt!("stream refused: errno {}", -err.to_errno()));
                })?;

            match progress {
                Progress::More => Ok(()),
                Progress::Complete => dev
                    .stats()
                    .load(|| self.load(dev, &mut session.migration))
                    .inspect_err(|err| {
                        dev.last_error()
                            .set_if_none(fmt!("stream not loaded: errno {}", -err.to_errno()));
                    }),
            }
        })
    }

    /// Loads the complete stream; `state` is `RESUMING`.
    fn load(&self, dev: &Device<T, Open>, state: &mut State<T>) -> Result {
        let State::Resuming(stopped, link) = core::mem::replace(state, State::Error) else {
            return Err(ENODEV);
        };
        let Some(result) = self.with({
            let stopped = stopped;
            |stream| T::load(dev, stopped, stream)
        }) else {
            // A reset has come in between, which `with_session()` settles next time: the device is
            // whatever the reset made of it, and not for a second longer what `stopped` said.
            return Err(ENODEV);
        };
        let (new, result) = match result {
            Ok(stopped) => (State::Resuming(stopped, link), Ok(())),
            Err(Failed::Unchanged(stopped, err)) => (State::Resuming(stopped, link), Err(err)),
            Err(Failed::Broken(err)) => (State::Error, Err(err)),
        };
        *state = new;
        result
    }
}

/// The state's end of a saving session; dropping it ends the session.
pub struct SaveLink<T: Migration>(Arc<DataFile<T, T::Saving>>);

impl<T: Migration> SaveLink<T> {
    pub(crate) fn with<R>(&self, op: impl FnOnce(&mut T::Saving) -> R) -> Option<R> {
        self.0.with(op)
    }

    /// Wakes up who polls: there is something to read.
    pub(crate) fn wake(&self) {
        self.0.readable.notify_all();
    }
}

impl<T: Migration> Drop for SaveLink<T> {
    fn drop(&mut self) {
        self.0.disconnect();
    }
}

/// The state's end of a resuming session; dropping it ends the session.
pub struct ResumeLink<T: Migration>(Arc<DataFile<T, T::Resuming>>);

impl<T: Migration> ResumeLink<T> {
    pub(crate) fn with<R>(&self, op: impl FnOnce(&mut T::Resuming) -> R) -> Option<R> {
        self.0.with(op)
    }
}

impl<T: Migration> Drop for ResumeLink<T> {
    fn drop(&mut self) {
        self.0.disconnect();
    }
}

/// Opens a saving session.
///
/// # Errors
///
/// - [`ENOMEM`], and those of [`anon_inode::stream_file()`].
pub(crate) fn open_saving<T: Migration>(
    dev: &Device<T, Open>,
    epoch: u32,
    stream: T::Saving,
) -> Result<(SaveLink<T>, ARef<File>)> {
    let link = SaveLink(DataFile::new(dev, epoch, stream)?);
    // SAFETY: `SaveFops` treats `private_data` as the `Arc<DataFile<T, T::Saving>>` that it is, and
    // names the module that it is in.
    let file = unsafe {
        anon_inode::stream_file(
            c"[vfio-save]",
            &SaveFops::<T>::FOPS,
            link.0.clone(),
            // CAST: a small constant.
            kernel::bindings::O_RDONLY as i32,
        )
    }?;
    Ok((link, file))
}

/// Opens a resuming session.
///
/// # Errors
///
/// - [`ENOMEM`], and those of [`anon_inode::stream_file()`].
pub(crate) fn open_resuming<T: Migration>(
    dev: &Device<T, Open>,
    epoch: u32,
    stream: T::Resuming,
) -> Result<(ResumeLink<T>, ARef<File>)> {
    let link = ResumeLink(DataFile::new(dev, epoch, stream)?);
    // SAFETY: As in `open_saving()`.
    let file = unsafe {
        anon_inode::stream_file(
            c"[vfio-resume]",
            &ResumeFops::<T>::FOPS,
            link.0.clone(),
            // CAST: a small constant.
            kernel::bindings::O_WRONLY as i32,
        )
    }?;
    Ok((link, file))
}
