// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! By which addresses the network knows a guest.

use super::igbvf_82576::{Filters, Unicast};
use core::fmt;

const ETH_ALEN: usize = 6;
const ETH_P_8021Q: [u8; 2] = [0x81, 0x00];
const VLAN_N_VID: u16 = 4096;
/// `ETH_P_RARP`, and a request of Ethernet and IPv4.
const RARP: [u8; 10] = [0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3];

/// An address of a guest, in no VLAN or in one: what a switch learns where it is.
///
/// As text it is `02:00:00:00:82:01`, and in VLAN 82 `02:00:00:00:82:01@82`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Station {
    /// The address.
    pub mac: [u8; ETH_ALEN],
    /// The VLAN, 1 to 4095, of a frame that has a tag.
    pub vlan: Option<u16>,
}

impl Station {
    /// Shortest frame in bytes, without its check sequence.
    pub const FRAME_LEN: usize = 60;

    /// Returns a frame by which the network learns where the station is: a reverse ARP request, which
    /// all bridges pass on and no host minds. VMMs send such for devices of their own.
    pub fn frame(self) -> [u8; Self::FRAME_LEN] {
        let mut frame = [0; Self::FRAME_LEN];
        let tag = self.vlan.map(|vlan| {
            let [high, low] = vlan.to_be_bytes();
            let [first, second] = ETH_P_8021Q;
            [first, second, high, low]
        });
        // The addresses of who asks are those of who is asked about, which is not known by any other.
        let parts = [
            &[0xff; ETH_ALEN][..],
            &self.mac,
            tag.as_ref().map_or(&[], |tag| &tag[..]),
            &RARP,
            &self.mac,
            &[0; 4],
            &self.mac,
        ];

        for (to, &from) in frame.iter_mut().zip(parts.into_iter().flatten()) {
            *to = from;
        }
        frame
    }
}

impl fmt::Display for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.mac;

        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")?;
        match self.vlan {
            Some(vlan) => write!(f, "@{vlan}"),
            None => Ok(()),
        }
    }
}

/// Returns the stations of a guest: each of its addresses, and its own one once more in each of its
/// VLANs; none for a guest without an address.
///
/// In which VLANs it uses its further addresses is not known to anyone but the guest.
///
/// ```
/// use vmf::profile::{igbvf_82576::{Filters, Unicast}, stations};
///
/// let mut filters = Filters { flags: Filters::FLAGS_MAC_VALID, ..Filters::default() };
/// filters.mac = [2, 0, 0, 0, 0x82, 1];
/// filters.vlans[82 / 8] = 1 << (82 % 8);
/// let unicast = Unicast::default();
/// let all: Vec<_> = stations(&filters, &unicast).map(|station| station.to_string()).collect();
/// assert_eq!(all, ["02:00:00:00:82:01", "02:00:00:00:82:01@82"]);
/// assert_eq!(stations(&Filters::default(), &unicast).count(), 0);
/// ```
pub fn stations<'a>(
    filters: &'a Filters,
    unicast: &'a Unicast,
) -> impl Iterator<Item = Station> + 'a {
    let valid = filters.flags & Filters::FLAGS_MAC_VALID != 0;
    let count = usize::try_from(unicast.count).unwrap_or(0);
    let further = unicast.addresses.chunks_exact(ETH_ALEN).take(count);
    let further = further.filter_map(|address| address.try_into().ok());
    let vlans = (1..VLAN_N_VID).filter(|vlan| {
        let byte = filters.vlans.get(usize::from(vlan / 8));
        byte.is_some_and(|byte| byte & (1 << (vlan % 8)) != 0)
    });

    core::iter::once(filters.mac)
        .chain(further)
        .map(|mac| Station { mac, vlan: None })
        .chain(vlans.map(|vlan| Station {
            mac: filters.mac,
            vlan: Some(vlan),
        }))
        .filter(move |_| valid)
}
