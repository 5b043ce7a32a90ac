// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the engine of the virtual function promises a host, whatever its guest does: the function is
//! that of the engine's own tests, which call it with pseudo-random bytes.

// Tests have other rules, and more helpers than are used here.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::precedence)]

#[path = "../../../rust/igbvf_model/tests/common/acts.rs"]
mod acts;
#[path = "../../../rust/igbvf_model/tests/common/exercise.rs"]
mod exercise;
#[path = "../../../rust/igbvf_model/tests/common/frames.rs"]
mod frames;
#[path = "../../../rust/igbvf_model/tests/common/input.rs"]
mod input;
#[path = "../../../rust/igbvf_model/tests/common/memory.rs"]
mod memory;
#[path = "../../../rust/igbvf_model/tests/common/world.rs"]
mod world;

/// Register writes, memory images, frames, save and load, as `data` says.
pub fn model(data: &[u8]) {
    exercise::exercise(data);
}
