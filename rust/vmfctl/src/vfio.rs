// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A small client of VFIO: opens a device and moves it through the states of migration.
//!
//! The device never runs here, so no memory is mapped for it: a type1 container stays empty, and a
//! device that is opened through its character device is bound to an iommufd and attached to nothing.

mod ioctls;

use std::{
    ffi::CString,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use vfio_bindings::bindings::vfio;

use crate::{
    failure::{errno_text, Failure, Result},
    sysfs::{Address, Sysfs},
};

/// The states that are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Stop,
    StopCopy,
    Resuming,
    PreCopy,
}

impl State {
    fn number(self) -> u32 {
        match self {
            Self::Stop => vfio::vfio_device_mig_state_VFIO_DEVICE_STATE_STOP,
            Self::StopCopy => vfio::vfio_device_mig_state_VFIO_DEVICE_STATE_STOP_COPY,
            Self::Resuming => vfio::vfio_device_mig_state_VFIO_DEVICE_STATE_RESUMING,
            Self::PreCopy => vfio::vfio_device_mig_state_VFIO_DEVICE_STATE_PRE_COPY,
        }
    }

    /// The name in the uAPI, without its prefix.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stop => "STOP",
            Self::StopCopy => "STOP_COPY",
            Self::Resuming => "RESUMING",
            Self::PreCopy => "PRE_COPY",
        }
    }
}

/// An open device. Closing it resets the device.
#[derive(Debug)]
pub(crate) struct Device {
    file: File,
    /// What has to stay open meanwhile: group and container, or the iommufd.
    _held: Vec<File>,
}

impl Device {
    /// Opens a device that nobody else uses.
    pub(crate) fn open(sysfs: &Sysfs, bdf: &Address) -> Result<Self> {
        let dir = sysfs.device_dir(bdf);
        if !dir.is_dir() {
            return Err(Failure::Input(format!("{bdf}: no such device")));
        }
        match cdev(&dir) {
            Some(path) if Path::new("/dev/iommu").exists() => Self::open_cdev(&path),
            _ => Self::open_group(&dir, bdf),
        }
    }

    fn open_cdev(path: &Path) -> Result<Self> {
        let file = open(path)?;
        let iommu = open(Path::new("/dev/iommu"))?;
        ioctls::bind_iommufd(&file, &iommu)
            .map_err(|error| step(path, "BIND_IOMMUFD, does a VMM use the device?", &error))?;
        Ok(Self {
            file,
            _held: vec![iommu],
        })
    }

    fn open_group(dir: &Path, bdf: &Address) -> Result<Self> {
        let link = fs::read_link(dir.join("iommu_group")).map_err(|_| {
            Failure::Input(format!(
                "{bdf}: no IOMMU group; is the IOMMU of this host switched on?"
            ))
        })?;
        let group_path = Path::new("/dev/vfio").join(link.file_name().unwrap_or_default());
        let container_path = Path::new("/dev/vfio/vfio");
        let group = open(&group_path)?;
        let container = open(container_path)?;
        if !ioctls::group_viable(&group).map_err(|e| step(&group_path, "GROUP_GET_STATUS", &e))? {
            return Err(Failure::Input(format!(
                "{}: another device of the group is bound to a driver of the host",
                group_path.display()
            )));
        }
        ioctls::group_set_container(&group, &container)
            .map_err(|error| step(&group_path, "VFIO_GROUP_SET_CONTAINER", &error))?;
        ioctls::container_set_type1(&container)
            .map_err(|error| step(container_path, "VFIO_SET_IOMMU", &error))?;
        let name = CString::new(bdf.to_string()).unwrap_or_default();
        let file = ioctls::group_device(&group, &name)
            .map_err(|error| step(&group_path, "VFIO_GROUP_GET_DEVICE_FD", &error))?;
        Ok(Self {
            file: file.into(),
            _held: vec![group, container],
        })
    }

    /// Whether the device has PRE_COPY; an error if it cannot be migrated at all.
    pub(crate) fn has_pre_copy(&self) -> io::Result<bool> {
        let flags = ioctls::migration_flags(&self.file)?;
        Ok(flags & u64::from(vfio::VFIO_MIGRATION_PRE_COPY) != 0)
    }

    /// Moves to `state`; returns the data file if that starts a session.
    pub(crate) fn set_state(&self, state: State) -> io::Result<Option<File>> {
        let data = ioctls::set_state(&self.file, state.number())?;
        Ok(data.map(File::from))
    }

    /// How many bytes the device expects to save.
    pub(crate) fn data_size(&self) -> io::Result<u64> {
        ioctls::data_size(&self.file)
    }
}

/// The character device of a function, if the kernel has them.
fn cdev(dir: &Path) -> Option<PathBuf> {
    let entry = fs::read_dir(dir.join("vfio-dev")).ok()?.next()?.ok()?;
    let path = Path::new("/dev/vfio/devices").join(entry.file_name());
    path.exists().then_some(path)
}

fn open(path: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    file.map_err(|error| {
        let hint = match error.raw_os_error().and_then(crate::failure::errno_name) {
            Some("EBUSY") => "; another program, perhaps a VMM, uses the device",
            Some("EACCES" | "EPERM") => "; be root, or get access to this file",
            Some("ENOENT") => "; is the device bound to a VFIO driver?",
            _ => "",
        };
        Failure::Input(format!("{}: {}{hint}", path.display(), errno_text(&error)))
    })
}

fn step(path: &Path, what: &str, error: &io::Error) -> Failure {
    Failure::Input(format!("{}: {what}: {}", path.display(), errno_text(error)))
}
