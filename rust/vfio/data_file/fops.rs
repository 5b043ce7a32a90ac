// SPDX-License-Identifier: GPL-2.0

//! `struct file_operations` of the two kinds of data file.

use super::{
    bounce,
    is_idle,
    DataFile,
    Peek,
    SaveStream, //
};
use crate::{
    bindings,
    migration::Migration,
    Driver, //
};
use core::marker::PhantomData;
use kernel::{
    error::from_result,
    ffi::{
        c_int,
        c_long,
        c_uint,
        c_ulong, //
    },
    fs::{
        File,
        Kiocb, //
    },
    ioctl,
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    module::this_module,
    prelude::*,
    sync::{
        atomic::Relaxed,
        poll::PollTable,
        Arc,
        ArcBorrow, //
    },
    types::ForeignOwnable,
    uaccess::UserSlice, //
};

/// `VFIO_MIG_GET_PRECOPY_INFO`: a function-like macro in C.
const VFIO_MIG_GET_PRECOPY_INFO: u32 =
    // CAST: `';'` and small constants.
    ioctl::_IO(bindings::VFIO_TYPE as u32, bindings::VFIO_BASE + 21);

/// Size of `struct vfio_precopy_info` up to and including `dirty_bytes`.
const PRECOPY_INFO_LEN: usize = 24;

/// Operations of a file that is read.
pub(super) struct SaveFops<T: Migration>(PhantomData<T>);
/// Operations of a file that is written.
pub(super) struct ResumeFops<T: Migration>(PhantomData<T>);

type Saving<T> = Arc<DataFile<T, <T as Migration>::Saving>>;
type Resuming<T> = Arc<DataFile<T, <T as Migration>::Resuming>>;

impl<T: Migration> SaveFops<T> {
    pub(super) const FOPS: kernel::bindings::file_operations = kernel::bindings::file_operations {
        owner: this_module::<<T as Driver>::OwnerModule>().as_ptr(),
        read_iter: Some(Self::read_iter),
        poll: Some(Self::poll),
        unlocked_ioctl: Some(Self::ioctl),
        compat_ioctl: kernel::bindings::compat_ptr_ioctl,
        release: Some(release::<Saving<T>>),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// Called by the vfs for a file with this table, between open and the end of release.
    unsafe extern "C" fn read_iter(
        kiocb: *mut kernel::bindings::kiocb,
        iter: *mut kernel::bindings::iov_iter,
    ) -> isize {
        // SAFETY: The vfs calls this with a file of these operations, whose private data is a
        // `Saving<T>`, and with an iterator for writing to the user.
        let (kiocb, iov) = unsafe {
            (
                Kiocb::<Saving<T>>::from_raw(kiocb),
                IovIterDest::from_raw(iter),
            )
        };
        from_result(|| Ok(isize::try_from(read(&kiocb.file(), iov)?)?))
    }

    /// # Safety
    ///
    /// Called by the vfs for a file with this table, between open and the end of release.
    unsafe extern "C" fn poll(
        file: *mut kernel::bindings::file,
        table: *mut kernel::bindings::poll_table_struct,
    ) -> kernel::bindings::__poll_t {
        // SAFETY: The vfs calls this with a file of these operations and a valid table or NULL.
        let (this, file, table) = unsafe {
            (
                borrow::<T, T::Saving>(file),
                File::from_raw_file(file),
                PollTable::from_raw(table),
            )
        };
        table.register_wait(file, &this.readable);

        let ready = kernel::bindings::POLLIN | kernel::bindings::POLLRDNORM;
        let idle = || this.with(|stream| is_idle(stream));
        let idle = match idle() {
            Some(true) => match this.look_for_more() {
                Ok(()) => idle(),
                // It is for `read()` to say why.
                Err(_) => this.with(|_| false),
            },
            known => known,
        };
        match idle {
            Some(true) => 0,
            Some(false) => ready,
            None => ready | kernel::bindings::POLLERR | kernel::bindings::POLLHUP,
        }
    }

    /// # Safety
    ///
    /// Called by the vfs for a file with this table, between open and the end of release.
    unsafe extern "C" fn ioctl(
        file: *mut kernel::bindings::file,
        cmd: c_uint,
        arg: c_ulong,
    ) -> c_long {
        // SAFETY: The vfs calls this with a file of these operations.
        let this = unsafe { borrow::<T, T::Saving>(file) };

        match precopy_info(&this, cmd, UserPtr::from_addr(arg)) {
            Ok(()) => 0,
            // CAST: widening.
            Err(err) => err.to_errno() as c_long,
        }
    }
}

impl<T: Migration> ResumeFops<T> {
    pub(super) const FOPS: kernel::bindings::file_operations = kernel::bindings::file_operations {
        owner: this_module::<<T as Driver>::OwnerModule>().as_ptr(),
        write_iter: Some(Self::write_iter),
        release: Some(release::<Resuming<T>>),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// Called by the vfs for a file with this table, between open and the end of release.
    unsafe extern "C" fn write_iter(
        kiocb: *mut kernel::bindings::kiocb,
        iter: *mut kernel::bindings::iov_iter,
    ) -> isize {
        // SAFETY: The vfs calls this with a file of these operations, whose private data is a
        // `Resuming<T>`, and with an iterator for reading from the user.
        let (kiocb, iov) = unsafe {
            (
                Kiocb::<Resuming<T>>::from_raw(kiocb),
                IovIterSource::from_raw(iter),
            )
        };
        from_result(|| Ok(isize::try_from(write(&kiocb.file(), iov)?)?))
    }
}

/// # Safety
///
/// `file` must be an open data file whose stream is an `S`.
unsafe fn borrow<'a, T: Migration, S: Send + Unpin + 'static>(
    file: *mut kernel::bindings::file,
) -> ArcBorrow<'a, DataFile<T, S>> {
    // SAFETY: `private_data` was made by `into_foreign()` in `stream_file()`, and is taken back in
    // `release()` only, after the last call of any other operation.
    unsafe { <Arc<DataFile<T, S>> as ForeignOwnable>::borrow((*file).private_data) }
}

/// # Safety
///
/// Called by the vfs for a file with this table, between open and the end of release.
unsafe extern "C" fn release<P: ForeignOwnable>(
    _inode: *mut kernel::bindings::inode,
    file: *mut kernel::bindings::file,
) -> c_int {
    // SAFETY: `private_data` was made by `into_foreign()` in `stream_file()`, and the vfs calls
    // release once, when nobody else uses the file.
    drop(unsafe { P::from_foreign((*file).private_data) });
    0
}

/// Gives the user what the stream has.
///
/// # Errors
///
/// - [`ENODEV`]: the session is over.
/// - [`ENOMEM`]
/// - [`ENOMSG`]: nothing to read at the moment, in the PRE_COPY states only.
/// - [`EFAULT`]: the user's buffer; nothing is lost.
/// - whatever the driver says why there is no more, or gives when it is asked for more.
fn read<T: Migration>(this: &DataFile<T, T::Saving>, iov: &mut IovIterDest<'_>) -> Result<usize> {
    let _io = this.io.lock();
    let mut bounce = bounce()?;
    let mut done = 0;
    let mut looked = false;

    while !iov.is_empty() {
        let len = bounce.len().min(iov.len());
        let out = bounce.get_mut(..len).ok_or(EINVAL)?;
        let len = match this.with(|stream| stream.peek(out)).ok_or(ENODEV)? {
            Peek::Data(len) => len,
            Peek::NoMessage if done == 0 && !looked => {
                looked = true;
                this.look_for_more()?;
                continue;
            }
            Peek::NoMessage if done == 0 => return Err(ENOMSG),
            Peek::Failed(err) if done == 0 => {
                this.dev
                    .last_error()
                    .set_if_none(fmt!("stream not complete: errno {}", -err.to_errno()));
                return Err(err);
            }
            Peek::NoMessage | Peek::Failed(_) | Peek::EndOfStream => break,
        };
        // Only `io` is held here, which nobody needs but other readers of this file.
        let copied = iov.copy_to_iter(out.get(..len).ok_or(EINVAL)?);
        // If the session has ended meanwhile, there is nothing to consume from.
        let _ = this.with(|stream| stream.consume(copied));
        done += copied;
        if copied < len {
            return if done == 0 { Err(EFAULT) } else { Ok(done) };
        }
    }
    Ok(done)
}

/// Takes the user's bytes into the stream.
///
/// # Errors
///
/// - [`ENODEV`]: the session is over.
/// - [`ENOMEM`]
/// - [`EFAULT`]: the user's buffer.
/// - those of the stream: the call that brings the offending byte fails as a whole.
fn write<T: Migration>(
    this: &DataFile<T, T::Resuming>,
    iov: &mut IovIterSource<'_>,
) -> Result<usize> {
    let _io = this.io.lock();
    let mut bounce = bounce()?;
    let mut done = 0;

    if iov.is_empty() {
        // Still the verdict so far, as for any other number of bytes.
        this.receive(&[])?;
    }
    while !iov.is_empty() {
        let len = bounce.len().min(iov.len());
        let copied = iov.copy_from_iter(bounce.get_mut(..len).ok_or(EINVAL)?);
        if copied == 0 {
            return if done == 0 { Err(EFAULT) } else { Ok(done) };
        }
        this.receive(bounce.get(..copied).ok_or(EINVAL)?)?;
        done += copied;
    }
    Ok(done)
}

/// `VFIO_MIG_GET_PRECOPY_INFO`.
///
/// # Errors
///
/// - [`ENOTTY`]: another command.
/// - [`EFAULT`]: the user's structure.
/// - [`EINVAL`]: `argsz` is too small, or the device is not in a PRE_COPY state.
/// - [`ENODEV`]: the device is, for another stream; or it is not open, or was closed since.
/// - whatever the driver gives when it is asked for more.
fn precopy_info<T: Migration>(this: &DataFile<T, T::Saving>, cmd: c_uint, arg: UserPtr) -> Result {
    if cmd != VFIO_MIG_GET_PRECOPY_INFO {
        return Err(ENOTTY);
    }
    let (mut reader, mut writer) = UserSlice::new(arg, PRECOPY_INFO_LEN).reader_writer();
    let argsz = reader.read::<u32>()?;
    let flags = reader.read::<u32>()?;
    // CAST: a small constant.
    if argsz < PRECOPY_INFO_LEN as u32 {
        return Err(EINVAL);
    }

    let (info, v2) = this.with_session(|dev, session| {
        if session.migration.precopy_link().is_none() {
            return Err(EINVAL);
        }
        let live = this.live(&session.migration).ok_or(ENODEV)?;
        this.refresh(dev, live)?;
        let info = this.with(|stream| stream.precopy_info()).ok_or(ENODEV)?;
        Ok((info, dev.precopy_info_v2()))
    })?;

    let (flags, initial, dirty) = if v2 {
        // Reported once, as mlx5 does; from then on it is initial data like any other.
        let fresh = info.renewed > 0 && info.generation != this.reported.load(Relaxed);

        (
            if fresh {
                bindings::VFIO_PRECOPY_INFO_REINIT
            } else {
                0
            },
            info.initial.saturating_add(info.renewed),
            info.dirty,
        )
    } else {
        // Before v2 the flags are no output, and stay what the user has put there; and there are
        // no initial bytes but the first.
        (flags, info.initial, info.dirty.saturating_add(info.renewed))
    };

    writer.write(&argsz)?;
    writer.write(&flags)?;
    writer.write(&initial)?;
    writer.write(&dirty)?;
    if v2 {
        // The user knows only now.
        this.reported.store(info.generation, Relaxed);
    }
    Ok(())
}
