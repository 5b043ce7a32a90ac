#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# Makes the kernels of the lanes, in the cache, inside the lab root (ROOT, KVER
# and PKGVER of root.sh). Sourced, never executed.
#
#   debian  Debian's own kernel and modules, unmodified. What Debian does not
#           package is the metadata of the kernel's Rust crates, without which
#           no Rust module can be built: that is remade from Debian's source,
#           configuration and compiler, and checked against the symbols that
#           Debian's kernel really exports.
#   full    the same source with config/full.config.
#   debug   full plus config/debug.config. Long to build, so only on demand.
#
# ensure_kernel LANE sets, as seen inside the root: KSRC (sources), KDIR (what
# modules are built against), KREL (release), KIMAGE (what QEMU boots), KFLAGS
# (what make must be given besides, for the kernel and for its modules), and
# DEBIAN_IMAGE (what lane debian boots, and the nested guest of any lane).

# Bump when this file changes what a lane contains.
KERNEL_VERSION=1

# What a build folder was seen to need at its largest (debian 250, full 510), and
# some room; debug is an estimate from its final size.
declare -A LANE_MIB=([debian]=400 [full]=800 [debug]=2000)

lane_fragments() {
	case $1 in
	debian) ;;
	full) echo "$LAB/config/full.config" ;;
	debug) printf '%s\n' "$LAB/config/full.config" "$LAB/config/debug.config" ;;
	*) refuse "no lane '$1' (there are: debian, full, debug)" ;;
	esac
}

# The unpacked source, shared by all lanes (they build in folders of their own)
# and by the selftests, which take libvfio from it.
ensure_source() {
	local name=linux-$PKGVER-src
	name=${name//[^A-Za-z0-9.+-]/_}
	KSRC=$IN_CACHE/$name
	[[ -d $CACHE/$name ]] || with_lock "$CACHE/$name.lock" make_source "$CACHE/$name"
}

make_source() {
	[[ ! -d $1 ]] || return 0
	need_disk 2000 'the kernel source'
	step source "unpacking linux-source-$SERIES" "$CACHE/log/source.log" unpack_source "$1.partial"
	mv "$1.partial" "$1"
}

unpack_source() {
	"${NS[@]}" rm -rf --one-file-system "$1"
	mkdir -p "$1"
	in_root -w "$IN_CACHE/${1##*/}" \
		tar --extract --strip-components=1 --use-compress-program='xz -T0' \
		--file "/usr/src/linux-source-$SERIES.tar.xz"
}

ensure_kernel() {
	local lane=$1 fragments name key
	KFLAGS=()
	DEBIAN_IMAGE=/usr/lib/modules/$KVER/vmlinuz
	# The kernel offers KASAN and Rust together only when clang compiles the C.
	if [[ $lane == debug ]]; then
		KFLAGS=(LLVM=-19)
		ensure_extra llvm
	fi
	mapfile -t fragments < <(lane_fragments "$lane")
	[[ $lane != debian ]] || fragments=("$LAB/package/rust-metadata.sh")
	ensure_source
	key=$(cat /dev/null "${fragments[@]}" "$ROOT/etc/vmf-toolchain" - <<<"$KERNEL_VERSION $lane $PKGVER${KFLAGS[*]/#/ }" | hash_of -)
	name=linux-$KVER-$lane-$key
	KDIR=$IN_CACHE/$name
	[[ -d $CACHE/$name ]] || with_lock "$CACHE/$name.lock" make_kernel "$lane" "$name"
	KREL=$(<"$CACHE/$name/include/config/kernel.release")
	if [[ $lane == debian ]]; then
		KIMAGE=$DEBIAN_IMAGE
	else
		KIMAGE=$KDIR/arch/x86/boot/bzImage
	fi
}

# has_built LANE: is there a kernel of it, made for this clone or for an older one?
has_built() {
	compgen -G "$CACHE/linux-*-$1-????????????/include/config/kernel.release" >/dev/null
}

# A build folder is resumed by make, never started again: only its name changes
# when it is complete.
make_kernel() {
	local lane=$1 name=$2 dir=$CACHE/$2
	[[ ! -d $dir ]] || return 0
	need_disk "${LANE_MIB[$lane]}" "the kernel of lane $lane"
	mkdir -p "$dir.partial"
	if [[ $lane == debian ]]; then
		step kernel-debian "rebuilding the Rust metadata of Debian's kernel $KVER" \
			"$CACHE/log/kernel-debian.log" build_debian "$dir.partial"
	else
		step "kernel-$lane" "building the kernel of lane $lane (long: about 10 minutes on 2 cores)" \
			"$CACHE/log/kernel-$lane.log" build_own "$lane" "$dir.partial"
	fi
	# The generated Makefile names the folder it was made in.
	sed -i "s#$IN_CACHE/$name\.partial#$IN_CACHE/$name#g" "$dir.partial/Makefile"
	mv "$dir.partial" "$dir"
}

kmake() {
	in_root -w "$KSRC" make "-j$JOBS" O="$IN_CACHE/${dir##*/}" \
		KBUILD_BUILD_USER=vmf KBUILD_BUILD_HOST=lab KBUILD_BUILD_TIMESTAMP=1970-01-01 \
		"${KFLAGS[@]}" "$@"
}

# The same script makes it for DKMS, see package/.
build_debian() {
	in_root bash selftests/lab/package/rust-metadata.sh "$KSRC" "/usr/src/linux-headers-$KVER" \
		"$KVER" "$IN_CACHE/${1##*/}" "-j$JOBS"
}

build_own() {
	local lane=$1 dir=$2 fragment
	while read -r fragment; do
		cat "$fragment"
	done < <(lane_fragments "$lane") >"$dir/vmf.config"
	kmake "KCONFIG_ALLCONFIG=$IN_CACHE/${dir##*/}/vmf.config" allnoconfig
	check_fragment "$dir/vmf.config" "$dir/.config"
	kmake "LOCALVERSION=-vmf-$lane" bzImage modules
	# What only linking the kernel needs: several times the size of the rest
	find "$dir" \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' \) \
		-not -path "$dir/scripts/*" -not -path "$dir/tools/*" -delete
	rm -f "$dir"/.tmp_vmlinux*
}

# Later fragments override earlier ones: of several lines about one option the
# last counts.
check_fragment() {
	local bad
	bad=$(awk '
		function opt(l) { sub(/^# /, "", l); sub(/[ =].*/, "", l); return l }
		FNR == NR { if (/^CONFIG_.*=/ || /^# CONFIG_.* is not set/) want[opt($0)] = $0; next }
		/^CONFIG_.*=/ { have[opt($0)] = $0 }
		END {
			for (o in want) {
				w = want[o]
				h = (o in have) ? have[o] : "not set"
				if (w ~ /is not set/ ? h != "not set" : h != w)
					print w " -> " h
			}
		}' "$1" "$2")
	[[ -z $bad ]] && return
	echo "$bad"
	echo 'the lines above did not survive the configuration (dependency or name changed?)'
	return 1
}
