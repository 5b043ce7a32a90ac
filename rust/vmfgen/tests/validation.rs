// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Every rule of consistency, broken once. A case is an edit, see `Tree::edit`, and the message.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{each, Tree, CONTAINER, ENVELOPE, INDEX, PROFILE, TUPLES};
use std::fs;

fn refused(name: &str, file: &str, cases: &str) {
    each(name, cases, |tree, edits, words| {
        tree.edit(file, edits);
        tree.refused(file, words);
    });
}

#[test]
fn untouched_registry() {
    Tree::new("untouched").accepted();
}

#[test]
fn shape() {
    let cases = r#"
        sections/rx-queue/colour = 1 => : sections[rx-queue]: Additional properties are not allowed ('colour'
        sections/rx-queue/checks/0/x = 1 => : sections[rx-queue].checks[0]: Additional properties are not allowed ('x'
        sections/rx-queue/checks/0/check = "parity" => : sections[rx-queue].checks[0].check: "parity"
        limits/rx-queues/name = "rx_queues" => : limits[rx_queues].name: "rx_queues" does not match
        features/0/bit = 128 => : features[unicast-filters].bit: 128 is greater than the maximum
        limits = [0, 0, 0, 0, 0, 0, 0, 0, 0] => : limits: [0,0,0,0,0,0,0,0,0] has more than 8 items
        floor - => : "floor" is a required property
        versions = [] => : versions: [] has less than 1 item
        sections/filters/fields/mac/type = "i64" => : sections[filters].fields[mac].type: "i64"
    "#;
    refused("shape", PROFILE, cases);
    refused(
        "shape-tuples",
        TUPLES,
        "tuples/0/versions = [] => : tuples[QEMU's model of the 82576].versions: [] has",
    );
}

#[test]
fn envelope() {
    let cases = r#"
        name = "vf" => : name: vf.net.igbvf-82576 would be a format in it
        uuid = "58bc0add-fe7f-40a8-a167-bafa521ab699" => : uuid: it is that of vf.net.igbvf-82576
        uuid = "58bc0add" => : uuid: "58bc0add" does not match
        uuid = "58bc0add-fe7f-10a8-a167-bafa521ab699" => : uuid: "58bc0add-fe7f-10a8-a167-bafa521ab699" does not
        section/type = 65535 => : section[blob].type: 0xffff is not in the range of profiles
        section/length-max = 65011713 => : section[blob].length-max: 65011713 is above 65011712, the most
        stream-max = 65017847 => : stream-max: 65017847, but a stream can have 65017848 bytes
        section/critical = false => : section: Additional properties are not allowed ('critical'
    "#;
    refused("envelope", ENVELOPE, cases);
}

#[test]
fn no_yaml() {
    let tree = Tree::new("no-yaml");
    let path = tree.registry().join(TUPLES);
    fs::write(&path, "doc: one\ndoc: two\ntuples: []\n").unwrap();
    let run = tree.run(&[]);
    assert_eq!(run.code, Some(3));
    assert!(
        run.stderr
            .starts_with("tuples.yaml: no valid YAML: duplicate"),
        "{}",
        run.stderr
    );
    fs::remove_file(path).unwrap();
    tree.refused(TUPLES, "belongs here, and is not there");
    fs::remove_file(tree.registry().join(INDEX)).unwrap();
    let run = tree.run(&[]);
    assert_eq!(run.code, Some(4));
    assert!(run.stderr.contains("cannot read"), "{}", run.stderr);
}

#[test]
fn container() {
    let cases = r#"
        sections/end/type = 1 => : sections: type 1 is used twice: by descriptor and by end
        sections/end/name = "text" => : sections: name text is used twice
        sections/end/type = 9 => : sections: type 3 stands behind 9
        sections/feature-names/type = 256 => : sections[feature-names].type: 0x100 is not in the range
        sections/end/flags = ["urgent"] => : sections[end].flags: there is no section flag urgent
        sections/end/content = "structure ende" => : sections[end].content: there is no structure ende
        attributes/limits/key = 8 => : attributes: key 8 is used twice: by limits and by manifest
        attributes/manifest/key = 63 => : attributes: key 9 stands behind 63
        attributes/limits/content = "list limits" => : attributes[limits].content: there is no structure limits
        attributes/manifest/must = false => : attributes[manifest]: a mandatory attribute
        section-flags/cont/bit = 1 => : section-flags: bit 1 is used twice: by verify-only and by cont
        section-flags/cont/bit = 16 => : section-flags: bit 16 of cont is beyond u16
        attribute-flags/must/bit = 16 => : attribute-flags: bit 16 of must is beyond u16
        rules/ge/id = 2 => : rules: id 2 is used twice: by le and by ge
        policy-actions/refuse/id = 1 => : policy-actions: id 1 is used twice
        errors/Io/number = 61 => : errors: number 61 is used twice: by NoData and by Io
        errors/Io/errno = "ENODATA" => : errors: errno ENODATA is used twice
        constants/align/name = "magic" => : constants: name magic is used twice
        constants/payload-max - => : constants: payload-max is missing
        constants/container-schema/value = 65536 => : constants.container-schema: the value is not a u16
        constants/magic/value = "89 56" => : constants.magic: the value is not a u8[8]
        type-ranges/generic/name = "test" => : type-ranges: name test is used twice
        type-ranges/generic/first = 255 => : type-ranges: generic starts at 0xff, which is 0 or of
        type-ranges/generic/last = 1 => : type-ranges: generic ends before it starts
        type-ranges/profile - => : type-ranges: profile is missing
        structures/limit/name = "version" => : structures: name version is used twice
        structures/end/name = "ende" => : structures: end is missing
    "#;
    refused("container", CONTAINER, cases);
}

#[test]
fn layout() {
    let cases = r#"
        structures/limit/fields/rule/type = "u8[2]" => : structures[limit].fields[reserved].offset: 3 overlaps
        structures/limit/fields/value/offset = 16 => : structures[limit].fields[value].offset: 16 leaves a gap
        structures/limit/fields/id/type = "u8[3]"; structures/limit/fields/rule/offset = 3; structures/limit/fields/rule/type = "u16" => : structures[limit].fields[rule].offset: 3 is not aligned, u16 needs a multiple of 2
        structures/limit/length = 24 => : structures[limit].length: 24, but the last field ends at 16
        structures/version/fields/min-reader -; structures/version/length = 4 => : structures[version]: length 4 is no multiple of 8
        structures/version/fields/min-reader/type = "u16"; structures/version/length = 6 => : structures[version].length: 6 is no multiple of the largest field
        structures/limit/fields/value/doc - => : structures[limit].fields[value]: doc is missing
        structures/limit/fields/value/name = "id" => : structures[limit].fields: name id is used twice
        structures/limit/fields/value/wire-name = "id" => : structures[limit].fields: wire name id is used twice
        structures/limit/fields/reserved/mask = 1 => : structures[limit].fields[reserved]: a reserved field is 0
        structures/limit/fields/rule/max = 256 => : structures[limit].fields[rule].max: 0x100 does not fit into u8
        structures/presented/fields/flags/max = 1 => : structures[presented].fields[flags]: flags say which bits
        structures/presented/fields/flags/flags/is-vf/bit = 8 => : structures[presented].fields[flags].flags: bit 8 of is-vf is beyond u8
        structures/presented/fields/class/flags = [{"bit": 0, "name": "a", "doc": "b"}] => : structures[presented].fields[class]: flags of an array
    "#;
    refused("layout", CONTAINER, cases);
    let bit = "sections/rx-queue/fields/rxdctl/bits/enable/bit = 26 => : sections[rx-queue].fields[rxdctl].bits[enable]: bit 26 is not in the mask";
    refused("layout-bits", PROFILE, bit);
}

#[test]
fn profile() {
    let cases = r#"
        sections/tx-queue/type = 65537 => : sections: type 65537 is used twice: by rx-queue and by tx-queue
        sections/tx-queue/name = "rx-queue" => : sections: name rx-queue is used twice
        sections/rx-queue/type = 65545 => : sections: type 65538 stands behind 65545
        sections/rx-queue/type = 65535 => : sections[rx-queue].type: 0xffff is not in the range of profiles
        sections/filters/min-reader = 2 => : sections[filters].min-reader: 2 is above the schema, 1
        sections/filters/introduced = 3 => : sections[filters].introduced: there is no version 3
        sections/unicast/feature = "magic" => : sections[unicast].feature: there is no feature magic
        sections/unicast/introduced = 1 => : sections[unicast].feature: unicast-filters is introduced in version 2, the section already in 1
        features/0/required = false => : sections[unicast].feature: unicast-filters has to be a required one
        sections/statistics/critical = true => : sections[statistics]: the section is critical since version 2
        sections/filters/omit-if-zero = true => : sections[filters]: the section is critical and depends on no feature, so
        features/0 copy {"name": "other"} => : features: bit 0 is used twice: by unicast-filters and by other
        features/0 copy {"bit": 1} => : features: name unicast-filters is used twice
        features/0/introduced = 3 => : features.unicast-filters.introduced: there is no version 3
        limits/tx-queues/id = 1 => : limits: id 1 is used twice: by rx-queues and by tx-queues
        limits/rx-queues/id = 9 => : limits: id 2 stands behind 9
        limits/rx-queues/rule = "lt" => : limits.rx-queues.rule: there is no rule lt
        policies + {"id": 1, "name": "one", "action": "panic", "doc": "x"} => : policies.one: there is no policy action panic
        policies = [{"id": 1, "name": "one", "action": "warn", "doc": "x"}, {"id": 1, "name": "two", "action": "warn", "doc": "x"}] => : policies: id 1 is used twice
        quirks + {"feature": "odd", "doc": "x"} => : quirks: there is no feature odd
        versions/1/version = 1 => : versions: version 1 is used twice
        versions/1/version = 3 => : versions: version 3 stands where 2 is due
        versions/0/min-reader = 2 => : versions: min-reader 2 of version 1 is not from 1 to 1
        versions/0/status = "draft"; versions/1/status = "published" => : versions: version 2 is published before an older one
        floor = 3 => : floor: there is no version 3
        reserved/types = [65537] => : sections[rx-queue]: type 0x10001 is reserved
        reserved/bits = [0] => : features.unicast-filters: bit 0 is reserved
        reserved/limits = [2] => : limits.tx-queues: id 2 is reserved
        stream-max = 4096 => : stream-max: 4096, but a stream can have
        sections/tx-queue/instances/count = 63 => : sections: a stream can have
        sections/filters/length = 1048584 => : sections[filters].length: 1048584 is above payload-max, 1048576
    "#;
    refused("profile", PROFILE, cases);
}

#[test]
fn contract() {
    let cases = r#"
        bars/1/bar = 0 => .bars: bar 0 is used twice
        bars/0/size = 12288 => .bars: size 0x3000 of bar 0 is no power of two
        bars/0/size = 8192 => .registers: RDBAL at 0x2800 is beyond the BAR
        capability-list/MSI-X/offset = 160 => .capability-list: offset 160 is used twice: by MSI-X and by
        capability-list/0/name = "PCI Express" => .capability-list: name PCI Express is used twice
        capability-list/MSI-X/offset = 16 => .capability-list[MSI-X].offset: 16 is less than
        registers/RDT/name = "TDT" => .registers: name TDT is used twice
        registers/STATUS/offset = 10 => .registers: STATUS at 0xa is not aligned
        registers/VTEIMS/offset = 5416 => .registers: 0x1528 is used twice: by VTEIMS and by VTEIMC
        registers/EITR/stride = 128 => .registers: 0x1700 is used twice: by EITR and by VTIVAR
        registers/EITR/count = 2 => .registers[EITR]: count 2 is not that of interrupts.eitr
        registers/RDT/fields = ["rx-queue.tdt"] => .registers[RDT].fields: there is no field rx-queue.tdt
        registers/RDT/fields = ["rx-queue.reserved"] => .registers[RDT].fields: there is no field rx-queue.reserved
        messages/VF_RESET/name = "VF_SET_LPE" => .messages: name VF_SET_LPE is used twice
        reset = "As (clause nothing) says." => .clauses: there is no clause nothing
        clauses/start copy {} => .clauses: name start is used twice
        messages/VF_RESET/type = 2 => .messages: type 0x2 with info 0 is used twice: by VF_RESET and by
        messages/VF_MAC_FILTER_ADD/info = "1" => .messages: type 0x2 with info 1 is used twice
        messages/VF_SET_LPE/fields = ["filters.mtu"] => .messages[VF_SET_LPE].fields: there is no field filters.mtu
        registers/RDT/access = "never" => .registers[RDT].access: "never" is not one of
        registers/STATUS/bits/lu/bit = 0 => .registers[STATUS].bits: bit 0 is used twice: by fd and by lu
        registers/RDT/name = "rdt" => .registers[rdt].name: "rdt" does not match
    "#;
    each("contract", cases, |tree, edit, words| {
        tree.edit(PROFILE, &format!("contract/{edit}"));
        tree.refused(PROFILE, &format!("contract{words}"));
    });
}

#[test]
fn arguments_of_checks() {
    let cases = r#"
        rx-queue/checks/0/field = "head" => [rx-queue].checks[0].field: there is no field head
        rx-queue/checks/0/field = "reserved" => [rx-queue].checks[0].field: there is no field reserved
        rx-queue/checks/0/bit-of = "head" => [rx-queue].checks[0].bit-of: there is no field head
        rx-queue/checks/0/bit = 24 => [rx-queue].checks[0].bit: bit 24 is neither in flags nor in bits of rxdctl
        rx-queue/checks/1/field = "rdba" => [rx-queue].checks[1].field: rdba has to be a u32
        rx-queue/checks/1/ring = "rdba" => [rx-queue].checks[1].ring: rdba has to be a u32
        rx-queue/instances/count = 1 => [rx-queue].checks[3]: the section has only instance 0
        mailbox/checks/0/field = "buffer" => [mailbox].checks[0].field: there is no field buffer
        filters/checks/1/field = "vlans" => [filters].checks[1].field: vlans has to be an array of 6 bytes
        filters/checks/3/field = "max-frame" => [filters].checks[3].field: max-frame has to be an array
        filters/checks/3/count = "mac" => [filters].checks[3].count: mac has to be a u8 or u16
        filters/checks/3/count = "max-frame" => [filters].checks[3].count: max-frame has to be a u8 or u16
        filters/checks/4/field = "multicast" => [filters].checks[4].field: multicast has to be an array of bytes
        filters/checks/4/zero-bits = [4096] => [filters].checks[4].zero-bits: vlans has no bit 4096
        filters/checks/4/max-set = 4097 => [filters].checks[4].max-set: vlans has only 4096 bits
        unicast/fields/count/max = 25 => [unicast].checks[0].count: count needs a max of at most
        unicast/fields/count/type = "u8" => [unicast].checks[0].count: count has to be a u32
        unicast/fields/count/max - => [unicast].checks[0].count: count needs a max of at most
    "#;
    each("checks", cases, |tree, edit, words| {
        tree.edit(PROFILE, &format!("sections/{edit}"));
        tree.refused(PROFILE, words);
    });
}

#[test]
fn two_profiles() {
    let other = "profiles/other.yaml";
    let two = |tree: &Tree| {
        fs::copy(tree.registry().join(PROFILE), tree.registry().join(other)).unwrap();
        tree.edit(INDEX, &format!("profiles + \"{other}\""));
        tree.edit(other, r#"name = "vf.net.other"; module = "other""#);
        tree.edit(other, r#"uuid = "00000000-0000-4000-8000-000000000001""#);
    };
    let tree = Tree::new("two");
    two(&tree);
    tree.accepted();
    let cases = r#"
        name = "vf.net.igbvf-82576" => : profiles: name vf.net.igbvf-82576 is used twice
        uuid = "58bc0add-fe7f-40a8-a167-bafa521ab699" => : profiles: uuid 58bc0add-fe7f-40a8-a167-bafa521ab699 is used twice
        module = "igbvf_82576" => : profiles: module igbvf_82576 is used twice
    "#;
    each("two", cases, |tree, edit, words| {
        two(&tree);
        tree.edit(other, edit);
        tree.refused(INDEX, words);
    });
}

#[test]
fn tuples() {
    let cases = r#"
        tuples/0/profile = "vf.net.other" => : tuples[QEMU's model of the 82576].profile: there is no profile vf.net.other
        tuples/0/versions = [1, 3] => : tuples[QEMU's model of the 82576].versions: vf.net.igbvf-82576 has no version 3
        tuples/0/presented/device = 5408 => : tuples[QEMU's model of the 82576].presented: vendor, device, class and is-vf are not
        tuples/0/name = "Intel 82576" => : tuples: name Intel 82576 is used twice
        device-quirks/one-step-dma/tuples = ["Intel 82576"] => : device-quirks[one-step-dma].tuples: Intel 82576 is of any subsystem
        device-quirks/one-step-dma/tuples = ["another"] => : device-quirks[one-step-dma].tuples: there is no tuple another
        device-quirks/one-step-dma copy {} => : device-quirks: name one-step-dma is used twice
        software/igbvf_mdev copy {} => : software: name igbvf_mdev is used twice
        software/igbvf_mdev/profile = "vf.net.other" => : software[igbvf_mdev].profile: there is no profile vf.net.other
        software/igbvf_mdev/versions = [3] => : software[igbvf_mdev].versions: vf.net.igbvf-82576 has no version 3
        software/igbvf_mdev/tuples = ["another"] => : software[igbvf_mdev].tuples: there is no tuple another of
        software/igbvf_mdev/name = "Soft" => : software[Soft].name: "Soft" does not match
        software/igbvf_mdev/evidence - => : software[igbvf_mdev]: "evidence" is a required
        tuples/0/presented/subvendor = "any"; tuples/0/presented/subdevice = "any" => : tuples[Intel 82576]: its pattern ties with
        tuples/0/presented/subdevice = "any"; tuples/1/presented/subdevice = 1 => : tuples[Intel 82576]: its pattern ties with
        tuples/0/presented/revision = [1, 2] => : tuples[Intel 82576]: its pattern ties with
    "#;
    refused("tuples", TUPLES, cases);
    let tree = Tree::new("tuples-apart");
    tree.edit(
        TUPLES,
        r#"tuples/0/presented/subdevice = "any"; tuples/1/presented/revision = [2]; device-quirks = []"#,
    );
    tree.accepted();
}

#[test]
fn golden_vectors() {
    let tree = Tree::new("golden");
    tree.edit(
        PROFILE,
        r#"versions/0/status = "published"; versions/1/status = "published""#,
    );
    let vectors = tree.dir.join("selftests/vectors/vf.net.igbvf-82576");
    fs::create_dir_all(&vectors).unwrap();
    fs::write(vectors.join("v1-reset.vmf"), "").unwrap();
    tree.refused(
        PROFILE,
        ": versions: version 2 is published, but has no golden vector",
    );
    fs::write(vectors.join("v2-reset.vmf"), "").unwrap();
    tree.accepted();
}
