// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The constraints that the registry can put on a field.
//!
//! Each is a function of the same name as in `Documentation/registry/schema.yaml` or close to it,
//! takes what to say if the constraint does not hold, and refuses with [`Code::Range`] then.

use crate::{
    bytes::all_zero,
    error::{Code, Refusal},
};

const fn range(reason: &'static str, got: u64, want: u64) -> Refusal {
    Refusal::new(Code::Range, reason, got, want)
}

/// Refuses unless `ok`.
fn require(ok: bool, reason: &'static str, got: u64, want: u64) -> Result<(), Refusal> {
    if ok {
        Ok(())
    } else {
        Err(range(reason, got, want))
    }
}

/// Requires that a payload has its fixed length; [`Code::MsgSize`] if not.
pub(super) fn exact<const N: usize>(payload: &[u8]) -> Result<&[u8; N], Refusal> {
    <&[u8; N]>::try_from(payload).map_err(|_| {
        let (got, want) = (payload.len() as u64, N as u64);
        Refusal::new(Code::MsgSize, "section length", got, want)
    })
}

/// Requires a multiple of `unit`.
pub(super) fn multiple_of(
    reason: &'static str,
    got: impl Into<u64>,
    unit: u64,
) -> Result<(), Refusal> {
    let got = got.into();
    require(got.checked_rem(unit) == Some(0), reason, got, unit)
}

/// Requires at most `max`.
pub(super) fn at_most(reason: &'static str, got: impl Into<u64>, max: u64) -> Result<(), Refusal> {
    let got = got.into();
    require(got <= max, reason, got, max)
}

/// Requires that no bit outside of `mask` is set.
pub(super) fn within_mask(
    reason: &'static str,
    got: impl Into<u64>,
    mask: u64,
) -> Result<(), Refusal> {
    let got = got.into();
    require(got & !mask == 0, reason, got, mask)
}

/// Requires something else than 0 if `set`.
pub(super) fn nonzero_if(
    reason: &'static str,
    got: impl Into<u64>,
    set: bool,
) -> Result<(), Refusal> {
    require(!set || got.into() != 0, reason, 0, 1)
}

/// Requires an index below `count` if `set`, and else at most `else_max`.
pub(super) fn index(
    reason: &'static str,
    got: u32,
    count: u32,
    set: bool,
    else_max: u32,
) -> Result<(), Refusal> {
    let max = if set {
        count.saturating_sub(1)
    } else {
        else_max
    };
    require(got <= max, reason, got.into(), max.into())
}

/// Requires all `values` to be 0 unless `set`.
pub(super) fn zero_unless<T: Copy + Into<u64>>(
    reason: &'static str,
    values: &[T],
    set: bool,
) -> Result<(), Refusal> {
    zero_from(reason, values, if set { values.len() } else { 0 })
}

/// Requires 0 in all `values` but the first `count`.
pub(super) fn zero_from<T: Copy + Into<u64>>(
    reason: &'static str,
    values: &[T],
    count: usize,
) -> Result<(), Refusal> {
    let mut rest = values.iter().skip(count).map(|&value| value.into());
    match rest.find(|&value| value != 0) {
        Some(got) => Err(range(reason, got, 0)),
        None => Ok(()),
    }
}

/// Requires, if `set`, an Ethernet address of one station.
pub(super) fn unicast_if(reason: &'static str, mac: &[u8], set: bool) -> Result<(), Refusal> {
    let first = mac.first().copied().unwrap_or(0);
    require(
        !set || (first & 1 == 0 && !all_zero(mac)),
        reason,
        first.into(),
        0,
    )
}

/// Requires that bit `bit` of a bitmap is 0.
pub(super) fn bit_zero(reason: &'static str, map: &[u8], bit: usize) -> Result<(), Refusal> {
    let byte = map.get(bit / 8).copied().unwrap_or(0);
    require(byte & (1 << (bit % 8)) == 0, reason, 1, 0)
}

/// Requires that at most `max` bits of a bitmap are set.
pub(super) fn bits_at_most(reason: &'static str, map: &[u8], max: u64) -> Result<(), Refusal> {
    let got = map.iter().map(|byte| u64::from(byte.count_ones())).sum();
    require(got <= max, reason, got, max)
}

/// Requires `count` Ethernet addresses of one station each, and 0 behind them.
pub(super) fn mac_list(reason: &'static str, list: &[u8], count: u32) -> Result<(), Refusal> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    for (at, mac) in list.chunks(6).enumerate() {
        if at < count {
            unicast_if(reason, mac, true)?;
        } else {
            zero_from(reason, mac, 0)?;
        }
    }
    Ok(())
}

/// Requires that a section which is left out if it is 0 is not.
pub(super) fn not_all_zero(payload: &[u8]) -> Result<(), Refusal> {
    require(
        !all_zero(payload),
        "section that is to be left out if it is 0",
        0,
        1,
    )
}
