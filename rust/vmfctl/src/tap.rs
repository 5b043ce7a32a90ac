// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! TAP interfaces, as the wire of a function in software.

#![allow(unsafe_code)]

use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::AsRawFd,
    path::PathBuf,
};

use rustix::ioctl::{ioctl, opcode, IntegerSetter, Opcode, Updater};

use crate::{
    cli::Io,
    failure::{errno_text, Failure, Outcome, Result},
    sysfs::{Address, Sysfs},
};

const IFF_TAP: u16 = 0x0002;
const IFF_NO_PI: u16 = 0x1000;
const IFF_VNET_HDR: u16 = 0x4000;

const TUNSETIFF: Opcode = opcode::write::<i32>(b'T', 202);
const TUNSETOFFLOAD: Opcode = opcode::write::<u32>(b'T', 208);
const TUNSETVNETHDRSZ: Opcode = opcode::write::<i32>(b'T', 216);

/// Length in bytes of `struct virtio_net_hdr`, which is before each frame.
const HEADER_LEN: i32 = 10;

/// `struct ifreq` with flags.
#[repr(C)]
struct IfReq {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

/// Opens a TAP interface, which is made if there is none of this name, or that of a macvtap device.
fn open(sysfs: &Sysfs, name: &str) -> Result<File> {
    let net = sysfs.root.join("class/net").join(name);
    let path = if net.join("macvtap").is_dir() {
        let index = std::fs::read_to_string(net.join("ifindex"));
        let index = index.map_err(|error| Failure::io(&net, &error))?;
        PathBuf::from(format!("/dev/tap{}", index.trim()))
    } else {
        PathBuf::from("/dev/net/tun")
    };
    let file = OpenOptions::new().read(true).write(true).open(&path);
    let file = file.map_err(|error| Failure::io(&path, &error))?;

    set_up(&file, name)
        .map_err(|error| Failure::Input(format!("{name}: {}", errno_text(&error))))?;
    Ok(file)
}

/// Frames whole, each behind a header, and none that is yet to be segmented.
fn set_up(file: &File, name: &str) -> io::Result<()> {
    let mut request = IfReq {
        name: [0; 16],
        flags: IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
        rest: [0; 22],
    };
    let mut header_len = HEADER_LEN;

    // The last byte stays 0.
    if name.is_empty() || name.len() >= request.name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.name.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    // SAFETY: They take a `struct ifreq`, an `int` and an integer, in this order.
    unsafe {
        ioctl(file, Updater::<TUNSETIFF, IfReq>::new(&mut request))?;
        ioctl(file, Updater::<TUNSETVNETHDRSZ, i32>::new(&mut header_len))?;
        ioctl(file, IntegerSetter::<TUNSETOFFLOAD>::new_usize(0))?;
    }
    Ok(())
}

/// Tells the device which file is its wire.
fn hand_over(io: &Io, device: &str, fd: i32) -> Result<()> {
    let address = Address::parse(device)
        .ok_or_else(|| Failure::Usage(format!("{device:?} is no UUID of a mediated device")))?;
    let path = io.sysfs.device_dir(&address).join("network/backend_fd");

    std::fs::write(&path, fd.to_string()).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Input(format!(
            "{address}: no function in software, which has network/"
        )),
        _ => Failure::io(&path, &error),
    })
}

/// `vmfctl attach`: an interface becomes the wire of a device.
pub(crate) fn attach(io: &Io, device: &str, interface: &str) -> Result<Outcome> {
    let file = open(&io.sysfs, interface)?;
    hand_over(io, device, file.as_raw_fd())?;
    Ok(Outcome::Good)
}

/// `vmfctl detach`: a device has no wire any more.
pub(crate) fn detach(io: &Io, device: &str) -> Result<Outcome> {
    hand_over(io, device, -1)?;
    Ok(Outcome::Good)
}
