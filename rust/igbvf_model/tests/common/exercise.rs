// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What any guest may do, made from bytes, and what the engine promises in return.
//!
//! [`exercise`] is used by a test with pseudo-random bytes and by the fuzz target `model`. It demands
//! that
//!
//! - a run looks at no more descriptors than its budget and one frame;
//! - writes go to descriptors between head and tail, to buffers that these post, and to the head
//!   write-back address, and what is recorded is all that has changed in memory;
//! - what the network gets is sound in itself;
//! - at any time the state is one of the profile, and loads into a device that saves the same.

use super::frames::{tagged, BROADCAST, OWN, PEER};
use super::input::{frame, Input, Reached};
use super::memory::Ram;
use super::world::{all_registers, World, RAM_LEN};
use igbvf_model::registers::*;
use igbvf_model::{Administrator, Device, NetHeader, SCRATCH_LEN};
use vmf::profile::igbvf_82576::State;

/// Most operations made from one input.
const OPERATIONS: usize = 400;

/// Does what `data` says.
pub fn exercise(data: &[u8]) -> Reached {
    let mut input = Input(data);
    let bases = [0, 0x1_0000_0000, u64::MAX - RAM_LEN as u64 + 1];
    let base = bases[usize::from(input.u8()) % bases.len()];
    let mut world = World {
        device: Device::new(Administrator::default()),
        ram: Ram::new(base, RAM_LEN),
        now: 1 << 40,
        scratch: vec![
            0;
            if input.u8() % 8 == 0 {
                300
            } else {
                SCRATCH_LEN
            }
        ],
        offsets: all_registers(),
        reached: Reached::default(),
    };
    for _ in 0..OPERATIONS {
        if input.0.is_empty() {
            break;
        }
        let input = &mut input;
        match input.u8() % 16 {
            0 | 1 => {
                let at = usize::from(input.u8()) % world.offsets.len();
                let offset = world.offsets[at];
                let value = input.value();
                world.write(offset, value);
            }
            2 => {
                let offset = input.u32() % (BAR_LEN + 16);
                world.read(offset);
            }
            3 => {
                let at = world.address(input.u16() & 0x7f00);
                let bytes: Vec<u8> = (0..input.u8() % 32).map(|_| input.u8()).collect();
                world.ram.set(at, &bytes);
            }
            4 | 5 => world.post(input),
            6 | 7 => {
                let (number, budget, room) = (input.u8() & 1, input.u16() % 600, input.u8() % 8);
                world.transmit(number.into(), budget.into(), room.into());
            }
            8 | 9 => {
                let to = [OWN, BROADCAST, [0x33, 0x33, 0, 0, 0, 1]];
                let to = to[usize::from(input.u8()) % 3];
                let mut frame = frame(input, to, PEER);
                if input.u8() % 2 == 0 && frame.len() > 12 {
                    let tag = input.u16();
                    frame = tagged(&frame, if tag & 1 == 0 { 100 } else { tag });
                }
                let header = NetHeader {
                    flags: [0, 0, NetHeader::DATA_VALID, NetHeader::NEEDS_CSUM]
                        [usize::from(input.u8() & 3)],
                    csum_start: input.u16() % 100,
                    csum_offset: input.u16() % 100,
                    ..NetHeader::default()
                };
                world.receive(&header, input.u8() & 1 != 0, &frame);
            }
            10 => {
                let administrator = Administrator {
                    mac: (input.u8() % 4 == 0).then_some(PEER),
                    ..Administrator::default()
                };
                world.migrate(administrator, input.u8() & 1 != 0);
            }
            11 => world.load_edited(input),
            12 => {
                let words: Vec<u32> = (0..1 + input.u8() % 16).map(|_| input.value()).collect();
                let kind = u32::from(input.u8() % 8) | u32::from(input.u8() % 4) << 16;
                let words = [&[kind], &words[..]].concat();
                world.ask(&words);
            }
            13 => {
                world.now += u64::from(input.u32());
                let raise = world.device.interrupts.expire(world.now);
                world.judge(raise);
            }
            14 => world.send(input),
            _ => match input.u8() % 8 {
                0 => {
                    let effect = world.device.power_on();
                    assert!(effect.filters && !effect.reset);
                    assert_eq!(world.device.save(), State::default());
                }
                3 => world.flood(input),
                1 => {
                    let up = input.u8() & 1 != 0;
                    let _ = world.device.control.set_link(up);
                }
                2 => {
                    let administrator = Administrator {
                        mac: (input.u8() & 1 != 0).then_some([input.u8(); 6]),
                        spoofchk: input.u8() & 1 != 0,
                        trusted: input.u8() & 1 != 0,
                    };
                    let _ = world.device.control.set_administrator(administrator);
                }
                _ => world.open(input),
            },
        }
    }
    world.migrate(Administrator::default(), false);
    world.reached
}
