#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The hook of Documentation/admin-guide, that libvirt calls at the destination of a
# migration: with real VFs, a plan, and the XML of a guest that gets the second of them, and a
# function in software.

set -u
# shellcheck disable=SC2086 # the names have no spaces
set -- $VMF_VFS
a=$1 b=$2
uuid=82576000-0000-4000-8000-000000000004
type=/sys/class/mdev_bus/igbvf_mdev/mdev_supported_types/igbvf_mdev-82576vf
dir=$(mktemp -d)
cd "$dir" || exit 1
sysfs=/sys/bus/pci/devices

count=0 failed=0
# ok NAME STATUS LINE...: with a plan of these lines, the hook ends with this status and,
# if it refuses, with $reason on standard error
ok() {
	name=$1 want=$2
	shift 2
	count=$((count + 1))
	rm -f plans/guest.plan
	[ $# = 0 ] || printf '%s\n' "$@" >plans/guest.plan
	VMF_HOOK_CONF=$dir/conf qemu-hook.sh "$guest" "$operation" begin - <guest.xml >out 2>err
	status=$?
	# What is on standard output would be taken for another XML.
	if [ $status = "$want" ] && [ ! -s out ] && { [ "$want" = 0 ] || grep -q "$reason" err; }; then
		echo "ok $count $name"
	else
		sed 's/^/# /' out err
		echo "not ok $count $name # status $status"
		failed=$((failed + 1))
	fi
}

# BDF as libvirt writes it
xml_address() {
	echo "$1" | sed 's/\(.*\):\(.*\):\(.*\)\.\(.\)/<address domain="0x\1" bus="0x\2" slot="0x\3" function="0x\4"\/>/'
}

mkdir plans
if [ ! -e $type ]; then
	echo '1..0 # SKIP this kernel has no mediated devices'
	exit 4
fi
echo $uuid >$type/create || exit 1
trap 'echo 1 >/sys/bus/mdev/devices/$uuid/remove' EXIT
cat "$sysfs/$a/migration_format/descriptor" >good
# A queue too many, with the CRCs made right.
vmfctl decode --json good 2>/dev/null |
	sed 's/\("value":{"offset":[0-9]*,"size":8,"value":\)2/\14/' >bad.json
vmfctl encode bad.json >bad
cat >ssh <<-END
	#!/bin/sh
	[ "\$1 \$2" = "source cat" ] && exec cat "\$3"
	exit 255
END
chmod +x ssh
printf '%s\n' "VMF_PLANS=$dir/plans" "VMF_SSH=$dir/ssh" >conf
cat >guest.xml <<-END
	<domain type='kvm'><devices>
	  <hostdev mode='subsystem' type='pci' managed='no'>
	    <source>$(xml_address "$b")</source>
	    <address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/>
	  </hostdev>
	  <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci' display='off'>
	    <source><address uuid='$uuid'/></source>
	    <address type='pci' domain='0x0000' bus='0x00' slot='0x04' function='0x0'/>
	  </hostdev>
	</devices></domain>
END

echo 'TAP version 13'
echo '1..17'
guest=guest operation=migrate
ok no_plan 0
ok descriptor_in_a_file 0 '# a comment' "$b $dir/good"
ok descriptor_from_the_source 0 "$b ssh:source:$a"
ok software_from_a_vf 0 "$uuid ssh:source:$a" "$b $dir/good"
ok vf_from_software 0 "$b ssh:source:$uuid"
reason='refused: EDOM .*rx-queues'
ok driver_refuses 1 "$b $dir/bad"
ok software_refuses 1 "$uuid $dir/bad"
reason='no descriptor in'
ok no_descriptor 1 "$b $dir/nowhere"
reason='no descriptor of'
ok source_does_not_answer 1 "$b ssh:nowhere:$a"
ok software_does_not_answer 1 "$b ssh:nowhere:$uuid"
reason='neither a file nor'
ok no_place 1 "$b ssh:source:82576000"
reason='does not get'
ok not_a_device_of_the_guest 1 "$a $dir/good"
operation=start
ok other_operations_pass 0 "$b $dir/bad"
guest=../guest operation=migrate
reason='not a name'
ok name_with_a_slash 1
guest=guest
echo VMF_UNPLANNED=refuse >>conf
reason='nothing in'
ok unplanned_is_refused 1
reason="nothing in .*$uuid"
ok unplanned_software_is_refused 1 "$b $dir/good"
ok planned_is_not 0 "$b $dir/good" "$uuid $dir/good"

cd / && rm -rf "$dir"
[ $failed = 0 ]
