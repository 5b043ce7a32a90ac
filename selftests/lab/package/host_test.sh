#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# host_test.sh RELEASE VERSION
#
# Inside a host that is thrown away: installs build/packages/*.deb, looks at what they
# bring, and purges them. One line for each check, and a status.

set -uo pipefail

kernel=$1 version=$2
modules=(igbvf_vfio_pci igbvf_mdev)
debs=("$PWD"/build/packages/*.deb)
failed=0
# What apt may do: nothing that nobody asked for.
apt=(apt-get --yes --no-install-recommends -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root)

# ok NAME COMMAND...
ok() {
	local name=$1
	shift
	if "$@"; then
		echo "ok $name"
	else
		echo "not ok $name"
		failed=$((failed + 1))
	fi
}

die() {
	tail -n 40 "/var/lib/dkms/vmf/$version/build/make.log" 2>/dev/null
	echo "not ok $*"
	exit 1
}

# The lab root has much that the packages may need and forget to ask for. All goes that
# neither they nor a host has; it has to be known beforehand, as apt does it all in one.
bare_host() {
	local extra
	rm -f /etc/dpkg/dpkg.cfg.d/*
	apt-mark showmanual | xargs apt-mark auto >/dev/null
	apt-mark manual "linux-modules-$kernel" "linux-headers-$kernel" ca-certificates kmod man-db udev >/dev/null
	mapfile -t extra < <("${apt[@]}" --simulate --auto-remove \
		-o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false \
		install "${debs[@]}" | sed -n 's/^Remv \([^ ]*\) .*/\1/p')
	((${#extra[@]} > 10)) || return 1
	dpkg --purge "${extra[@]}" >/dev/null || return 1
	# The kernel's own state, as its package made it.
	! command -v shellcheck >/dev/null && ! command -v dh_dkms >/dev/null && depmod "$kernel"
}

# All files but those of dpkg and apt, logs and caches; DKMS makes itself a key at its first build.
# Of what depmod writes, the content.
all_files() {
	find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log \
		-o -path '/var/lib/dkms/mok.*' -o -path '/usr/lib/modules/*/modules.*.bin' \) -prune \
		-o -printf '%y %p %l\n' | sort
	sha256sum "/usr/lib/modules/$kernel"/modules.{alias,dep,softdep,symbols}
}

# where FOLDER: modprobe takes the modules from there, and this kernel takes them
where() {
	local module
	for module in "${modules[@]}"; do
		[[ $(realpath -s "$(modinfo -k "$kernel" -n "$module")") == */lib/modules/$kernel/$1/$module.ko* ]] || return
		[[ $(modinfo -k "$kernel" -F vermagic "$module") == "$kernel "* ]] || return
	done
}

# libvirt looks for the driver there.
has_alias() { grep -q '^alias vfio_pci:v00008086d000010CA.* igbvf_vfio_pci$' "/usr/lib/modules/$kernel/modules.alias"; }

dkms_has_built() {
	dkms status
	dkms status | grep -qxF "vmf/$version, $kernel, x86_64: installed"
}

# Nothing of a package was changed or moved by another.
whole() {
	local out
	out=$(dpkg --verify "vmf-modules-$kernel" vmf-dkms vmfctl) && [[ -z $out ]]
}

manuals() {
	local page
	for page in build/man/*.1; do
		[[ $(man -w 1 "$(basename "$page" .1)") == /usr/share/man/man1/* ]] || return
	done
}

# shellcheck disable=SC1091 # installed
completions() {
	(. /usr/share/bash-completion/completions/vmfctl && complete -p vmfctl >/dev/null) &&
		[[ $(head -n1 /usr/share/zsh/vendor-completions/_vmfctl) == '#compdef vmfctl' ]] &&
		grep -q '^complete -c vmfctl' /usr/share/fish/vendor_completions.d/vmfctl.fish
}

# As libvirt runs all in that folder that is executable: a device that is not here is judged
# by the registry.
hook() {
	local dir hook=/etc/libvirt/hooks/qemu.d/vmf
	dir=$(mktemp -d)
	cp "$1" "$dir/desc"
	echo "VMF_PLANS=$dir" >"$dir/conf"
	echo "00ff:1f:10.2 $dir/desc" >"$dir/guest.plan"
	cat >"$dir/guest.xml" <<-END
		<domain type='kvm'><devices><hostdev mode='subsystem' type='pci' managed='yes'>
		  <source><address domain='0x00ff' bus='0x1f' slot='0x10' function='0x2'/></source>
		</hostdev></devices></domain>
	END
	VMF_HOOK_CONF=$dir/conf "$hook" guest migrate begin - <"$dir/guest.xml"
}
hook_asks() {
	hook "$1" || return
	! hook "$2" 2>/tmp/refusal && grep -q 'refused: EDOM' /tmp/refusal
}

registry() {
	cmp Documentation/registry/registry.json /usr/share/vmf/registry/registry.json &&
		vmfctl --registry /usr/share/vmf/registry/registry.json describe "$1" >/dev/null
}

# What the file proposes are parameters that there are.
parameters() {
	local module parameter found=0
	modprobe --show-config >/dev/null || return
	while read -r module parameter; do
		found=$((found + 1))
		modinfo -k "$kernel" -p "$module" | grep -q "^$parameter:" || return
	done < <(sed -n 's/^#options \([^ ]*\) \([^=]*\)=.*/\1 \2/p' /etc/modprobe.d/vmf.conf)
	((found > 0))
}

gone() {
	local module
	all_files >/tmp/after
	for module in "${modules[@]}"; do
		! modinfo -k "$kernel" "$module" 2>/dev/null || return
	done
	diff /tmp/before /tmp/after
}

bare_host || die 'the host cannot be made bare'
all_files >/tmp/before
good=selftests/vectors/vf.net.igbvf-82576/v2-full.vmf
bad=selftests/vectors/vf.net.igbvf-82576/refused/limit-exceeded.vmf

timeout 900 "${apt[@]}" install "${debs[@]}" || die 'installed by apt'
echo 'ok installed by apt'
ok 'DKMS has built' dkms_has_built
ok 'modules of DKMS are found first' where updates/dkms
ok 'libvirt finds the driver' has_alias
ok 'packages do not touch each other' whole
ok 'vmfctl runs' grep -qxF "vmfctl ${version%%+*}" <(vmfctl --version)
ok 'manuals are found' manuals
ok 'completions are there' completions
ok 'the hook asks' hook_asks "$good" "$bad"
ok 'registry' registry "$good"
ok 'udev rules' udevadm verify /usr/lib/udev/rules.d/60-vmf.rules /usr/lib/udev/rules.d/90-vmf.rules
ok 'parameters of modules' parameters
"${apt[@]}" purge vmf-dkms || die 'DKMS purged'
ok 'prebuilt modules are found without DKMS' where extra/vmf
"${apt[@]}" purge "vmf-modules-$kernel" vmfctl || die 'the others purged'
ok 'nothing is left' gone
((failed == 0))
