#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# vmfctl with real devices: what it says of them, and streams of a running VF saved,
# decoded, judged and loaded. VMF_VFS has the VFs, bound to the driver.

set -u
# shellcheck disable=SC2086 # the names have no spaces
set -- $VMF_VFS
a=$1 b=$2
dir=$(mktemp -d)
cd "$dir" || exit 1

count=0 failed=0
# ok NAME COMMAND...
ok() {
	name=$1
	shift
	count=$((count + 1))
	if "$@" >out 2>&1; then
		echo "ok $count $name"
	else
		sed 's/^/# /' out
		echo "not ok $count $name"
		failed=$((failed + 1))
	fi
}

# refused STATUS TEXT COMMAND...: the exit status, and what has to be among the reasons
refused() {
	want=$1 text=$2
	shift 2
	"$@"
	status=$?
	[ $status = "$want" ] || { echo "exit status $status"; return 1; }
	grep -q -- "$text" out
}

sysfs=/sys/bus/pci/devices

inventory_has_all() {
	vmfctl inventory --json >inventory.json || return 1
	for vf in $VMF_VFS; do
		grep -q "$vf" inventory.json || { echo "$vf is missing"; return 1; }
	done
}

save() { vmfctl save "$a" stream && [ -s stream ]; }

# Encoding what was decoded gives the same bytes only if every byte was named.
every_byte_is_named() {
	vmfctl decode --json stream >stream.json &&
		vmfctl encode stream.json >again && cmp stream again &&
		! vmfctl decode stream | grep -i unknown
}

starts_with_descriptor() {
	cat "$sysfs/$a/migration_format/descriptor" >descriptor
	head -c "$(wc -c <descriptor)" stream | cmp - descriptor
}

# A queue too many, with the CRCs made right.
doctor() {
	vmfctl decode --json descriptor >descriptor.json
	sed 's/\("value":{"offset":[0-9]*,"size":8,"value":\)2/\14/' descriptor.json >doctored.json
	! cmp -s descriptor.json doctored.json && vmfctl encode doctored.json >doctored
}

driver_says_edom() {
	! cat doctored >"$sysfs/$b/migration_format/check"
}

key_of() { vmfctl describe --json "$1" | sed -n 's/.*"key": "\(.*\)",/\1/p'; }

# Two VFs of one PF have the same key, and a stream fits it.
keys() {
	key=$(key_of "$a") && [ -n "$key" ] && [ "$key" = "$(key_of "$b")" ] &&
		vmfctl check "$key" "$b" && vmfctl check stream "$key" && vmfctl check "$key" inventory.json
}

# What schedulers read names the VFs, and what they can take.
for_schedulers() {
	vmfctl inventory --nfd >labels && grep -q '/vf.net.igbvf-82576.max=2$' labels &&
		vmfctl inventory --nova >lines && grep -q "\"address\":\"$a\"" lines
}

# The driver of the PF is asked about its VF.
host_policy() { vmfctl inventory | grep 'host  *VF .* of .*not trusted, spoof check'; }

uuid=82576000-0000-4000-8000-000000000003
type=/sys/class/mdev_bus/igbvf_mdev/mdev_supported_types/igbvf_mdev-82576vf

# From the VF to a function in software, and back.
software() {
	echo $uuid >$type/create || return 1
	vmfctl inventory >listed && grep -q $uuid listed &&
		vmfctl check "$a" --against $uuid && vmfctl load $uuid stream &&
		vmfctl save $uuid back && vmfctl verify back && vmfctl load "$b" back
	status=$?
	echo 1 >/sys/bus/mdev/devices/$uuid/remove
	return $status
}

# The interface lives as long as it is the wire of something.
wire() {
	echo $uuid >$type/create || return 1
	vmfctl attach $uuid vmfwire && [ -d /sys/class/net/vmfwire ] && sleep 1 &&
		[ -d /sys/class/net/vmfwire ] && vmfctl detach $uuid && sleep 1 &&
		! [ -d /sys/class/net/vmfwire ]
	status=$?
	echo 1 >/sys/bus/mdev/devices/$uuid/remove
	return $status
}

echo 'TAP version 13'
echo '1..16'
ok inventory inventory_has_all
ok describe vmfctl describe "$a"
ok save save
ok decode_names_every_byte every_byte_is_named
ok descriptor_is_the_start starts_with_descriptor
ok verify vmfctl verify stream
ok check_against_the_driver vmfctl check stream --against "$b"
ok doctor doctor
ok check_names_the_rule refused 1 'rx-queues' vmfctl check doctored --against "$b"
ok driver_refuses_it_too driver_says_edom
ok load vmfctl load "$b" stream
ok keys keys
ok for_schedulers for_schedulers
ok host_policy host_policy
if [ -d $type ]; then
	ok software software
	ok wire wire
else
	echo 'ok 15 software # SKIP this kernel cannot emulate devices: no CONFIG_VFIO_MDEV'
	echo 'ok 16 wire # SKIP this kernel cannot emulate devices: no CONFIG_VFIO_MDEV'
fi

cd / && rm -rf "$dir"
[ $failed = 0 ]
