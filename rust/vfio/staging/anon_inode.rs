// SPDX-License-Identifier: GPL-2.0

//! Anonymous files whose private data is a Rust object; upstream home:
//! `rust/kernel/fs/anon_inode.rs`.
//!
//! C header: [`include/linux/anon_inodes.h`](srctree/include/linux/anon_inodes.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    ffi::c_int,
    fs::File,
    prelude::*,
    sync::aref::ARef,
    types::ForeignOwnable, //
};

/// Opens an anonymous stream file that owns `data`.
///
/// The file has no position: `lseek()`, `pread()` and `pwrite()` fail with `ESPIPE`.
///
/// # Errors
///
/// Those of `anon_inode_getfile()`: [`ENOMEM`], [`ENFILE`], [`ENOENT`]. `data` is dropped then.
///
/// # Safety
///
/// `fops.release` must take `private_data` back with `P::from_foreign()`, and the other functions
/// in `fops` may only borrow it. `fops` must live as long as the module that `fops.owner` names.
pub unsafe fn stream_file<P: ForeignOwnable>(
    name: &'static CStr,
    fops: &'static kernel::bindings::file_operations,
    data: P,
    flags: c_int,
) -> Result<ARef<File>> {
    let private = data.into_foreign();
    // SAFETY: `name` and `fops` are valid for ever; the meaning of `private` is between the caller
    // and its own `fops`.
    let file = unsafe { bindings::anon_inode_getfile(name.as_char_ptr(), fops, private, flags) };
    let file = match from_err_ptr(file) {
        Ok(file) => file,
        Err(err) => {
            // SAFETY: No file exists that could own `private`, which `into_foreign()` gave us.
            drop(unsafe { P::from_foreign(private) });
            return Err(err);
        }
    };
    // SAFETY: `anon_inode_getfile()` succeeded, so `file` is valid, has an inode, and nobody else
    // knows it yet. `stream_open()` only clears bits of `f_mode` and cannot fail.
    unsafe { kernel::bindings::stream_open((*file).f_inode, file) };

    // SAFETY: `anon_inode_getfile()` returns a non-null pointer or an error, and the one reference
    // to the file is ours. It was never installed in a file table, so there is no `fdget_pos()`.
    Ok(unsafe { ARef::from_raw(NonNull::new_unchecked(file.cast::<File>())) })
}
