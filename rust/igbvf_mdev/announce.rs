// SPDX-License-Identifier: GPL-2.0

//! Frames that tell the network where a guest is now.
//!
//! A switch learns from what a station sends, and a guest that has just arrived may have nothing to
//! send for long: until it has, its frames go where it was. VMMs do the same for devices of their own.

use vmf::profile::igbvf_82576::State;

/// Shortest frame without its check sequence, in bytes.
const ETH_ZLEN: usize = 60;
const ETH_ALEN: usize = 6;
const ETH_P_8021Q: [u8; 2] = [0x81, 0x00];
const VLAN_N_VID: u16 = 4096;
/// A reverse ARP request, for Ethernet and IPv4: all bridges pass it on, and no host minds it.
const RARP: [u8; 10] = [0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3];

/// Makes the frames: of each address of the guest one, and of its own one more in each of its VLANs.
pub(crate) fn announce(state: &State, mut send: impl FnMut(&[u8])) {
    let (filters, unicast) = (&state.filters, &state.unicast);
    let count = usize::try_from(unicast.count).unwrap_or(0);
    let further = unicast.addresses.chunks_exact(ETH_ALEN).take(count);

    for mac in core::iter::once(&filters.mac[..]).chain(further) {
        send(&frame(mac, None));
    }
    for vlan in 1..VLAN_N_VID {
        let byte = filters.vlans.get(usize::from(vlan / 8));
        if byte.is_some_and(|byte| byte & 1 << (vlan % 8) != 0) {
            send(&frame(&filters.mac, Some(vlan)));
        }
    }
}

fn frame(mac: &[u8], vlan: Option<u16>) -> [u8; ETH_ZLEN] {
    let mut frame = [0; ETH_ZLEN];
    let tag = vlan.map(|vlan| {
        let [high, low] = vlan.to_be_bytes();
        let [first, second] = ETH_P_8021Q;
        [first, second, high, low]
    });
    // The addresses of who asks are those of who is asked about, which is not known by any other.
    let parts = [
        &[0xff; ETH_ALEN][..],
        mac,
        tag.as_ref().map_or(&[], |tag| &tag[..]),
        &RARP,
        mac,
        &[0; 4],
        mac,
    ];

    for (to, &from) in frame.iter_mut().zip(parts.into_iter().flatten()) {
        *to = from;
    }
    frame
}
