#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# Builds what is the clone's own, for one lane: the module (by Kbuild, as any
# out-of-tree module), the selftests, and the initramfs that the test host boots
# from. Everything goes to build/ in the clone. Sourced, never executed.

# Modules of the distribution kernel that the test host may need; in the other
# lanes they are built in. What they depend on comes along.
GUEST_MODULES=(igb igbvf vfio-pci vfio_iommu_type1 veth bridge tun 8021q)

# The module of this project, where Kbuild puts it.
MODULE=igbvf_vfio_pci

# kbuild LANE TARGET...: Kbuild on the clone, with objects outside the sources
kbuild() {
	local lane=$1
	shift
	mkdir -p "$BUILD/$lane/module"
	in_root make -C "$KDIR" "-j$JOBS" M="$IN_TOP" MO="$IN_TOP/build/$lane/module" "${KFLAGS[@]}" "$@"
}

# Compilers are quiet when all is well, and name files as they are in the clone.
build_module() {
	kbuild "$1" modules
}

# The programs are the same for all lanes: they talk to the uAPI only. The
# kernel's headers are made in a folder of their own (O=), not in the source.
build_selftests() {
	mkdir -p "$BUILD/selftests"
	in_root make -C selftests "-j$JOBS" KSRC="$KSRC" OUTPUT="$IN_TOP/build/selftests" \
		O="$IN_TOP/build/selftests/khdr-obj"
}

# ensure_built LANE
ensure_built() {
	with_lock "$BUILD/$1/lock" build_all "$1"
}

build_all() {
	step "module-$1" "building the module for lane $1" "$BUILD/$1/module.log" build_module "$1"
	with_lock "$BUILD/selftests.lock" step selftests 'building the selftests' \
		"$BUILD/selftests.log" build_selftests
	step "initramfs-$1" "making the initramfs of lane $1" "$BUILD/$1/initramfs.log" build_initramfs "$1"
}

# The part of the initramfs that does not change between runs. The kernel unpacks
# several archives one after the other: boot.sh appends the run's settings.
build_initramfs() {
	local lane=$1 dir=$BUILD/$1/initramfs mods
	rm -rf "$dir"
	mkdir -p "$dir/bin" "$dir/tests"
	mods=$dir/lib/modules/$KREL
	mkdir -p "$mods/kernel"
	cp "$ROOT/bin/busybox" "$dir/bin/"
	cp "$TOP/selftests/guests/init" "$dir/init"
	if [[ $lane == debian ]]; then
		copy_modules "$ROOT/usr/lib/modules/$KREL" "$mods"
	else
		cp "$CACHE/${KDIR##*/}/modules.builtin" "$CACHE/${KDIR##*/}/modules.order" "$mods/"
	fi
	if [[ -e $BUILD/$lane/module/$MODULE.ko ]]; then
		mkdir -p "$mods/updates"
		cp "$BUILD/$lane/module/$MODULE.ko" "$mods/updates/"
	fi
	if [[ -d $BUILD/selftests ]]; then
		find "$BUILD/selftests" -maxdepth 1 -type f -perm -u+x -exec cp -t "$dir/tests" {} +
	fi
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_root -w "$IN_TOP/build/$lane/initramfs" sh -ec '
		find lib/modules -name "*.ko.xz" -exec xz -d {} +
		/sbin/depmod -b . "$0"
		find . | cpio --quiet -o -H newc -R 0:0 >../initramfs.cpio.new
		mv ../initramfs.cpio.new ../initramfs.cpio' "$KREL"
}

# copy_modules FROM TO: GUEST_MODULES with their dependencies, which modules.dep
# lists in full for each module.
copy_modules() {
	local from=$1 to=$2 name file
	cp "$from/modules.builtin" "$from/modules.order" "$to/"
	for name in "${GUEST_MODULES[@]}"; do
		sed -n "s#^\(\(.*/\)\?$name\.ko[^:]*\):\(.*\)#\1\3#p" "$from/modules.dep"
	done | tr ' ' '\n' | sort -u | while read -r file; do
		[[ -n $file ]] || continue
		mkdir -p "$to/${file%/*}"
		cp "$from/$file" "$to/$file"
	done
}
