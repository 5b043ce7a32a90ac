// SPDX-License-Identifier: GPL-2.0

//! Events of a device for user space; upstream home: `rust/kernel/device.rs`.
//!
//! C header: [`include/linux/kobject.h`](srctree/include/linux/kobject.h)

use kernel::{
    bindings,
    device::{
        Bound,
        Device, //
    },
    prelude::*, //
};

/// The most variables of one event.
const VARIABLES_MAX: usize = 4;

/// Tells whoever listens, as udev does, that something has changed about `dev`.
///
/// `variables` are `NAME=value`, four at most: they, and those that the bus and the driver core add,
/// have 2048 bytes. May sleep.
///
/// # Errors
///
/// - [`E2BIG`]: there are more variables than that.
/// - [`ENOMEM`]: no memory, or no room for the variables.
pub fn change(dev: &Device<Bound>, variables: &[&CStr]) -> Result {
    let mut envp = [core::ptr::null_mut(); VARIABLES_MAX + 1];

    if variables.len() > VARIABLES_MAX {
        return Err(E2BIG);
    }
    for (to, variable) in envp.iter_mut().zip(variables) {
        *to = variable.as_char_ptr().cast_mut();
    }
    // CAST: A `Device` is transparent.
    let dev = core::ptr::from_ref(dev)
        .cast::<bindings::device>()
        .cast_mut();

    // SAFETY: `dev` is valid, and as it is bound, `device_del()` has not begun: its kobject and those
    // above it are there. `kobject_uevent_env()` reads the strings of a list that ends with NULL, and
    // keeps none of them.
    kernel::error::to_result(unsafe {
        bindings::kobject_uevent_env(
            &raw mut (*dev).kobj,
            bindings::kobject_action_KOBJ_CHANGE,
            envp.as_mut_ptr(),
        )
    })
}
