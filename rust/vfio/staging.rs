// SPDX-License-Identifier: GPL-2.0

//! What belongs elsewhere in the kernel once it is upstream.
//!
//! Each file here exposes only what its future home would, and names that home.

pub mod anon_inode;
pub mod crc32;
pub mod event;
pub mod eventfd;
pub mod pci;
pub mod pm_runtime;
pub mod rwsem;
pub mod uevent;
pub mod user_worker;
