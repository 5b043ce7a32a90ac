// SPDX-License-Identifier: GPL-2.0

//! A guest has come, or has stayed where it is after all: who looks after the network is told.
//!
//! A switch learns from what a station sends, and a guest may have nothing to send for long: until it
//! has, its frames go where it was. A function cannot send in its place, as its queues are the guest's.
//! The physical function can, by what its own driver offers to everybody, so that it is for user space
//! to do: `vmfctl announce`.

use super::Line;
use kernel::{
    error::code::*,
    prelude::*,
    str::CString, //
};
use vfio::{
    staging::uevent,
    Device,
    Driver,
    Open, //
};
use vmf::profile::Station;

/// Stations in one event, whose text has 2048 bytes for all that is in it.
const STATIONS: usize = 32;

/// Emits an event of the device: `VMF_EVENT=running`, and in `VMF_STATIONS` by which addresses the guest
/// is known, with a space between them; as many events as that takes. None of a guest without an address,
/// and none if the guest was said to run ten times in five seconds.
pub fn announce<T: Driver>(dev: &Device<T, Open>, stations: impl Iterator<Item = Station>) {
    let mut stations = stations.peekable();

    // Who steps to and fro has told where it is.
    if !dev.may_tell() {
        return;
    }
    while stations.peek().is_some() {
        if let Err(err) = tell(dev, stations.by_ref().take(STATIONS)) {
            // The guest runs all the same, and is found when it sends.
            dev.warn(fmt!("no event says that the guest runs: {err:?}"));
        }
    }
}

fn tell<T: Driver>(dev: &Device<T, Open>, stations: impl Iterator<Item = Station>) -> Result {
    let mut text = KVec::new();

    for station in stations {
        let separator = if text.is_empty() {
            "VMF_STATIONS="
        } else {
            " "
        };
        text.extend_from_slice(separator.as_bytes(), GFP_KERNEL)?;
        let station = CString::try_from_fmt(fmt!("{}", Line(station)))?;
        text.extend_from_slice(station.to_bytes(), GFP_KERNEL)?;
    }
    text.push(0, GFP_KERNEL)?;
    let text = CStr::from_bytes_with_nul(&text).map_err(|_| EINVAL)?;
    uevent::change(dev.parent(), &[c"VMF_EVENT=running", text])
}
