// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Helpers of the tests: guest memory that records, a network, and a driver of the function.

#![allow(
    dead_code,
    unused_imports,
    unused_must_use,
    unreachable_pub,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
#![allow(
    clippy::indexing_slicing,
    clippy::precedence,
    clippy::too_many_arguments
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod acts;
pub mod exercise;
pub mod frames;
pub mod guest;
pub mod input;
pub mod memory;
pub mod offloads;
pub mod receiving;
pub mod sending;
pub mod world;

pub use frames::*;
pub use guest::*;
pub use memory::*;
