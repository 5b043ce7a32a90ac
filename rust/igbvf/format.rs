// SPDX-License-Identifier: GPL-2.0

//! What this function says of itself: capabilities and descriptor.

use super::{
    control::Control,
    stream, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    pci,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};
use vfio::staging::pci::{
    is_virtfn,
    msix_vec_count, //
};
use vmf::{
    profile::igbvf_82576::{
        State,
        LIMIT_MSIX_VECTORS,
        PROFILE,
        QUIRK_ONE_STEP_DMA,
        STATE_LEN_MAX, //
    },
    registry::{
        End,
        KEY_PROVIDER_DRIVER, //
    },
    Capabilities,
    DescriptorFields,
    Features,
    Position,
    Presented,
    Refusal,
    Writer, //
};

/// Who makes the streams; no one compares it.
const PROVIDER: &[(u16, &[u8])] = &[(KEY_PROVIDER_DRIVER, b"igbvf_vfio_pci")];

/// The format of one function, as it is bound.
pub(crate) struct Format {
    caps: Capabilities,
    /// The newest profile version to read and to write.
    newest: Atomic<u32>,
    /// The profile version to write.
    target: Atomic<u32>,
}

impl Format {
    /// Finds out what the function can do.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: it is another device; `driver_override` binds any.
    /// - [`EINVAL`]: it has no MSI-X capability.
    pub(crate) fn new(pdev: &pci::Device<kernel::device::Bound>) -> Result<Self> {
        if !is_virtfn(pdev)
            || (pdev.vendor_id().as_raw(), pdev.device_id())
                != (PROFILE.identity.vendor, PROFILE.identity.device)
        {
            dev_err!(pdev, "no virtual function of an Intel 82576\n");
            return Err(ENODEV);
        }
        let [_, high, middle, low] = pdev.pci_class().as_raw().to_be_bytes();
        let presented = Presented {
            vendor: pdev.vendor_id().as_raw(),
            device: pdev.device_id(),
            subvendor: pdev.subsystem_vendor_id(),
            subdevice: pdev.subsystem_device_id(),
            revision: pdev.revision_id(),
            class: [low, middle, high],
            flags: Presented::FLAGS_IS_VF,
        };
        let newest = PROFILE.newest();
        let mut caps = PROFILE.capabilities(newest, presented).ok_or(EINVAL)?;
        caps.limits
            .set(LIMIT_MSIX_VECTORS, msix_vec_count(pdev)?.into());

        Ok(Self {
            caps,
            newest: Atomic::new(newest),
            target: Atomic::new(newest),
        })
    }

    /// Returns whether the registry says that packet, descriptor and head change in one step.
    pub(crate) fn has_one_step_dma(&self) -> bool {
        let presented = &self.caps.presented;

        QUIRK_ONE_STEP_DMA.contains(&(presented.subvendor, presented.subdevice))
    }

    /// Returns what the function takes now.
    pub(crate) fn capabilities(&self) -> Capabilities {
        let version = self.newest();

        Capabilities {
            version,
            features: PROFILE.features_of(version),
            ..self.caps
        }
    }

    /// Returns the newest profile version to read and to write.
    pub(crate) fn newest(&self) -> u32 {
        self.newest.load(Relaxed)
    }

    /// Sets the newest profile version to read and to write, for sessions that begin from now on.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the profile has no such version.
    pub(crate) fn set_newest(&self, version: u32) -> Result {
        PROFILE.version(version).ok_or(EINVAL)?;
        self.newest.store(version, Relaxed);
        Ok(())
    }

    /// Returns the profile version to write.
    pub(crate) fn target(&self) -> u32 {
        self.target.load(Relaxed).min(self.newest())
    }

    /// Sets the profile version to write, for sessions that begin from now on.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the profile has no such version, or it is newer than the newest to write.
    pub(crate) fn set_target(&self, version: u32) -> Result {
        PROFILE.version(version).ok_or(EINVAL)?;
        if version > self.newest() {
            return Err(EINVAL);
        }
        self.target.store(version, Relaxed);
        Ok(())
    }

    /// Returns the descriptor of a stream.
    ///
    /// # Errors
    ///
    /// The features in use that `version` has no words for.
    fn fields(
        &self,
        version: u32,
        used: &Features,
    ) -> core::result::Result<DescriptorFields<'_>, Refusal> {
        PROFILE.expressible(version, used)?;
        let (required, optional) = PROFILE.split(version, used);
        let min_reader = PROFILE.version(version).map_or(version, |v| v.min_reader);

        Ok(DescriptorFields {
            version,
            min_reader,
            required,
            optional,
            provider: PROVIDER,
            ..self.caps.fields()
        })
    }

    /// Returns the length in bytes that no stream of this function exceeds.
    pub(crate) fn stream_len_max(&self) -> usize {
        let newest = PROFILE.newest();
        let len = |used: &Features| {
            self.fields(newest, used)
                .map_or(0, |fields| fields.payload_len())
        };

        // The longest one begins without any feature, and each that comes into use while it is read
        // brings another descriptor.
        vmf::preamble_len(len(&Features::default()))
            .saturating_add(
                PROFILE
                    .features
                    .len()
                    .saturating_mul(vmf::section_len(len(&PROFILE.features_of(newest)))),
            )
            .saturating_add(STATE_LEN_MAX)
            .saturating_add(vmf::section_len(End::LEN))
    }
}

/// The features that a guest uses, to be looked at by who must not wait for it.
///
/// A word of features is read and written at once; the profile has no more of them.
pub(crate) struct Used(Atomic<u64>);

impl Used {
    pub(crate) fn new() -> Self {
        const { assert!(PROFILE.features.len() <= 64) };
        Self(Atomic::new(0))
    }

    pub(crate) fn get(&self) -> Features {
        Features([self.0.load(Relaxed), 0])
    }

    pub(crate) fn set(&self, used: Features) {
        let Features([low, _]) = used;
        self.0.store(low, Relaxed);
    }
}

/// Returns the features that the guest uses.
///
/// They follow from what the physical function has agreed to, which is known at all times.
pub(crate) fn features(control: &Control) -> Features {
    let mut used = Features::default();

    used.set(
        vmf::profile::igbvf_82576::FEATURE_UNICAST_FILTERS,
        control.unicast.count != 0,
    );
    used
}

/// The start of a stream: file header and descriptors.
pub(crate) struct Preamble {
    at: Position,
    version: u32,
    /// The features that the descriptor in force speaks of.
    announced: Features,
}

impl Preamble {
    /// Starts a stream, to be read in PRE_COPY or shown in sysfs; returns its bytes as well.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EOPNOTSUPP`]: the version to write has no words for a feature in use, see `refused`.
    pub(crate) fn new(
        format: &Format,
        used: &Features,
        refused: impl FnOnce(Refusal),
    ) -> Result<(Self, KVVec<u8>)> {
        let version = format.target();
        let fields = match format.fields(version, used) {
            Ok(fields) => fields,
            Err(refusal) => {
                refused(refusal);
                return Err(EOPNOTSUPP);
            }
        };
        let mut bytes = KVVec::new();
        bytes.resize(
            vmf::preamble_len(fields.payload_len()),
            0,
            GFP_KERNEL_ACCOUNT,
        )?;
        let mut writer = Writer::new(&mut bytes, stream::CRC).map_err(stream::to_errno)?;
        writer.descriptor(&fields).map_err(stream::to_errno)?;
        let at = writer.position();

        Ok((
            Self {
                at,
                version,
                announced: *used,
            },
            bytes,
        ))
    }

    /// Returns the stream with another descriptor, if the guest has begun to use what the last one
    /// does not speak of. A feature that is not used any more stays in it: the destination is asked
    /// for more than is needed, and the number of descriptors is limited.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EOPNOTSUPP`]: as for [`Self::new()`].
    pub(crate) fn renew(
        &self,
        format: &Format,
        used: &Features,
        stream: &[u8],
        refused: impl FnOnce(Refusal),
    ) -> Result<Option<(Self, KVVec<u8>)>> {
        if self.announced.covers(used) {
            return Ok(None);
        }
        let mut all = self.announced;
        for (all, used) in all.0.iter_mut().zip(used.0) {
            *all |= used;
        }
        let fields = match format.fields(self.version, &all) {
            Ok(fields) => fields,
            Err(refusal) => {
                refused(refusal);
                return Err(EOPNOTSUPP);
            }
        };
        let mut bytes = KVVec::new();
        bytes.extend_from_slice(stream, GFP_KERNEL_ACCOUNT)?;
        let len = bytes.len() + vmf::section_len(fields.payload_len());
        bytes.resize(len, 0, GFP_KERNEL_ACCOUNT)?;
        let mut writer =
            Writer::resume(&mut bytes, stream::CRC, self.at).map_err(stream::to_errno)?;
        writer.descriptor(&fields).map_err(stream::to_errno)?;
        let at = writer.position();

        Ok(Some((
            Self {
                at,
                version: self.version,
                announced: all,
            },
            bytes,
        )))
    }

    /// Writes the rest of the stream, behind what there is of it.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EOPNOTSUPP`]: a value is out of the ranges of the profile, see `refused`.
    pub(crate) fn finish(
        &self,
        state: &State,
        stream: &[u8],
        refused: impl FnOnce(Refusal),
    ) -> Result<KVVec<u8>> {
        let mut bytes = KVVec::new();
        bytes.extend_from_slice(stream, GFP_KERNEL_ACCOUNT)?;
        let len = bytes.len() + STATE_LEN_MAX + vmf::section_len(End::LEN);
        bytes.resize(len, 0, GFP_KERNEL_ACCOUNT)?;

        let mut write = || -> core::result::Result<usize, Refusal> {
            let mut writer = Writer::resume(&mut bytes, stream::CRC, self.at)?;
            state.write(self.version, &mut writer)?;
            writer.end()
        };
        match write() {
            Ok(len) => {
                bytes.truncate(len);
                Ok(bytes)
            }
            Err(refusal) => {
                refused(refusal);
                Err(EOPNOTSUPP)
            }
        }
    }
}
