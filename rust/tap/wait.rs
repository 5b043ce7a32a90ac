// SPDX-License-Identifier: GPL-2.0

//! Being told that a TAP device has a frame, or can take one again.

use super::Tap;
use kernel::{
    bindings,
    ffi::{
        c_int,
        c_uint,
        c_void, //
    },
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// Who is told.
pub trait Wake: Send + Sync + 'static {
    /// Something may be possible that was not. Called in any context, with a lock of the socket held:
    /// it must not sleep, nor touch the device.
    fn wake(&self);
}

#[repr(C)]
struct Entry<W> {
    // The C structure comes first: it is what C hands back.
    entry: Opaque<bindings::wait_queue_entry>,
    wake: W,
}

/// Has somebody told, until this is dropped.
///
/// # Invariants
///
/// `entry` is in the queue of the socket of `tap`, and does not move.
pub struct Watch<W: Wake> {
    tap: Arc<Tap>,
    entry: Pin<KBox<Entry<W>>>,
}

// SAFETY: Any task may take the entry out of the queue; `W` is `Send`.
unsafe impl<W: Wake> Send for Watch<W> {}
// SAFETY: Nothing can be done with a shared reference.
unsafe impl<W: Wake> Sync for Watch<W> {}

impl<W: Wake> Watch<W> {
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn new(tap: Arc<Tap>, wake: W) -> Result<Self> {
        let entry = KBox::into_pin(KBox::new(
            Entry {
                entry: Opaque::new(bindings::wait_queue_entry {
                    func: Some(Self::func),
                    ..Default::default()
                }),
                wake,
            },
            GFP_KERNEL,
        )?);

        // macvtap wakes up who is in this queue, and does not call `sk_data_ready`.
        //
        // SAFETY: The queue lives as long as the socket, which the entry does not outlive; it does not
        // move.
        unsafe { bindings::add_wait_queue(Self::queue(&tap), entry.entry.get()) };
        // INVARIANT: It is in the queue now.
        Ok(Self { tap, entry })
    }

    fn queue(tap: &Tap) -> *mut bindings::wait_queue_head {
        // `sk_sleep()`: `sock_init_data()` has made it that of the socket.
        //
        // SAFETY: The socket is valid by the type invariant.
        unsafe { &raw mut (*tap.socket.as_ptr()).wq.wait }
    }

    /// # Safety
    ///
    /// Called with the lock of the queue held, for an entry of [`Self::new()`].
    unsafe extern "C" fn func(
        entry: *mut bindings::wait_queue_entry,
        _mode: c_uint,
        _flags: c_int,
        _key: *mut c_void,
    ) -> c_int {
        // SAFETY: The entry is the first field of an `Entry`, which is taken out of the queue, under the
        // same lock, before it is dropped.
        unsafe { (*entry.cast::<Entry<W>>()).wake.wake() };
        // Nobody was woken up who counts for exclusive waits.
        0
    }
}

impl<W: Wake> Drop for Watch<W> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is in that queue.
        unsafe { bindings::remove_wait_queue(Self::queue(&self.tap), self.entry.entry.get()) };
    }
}
