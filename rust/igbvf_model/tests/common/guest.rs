// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A driver of the function, in the steps of the guest's `igbvf`.

use super::frames::OWN;
use super::memory::{Net, Ram};
use igbvf_model::registers::*;
use igbvf_model::{Administrator, Device, Effect, NetHeader, Outcome, Raise, TxWork, SCRATCH_LEN};
use vmf::profile::igbvf_82576::State;

pub const BASE: u64 = 0x1_0000_0000;
pub const RAM_LEN: usize = 0x40_0000;
pub const TX_RING: u64 = BASE + 0x1000;
pub const RX_RING: u64 = BASE + 0x2000;
/// Number of descriptors of each ring.
pub const COUNT: u32 = 64;
pub const TX_BUFFERS: u64 = BASE + 0x10_0000;
pub const RX_BUFFERS: u64 = BASE + 0x20_0000;
pub const RX_HEADERS: u64 = BASE + 0x30_0000;
pub const RX_STRIDE: u64 = 0x4000;

pub const ACK: u32 = 0x8000_0000;
pub const NACK: u32 = 0x4000_0000;
pub const CTS: u32 = 0x2000_0000;
pub const ENABLE: u32 = 1 << 25;

pub const EOP: u32 = 1 << 24;
pub const IFCS: u32 = 1 << 25;
pub const RS: u32 = 1 << 27;
pub const DEXT: u32 = 1 << 29;
pub const VLE: u32 = 1 << 30;
pub const TSE: u32 = 1 << 31;
pub const DATA: u32 = 3 << 20;
pub const CONTEXT: u32 = 2 << 20;
pub const IXSM: u32 = 1 << 8;
pub const TXSM: u32 = 1 << 9;
pub const L4T_UDP: u32 = 0;
pub const L4T_TCP: u32 = 0x800;
pub const L4T_SCTP: u32 = 0x1000;
pub const IPV4: u32 = 0x400;

/// One buffer of 2 KiB, drop if there is none.
pub const SRRCTL_ONE: u32 = 0x8200_0002;
/// Header buffer of 128 bytes and one of 2 KiB.
pub const SRRCTL_SPLIT: u32 = 0x8a00_0202;

/// A context descriptor.
#[derive(Clone, Copy, Default)]
pub struct Ctx {
    pub mac_len: u32,
    pub ip_len: u32,
    pub l4_len: u32,
    pub mss: u32,
    pub vlan: u32,
    pub kind: u32,
    pub index: u32,
}

impl Ctx {
    pub fn encode(&self) -> [u8; 16] {
        let words = [
            self.vlan << 16 | self.mac_len << 9 | self.ip_len,
            0,
            self.kind | DEXT | CONTEXT,
            self.mss << 16 | self.l4_len << 8 | self.index << 4,
        ];
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.try_into().unwrap()
    }
}

pub fn data(address: u64, command: u32, options: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&address.to_le_bytes());
    bytes[8..12].copy_from_slice(&(command | DEXT | DATA).to_le_bytes());
    bytes[12..].copy_from_slice(&options.to_le_bytes());
    bytes
}

/// A function with its host and its guest.
#[derive(Clone)]
pub struct Machine {
    pub device: Device,
    pub ram: Ram,
    pub net: Net,
    pub now: u64,
    /// Every vector raised since [`Machine::raised`] was asked.
    pub vectors: u8,
    pub again: Option<u64>,
    pub effect: Effect,
    /// The driver's next transmit descriptor.
    pub next: u32,
}

impl Machine {
    pub fn with(administrator: Administrator) -> Self {
        Self {
            device: Device::new(administrator),
            ram: Ram::new(BASE, RAM_LEN),
            net: Net::default(),
            now: 1_000_000_000_000,
            vectors: 0,
            again: None,
            effect: Effect::default(),
            next: 0,
        }
    }

    pub fn new() -> Self {
        Self::with(Administrator::default())
    }

    /// A function that has taken a state over and does not run yet.
    pub fn loaded(state: &State) -> Self {
        let mut machine = Self::new();
        machine.device.load(state).unwrap();
        machine
    }

    /// A driver that is up.
    pub fn up() -> Self {
        let mut machine = Self::new();
        machine.probe();
        machine.open(SRRCTL_ONE);
        machine
    }

    pub fn take(&mut self, raise: Raise) {
        self.vectors |= raise.vectors;
        self.again = raise.again;
    }

    pub fn raised(&mut self) -> u8 {
        std::mem::take(&mut self.vectors)
    }

    pub fn r(&mut self, offset: u32) -> u32 {
        self.device.read(offset)
    }

    pub fn w(&mut self, offset: u32, value: u32) -> Effect {
        let (effect, raise) = self.device.write(offset, value, self.now);
        self.take(raise);
        self.effect = effect;
        effect
    }

    /// Writes a request and waits for the acknowledgement, as `write_posted` does.
    pub fn post(&mut self, message: &[u32]) {
        self.w(V2PMAILBOX, V2P_VFU);
        assert_ne!(self.r(V2PMAILBOX) & V2P_VFU, 0);
        for (at, word) in (0..).zip(message) {
            self.w(VMBMEM + 4 * at, *word);
        }
        self.w(V2PMAILBOX, V2P_REQ);
    }

    /// Reads the answer, as `read` does.
    pub fn fetch(&mut self, len: u32) -> Vec<u32> {
        self.w(V2PMAILBOX, V2P_VFU);
        assert_ne!(self.r(V2PMAILBOX) & V2P_VFU, 0);
        let answer = (0..len).map(|at| self.r(VMBMEM + 4 * at)).collect();
        self.w(V2PMAILBOX, V2P_ACK);
        answer
    }

    /// A request and its answer.
    pub fn ask(&mut self, message: &[u32]) -> Vec<u32> {
        self.post(message);
        let status = self.r(V2PMAILBOX);
        assert_eq!(status, V2P_PFACK | V2P_PFSTS);
        self.fetch(16)
    }

    /// A request that the PF agrees to.
    pub fn agreed(&mut self, message: &[u32]) -> bool {
        let [first, ..] = self.ask(message)[..] else {
            panic!()
        };
        assert_eq!(first & !(ACK | NACK | CTS), message[0]);
        assert_eq!(first & CTS, CTS);
        assert_ne!(first & ACK != 0, first & NACK != 0);
        first & ACK != 0
    }

    pub fn set_mac(&mut self, info: u32, mac: [u8; 6]) -> bool {
        let low = u32::from_le_bytes(mac[..4].try_into().unwrap());
        let high = u16::from_le_bytes(mac[4..].try_into().unwrap());
        self.agreed(&[2 | info << 16, low, high.into()])
    }

    pub fn set_vlan(&mut self, vlan: u32, add: bool) -> bool {
        self.agreed(&[4 | u32::from(add) << 16, vlan])
    }

    pub fn set_multicast(&mut self, count: u32, hashes: &[u16]) -> bool {
        let mut message = vec![3 | count << 16];
        message.extend(
            hashes
                .chunks(2)
                .map(|pair| u32::from(pair[0]) | u32::from(*pair.get(1).unwrap_or(&0)) << 16),
        );
        message.resize(16, 0);
        self.agreed(&message)
    }

    /// Resets, and has the PF serve the function.
    pub fn reset_hw(&mut self) -> Vec<u32> {
        self.w(CTRL, CTRL_RST);
        self.ask(&[1])
    }

    /// Resets and sets the address.
    pub fn probe(&mut self) {
        self.reset_hw();
        self.set_mac(0, OWN);
    }

    /// Sets queues and interrupts up: vector 0 is transmit, 1 receive, 2 mailbox.
    pub fn open(&mut self, srrctl: u32) {
        for (queue, ring) in [(TX, TX_RING), (RX, RX_RING)] {
            self.w(queue + LEN, COUNT * 16);
            self.w(queue + BAL, ring as u32);
            self.w(queue + BAH, (ring >> 32) as u32);
            self.w(queue + HEAD, 0);
            self.w(queue + TAIL, 0);
        }
        self.w(RX + SRRCTL, srrctl);
        self.w(TX + DCTL, ENABLE);
        self.agreed(&[5, 1522]);
        self.w(RX + DCTL, ENABLE | 0x10810);
        self.next = 0;
        for index in 0..COUNT {
            self.give(index);
        }
        self.w(RX + TAIL, COUNT - 1);
        self.w(IVAR0, 0x8081);
        self.w(IVAR_MISC, 0x82);
        self.r(EICR);
        for register in [EIAC, EIAM, EIMS] {
            self.w(register, 7);
        }
        self.raised();
    }

    /// Posts receive buffers in a descriptor.
    pub fn give(&mut self, index: u32) {
        let at = u64::from(index);
        let mut descriptor = [0; 16];
        descriptor[..8].copy_from_slice(&(RX_BUFFERS + at * RX_STRIDE).to_le_bytes());
        descriptor[8..].copy_from_slice(&(RX_HEADERS + at * 0x100).to_le_bytes());
        self.ram.set(RX_RING + at * 16, &descriptor);
    }

    /// Puts descriptors at the driver's position, without telling the device.
    pub fn put(&mut self, descriptors: &[[u8; 16]]) {
        for descriptor in descriptors {
            self.ram
                .set(TX_RING + u64::from(self.next) * 16, descriptor);
            self.next = (self.next + 1) % COUNT;
        }
    }

    /// Tells the device, and runs it.
    pub fn ring(&mut self) -> TxWork {
        let effect = self.w(TX + TAIL, self.next);
        assert!(effect.kick);
        self.run(1000)
    }

    pub fn run(&mut self, budget: u32) -> TxWork {
        let mut scratch = vec![0; SCRATCH_LEN];
        let (work, raise) = self.device.transmit(
            0,
            &mut self.ram,
            &mut self.net,
            &mut scratch,
            budget,
            self.now,
        );
        self.take(raise);
        work
    }

    /// Queues a frame in the pieces that end at `cuts`, behind a context if there is one.
    pub fn queue(&mut self, frame: &[u8], cuts: &[usize], ctx: Option<Ctx>, cmd: u32, opts: u32) {
        self.put(&ctx.iter().map(Ctx::encode).collect::<Vec<_>>());
        let mut from = 0;
        let cuts = [cuts, &[frame.len()]].concat();
        for (number, &to) in cuts.iter().enumerate() {
            let at = TX_BUFFERS + u64::from(self.next) * 0x4000 % 0x10_0000;
            self.ram.set(at, &frame[from..to]);
            let last = if number + 1 == cuts.len() {
                EOP | RS
            } else {
                0
            };
            let paylen = (frame.len() as u32) << 14;
            self.put(&[data(
                at,
                cmd | IFCS | last | (to - from) as u32,
                opts | paylen,
            )]);
            from = to;
        }
    }

    /// Sends one frame and returns what the network got.
    pub fn send(
        &mut self,
        frame: &[u8],
        cuts: &[usize],
        ctx: Option<Ctx>,
        cmd: u32,
        opts: u32,
    ) -> Vec<(NetHeader, Vec<u8>)> {
        self.queue(frame, cuts, ctx, cmd, opts);
        self.ram.begin();
        let work = self.ring();
        assert_eq!(work.stop, igbvf_model::Stop::Idle);
        self.ram.assert_log_is_all();
        std::mem::take(&mut self.net.frames)
    }

    /// Status of a transmit descriptor.
    pub fn tx_status(&self, index: u32) -> u32 {
        self.ram.get32(TX_RING + u64::from(index) * 16 + 12)
    }

    pub fn receive_with(&mut self, header: NetHeader, frame: &[u8]) -> Outcome {
        self.ram.begin();
        let mut frame = frame.to_vec();
        let (outcome, raise) =
            self.device
                .receive(&header, false, &mut frame, &mut self.ram, self.now);
        self.take(raise);
        self.ram.assert_log_is_all();
        outcome
    }

    pub fn receive(&mut self, frame: &[u8]) -> Outcome {
        self.receive_with(NetHeader::default(), frame)
    }

    /// What is written back in a receive descriptor: packet information, header information, status
    /// and errors, length, tag.
    pub fn rx_done(&self, index: u32) -> (u16, u16, u32, u16, u16) {
        let at = RX_RING + u64::from(index) * 16;
        (
            self.ram.get16(at),
            self.ram.get16(at + 2),
            self.ram.get32(at + 8),
            self.ram.get16(at + 12),
            self.ram.get16(at + 14),
        )
    }

    pub fn rx_buffer(&self, index: u32, len: usize) -> &[u8] {
        self.ram.get(RX_BUFFERS + u64::from(index) * RX_STRIDE, len)
    }

    pub fn rx_header(&self, index: u32, len: usize) -> &[u8] {
        self.ram.get(RX_HEADERS + u64::from(index) * 0x100, len)
    }
}
