#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# Builds what is the clone's own. For one lane: the module (by Kbuild, as any
# out-of-tree module), the selftests, and the initramfs that the test host boots
# from. For all of them: the documents, the tool, and what cargo builds. Everything
# goes to build/ in the clone. Sourced, never executed.

# Modules of the distribution kernel that the test host may need; in the other
# lanes they are built in, or are all there is. What they depend on comes along.
GUEST_MODULES=(igb igbvf e1000e vfio-pci vfio_iommu_type1 mdev tap veth bridge tun 8021q
	9p 9pnet_virtio kvm-amd kvm-intel)

# Those that the nested guest needs; hotplug of PCI Express is built in.
NESTED_MODULES=(igbvf virtio_net 8021q)

# The modules of this project, where Kbuild puts them; the second needs the mdev bus.
MODULES=(igbvf_vfio_pci igbvf_mdev)

# kbuild LANE TARGET...: Kbuild on the clone, with objects outside the sources
kbuild() {
	local lane=$1
	shift
	mkdir -p "$BUILD/$lane/module"
	in_root make -C "$KDIR" "-j$JOBS" M="$IN_TOP" MO="$IN_TOP/build/$lane/module" "${KFLAGS[@]}" "$@"
}

# The modules that some tests load to change how the host behaves.
build_test_modules() {
	mkdir -p "$BUILD/$1/test-modules"
	in_root make -C "$KDIR" "-j$JOBS" M="$IN_TOP/selftests/modules" \
		MO="$IN_TOP/build/$1/test-modules" "${KFLAGS[@]}" modules
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

# Streams of other drivers, from the kernel's own structures, for the tests of vmfctl.
build_foreign() {
	mkdir -p "$BUILD/foreign"
	in_root make -C "$KDIR" "-j$JOBS" M="$IN_TOP/selftests/foreign" \
		MO="$IN_TOP/build/foreign" "${KFLAGS[@]}" modules
}

# Any lane will do: they have the same source.
ensure_foreign() {
	prepare debian
	with_lock "$BUILD/foreign.lock" step foreign 'making streams of other drivers' \
		"$BUILD/foreign.log" build_foreign
}

# ensure_built LANE
ensure_built() {
	with_lock "$BUILD/$1/lock" build_all "$1"
}

build_all() {
	step "module-$1" "building the module for lane $1" "$BUILD/$1/module.log" build_module "$1"
	step "test-modules-$1" "building the test modules for lane $1" \
		"$BUILD/$1/test-modules.log" build_test_modules "$1"
	with_lock "$BUILD/selftests.lock" step selftests 'building the selftests' \
		"$BUILD/selftests.log" build_selftests
	with_lock "$BUILD/nested.lock" step nested 'making the initramfs of the nested guest' \
		"$BUILD/nested.log" build_nested
	make_vmfctl >/dev/null
	step "initramfs-$1" "making the initramfs of lane $1" "$BUILD/$1/initramfs.log" build_initramfs "$1"
}

# The part of the initramfs that does not change between runs. The kernel unpacks
# several archives one after the other: boot.sh appends the run's settings.
build_initramfs() {
	local lane=$1 dir=$BUILD/$1/initramfs mods script
	rm -rf "$dir"
	mkdir -p "$dir/bin" "$dir/tests" "$dir/nested"
	mods=$dir/lib/modules/$KREL
	mkdir -p "$mods/kernel"
	cp "$ROOT/bin/busybox" "$dir/bin/"
	cp "$TOP/selftests/guests/init" "$dir/init"
	if [[ $lane == debian ]]; then
		copy_modules "$ROOT/usr/lib/modules/$KREL" "$mods" "${GUEST_MODULES[@]}"
	else
		cp "$CACHE/${KDIR##*/}/modules.builtin" "$CACHE/${KDIR##*/}/modules.order" "$mods/"
		find "$CACHE/${KDIR##*/}" -name '*.ko' -exec cp -t "$mods/kernel" {} +
	fi
	mkdir -p "$mods/updates"
	for module in "${MODULES[@]}"; do
		[[ ! -e $BUILD/$lane/module/$module.ko ]] || cp "$BUILD/$lane/module/$module.ko" "$mods/updates/"
	done
	cp "$BUILD/$lane/test-modules/"*.ko "$mods/updates/"
	cp "$BUILD/vmfctl" "$TOP/Documentation/admin-guide/qemu-hook.sh" "$dir/bin/"
	for script in "$TOP"/selftests/*_test.sh "$TOP/selftests/conformance.sh"; do
		cp "$script" "$dir/tests/$(basename "$script" .sh)"
	done
	cp "$TOP/selftests/nested/enter.sh" "$dir/nested/enter"
	if [[ -d $BUILD/selftests ]]; then
		find "$BUILD/selftests" -maxdepth 1 -type f -perm -u+x -exec cp -t "$dir/tests" {} +
	fi
	pack_initramfs "$lane/initramfs" "$KREL"
}

# That of the nested guest, which is the same in all lanes: an ordinary Debian kernel, as
# it is in the lab root, and the agent that the tests talk to.
build_nested() {
	local dir=$BUILD/nested
	local mods=$dir/lib/modules/$KVER
	rm -rf "$dir"
	mkdir -p "$dir/bin" "$mods/kernel"
	cp "$ROOT/bin/busybox" "$BUILD/selftests/nested/agent" "$dir/bin/"
	cp "$TOP/selftests/guests/init-nested" "$dir/init"
	copy_modules "$ROOT/usr/lib/modules/$KVER" "$mods" "${NESTED_MODULES[@]}"
	pack_initramfs nested "$KVER"
}

# pack_initramfs FOLDER RELEASE: the folder of build/ to FOLDER.cpio
pack_initramfs() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_root -w "$IN_TOP/build/$1" sh -ec '
		find lib/modules -name "*.ko.xz" -exec xz -d {} +
		/sbin/depmod -b . "$0"
		find . | cpio --quiet -o -H newc -R 0:0 >"../$1.cpio.new"
		mv "../$1.cpio.new" "../$1.cpio"' "$2" "${1##*/}"
}

# copy_modules FROM TO MODULE...: with their dependencies, which modules.dep lists
# in full for each module.
copy_modules() {
	local from=$1 to=$2 name file
	shift 2
	cp "$from/modules.builtin" "$from/modules.order" "$to/"
	for name; do
		sed -n "s#^\(\(.*/\)\?$name\.ko[^:]*\):\(.*\)#\1\3#p" "$from/modules.dep"
	done | tr ' ' '\n' | sort -u | while read -r file; do
		[[ -n $file ]] || continue
		mkdir -p "$to/${file%/*}"
		cp "$from/$file" "$to/$file"
	done
}

# in_cargo CRATE ARGUMENT...: CRATE is a folder of rust/, or of the clone if there is
# a slash in it.
in_cargo() {
	local crate=$1
	shift
	mkdir -p "$BUILD/cargo"
	in_root -w "$IN_TOP/$(crate_dir "$crate")" env CARGO_TARGET_DIR="$IN_TOP/build/cargo" cargo "$@"
}

crate_dir() {
	case $1 in
	*/*) echo "$1" ;;
	*) echo "rust/$1" ;;
	esac
}

# Crates are fetched once into the cache (CARGO_HOME is there); from then on
# cargo needs no network.
ensure_crates() {
	local mark dir key=${1//\//-}
	dir=$(crate_dir "$1")
	[[ -e $TOP/$dir/Cargo.lock ]] || refuse "$dir has no Cargo.lock"
	mark=$CACHE/cargo/fetched-$(hash_of "$TOP/$dir/Cargo.lock")
	[[ ! -e $mark ]] || return 0
	STEP_HOOK=explain_crates step "crates-$key" "fetching the crates that $dir needs" \
		"$CACHE/log/crates-$key.log" in_cargo "$1" fetch --locked
	touch "$mark"
}

explain_crates() {
	grep -qE 'Could not resolve|failed to download|network failure|spurious network' "$1" || return 0
	refuse "the crates registry cannot be reached (details in $1)"
}

# The documents: a warning is an error, also one about a reference.
make_docs() {
	ensure_extra docs
	with_lock "$BUILD/docs/lock" step docs 'making HTML of the documents' "$BUILD/docs/docs.log" build_docs
	echo "$BUILD/docs/html/index.html"
}

# Sphinx does not remove what is no longer there, nor is it sure to notice a picture
# that has changed: from nothing it takes seconds.
build_docs() {
	rm -rf "$BUILD/docs/html" "$BUILD/docs/doctrees"
	in_root sphinx-build -q -b html -n -W --keep-going -d build/docs/doctrees \
		Documentation build/docs/html 2>&1 | sed "s#^$IN_TOP/##"
}

# Ratios to memcpy in the same process, so that they mean the same on any machine.
run_bench() {
	ensure_crates selftests/bench
	with_lock "$BUILD/bench.lock" step bench 'building the benchmark of the codec' \
		"$BUILD/bench.log" in_cargo selftests/bench build --release --quiet --offline
	say '* measuring the codec: some seconds'
	in_group in_cargo selftests/bench run --release --quiet --offline -- \
		--json "$IN_TOP/build/bench-codec.json"
}

# What follows from the registry, written to where it is kept.
run_generator() {
	ensure_crates vmfgen
	with_lock "$BUILD/generate.lock" step vmfgen 'building the generator' "$BUILD/vmfgen.log" \
		in_cargo vmfgen build --quiet --offline
	in_cargo vmfgen run --quiet --offline -- "$@"
}

# The tool, for this machine and for others: without shared libraries. The target is
# named so that build scripts and macros stay as they are.
make_vmfctl() {
	ensure_crates vmfctl
	with_lock "$BUILD/vmfctl.lock" step vmfctl 'building vmfctl' "$BUILD/vmfctl.log" build_vmfctl
	find "$BUILD/vmfctl" "$BUILD/man" "$BUILD/completions" -type f 2>/dev/null | sort
}

build_vmfctl() {
	local triple=x86_64-unknown-linux-gnu
	# Panics name the source, without the folders that it is in here.
	local flags="-C target-feature=+crt-static --remap-path-prefix=$IN_TOP/="
	flags+=" --remap-path-prefix=$IN_CACHE/cargo/registry/src/="
	in_root -w "$IN_TOP/rust/vmfctl" env RUSTFLAGS="$flags" \
		CARGO_TARGET_DIR="$IN_TOP/build/cargo" \
		cargo build --release --offline --quiet --target "$triple"
	cp "$BUILD/cargo/$triple/release/vmfctl" "$BUILD/vmfctl.new"
	mv "$BUILD/vmfctl.new" "$BUILD/vmfctl"
	# What it says of itself.
	rm -rf "$BUILD/man" "$BUILD/completions"
	mkdir -p "$BUILD/man" "$BUILD/completions"
	in_root build/vmfctl man --out build/man
	in_root build/vmfctl completions bash >"$BUILD/completions/vmfctl.bash"
	in_root build/vmfctl completions zsh >"$BUILD/completions/_vmfctl"
	in_root build/vmfctl completions fish >"$BUILD/completions/vmfctl.fish"
}
