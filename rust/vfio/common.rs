// SPDX-License-Identifier: GPL-2.0

//! What the devices of a driver have in common.

use crate::staging::user_worker::Reaper;
use kernel::{
    debugfs::Dir,
    prelude::*,
    sync::Arc, //
};

/// A directory in debugfs, and who waits for the end of tasks.
///
/// For what registers drivers on a bus: it is there before the first device, and goes after the last one.
pub struct Common {
    debugfs: Dir,
    reaper: Arc<Reaper>,
}

impl Common {
    /// Makes both for the driver with this name.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn new(name: &CStr) -> Result<Self> {
        Ok(Self {
            debugfs: Dir::new(name),
            reaper: Arc::new(Reaper::new()?, GFP_KERNEL)?,
        })
    }

    pub(crate) fn debugfs(&self) -> &Dir {
        &self.debugfs
    }

    pub(crate) fn reaper(&self) -> &Arc<Reaper> {
        &self.reaper
    }
}

impl Drop for Common {
    fn drop(&mut self) {
        // The last device is closed, so that no other task comes. One that is still waited for holds its
        // device, and that the reaper: ours must not be the first reference to go.
        self.reaper.flush();
    }
}
