// SPDX-License-Identifier: GPL-2.0

//! Closing TAP devices for a task that cannot.

use super::Tap;
use core::ptr::NonNull;
use kernel::{
    bindings,
    prelude::*,
    sync::Arc,
    workqueue::Queue, //
};

/// Drops users of TAP devices for a task of the kernel's: what the last user of a file leaves to do
/// is done when a task goes back to user space, which that one never does.
///
/// All of it is done when this is dropped.
///
/// # Invariants
///
/// It is a workqueue of ours.
pub struct Closing(NonNull<bindings::workqueue_struct>);

// SAFETY: Any task may use a workqueue.
unsafe impl Send for Closing {}
// SAFETY: As above.
unsafe impl Sync for Closing {}

impl Closing {
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn new() -> Result<Self> {
        // SAFETY: The name has no arguments. The workqueue is one of the module's own, and not the
        // system's, as a work must not outlive the module.
        let queue = unsafe {
            bindings::alloc_workqueue_noprof(
                c"tap_closing".as_char_ptr(),
                bindings::wq_flags_WQ_UNBOUND,
                0,
            )
        };

        // INVARIANT: It was made just now.
        NonNull::new(queue).map(Self).ok_or(ENOMEM)
    }

    /// Drops `tap`, soon. Without memory for that it is done when the task ends.
    pub fn drop_soon(&self, tap: Arc<Tap>) {
        // SAFETY: By the type invariant it is valid, as long as `self`.
        let queue = unsafe { Queue::from_raw(self.0.as_ptr()) };

        let _ = queue.try_spawn(GFP_KERNEL, move || drop(tap));
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is ours; nobody else has it. What it has still to do is done
        // first.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}
