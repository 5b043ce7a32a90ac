// SPDX-License-Identifier: GPL-2.0

//! TAP devices, as vhost-net uses them: by a file that user space has opened.
//!
//! C headers: [`include/linux/if_tun.h`](srctree/include/linux/if_tun.h),
//! [`include/linux/if_tap.h`](srctree/include/linux/if_tap.h)
//!
//! Bridges, Open vSwitch, macvtap and network namespaces work with it as they do with a VMM, and who
//! has set it up can go: the file is kept open.
//!
//! Upstream home: `rust/kernel/net/tap.rs`.

#![crate_name = "tap"]

mod closing;
mod wait;

pub use self::{
    closing::Closing,
    wait::{
        Wake,
        Watch, //
    }, //
};

use core::ptr::NonNull;
use kernel::{
    bindings,
    error::from_err_ptr,
    fs::{
        File,
        LocalFile, //
    },
    prelude::*,
    sync::aref::ARef, //
};

/// Length in bytes of `struct virtio_net_hdr`, which precedes each frame.
pub const HEADER_LEN: usize = 10;

/// A TAP device.
///
/// # Invariants
///
/// `socket` is that of `file`, and lives as long.
pub struct Tap {
    socket: NonNull<bindings::socket>,
    _file: ARef<File>,
}

// SAFETY: Any task may use the socket.
unsafe impl Send for Tap {}
// SAFETY: The socket has locks of its own.
unsafe impl Sync for Tap {}

impl Tap {
    /// Takes the TAP device that is `fd` of the current process: `/dev/net/tun` with an interface of
    /// `IFF_TAP`, `IFF_NO_PI` and `IFF_VNET_HDR`, or `/dev/tapN`.
    ///
    /// # Errors
    ///
    /// - [`EBADF`]: there is no such file.
    /// - [`EINVAL`]: it is no TAP device. Whether it has an interface shows when it is used.
    pub fn from_fd(fd: u32) -> Result<Self> {
        let file = LocalFile::fget(fd)?;
        let raw = file.as_ptr();
        // SAFETY: The file is valid.
        let socket = from_err_ptr(unsafe { tap_bindings::tun_get_socket(raw) })
            // SAFETY: As above.
            .or_else(|_| from_err_ptr(unsafe { tap_bindings::tap_get_socket(raw) }))?;

        // INVARIANT: It is that of the file, which is kept.
        Ok(Self {
            socket: NonNull::new(socket).ok_or(EINVAL)?,
            // SAFETY: Nothing here uses its position.
            _file: unsafe { LocalFile::assume_no_fdget_pos(file) },
        })
    }

    /// Sends a frame, behind its header. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EAGAIN`]: it takes none now.
    /// - [`EBADFD`], [`EIO`]: the interface is gone, or down.
    /// - [`EINVAL`]: the header is not true of the frame.
    pub fn send(&self, header: &[u8; HEADER_LEN], frame: &[u8]) -> Result {
        let mut parts = [part(header), part(frame)];
        let mut message = bindings::msghdr {
            msg_flags: bindings::MSG_DONTWAIT,
            ..Default::default()
        };
        let len = header.len() + frame.len();
        // SAFETY: The socket is valid by the type invariant; header and frame are for the time of the
        // call, and only read. Not `kernel_sendmsg()`: it would ask whether the current process may, which
        // has not opened the file.
        let sent = unsafe {
            let socket = self.socket.as_ptr();

            bindings::iov_iter_kvec(
                &mut message.msg_iter,
                bindings::ITER_SOURCE,
                parts.as_mut_ptr(),
                parts.len(),
                len,
            );
            (*(*socket).ops)
                .sendmsg
                .map_or(bindings::EOPNOTSUPP.wrapping_neg() as i32, |send| {
                    send(socket, &mut message, len)
                })
        };

        kernel::error::to_result(sent)
    }

    /// Receives a frame, behind its header, and returns its length; `None` if there is none. Of a frame
    /// that is longer than `frame` the rest is lost, and the length is that of all of it.
    ///
    /// # Errors
    ///
    /// - [`EBADFD`]: the interface is gone.
    pub fn receive(
        &self,
        header: &mut [u8; HEADER_LEN],
        frame: &mut [u8],
    ) -> Result<Option<usize>> {
        let len = header.len() + frame.len();
        let mut parts = [part_mut(header), part_mut(frame)];
        let mut message = bindings::msghdr::default();
        // SAFETY: The socket is valid by the type invariant; header and frame are for the time of the
        // call. As in `send()`.
        let received = unsafe {
            let socket = self.socket.as_ptr();

            bindings::iov_iter_kvec(
                &mut message.msg_iter,
                bindings::ITER_DEST,
                parts.as_mut_ptr(),
                parts.len(),
                len,
            );
            (*(*socket).ops).recvmsg.map_or(0, |receive| {
                // CAST: small constants.
                let flags = (bindings::MSG_DONTWAIT | bindings::MSG_TRUNC) as i32;
                receive(socket, &mut message, len, flags)
            })
        };

        match kernel::error::to_result(received) {
            Ok(()) => Ok(usize::try_from(received)?.checked_sub(HEADER_LEN)),
            Err(EAGAIN) => Ok(None),
            Err(err) => Err(err),
        }
    }
}

fn part(bytes: &[u8]) -> bindings::kvec {
    bindings::kvec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    }
}

fn part_mut(bytes: &mut [u8]) -> bindings::kvec {
    bindings::kvec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    }
}
