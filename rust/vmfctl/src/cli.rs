// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The command line. Help, man pages and completions all come from here.

use std::{io::Write, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use vmf::profile::Station;

use crate::{announce, print, sysfs::Sysfs};

/// What all commands share.
#[derive(Debug)]
pub(crate) struct Io {
    /// Whether to write JSON.
    pub(crate) json: bool,
    /// Whether the exit status says more than that it was done, whoever reads the output.
    pub(crate) verdict: bool,
    pub(crate) sysfs: Sysfs,
}

impl Io {
    /// The standard output; colour is taken out unless it is a terminal.
    pub(crate) fn out(&self) -> Box<dyn Write> {
        print::out(!self.json, self.verdict)
    }
}

const EXIT_STATUS: &str = "\
Exit status:
  0  done; accepted; no difference
  1  refused; different; nothing found, or not all of it
  2  wrong usage
  3  a file or device cannot be read or written, or its content is damaged

A DEVICE is the address of a PCI function, 0000:01:10.0, or 01:10.0 in domain 0, or the UUID of a \
mediated device. Where a command takes DEVICE|FILE, \"-\" is the standard input; put ./ before a file \
with such a name.

The format is described in Documentation/userspace-api/vmf.rst.";

/// Inspects, checks, decodes, saves and loads the state of VFIO devices in the VFIO Migration
/// Format (VMF).
#[derive(Parser, Debug)]
#[command(name = "vmfctl", version, after_help = EXIT_STATUS, max_term_width = 100)]
pub(crate) struct Cli {
    /// Write JSON instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Use this registry.json for names and layouts, not the one that is built in
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) registry: Option<PathBuf>,
    /// Where sysfs is
    #[arg(long, global = true, value_name = "ROOT", default_value = "/sys")]
    pub(crate) sysfs: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const INVENTORY_HELP: &str = "\
No VM and no open device is needed. A device is listed if
  * its driver has the directory migration_format/ in sysfs: with all that can be compared
  * its driver is in the registry, or the kernel says in debugfs that it migrates
  * there is a driver for it: in modules.alias, as \"vfio_pci:\", or in the registry
What a driver offers beyond its format is in debugfs, which takes root and CONFIG_VFIO_DEBUGFS; without it \
the registry says what is so as a rule. What the host has decided about a function (address, VLAN, trust) \
is asked of its physical function.

Collect the JSON or YAML of all hosts for \"vmfctl matrix\" and \"vmfctl check\". The labels are for the \
source \"local\" of node-feature-discovery; write them to a file whose name starts with a dot, in \
/etc/kubernetes/node-feature-discovery/features.d, and then rename it.";

const CHECK_HELP: &str = "\
Applies every rule of the format to each DESCRIPTOR, with the code that the kernel uses, and shows all \
rules, held or not, for the first one that is refused, or the last. The verdict is the exit status.

The destination can be
  nothing           a device as the registry promises it, with the newest profile version
  a key             the line vmf=... that \"vmfctl inventory\" and \"vmfctl describe\" show; the source can \
be one, too, and then the keys are compared, and nothing else
  a DEVICE          a device of this host, as its driver describes it; if its file \"check\" can be \
written, the driver is asked too, which does not look at host policy; neither may refuse
  an inventory      each of its devices; accepted if one of them accepts
  a descriptor      a device that sends this: it takes at least what it sends

What VMMs compare of configuration space is compared as well, where both ends are known: a VMM does so \
when all memory was sent. Words that matter only to a function behind a port count always.

What the host of a destination has decided about a function is in no stream, and refuses a state at the \
end of a migration. It is compared with what the guest has: with all of it if the source is a whole \
stream. What cannot be known, and what only differs, is a warning, and no refusal.

Streams of another driver are compared with one another, by what that driver compares and in its order: \
the destination is a device that sends the second one, or a device or inventory that has the driver. It \
is also said which releases of the kernel read the stream. Without a destination this is as \"vmfctl \
verify\". Streams of different drivers are not compared.

A check is advice: what the destination can do may change until the migration.";

const DECODE_HELP: &str = "\
Every byte has a name: CRCs, padding, reserved fields; bytes without a known layout are shown in \
hexadecimal, with --json all of them. A damaged or incomplete stream is decoded as far as possible, and what is wrong is \
listed at the end, with exit status 3.

With --json, one document \"vmf-stream/1\":
  document     its name
  registry     name and revision of the registry that gave the names
  file_header  the fields of the file header
  sections     a list, in the order of the stream, of objects with
    name       in the registry, or \"unknown\"
    offset     of the section in the stream
    header     the fields of the section header
    the payload, in one of these forms:
      fields       a structure
      entries      a list of structures
      attributes   a list: name, header, the value in one of these forms, padding
      uuid, text, number, words
      bytes        anything else
    padding    if there is any
  rest         bytes that cannot be told, if there are any
  profile, length, damage

A field is an object with offset, size and value, and where they apply names (of a number, or of the bits \
that are set), unit and meaning. Integers are numbers up to 2^53 and decimal strings above; bytes \
are strings of lower-case hexadecimal digits; arrays of wider integers are lists. A structure that is \
shorter or longer than its layout has a member rest with what is left over. \"vmfctl encode\" makes \
the same bytes from the document again.

The stream of another driver is decoded as far as anything is published of its format, see \
Documentation/userspace-api/vmf-field.rst. It is recognised by its first bytes; where another stream \
could have them as well, it is said that it \"may be\" of that driver. What is opaque is marked with \
who knows it; the last line says how many bytes are documented and how many opaque. Of an opaque part \
of more than 64 KiB only the start is kept.

With --json that is one document \"foreign-stream/1\":
  document, registry            as above
  driver, entry, format         of whom, in the registry and in sysfs, and in which of its formats
  certainty                     certain, likely, or named (by --as)
  native_order                  of integers that have that of the host
  stream                        the parts by their names: fields as above, groups, lists
  length, documented, opaque, unknown  numbers of bytes
  damage                        what is not as documented

A field that is opaque has a member known_by; one that is not all there has start in place of value.";

const ENCODE_HELP: &str = "\
Takes the document that \"vmfctl decode --json\" writes. Of a field only the value counts, and it \
may stand alone: \"rdh\": 5. A missing field is 0. Payloads may be given as \
{\"bytes\": {\"value\": \"00ff...\"}}, whatever their type.

CRCs, lengths, sequence numbers and the content of END follow from the rest and are computed, so \
that an edited document makes an intact stream. --as-is takes them from the document, so that a \
damaged stream is made again as it was. The document has to fit in memory.";

const VERIFY_HELP: &str = "\
Reads all of a stream as a driver does: framing, CRCs, order, descriptor, ranges of all values, \
completeness. The destination is a device as the registry promises it; whether the one at hand can \
take the stream is for \"vmfctl check --against\" to say.

Of the stream of another driver it says what the load of that driver would, as far as its source tells: \
every comparison with what the stream has, the errno, and when it is given. What depends on the \
destination or on the device is marked so and does not refuse. A stream that is damaged without the \
driver noticing gives exit status 3.";

const AS_HELP: &str = "\
What the stream is, and not what it seems to be: \"vmf\", or a driver in the registry, as mlx5, or one \
of its formats, as mlx5/images";

const DIFF_HELP: &str = "\
Compares two streams field by field. What follows from other fields (CRCs, sequence numbers, the \
content of END) is left out unless all of it is asked for.";

const EXTRACT_HELP: &str = "\
Finds streams in
  * a migration file of QEMU (\"migrate file:...\", \"savevm\" to a file), with mapped-ram or without
  * a file of \"virsh save\"
  * a snapshot of cloud-hypervisor: its state.json or the directory with it
  * what went by the channels of a multifd migration of QEMU, a file for each, in any order
  * any other file that has a VMF stream in one piece

Streams of other drivers are named as far as they can be recognised. Of a file that is compressed it is \
said which command undoes that, of a stream that is not in all of its channels what is missing.

Without --output, what is found is listed. With several streams, .0, .1, ... is put behind the name.";

const MATRIX_HELP: &str = "\
Judges every device as a source against every other one as a destination, by their inventories \
alone; both may be on one host. The exit status is 0 if all pairs are accepted, or if one device of \
one host is all there is.";

const SAVE_HELP: &str = "\
Opens the device through VFIO, which must not be in use: by its character device and iommufd, or by \
its group and a type1 container. Opening resets it, so this saves the state of a device that was \
reset. Goes through PRE_COPY, if there is one, to STOP_COPY, and back to STOP. FILE is readable by its \
owner only, and stays as it was unless all of that succeeds.";

const LOAD_HELP: &str = "\
Opens the device through VFIO, as \"vmfctl save\" does, writes the stream in RESUMING and goes to \
STOP: all of the driver's checks are made and the hardware is loaded. The device is then closed, \
which resets it: this is a test of acceptance, not a way to resume anything.";

const ADOPT_HELP: &str = "\
VMMs compare configuration space at the end of a migration. A function in software can show that of any \
function of its profile: subsystem, and all that \"vmfctl check\" compares. Nobody may have opened it; it \
stays so until it is removed.";

const ATTACH_HELP: &str = "\
The interface is a TAP device, which is made if there is none of that name, or a macvtap device. It \
is opened as the device wants it, without offloads, and handed over: it stays as long as the device \
keeps it, and whatever it is a port of is up to \"ip link\". The guest is announced to the network.";

const ANNOUNCE_HELP: &str = "\
A guest that has just arrived may have nothing to send, and until it has, a switch sends its frames \
to where it was. This sends a reverse ARP request for each of its addresses, from the interface of \
the physical function. Which these are says the event of the driver, VMF_STATIONS: udev does it all, \
by the rule in the admin guide. A function in software announces its guest itself.";

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show the devices of this host that can be migrated, and what they can take
    #[command(after_long_help = INVENTORY_HELP)]
    Inventory(Form),
    /// Show a descriptor: what a stream or device is and needs
    Describe {
        /// The device, or a file that starts with a descriptor
        #[arg(value_name = "DEVICE|FILE", value_hint = ValueHint::FilePath)]
        source: String,
    },
    /// Explain whether a destination takes a stream
    #[command(after_long_help = CHECK_HELP)]
    Check {
        /// The source: a descriptor, a stream, a device or a key
        #[arg(value_name = "SRC-DESC", value_hint = ValueHint::FilePath)]
        source: String,
        /// The destination: a device, a descriptor, a stream, an inventory or a key
        #[arg(value_name = "DESTINATION", value_hint = ValueHint::FilePath)]
        destination: Option<String>,
        /// The same
        #[arg(long, value_name = "DESTINATION", conflicts_with = "destination", value_hint = ValueHint::FilePath)]
        against: Option<String>,
        /// The profile version of a destination that is taken from the registry
        #[arg(long, value_name = "N", conflicts_with_all = ["against", "destination"])]
        profile_version: Option<u32>,
        #[command(flatten)]
        format: Named,
    },
    /// Show every byte of a stream with its name
    #[command(after_long_help = DECODE_HELP)]
    Decode {
        /// The stream
        #[arg(value_hint = ValueHint::FilePath)]
        file: String,
        #[command(flatten)]
        format: Named,
    },
    /// Make a stream from the JSON of decode
    #[command(after_long_help = ENCODE_HELP)]
    Encode {
        /// The JSON document
        #[arg(value_hint = ValueHint::FilePath)]
        file: String,
        /// Where to write; default: standard output
        #[arg(short, long, value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
        /// Compute nothing
        #[arg(long)]
        as_is: bool,
    },
    /// Judge a whole stream as a destination does
    #[command(after_long_help = VERIFY_HELP)]
    Verify {
        /// The streams; with --json, a document for each
        #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
        files: Vec<String>,
        /// The profile version of the destination; default: the newest
        #[arg(long, value_name = "N")]
        profile_version: Option<u32>,
        #[command(flatten)]
        format: Named,
    },
    /// Compare two streams field by field
    #[command(after_long_help = DIFF_HELP)]
    Diff {
        /// A stream
        #[arg(value_hint = ValueHint::FilePath)]
        a: String,
        /// Another stream
        #[arg(value_hint = ValueHint::FilePath)]
        b: String,
        /// Show what follows from other fields too
        #[arg(long)]
        all: bool,
    },
    /// Find streams in the file of a VMM
    #[command(after_long_help = EXTRACT_HELP)]
    Extract {
        /// The file, or the directory of a snapshot; several of a multifd migration
        #[arg(value_name = "FILE", required = true, value_hint = ValueHint::AnyPath)]
        files: Vec<PathBuf>,
        /// Where to write
        #[arg(short, long, value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
    },
    /// Judge all pairs of devices of several hosts
    #[command(after_long_help = MATRIX_HELP)]
    Matrix {
        /// What "vmfctl inventory" has written on each host
        #[arg(required = true, value_name = "INVENTORY", value_hint = ValueHint::FilePath)]
        inventories: Vec<String>,
    },
    /// Save the state of a device to a file
    #[command(after_long_help = SAVE_HELP)]
    Save(Transfer),
    /// Load the state of a device from a file, to see whether it is accepted
    #[command(after_long_help = LOAD_HELP)]
    Load(Transfer),
    /// Have a function in software show the configuration space of the source
    #[command(after_long_help = ADOPT_HELP)]
    Adopt {
        /// The UUID of the device
        #[arg(value_name = "UUID")]
        device: String,
        /// The source: a descriptor, a stream or a device
        #[arg(value_name = "SRC-DESC", value_hint = ValueHint::FilePath)]
        source: String,
    },
    /// Connect a function in software to a TAP or macvtap interface
    #[command(after_long_help = ATTACH_HELP)]
    Attach {
        /// The UUID of the device
        #[arg(value_name = "UUID")]
        device: String,
        /// The name of the interface
        interface: String,
    },
    /// Disconnect it
    Detach {
        /// The UUID of the device
        #[arg(value_name = "UUID")]
        device: String,
    },
    /// Tell the network where the guest of a virtual function is
    #[command(after_long_help = ANNOUNCE_HELP)]
    Announce {
        /// The address of the virtual function
        #[arg(value_name = "DEVICE")]
        device: String,
        /// An address of the guest, and a VLAN if frames to it have a tag: 02:00:00:00:82:01@82
        #[arg(value_name = "MAC[@VLAN]", value_parser = announce::station, required = true)]
        stations: Vec<Station>,
    },
    /// Write the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the man pages
    Man {
        /// The directory for all pages; default: the main page to standard output
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        out: Option<PathBuf>,
    },
}

/// In what form to write; text if nothing is said.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Form {
    /// Write YAML instead of text
    #[arg(long, conflicts_with = "json")]
    pub(crate) yaml: bool,
    /// Write labels for node-feature-discovery of Kubernetes
    #[arg(long, conflicts_with_all = ["json", "yaml"])]
    pub(crate) nfd: bool,
    /// Write lines "device_spec" for Nova of OpenStack
    #[arg(long, conflicts_with_all = ["json", "yaml", "nfd"])]
    pub(crate) nova: bool,
}

/// The format of a stream, where it is not looked up.
#[derive(Args, Debug)]
pub(crate) struct Named {
    #[arg(long = "as", value_name = "NAME", help = AS_HELP)]
    pub(crate) name: Option<String>,
}

/// A device and a file.
#[derive(Args, Debug)]
pub(crate) struct Transfer {
    /// The device
    #[arg(value_name = "DEVICE")]
    pub(crate) bdf: String,
    /// The stream
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}
