// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! All that depends on the interface of the codec: profiles, descriptors, states.

use arbitrary::{Arbitrary, Unstructured};
use vmf::profile::igbvf_82576::{Loader as StateLoader, State, PROFILE};
use vmf::profile::{envelope, Verifier};
use vmf::registry::{
    KEY_FEATURES_OPTIONAL, KEY_FEATURES_REQUIRED, KEY_LIMITS, KEY_PRESENTED_CONFIG,
    KEY_PROVIDER_IDS, KEY_STREAM_MAX,
};
use vmf::{
    Action, Capabilities, Code, Crc32c, Descriptor, DescriptorFields, Error, Features, Limit,
    Limits, Match, Policy, Reader, Refusal, Rule, Section, SectionSpec, Version, Visitor, Writer,
};

use crate::assemble::{self, Payload};

/// CRC32C, with or without the function that combines two values.
pub fn crc(combine: bool) -> Crc32c {
    let crc = Crc32c::new(crc32c::crc32c_append);
    if combine {
        crc.with_combine(crc32c::crc32c_combine)
    } else {
        crc
    }
}

/// The CRC of `bytes`.
pub fn sum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// Whose streams.
#[derive(Arbitrary, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// The one that is there, in its first version.
    First,
    /// The same in its newest version.
    Newest,
    /// One with all that a profile can have.
    Wide,
    /// A blob that only its driver understands.
    Envelope,
}

const SECTIONS: &[SectionSpec] = &[
    spec(0x10000, [1, 1], vmf::FLAG_CRITICAL, 1, 64),
    spec(0x10001, [3, 2], vmf::FLAG_CRITICAL, 4, 48),
    spec(0x10002, [1, 1], 0, 2, 4096),
    spec(0x10003, [2, 1], vmf::FLAG_VERIFY_ONLY, 1, 24),
];

/// The section of an envelope, as a device has it whose blobs are short.
const BLOB: &[SectionSpec] = &[SectionSpec {
    len_max: 100,
    ..envelope::PROFILE.sections[0]
}];

const fn spec(
    kind: u32,
    [schema, min_reader]: [u16; 2],
    flags: u16,
    instances: u32,
    len_max: u32,
) -> SectionSpec {
    SectionSpec {
        kind,
        schema,
        min_reader,
        flags,
        instances,
        len_max,
        introduced: 1,
        feature: None,
        omit_if_zero: false,
        name: "part",
    }
}

const fn limit(id: u16, rule: Rule) -> Limit {
    Limit {
        id,
        rule,
        value: 6,
        name: "bound",
    }
}

const fn policy(id: u16, action: Action) -> Policy {
    Policy {
        id,
        action,
        value: 5,
        name: "policy",
    }
}

const POLICIES: &[Policy] = &[policy(1, Action::Warn), policy(2, Action::Refuse)];

/// What a destination can take that reads `version`.
fn igbvf(version: u32) -> Capabilities {
    let presented = PROFILE.presented(0x1af4, 0x1100, 1);
    PROFILE
        .capabilities(version, presented)
        .expect("no such version")
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::First, Self::Newest, Self::Wide, Self::Envelope];

    /// What a destination can take.
    pub fn capabilities(self) -> Capabilities {
        match self {
            Self::First => igbvf(1),
            Self::Newest => igbvf(PROFILE.newest()),
            Self::Wide => Capabilities {
                subsystem: Match::Equal,
                profile_uuid: [7; 16],
                profile_name: "test.wide",
                version: 7,
                versions: &[Version {
                    version: 7,
                    min_reader: 5,
                }],
                floor: 3,
                features: Features([0b1011, 1]),
                limits: Limits::new(&[
                    limit(1, Rule::Equal),
                    limit(2, Rule::Le),
                    limit(3, Rule::Ge),
                    limit(4, Rule::Superset),
                    limit(5, Rule::Subset),
                    limit(6, Rule::Ignore),
                ]),
                policies: POLICIES,
                sections: SECTIONS,
                stream_max: 16384,
                ..igbvf(1)
            },
            Self::Envelope => Capabilities {
                subsystem: Match::Equal,
                profile_uuid: envelope::PROFILE.uuid,
                profile_name: "envelope.sample",
                version: 7,
                versions: &[Version {
                    version: 7,
                    min_reader: 5,
                }],
                floor: 3,
                features: Features([0b1011, 1]),
                limits: Limits::new(&[limit(1, Rule::Le)]),
                policies: &[],
                sections: BLOB,
                stream_max: 16384,
                ..igbvf(1)
            },
        }
    }

    /// The memory with which nothing is refused for lack of it.
    pub fn buffer_len(self) -> usize {
        self.capabilities().buffer_len()
    }

    /// What takes the sections.
    pub fn loader(self) -> Loader {
        match self {
            Self::First | Self::Newest => Loader::State(Box::default()),
            Self::Wide | Self::Envelope => Loader::None,
        }
    }

    /// A stream in which nothing is wrong, as the codec writes it.
    pub fn good(self) -> Vec<u8> {
        let caps = self.capabilities();
        let mut fields = caps.fields();
        if self == Self::Wide {
            fields.required = Features([1, 0]);
            return write(&fields, |writer| {
                for spec in SECTIONS {
                    for instance in 0..spec.instances {
                        let len = spec.len_max.min(48 + instance) as usize;
                        let payload = vec![instance as u8; len];
                        writer.section(spec.kind, spec.schema, spec.flags, instance, &payload)?;
                    }
                }
                Ok(())
            })
            .expect("the writer refused a good stream");
        }
        if self == Self::Envelope {
            fields.required = Features([1, 0]);
            return write(&fields, |writer| {
                let [spec] = BLOB else { unreachable!() };
                let more = spec.flags | vmf::FLAG_CONT;
                writer.section(spec.kind, spec.schema, more, 0, &[1; 20])?;
                writer.section(spec.kind, spec.schema, spec.flags, 0, &[2; 3])
            })
            .expect("the writer refused a good stream");
        }
        let mut state = State::default();
        if self == Self::Newest {
            state.statistics.gprc = 1;
            state.unicast.count = 1;
            state.unicast.addresses[0] = 2;
        }
        save(&caps, &state).expect("the writer refused a good stream")
    }
}

/// Writes a stream of `state` in the version of `caps`.
fn save(caps: &Capabilities, state: &State) -> Result<Vec<u8>, Refusal> {
    let (required, optional) = PROFILE.split(PROFILE.newest(), &state.features());
    let fields = DescriptorFields {
        required,
        optional,
        ..caps.fields()
    };
    write(&fields, |writer| {
        let before = writer.position();
        let result = state.write(caps.version, writer);
        if result.is_err() {
            assert_eq!(writer.position(), before, "a refusal wrote something");
        }
        result
    })
}

/// Takes the sections of a stream.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Loader {
    /// Looks at nothing.
    #[default]
    None,
    /// The usual one of the profile.
    State(Box<StateLoader>),
}

impl Visitor for Loader {
    fn descriptor(&mut self, descriptor: &Descriptor<'_>) -> Result<(), Refusal> {
        describe(descriptor);
        match self {
            Self::None => Ok(()),
            Self::State(loader) => loader.descriptor(descriptor),
        }
    }

    fn section(&mut self, section: &Section<'_>) -> Result<(), Refusal> {
        match self {
            Self::None => Ok(()),
            Self::State(loader) => loader.section(section),
        }
    }

    fn verify(&mut self) -> Result<(), Refusal> {
        match self {
            Self::None => Ok(()),
            Self::State(loader) => loader.verify(),
        }
    }

    fn end(&mut self) -> Result<(), Refusal> {
        match self {
            Self::None => Ok(()),
            Self::State(loader) => loader.end(),
        }
    }
}

/// Writes a stream.
fn write(
    fields: &DescriptorFields<'_>,
    state: impl FnOnce(&mut Writer<'_>) -> Result<(), Refusal>,
) -> Result<Vec<u8>, Refusal> {
    let mut buf = vec![0xa5; 8192];
    let mut writer = Writer::new(&mut buf, crc(false))?;
    writer.descriptor(fields)?;
    state(&mut writer)?;
    let len = writer.end()?;
    buf.truncate(len);
    Ok(buf)
}

/// The verdict on a descriptor in advance.
pub fn preflight(profile: Profile, bytes: &[u8]) -> Result<(), Error> {
    let mut memory = [0; vmf::DESCRIPTOR_MAX];
    vmf::preflight(bytes, &profile.capabilities(), crc(false), &mut memory)
}

/// The verdict on a descriptor that was parsed, in both forms.
pub fn check(profile: Profile, descriptor: &Descriptor<'_>) -> Result<(), Refusal> {
    let caps = profile.capabilities();
    let mut first = Ok(());
    vmf::check_each(descriptor, &caps, &mut |finding| {
        if let (Some(code), true) = (finding.code, first.is_ok()) {
            first = Err(Refusal::new(code, finding.rule, finding.got, finding.want));
        }
    });
    let verdict = vmf::check(descriptor, &caps);
    assert_eq!(verdict, first, "check() is not the first of check_each()");
    if verdict.is_ok() {
        compatible(descriptor, &caps);
    }
    verdict
}

/// Demands of a descriptor that was accepted what the document says, in other words than the codec.
fn compatible(descriptor: &Descriptor<'_>, caps: &Capabilities) {
    let (id, mine) = (descriptor.presented(), caps.presented);
    let known = |id: vmf::Presented| (id.vendor, id.device, id.class, id.flags);
    assert_eq!(known(id), known(mine));
    if caps.subsystem == Match::Equal {
        let board = (mine.subvendor, mine.subdevice);
        assert_eq!((id.subvendor, id.subdevice), board);
    }
    assert!(caps.revision == Match::Any || id.revision == mine.revision);
    assert_eq!(descriptor.profile_uuid(), caps.profile_uuid);
    assert_eq!(descriptor.profile_name(), caps.profile_name);
    assert!(descriptor.min_reader() <= caps.version && descriptor.version() >= caps.floor);
    for (at, word) in descriptor.features_required().enumerate() {
        let have = caps.features.0.get(at).copied().unwrap_or(0);
        assert_eq!(word | have, have, "a feature that is not there");
    }
    for limit in descriptor.limits() {
        let mut mine = caps.limits.as_slice().iter();
        let Some(mine) = mine.find(|mine| mine.id == limit.id) else {
            assert_eq!(limit.rule, 6, "an unknown limit");
            continue;
        };
        assert_eq!(limit.rule, mine.rule.to_byte());
        let (there, here) = (limit.value, mine.value);
        let holds = match limit.rule {
            1 => there == here,
            2 => there <= here,
            3 => there >= here,
            4 => there | here == there,
            5 => there | here == here,
            _ => true,
        };
        assert!(holds, "limit {}", limit.id);
    }
    for policy in descriptor.policies() {
        let mut mine = caps.policies.iter();
        if let Some(mine) = mine.find(|mine| mine.id == policy.id) {
            assert!(mine.action == Action::Warn || mine.value == policy.value);
        }
    }
    for entry in descriptor.manifest() {
        let mine = caps.sections.iter().find(|spec| spec.kind == entry.kind);
        let mine = mine.filter(|spec| spec.introduced <= caps.version);
        let readable = mine.filter(|spec| entry.min_reader <= spec.schema);
        let critical = (entry.flags | mine.map_or(0, |spec| spec.flags)) & 1 != 0;
        assert!(!critical || readable.is_some(), "section {:#x}", entry.kind);
        let instances = readable.map_or(u32::MAX, |spec| spec.instances);
        assert!(entry.count_max <= instances, "section {:#x}", entry.kind);
    }
    assert!(descriptor.unknown_must().is_none());
    assert!(descriptor.stream_max() <= caps.stream_max);
}

/// The verdict of those who do not know the class of device; [`None`] for the made-up profiles.
pub fn verify(profile: Profile, buffer_len: usize, bytes: &[u8]) -> Option<Result<(), Error>> {
    // Of the others there is no loader that looks at the sections.
    if matches!(profile, Profile::Wide | Profile::Envelope) {
        return None;
    }
    let mut reader = Reader::new(profile.capabilities(), crc(false), vec![0; buffer_len]);
    let _ = reader.feed(bytes, &mut Verifier::new(&PROFILE));
    Some(reader.finish())
}

/// Demands what holds for every descriptor that was parsed.
pub fn describe(descriptor: &Descriptor<'_>) {
    let kinds = descriptor.manifest().map(|entry| entry.kind);
    assert!(kinds.is_sorted_by(|a, b| a < b), "manifest");
    let ids = descriptor.limits().map(|limit| limit.id);
    assert!(ids.is_sorted_by(|a, b| a < b), "limits");
    let ids = descriptor.policies().map(|policy| policy.id);
    assert!(ids.is_sorted_by(|a, b| a < b), "policies");
    let keys = descriptor.attributes().map(|attr| attr.key);
    assert!(keys.is_sorted_by(|a, b| a < b), "attributes");
    assert!((1..=descriptor.version()).contains(&descriptor.min_reader()));
    assert!((1..=64).contains(&descriptor.profile_name().len()));
    let _ = descriptor.features_required().count() + descriptor.features_optional().count();
}

/// Encodes what was read of an accepted stream once more, and demands the same bytes.
///
/// A reader does not care about some things that a writer always does in the same way; streams
/// that differ in these are compared section by section.
pub fn encode_again(bytes: &[u8]) {
    let (header, sections) = assemble::split(bytes);
    // A writer may have more to say: it leaves no list out.
    let mut buf = vec![0xa5; bytes.len() + 256];
    let mut writer = Writer::new(&mut buf, crc(false)).expect("room");
    let mut canonical =
        header == &bytes[..32] && header[14..16] == [0; 2] && header[24..28] == [0; 4];
    let mut ended = false;
    for section in &sections {
        assert!(!ended, "a section after END");
        let Payload::Bytes(payload) = &section.payload else {
            unreachable!("split gives bytes");
        };
        match section.kind {
            assemble::DESCRIPTOR => {
                let descriptor = Descriptor::parse(payload).expect("accepted");
                canonical &= describe_again(&descriptor, &mut writer, payload);
            }
            assemble::END => ended = true,
            kind => {
                let (schema, flags) = (section.schema, section.flags);
                writer
                    .section(kind, schema, flags, section.instance, payload)
                    .expect("the writer refuses what the reader took");
            }
        }
    }
    assert!(ended, "accepted without END");
    let len = writer.end().expect("the writer refuses to end");
    if canonical {
        assert_eq!(&buf[..len], bytes, "encoded again, other bytes");
    } else {
        let (_, again) = assemble::split(&buf[..len]);
        assert_eq!(again.len(), sections.len());
    }
}

/// Writes a descriptor once more; returns whether it is as a writer has it.
fn describe_again(descriptor: &Descriptor<'_>, writer: &mut Writer<'_>, payload: &[u8]) -> bool {
    let limits: Vec<_> = descriptor
        .limits()
        .map(|limit| Limit {
            id: limit.id,
            rule: Rule::from_byte(limit.rule).expect("an unknown rule was accepted"),
            value: limit.value,
            name: "",
        })
        .collect();
    let sections: Vec<_> = descriptor
        .manifest()
        .map(|entry| SectionSpec {
            kind: entry.kind,
            schema: entry.schema,
            min_reader: entry.min_reader,
            flags: entry.flags,
            instances: entry.count_max,
            len_max: entry.len_max,
            introduced: 1,
            feature: None,
            omit_if_zero: false,
            name: "",
        })
        .collect();
    let required = features(descriptor.features_required());
    let optional = features(descriptor.features_optional());
    let provider: Vec<_> = descriptor
        .attributes()
        .filter(|attr| attr.key >= KEY_PROVIDER_IDS)
        .map(|attr| (attr.key, attr.value))
        .collect();
    let config: Vec<_> = descriptor.config().collect();
    let fields = DescriptorFields {
        presented: descriptor.presented(),
        profile_uuid: descriptor.profile_uuid(),
        profile_name: descriptor.profile_name(),
        version: descriptor.version(),
        min_reader: descriptor.min_reader(),
        required,
        optional,
        limits: &limits,
        sections: &sections,
        stream_max: descriptor.stream_max(),
        config: &config,
        provider: &provider,
    };
    writer
        .descriptor(&fields)
        .expect("the writer refuses a descriptor that the reader took");
    let mut seen = 0u32;
    let ordinary = descriptor.attributes().all(|attr| {
        let list = matches!(
            attr.key,
            KEY_FEATURES_OPTIONAL | KEY_LIMITS | KEY_PRESENTED_CONFIG
        );
        let must = attr.key <= KEY_STREAM_MAX && attr.key != KEY_FEATURES_OPTIONAL;
        seen |= 1 << attr.key.min(31);
        (must as u16) == attr.flags
            && !(list && attr.value.is_empty())
            && (attr.key <= KEY_STREAM_MAX
                || attr.key == KEY_PRESENTED_CONFIG
                || attr.key >= KEY_PROVIDER_IDS)
    });
    let words = [
        (
            descriptor.features_required().count(),
            required.words().len(),
        ),
        (
            descriptor.features_optional().count().max(1),
            optional.words().len(),
        ),
    ];
    let same = ordinary
        && seen & (1 << KEY_FEATURES_REQUIRED) != 0
        && (optional != Features::default() || seen & (1 << KEY_FEATURES_OPTIONAL) == 0)
        && words.iter().all(|(got, written)| got == written);
    if same {
        let mut buf = [0; vmf::DESCRIPTOR_MAX];
        let len = fields.encode(&mut buf).expect("encoded before");
        assert_eq!(&buf[..len], payload, "another descriptor");
    }
    same
}

/// The words of a set of features, those beyond what a profile can have left out.
pub fn features(words: impl Iterator<Item = u64>) -> Features {
    let mut features = Features::default();
    for (to, from) in features.0.iter_mut().zip(words) {
        *to = from;
    }
    features
}

/// Saves the state of an accepted stream once more, and demands the same payloads.
pub fn save_again(loader: &Loader, bytes: &[u8]) {
    let Loader::State(loader) = loader else {
        return;
    };
    let state = loader.state().expect("accepted without a state");
    // The newest version can say all that any other can.
    let saved = save(&igbvf(PROFILE.newest()), state);
    let saved = saved.expect("a state that was accepted cannot be saved");
    let (_, before) = assemble::split(bytes);
    let (_, after) = assemble::split(&saved);
    for section in &after {
        if matches!(section.kind, assemble::DESCRIPTOR | assemble::END) {
            continue;
        }
        let id = (section.kind, section.instance);
        let old = before.iter().find(|old| (old.kind, old.instance) == id);
        let old = old.expect("a section that was not in the stream");
        match (&old.payload, &section.payload) {
            // What a newer schema adds behind is not kept.
            (Payload::Bytes(old), Payload::Bytes(new)) => {
                assert!(old.starts_with(new), "another payload of {id:x?}");
            }
            _ => unreachable!("split gives bytes"),
        }
    }
}

/// A state: mostly within the ranges, so that some are valid as a whole.
pub fn state(input: &mut Unstructured<'_>) -> arbitrary::Result<State> {
    let mut state = State::default();
    for rx in &mut state.rx_queue {
        rx.rdba = tame(input, !0x1f)?;
        rx.rdlen = tame(input, 0xffff0)? as u32;
        rx.srrctl = input.arbitrary()?;
        rx.rdh = tame(input, 0x7)? as u32;
        rx.rdt = tame(input, 0x7)? as u32;
        rx.rxdctl = tame(input, 0xfbff_ffff)? as u32;
        rx.rxctl = input.arbitrary()?;
        rx.psrtype = tame(input, 0)? as u32;
    }
    for tx in &mut state.tx_queue {
        tx.tdba = tame(input, !0x1f)?;
        tx.tdwba = input.arbitrary()?;
        tx.tdlen = tame(input, 0xffff0)? as u32;
        tx.tdh = tame(input, 0x7)? as u32;
        tx.tdt = tame(input, 0x7)? as u32;
        tx.txdctl = input.arbitrary()?;
        tx.txctl = input.arbitrary()?;
    }
    let interrupts = &mut state.interrupts;
    interrupts.eims = tame(input, 0x7)? as u32;
    interrupts.eiac = tame(input, 0x7)? as u32;
    interrupts.eiam = tame(input, 0x7)? as u32;
    for eitr in &mut interrupts.eitr {
        *eitr = tame(input, 0xffff)? as u32;
    }
    interrupts.ivar = tame(input, 0x8383_8383)? as u32;
    interrupts.ivar_misc = tame(input, 0x8383_8383)? as u32;
    state.mailbox.vmbmem = input.arbitrary()?;
    state.mailbox.r2c = tame(input, 0xb0)? as u8;
    state.mailbox.flags = tame(input, 0x7)? as u8;
    if state.mailbox.flags & 0x4 != 0 || input.ratio(1, 32)? {
        state.mailbox.request = input.arbitrary()?;
    }
    let filters = &mut state.filters;
    filters.flags = tame(input, 0x7)? as u32;
    if filters.flags & 1 != 0 || input.ratio(1, 32)? {
        filters.mac = address(input)?;
    }
    filters.max_frame = tame(input, 0x1fff)? as u32;
    filters.multicast_count = tame(input, 0x3f)? as u16;
    let count = usize::from(filters.multicast_count);
    for hash in filters.multicast.iter_mut().take(count) {
        *hash = tame(input, 0xfff)? as u16;
    }
    for _ in 0..input.int_in_range(0..=33)? {
        let vlan: u16 = input.int_in_range(0..=0xfff)?;
        filters.vlans[usize::from(vlan / 8)] |= 1 << (vlan % 8);
    }
    if input.arbitrary()? {
        state.statistics.gprc = input.arbitrary()?;
        state.statistics.gotlbc = input.arbitrary()?;
    }
    if input.arbitrary()? {
        state.unicast.count = tame(input, 0xf)? as u32;
        let count = state.unicast.count as usize;
        for to in state.unicast.addresses.chunks_exact_mut(6).take(count) {
            to.copy_from_slice(&address(input)?);
        }
        if input.ratio(1, 32)? {
            state.unicast.addresses[usize::from(input.int_in_range(0..=143u8)?)] ^= 1;
        }
    }
    Ok(state)
}

/// An address, mostly one that a guest may have.
fn address(input: &mut Unstructured<'_>) -> arbitrary::Result<[u8; 6]> {
    let mut mac: [u8; 6] = input.arbitrary()?;
    mac[0] = tame(input, 0xfe)? as u8;
    mac[5] |= tame(input, 1)? as u8;
    Ok(mac)
}

/// A number that has no bits outside of `mask`, in 31 of 32 cases.
fn tame(input: &mut Unstructured<'_>, mask: u64) -> arbitrary::Result<u64> {
    let number: u64 = input.arbitrary()?;
    let wild: u8 = input.arbitrary()?;
    Ok(if wild == 0xff { number } else { number & mask })
}

/// Writes a state in a version, and reads it again at destinations of every version.
pub fn roundtrip(version: u32, state: &State) {
    let version = 1 + version % PROFILE.newest();
    let caps = igbvf(version);
    let possible = PROFILE.expressible(version, &state.features());
    let valid = possible.and_then(|()| state.validate());
    let written = save(&caps, state);
    assert_eq!(written.as_ref().err(), valid.as_ref().err());
    let Ok(bytes) = written else {
        return;
    };
    assert!(bytes.len() as u64 <= caps.stream_max);
    assert_eq!(save(&caps, state).as_ref(), Ok(&bytes), "other bytes");
    for destination in 1..=PROFILE.newest() {
        let caps = igbvf(destination);
        let mut reader = Reader::new(caps, crc(false), vec![0; caps.buffer_len()]);
        let mut loader = StateLoader::default();
        let _ = reader.feed(&bytes, &mut loader);
        if !caps
            .features
            .covers(&PROFILE.split(PROFILE.newest(), &state.features()).0)
        {
            let error = reader.finish().expect_err("a feature that is not there");
            assert_eq!(error.code, Code::OpNotSupp);
            continue;
        }
        assert_eq!(reader.finish(), Ok(()), "cannot be loaded");
        let mut expected = *state;
        if version.min(destination) < 2 {
            // Neither required nor critical: version 1 has no words for it.
            expected.statistics = Default::default();
        }
        assert_eq!(loader.state(), Some(&expected), "another state");
    }
    // A stream for a version that nobody has is not written.
    let mut buf = vec![0; 4096];
    let mut writer = Writer::new(&mut buf, crc(false)).expect("room");
    writer.descriptor(&caps.fields()).expect("room");
    let error = state.write(PROFILE.newest() + 1, &mut writer);
    assert_eq!(error.expect_err("no such version").code, Code::OpNotSupp);
}
