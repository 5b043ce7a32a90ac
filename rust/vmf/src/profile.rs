// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Profiles: what the streams of a class of devices carry.
//!
//! A profile is the whole contract with the guest, named after the interface that the guest sees
//! and not after the maker of the device. Any two providers of a profile can exchange streams.

pub mod igbvf_82576;
