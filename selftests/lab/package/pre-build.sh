#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# pre-build.sh RELEASE HEADERS
#
# PRE_BUILD of DKMS, in the folder of the build, which DKMS removes after it: makes ./kernel,
# against which the modules are built. Debian's kernel is built with Rust, but its header
# package has no metadata of the kernel's crates: that is made from Debian's source of the
# kernel. A kernel of your own has it in its build folder, which is used as it is.

set -euo pipefail

release=$1
headers=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)

refuse() {
	echo "vmf: $*" >&2
	exit 1
}

version_of() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null; }

if [[ -e $headers/rust/libkernel.rmeta ]]; then
	ln -sfn "$headers" kernel
	exit
fi

# Another version of the source makes other crates: say so at once, and not after minutes.
IFS=.- read -r major minor _ <<<"$release"
series=$major.$minor
archive=/usr/src/linux-source-$series.tar.xz
[[ -e $archive ]] ||
	refuse "$headers has no Rust metadata, and $archive is not there to make it: install linux-source-$series"
want=$(version_of "linux-headers-$release") ||
	refuse "$headers has no Rust metadata, and is of no package linux-headers-$release: build your kernel with CONFIG_RUST"
have=$(version_of "linux-source-$series") || have=nothing
[[ $have == "$want" ]] ||
	refuse "linux-source-$series is $have and linux-headers-$release is $want: install the same version of both"

# What no metadata is made from stays packed: most of the source is drivers.
trap 'rm -rf source kernel' ERR
mkdir -p source
tree=linux-source-$series
tar --extract --strip-components=1 --directory source --use-compress-program='xz -T0' --file "$archive" \
	--anchored --exclude="$tree"/{drivers,sound,fs,net}'/*.c' --exclude="$tree/drivers/gpu/drm/amd/include/*" \
	--exclude="$tree/Documentation/*.rst" --exclude="$tree/tools/testing/*" --exclude="$tree/arch/*.dts*"
bash "$here/rust-metadata.sh" "$PWD/source" "$headers" "$release" "$PWD/kernel" "-j$(nproc)"
