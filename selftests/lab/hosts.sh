#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# Two test hosts, each a machine of its own. Three ports of a switch that learns are theirs:
# one of each host, and that of a peer, which is a second interface of the first host that
# has nothing to do with its guests. Guests move over a link of its own between the hosts, by
# which they are managed, too. Sourced, never executed.

# Interfaces are found by their addresses, see guests/init.
WIRE=02:76:6d:66:01 MANAGE=02:76:6d:66:02 PEER=02:76:6d:66:03

# A VLAN on the wire, the one that the tests use.
VLAN=5

# wired NAME NETDEV DEVICE: adds to NICS
wired() {
	NICS+=(-netdev "$2,id=$1" -device "$3,netdev=$1")
}

# The host's port of the switch: of a PF, or if KIND is "none" of a NIC that has no functions
# to give away, in a machine without an IOMMU. If it is "older", the machine is of a release
# of QEMU before 9.2, where a VF shows one bit less.
set_up_host() {
	local number=$1 kind=$2 link=stream,addr.type=unix,addr.path=link.sock
	NICS=(-device 'pcie-root-port,id=rp0,slot=1')
	if [[ $kind == none ]]; then
		IOMMU=()
		wired n0 vde,sock=wire "e1000e,bus=rp0,mac=$WIRE:0$number"
	else
		wired n0 vde,sock=wire "igb,bus=rp0,mac=$WIRE:0$number"
	fi
	[[ $kind != older ]] || EMULATED=pc-q35-9.1
	if ((number == 1)); then
		wired n1 "$link,server=on" "e1000e,mac=$MANAGE:0$number"
	else
		wired n1 "$link,reconnect-ms=500" "e1000e,mac=$MANAGE:0$number"
	fi
}

# The switch and the other host, each in a process group, that goes as a whole.
BESIDE=()

end_beside() {
	local pid
	for pid in "${BESIDE[@]}"; do
		kill -KILL -- "-$pid" 2>/dev/null || true
	done
}

# boot_pair OTHER KIND LANE SECONDS SETTING...: boots a host of lane OTHER with or without a
# PF (KIND is nic, none or older), and beside it the one that runs the tests. The other one ends
# when that tells it to. In a process of its own.
boot_pair() {
	local other=$1 kind=$2 status=0 n
	shift 2
	local IOMMU=("${IOMMU[@]}") NICS
	trap end_beside EXIT
	trap 'exit 143' INT TERM HUP
	rm -rf "$RUN/wire" "$RUN/link.sock"
	set -m
	# A daemon because without a terminal it ends at once; it ends with this shell. A station may
	# move at any time: by itself vde_switch keeps it where it was for 4 s.
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_root -w "$IN_TOP/${RUN#"$TOP/"}" sh -ec '
		{
			echo hash/setminper 0
			echo "vlan/create $0"
			for port in 1 2 3; do
				printf "%s\n" "port/create $port" "port/allocatable $port 1" \
					"vlan/addport $0 $port"
			done
		} >switch.rc
		vde_switch --daemon --sock "$PWD/wire" --dirmode 0700 --rcfile "$PWD/switch.rc"
		exec sleep "$1"' "$VLAN" "$2" >"$RUN/switch.log" 2>&1 </dev/null &
	BESIDE+=($!)
	for ((n = 0; n < 300; n++)); do
		[[ ! -e $RUN/wire/ctl ]] || break
		sleep 0.1
	done
	((n < 300)) || cat "$RUN/switch.log" >&2
	(
		prepare "$other"
		set_up_host 2 "$kind"
		[[ $kind == none ]] || kind=nic
		SUFFIX=-2 boot "$other" "$2" "${@:3}" mode=host manage=2 "nic=$kind" \
			>"$RUN/output-2.log" 2>"$RUN/qemu-2.log" </dev/null
	) &
	BESIDE+=($!)
	set +m
	set_up_host 1 nic
	wired n2 vde,sock=wire "e1000e,mac=$PEER:01"
	boot "$@" manage=1 || status=$?
	for ((n = 0; n < 200; n++)); do
		kill -0 "${BESIDE[1]}" 2>/dev/null || break
		sleep 0.1
	done
	rm -f "$RUN/initramfs-2"
	return "$status"
}
