#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# Makes the lab root: a minimal Debian with the toolchain, QEMU and the Debian
# kernel packages, in the cache. Sets ROOT and KVER. Sourced, never executed.
#
# Nothing is installed on the host but mmdebstrap, and that only when missing.

# Bump when this file changes what the root contains.
ROOT_VERSION=1

# Kept short on purpose: every package here is downloaded on the first run.
PACKAGES=(
	# for the kernel, as Documentation/process/changes.rst asks; pahole
	# because struct module depends on DEBUG_INFO_BTF_MODULES
	make gcc libc6-dev flex bison bc libelf-dev libssl-dev pahole cpio kmod
	xz-utils python3 perl
	# Rust for the kernel, for cargo and for lint; rust-src has core's source
	rustc rust-src rustfmt rust-clippy cargo bindgen ca-certificates
	# user-space tests: libvfio needs libuuid
	linux-libc-dev uuid-dev
	# the test host
	qemu-system-x86 busybox-static
	# lint
	shellcheck
)

# Left out of the packages above while they are unpacked: nobody reads manuals
# here, and the rest is most of the size of two packages. The order counts, and
# dpkg's * matches slashes too: the last line takes back core's own src/.
DPKG_OPTIONS=(
	'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/man/*'
	'path-exclude=/usr/share/locale/*' 'path-exclude=/usr/share/info/*'
	'path-exclude=/usr/lib/llvm-*/lib/*.a'
	'path-exclude=/usr/src/rustc-*' 'path-include=/usr/src/rustc-*/library/*'
)

# What the root and the unpacked source were measured to need, with some room.
ROOT_MIB=4500

ensure_mmdebstrap() {
	command -v mmdebstrap >/dev/null && return
	local how='apt-get install mmdebstrap'
	command -v apt-get >/dev/null ||
		refuse 'mmdebstrap is missing and this is no Debian-like system: install mmdebstrap 1.3 or newer by hand'
	((EUID == 0)) ||
		refuse "mmdebstrap is missing and only root may install it: run 'sudo $how' once"
	step mmdebstrap 'installing mmdebstrap' "$CACHE/log/mmdebstrap.log" install_mmdebstrap
}

install_mmdebstrap() {
	export DEBIAN_FRONTEND=noninteractive
	apt-get install --yes --no-install-recommends mmdebstrap ||
		{ apt-get update && apt-get install --yes --no-install-recommends mmdebstrap; }
}

# The archive's own address is never named here: without VMF_MIRROR, mmdebstrap
# writes its default into sources.list, and the backports line follows that.
bootstrap_root() {
	local dir=$1
	# A half-made root is of no use: mmdebstrap cannot resume. Only this name,
	# which nobody else makes, is removed.
	"${NS[@]}" rm -rf --one-file-system "$dir"
	"${NS[@]}" mmdebstrap --mode=root --format=directory --variant=apt --architectures="$ARCH" \
		--include="$(IFS=,; echo "${PACKAGES[*]}")" "${DPKG_OPTIONS[@]/#/--dpkgopt=}" \
		"$SUITE" "$dir" ${VMF_MIRROR:+"$VMF_MIRROR"}
	sed -n "s/^\(deb .*\) $SUITE main.*/\1 $SUITE-backports main/p" "$dir/etc/apt/sources.list" \
		>"$dir/etc/apt/sources.list.d/backports.list"
	[[ -s $dir/etc/apt/sources.list.d/backports.list ]] ||
		{ echo "no line for $SUITE main in sources.list"; return 1; }
}

# Prints the newest release of the series, as in 7.3.4+deb13-amd64.
newest_kernel() {
	in_root -w / apt-cache pkgnames "linux-binary-$SERIES." |
		sed -n "s/^linux-binary-\($SERIES\.[0-9.]*+deb[0-9]*-$ARCH\)\$/\1/p" | sort -V | tail -n1
}

install_kernel_packages() {
	local v=$1 pkgver
	pkgver=$(in_root -w / apt-cache show "linux-binary-$v" | sed -n 's/^Version: //p' | sort -V | tail -n1)
	in_root -w / apt-get install --yes --no-install-recommends -t "$SUITE-backports" \
		"linux-source-$SERIES=$pkgver" "linux-headers-$v=$pkgver" "linux-binary-$v=$pkgver" \
		"linux-modules-$v=$pkgver" "linux-base-$v=$pkgver" "linux-libc-dev=$pkgver"
	in_root -w / apt-get clean
}

# One line instead of twenty when what failed is the way to the archive.
explain_network() {
	local log=$1
	if grep -qE 'Could not resolve|Could not connect|Temporary failure|Failed to fetch|Unable to connect|Cannot initiate' "$log"; then
		refuse "the Debian archive cannot be reached: $(grep -oEm1 'https?://[^/ ]+' "$log" || echo "${VMF_MIRROR:-default mirror}") (VMF_MIRROR names another mirror; details in $log)"
	fi
}

ensure_root() {
	local key log=$CACHE/log/root.log
	key=$(printf '%s\n' "$ROOT_VERSION" "$SUITE" "$SERIES" "${PACKAGES[@]}" "${DPKG_OPTIONS[@]}" | hash_of -)
	ROOT=$CACHE/root-$key
	if [[ ! -d $ROOT ]]; then
		check_namespaces
		need_disk "$ROOT_MIB" 'the lab root and the kernel source'
		ensure_mmdebstrap
		with_lock "$CACHE/root.lock" make_root "$ROOT" "$log"
	fi
	KVER=$(<"$ROOT/etc/vmf-kernel")
	PKGVER=$(<"$ROOT/etc/vmf-kernel-package")
}

make_root() {
	local final=$1 log=$2 v
	[[ ! -d $final ]] || return 0
	ROOT=$final.partial
	# Two stages, so that a broken download of the kernel does not cost the first.
	if [[ ! -e $ROOT/etc/vmf-bootstrapped ]]; then
		STEP_HOOK=explain_network step root "making the lab root (Debian $SUITE, toolchain, QEMU)" \
			"$log" bootstrap_root "$ROOT"
		"${NS[@]}" touch "$ROOT/etc/vmf-bootstrapped"
	fi
	STEP_HOOK=explain_network step apt-update 'reading the archive index' "$CACHE/log/apt-update.log" in_root -w / apt-get update
	v=$(newest_kernel)
	[[ -n $v ]] || refuse "the archive has no $SERIES kernel; its kernel sources are: $(
		in_root -w / apt-cache pkgnames linux-source- | sort -V | tr '\n' ' ')"
	STEP_HOOK=explain_network step kernel-packages "installing the Debian kernel packages $v" "$CACHE/log/kernel-packages.log" \
		install_kernel_packages "$v"
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_root -w /etc sh -c '
		echo "$0" >vmf-kernel
		dpkg-query -W -f "\${Version}\n" "linux-binary-$0" >vmf-kernel-package
		dpkg-query -W gcc-14 binutils rustc bindgen libclang1-19 pahole >vmf-toolchain' "$v"
	mv "$ROOT" "$final"
	ROOT=$final
}

# What only some commands need is added to the root when one of them is run first:
# packages, what their installation was measured to need in MiB, with some room,
# and what they are for.
declare -A EXTRA=(
	[llvm]='clang-19 lld-19 llvm-19'
	[docs]='python3-sphinx'
	[fuzz]='g++'
	[hosts]='vde-switch python3-rpyc systemd udev procps'
	[libvirt]='libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients'
	[packages]='debhelper dh-dkms dkms lintian man-db udev'
)
declare -A EXTRA_MIB=([llvm]=800 [docs]=300 [fuzz]=300 [hosts]=150 [libvirt]=200 [packages]=400)
declare -A EXTRA_FOR=(
	[llvm]='clang for lane debug'
	[docs]='Sphinx for the documents'
	[fuzz]='a C++ compiler for libFuzzer'
	[hosts]='a switch and remote calls, for two test hosts'
	[libvirt]='libvirt'
	[packages]='the tools for Debian packages'
)

# The mark holds the list that was installed; that of an older lab is empty.
has_extra() {
	local mark=$ROOT/etc/vmf-$1
	[[ -e $mark ]] && [[ ! -s $mark || $(<"$mark") == "${EXTRA[$1]}" ]]
}

# ensure_extra NAME
ensure_extra() {
	has_extra "$1" || with_lock "$CACHE/root.lock" add_extra "$1"
}

add_extra() {
	local name=$1 packages
	! has_extra "$name" || return 0
	read -ra packages <<<"${EXTRA[$name]}"
	need_disk "${EXTRA_MIB[$name]}" "${EXTRA_FOR[$name]}"
	STEP_HOOK=explain_network step apt-update 'reading the archive index' "$CACHE/log/apt-update.log" \
		in_root -w / apt-get update
	STEP_HOOK=explain_network step "$name" "installing ${EXTRA_FOR[$name]}" "$CACHE/log/$name.log" \
		in_root -w / apt-get install --yes --no-install-recommends "${packages[@]}"
	in_root -w / apt-get clean
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_root -w /etc sh -c 'echo "$1" >"vmf-$0"' "$name" "${EXTRA[$name]}"
}

# A VMM that is newer than the release's, if backports have one: beside it and not in its
# place, so that a guest can go from one to the other. The mark holds its version, or
# nothing if there is none.
NEWER_QEMU=/opt/newer-qemu

ensure_newer_qemu() {
	[[ -e $ROOT/etc/vmf-newer-qemu ]] || with_lock "$CACHE/root.lock" add_newer_qemu
}

add_newer_qemu() {
	[[ ! -e $ROOT/etc/vmf-newer-qemu ]] || return 0
	need_disk 200 'a newer QEMU'
	STEP_HOOK=explain_network step apt-update 'reading the archive index' "$CACHE/log/apt-update.log" \
		in_root -w / apt-get update
	STEP_HOOK=explain_network step newer-qemu 'unpacking a newer QEMU beside the other' \
		"$CACHE/log/newer-qemu.log" unpack_newer_qemu
}

unpack_newer_qemu() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_root -w / sh -ec '
		version=$(apt-cache madison qemu-system-x86 |
			awk -F " *[|] *" -v "from=$0-backports/main" "index(\$0, from) { print \$2; exit }")
		if [ -n "$version" ]; then
			rm -rf "$1"
			mkdir -p "$1/deb"
			cd "$1/deb"
			apt-get download -o APT::Sandbox::User=root "qemu-system-x86=$version" \
				"qemu-system-common=$version" "qemu-system-data=$version"
			for deb in *.deb; do
				dpkg -x "$deb" ..
			done
			cd ..
			rm -rf deb
			# Its libraries have to be those of the release.
			usr/bin/qemu-system-x86_64 --version
		fi
		echo "$version" >/etc/vmf-newer-qemu' "$SUITE" "$NEWER_QEMU"
}
