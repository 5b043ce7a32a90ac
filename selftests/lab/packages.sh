#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# Debian packages, in build/packages: the modules for the kernel of lane debian, their
# source for DKMS, and the tool. What is packed is built as everywhere in the lab; package/
# has the rest. Then lintian looks at them, and they are installed in a host that is thrown
# away. Sourced, never executed.

PACKAGES_DIR=$BUILD/packages
PACKAGES_WORK=$PACKAGES_DIR/work

# What Kbuild needs of the clone, for DKMS.
DKMS_SOURCE=(Kbuild include/uapi rust/bindings rust/vfio rust/session rust/vmf/src rust/igbvf
	rust/igbvf_model/src rust/igbvf_mdev rust/mdev rust/tap)

make_packages() {
	# Others would write to the same files in the middle.
	with_lock "$BUILD/packages.lock" packages_locked
}

packages_locked() {
	local deb
	prepare debian
	ensure_extra packages
	package_version
	make_vmfctl >/dev/null
	step packages-module 'building the modules for the packages' "$PACKAGES_WORK/module.log" \
		build_packed_modules
	step packages 'building the packages' "$PACKAGES_WORK/build.log" build_packages
	step packages-lintian 'lintian' "$PACKAGES_WORK/lintian.log" lint_packages
	# What is below a layer must not change meanwhile: no package is added to the root.
	STEP_TAIL=60 with_lock "$CACHE/root.lock" step packages-test \
		'installing the packages in a fresh host, and purging them' "$PACKAGES_WORK/test.log" test_packages
	grep -E '^(ok|#)' "$PACKAGES_WORK/test.log" || true
	for deb in "$PACKAGES_DIR"/*.deb; do
		echo "$deb"
	done
}

# The commit decides, and its date: the same commit makes the same packages. Sets
# PACKAGE_VERSION, PACKAGE_BY and SOURCE_DATE_EPOCH.
package_version() {
	local base stamp
	git -C "$TOP" rev-parse --quiet --verify HEAD >/dev/null 2>&1 ||
		refuse 'packages take their version from git, and this is no clone (or there is no git)'
	base=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$TOP/rust/vmfctl/Cargo.toml")
	stamp=$(TZ=UTC git -C "$TOP" log -1 --date=format-local:%Y%m%d.%H%M%S --format=%cd)
	PACKAGE_VERSION=$base+git$stamp
	# Somebody has to answer for it: Debian's variables, or who made the commit.
	PACKAGE_BY="${DEBFULLNAME:-$(git -C "$TOP" log -1 --format=%an)} <${DEBEMAIL:-$(git -C "$TOP" log -1 --format=%ae)}>"
	SOURCE_DATE_EPOCH=$(git -C "$TOP" log -1 --format=%ct)
	if ! git -C "$TOP" diff --quiet HEAD --; then
		PACKAGE_VERSION+=+x
		say 'lab: the clone has changes that are not committed: the packages have another version'
	fi
}

# Rust keeps the names of sources, for panics: without the folder of the clone.
build_packed_modules() {
	kbuild packages/work "KRUSTFLAGS=--remap-path-prefix=$IN_TOP/=" modules
}

# fill_in FILE...: what only is known here
fill_in() {
	sed -i -e "s/@KERNEL@/$KVER/g; s/@KERNEL_VERSION@/$PKGVER/g; s/@SERIES@/$SERIES/g" \
		-e "s/@SERIES_RE@/${SERIES//./\\\\.}/g; s/@MAINTAINER@/$PACKAGE_BY/g" "$@"
}

build_packages() {
	local tree=$PACKAGES_WORK/vmf file
	rm -rf "$tree"
	rm -f "$PACKAGES_DIR"/*.deb "$PACKAGES_WORK"/*.{deb,changes,buildinfo}
	mkdir -p "$tree"/{bin,completions,hook,modprobe,modules,source}
	cp -r "$LAB/package/debian" "$tree/debian"
	for file in "$tree"/debian/vmf-modules.*; do
		mv "$file" "${file/vmf-modules/vmf-modules-$KVER}"
	done
	find "$tree/debian" -type f -print0 | while IFS= read -r -d '' file; do
		fill_in "$file"
	done
	{
		printf '%s\n\n' "vmf ($PACKAGE_VERSION) unstable; urgency=medium"
		printf '  * Built from commit %s.\n\n' "$(git -C "$TOP" log -1 --format=%H)"
		printf ' -- %s  %s\n' "$PACKAGE_BY" "$(git -C "$TOP" log -1 --format=%cD)"
	} >"$tree/debian/changelog"

	cp "$BUILD/vmfctl" "$tree/bin/"
	cp -r "$BUILD/man" "$tree/man"
	cp "$BUILD/completions/_vmfctl" "$BUILD/completions/vmfctl.fish" "$tree/completions/"
	cp "$BUILD/completions/vmfctl.bash" "$tree/completions/vmfctl"
	cp "$TOP/Documentation/admin-guide/qemu-hook.sh" "$tree/hook/vmf"
	chmod 755 "$tree/hook/vmf"
	cp "$TOP/Documentation/admin-guide/90-vmf.rules" "$tree/"
	cp "$LAB/package/modprobe.conf" "$tree/modprobe/vmf.conf"
	packed_files Documentation/registry | copy_files "$tree"
	mv "$tree/Documentation/registry" "$tree/registry"
	rm "$tree/registry/index.rst"
	for file in "${MODULES[@]}"; do
		cp "$PACKAGES_WORK/module/$file.ko" "$tree/modules/"
	done
	in_root -w "$IN_TOP/build/packages/work/vmf/modules" strip --strip-debug "${MODULES[@]/%/.ko}"

	packed_files "${DKMS_SOURCE[@]}" | copy_files "$tree/source"
	cp "$LAB/package/pre-build.sh" "$LAB/package/rust-metadata.sh" "$tree/source/"
	list_crates >"$tree/crates.txt"

	# Nothing is compiled there, so that build-essential need not be.
	in_root -w "$IN_TOP/build/packages/work/vmf" env "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" \
		dpkg-buildpackage --no-check-builddeps --build=binary --unsigned-changes --unsigned-buildinfo
	check_paths
	cp "$PACKAGES_WORK"/*.deb "$PACKAGES_DIR/"
}

# The sources as git knows them, and nothing that a build has left there.
packed_files() { git -C "$TOP" ls-files -z -- "$@"; }
copy_files() {
	local file
	while IFS= read -r -d '' file; do
		[[ -e $TOP/$file ]] || continue
		install -D --mode="$([[ -x $TOP/$file ]] && echo 755 || echo 644)" "$TOP/$file" "$1/$file"
	done
}

# The tool is linked with these: what their licences ask to be said.
list_crates() {
	local name version licence dir text texts
	echo 'The crates that vmfctl is linked with, and the texts of their licences.'
	in_cargo vmfctl tree --offline --edges normal,no-proc-macro --target x86_64-unknown-linux-gnu \
		--prefix none --format '{p}|{l}' | sed 's/ (\*)$//' | sort -u | grep -v '(/' |
		while IFS=' |' read -r name version licence; do
			dir=$(echo "$CACHE"/cargo/registry/src/*/"$name-${version#v}")
			printf '\n\n==== %s %s: %s\n' "$name" "${version#v}" "$licence"
			# Where there is a choice it is the MIT licence.
			mapfile -t texts < <(find "$dir" -maxdepth 1 -iname 'licen[sc]e*mit*' -type f | sort)
			((${#texts[@]})) || mapfile -t texts < <(find "$dir" -maxdepth 1 -type f \
				\( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'unlicense*' \) | sort)
			for text in "${texts[@]}"; do
				printf '\n'
				cat "$text"
			done
		done
}

# Where something was built is nobody's business, and would differ from one machine to the next.
check_paths() {
	local dir=$PACKAGES_WORK/paths deb
	rm -rf "$dir"
	mkdir -p "$dir"
	for deb in "$PACKAGES_WORK"/*.deb; do
		in_root dpkg-deb -R "${deb/"$TOP"/"$IN_TOP"}" "$IN_TOP/${dir#"$TOP/"}/$(basename "$deb" .deb)"
	done
	if grep -rlaE "$IN_CACHE/(cargo|linux)|$IN_TOP/(rust|build|selftests)|$TOP|$CACHE" "$dir"; then
		echo 'the files above name folders of the machine that built them'
		return 1
	fi
	rm -rf "$dir"
}

# Overrides are with the packages, each with its reason.
lint_packages() {
	in_root -w "$IN_TOP/build/packages/work" lintian --allow-root --fail-on error,warning \
		--tag-display-limit 0 "vmf_${PACKAGE_VERSION}_$ARCH.changes"
}

# A host that has the kernel and what the packages ask for: a layer over the lab root, in
# memory, without all else. Nothing is left of it, as it is in a mount namespace.
test_packages() {
	local host=$PACKAGES_WORK/host
	mkdir -p "$host"
	# shellcheck disable=SC2016 # expanded by the inner shell
	timeout --foreground 1500 "${NS[@]}" bash -ec '
		cd "$1"
		mount -t tmpfs -o mode=0755,size=4g tmpfs .
		cd "$1"
		mkdir lower upper work root
		mount --bind "$2" lower
		mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay root
		lab=$3
		shift 3
		exec bash "$lab/enter.sh" "$PWD/root" "$@"' - \
		"$host" "$ROOT" "$LAB" "$TOP" "$CACHE" "$IN_TOP" \
		bash selftests/lab/package/host_test.sh "$KVER" "$PACKAGE_VERSION"
}
