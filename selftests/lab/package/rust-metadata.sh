#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# rust-metadata.sh SOURCE HEADERS RELEASE FOLDER [MAKE-ARGUMENT...]
#
# Makes in FOLDER what the header package of Debian's kernel lacks for modules in Rust:
# the metadata of the kernel's crates, and all else that Kbuild wants of a build folder.
# Modules are then built against FOLDER in place of HEADERS. SOURCE is the unpacked
# linux-source package of the same version, RELEASE what uname -r says.
#
# Debian's configuration and Debian's compilers make Debian's crates again, and it is
# checked that they did. The lab runs this for lane debian, and DKMS before each build.

set -euo pipefail

source=$1 headers=$2 release=$3 folder=$4
shift 4

# As in Debian's build, sources have no folder before their name: what is generic is compiled
# into modules, with it.
kmake() {
	make -C "$source" O="$folder" LOCALVERSION= "KERNELRELEASE=$release" \
		KBUILD_BUILD_USER=vmf KBUILD_BUILD_HOST=lab KBUILD_BUILD_TIMESTAMP=1970-01-01 \
		KRUSTFLAGS="--remap-path-prefix=$source/=" "$@"
}

# The configuration decides the layout of structures: a module built with
# another one would load and then corrupt memory. Only the compiler's name may
# differ (Debian calls it by its full triplet).
check_same_config() {
	local differ
	differ=$(diff <(grep '^CONFIG' "$1" | grep -v ^CONFIG_CC_VERSION_TEXT= | sort) \
		<(grep '^CONFIG' "$2" | grep -v ^CONFIG_CC_VERSION_TEXT= | sort) || true)
	[[ -z $differ ]] && return
	echo "$differ"
	echo "the configuration is not Debian's any more: the compilers here are not those that built the kernel"
	return 1
}

# Every symbol of the rebuilt crates carries a hash of compiler and source in
# its name. All of them in Debian's list means: the same crates.
check_rust_symbols() {
	local missing total
	total=$(rust_symbols "$1" | wc -l)
	missing=$(comm -23 <(rust_symbols "$1") <(cut -f2 "$1/Module.symvers" | sort -u))
	if ((total == 0)) || [[ -n $missing ]]; then
		head -n5 <<<"$missing"
		echo "$(grep -c . <<<"$missing") of $total symbols of the rebuilt Rust crates are not in Debian's Module.symvers: not the same compiler or source"
		return 1
	fi
	echo "all $total symbols of the rebuilt Rust crates are in Debian's Module.symvers"
}

rust_symbols() {
	sed -n 's/^EXPORT_SYMBOL_RUST_GPL(\(.*\));.*/\1/p' "$1"/rust/exports_*_generated.h | sort -u
}

mkdir -p "$folder"
cp "$headers/.config" "$headers/Module.symvers" "$folder/"
kmake "$@" olddefconfig
check_same_config "$headers/.config" "$folder/.config"
kmake "$@" prepare modules_prepare
# prepare starts Module.symvers afresh in some versions: Debian's is the truth
cp "$headers/Module.symvers" "$folder/"
check_rust_symbols "$folder"
