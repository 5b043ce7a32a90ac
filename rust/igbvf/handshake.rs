// SPDX-License-Identifier: GPL-2.0

//! `migration_format/`: what can be known about a migration before there is one.
//!
//! ABI: `Documentation/ABI/testing/sysfs-bus-pci-drivers-igbvf_vfio_pci`.

use super::{
    slot::Heads,
    Igbvf, //
};
use session::handshake::{
    limit,
    Handshake,
    DIRECTORY, //
};
use vfio::sysfs::{
    Directory,
    Group,
    Text, //
};
use vmf::profile::igbvf_82576::{
    LIMIT_MSIX_VECTORS,
    LIMIT_RX_QUEUES,
    LIMIT_TX_QUEUES, //
};

impl Group for Igbvf {
    const DIRECTORIES: &'static [Directory<Self>] = &[Directory {
        name: DIRECTORY,
        text: &[
            Handshake::<Self>::TEXT,
            &[
                Text::read_only(c"limit_rx-queues", limit::<Self, LIMIT_RX_QUEUES>),
                Text::read_only(c"limit_tx-queues", limit::<Self, LIMIT_TX_QUEUES>),
                Text::read_only(c"limit_msix-vectors", limit::<Self, LIMIT_MSIX_VECTORS>),
                Text::read_only(c"device_quirks", |dev, page| match dev.data().heads() {
                    Heads::Exact => write!(page, "one-step-dma"),
                    Heads::Hints => write!(page, "none"),
                }),
            ],
        ],
        binary: &[Handshake::<Self>::BINARY],
    }];
}
