#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# Boots the test host of a lane in QEMU, and looks through its kernel log when it
# has ended. Sourced, never executed.

# Any of these in the kernel log of a guest is a failed test.
LOG_BAD='WARNING:|BUG:|Oops|general protection|KASAN:|UBSAN:|INFO: possible|INFO: task|INFO: rcu|possible recursive|suspicious RCU|unreferenced object|new suspected memory leaks|rust_kernel: panicked|Kernel panic|Call Trace|DEBUG_LOCKS_WARN|refcount_t:|ODEBUG:|list_(add|del) corruption|soft lockup'

# /dev/kvm alone is not enough: where KVM is a software-only flavour the file
# exists and an ordinary kernel hangs in early boot. The CPU flag tells.
# Without KVM all CPUs share a thread: with a thread each, QEMU 10.0 aborts now and
# then when the memory map changes, as every reset of a VF does
# ("iotlb_to_section: Assertion `section_index < d->map.sections_nb' failed").
# For the same reason the guest has its local APICs in x2APIC mode (eim=on), which is
# not memory mapped: a write that went astray was that of a timer, and the CPU slept.
# Without la57 the debug kernel has no window, while it clears its CPU flags at boot,
# in which KASAN takes an address for one of the other page table format.
accel() {
	if grep -qwE 'svm|vmx' /proc/cpuinfo && [[ -w /dev/kvm ]]; then
		echo '-accel kvm -cpu host'
	else
		echo '-accel tcg,thread=single -cpu max,la57=off'
	fi
}

# guest_gib LANE: the memory of its test host. KASAN alone takes an eighth of it, and what
# is freed stays in quarantine; a nested guest has to fit in, too.
guest_gib() {
	case $1 in
	debug) echo 4 ;;
	*) echo 2 ;;
	esac
}

# run_dir LANE: a folder for this run's logs; a lane may be booted several times
# at once. Holds a lock on it until the process ends.
run_dir() {
	local n fd
	for n in {1..99}; do
		mkdir -p "$BUILD/$1/run-$n"
		exec {fd}>>"$BUILD/$1/run-$n/lock"
		if flock --nonblock "$fd"; then
			RUN=$BUILD/$1/run-$n
			return
		fi
		exec {fd}>&-
	done
	refuse "too many guests of lane $1 are running already"
}

# What a test host has for an IOMMU, and for network interfaces: the PF behind the first root
# port. No network from outside: the NIC has a port of a hub that nobody else uses, so that it
# has a carrier and the frames that tests send stay inside.
IOMMU=(-device 'intel-iommu,intremap=on,caching-mode=on,eim=on')
NICS=(-device 'pcie-root-port,id=rp0,slot=1' -netdev 'hubport,id=n0,hubid=0'
	-device 'igb,bus=rp0,netdev=n0')

SUFFIX=''

# boot LANE SECONDS SETTING...
# Second serial port on standard input and output, kernel log in $RUN/kernel.log. The
# third is connected to the monitor of QEMU, so that a test can pull the cable.
# The settings become /vmf.conf of the guest's init. SUFFIX is in the names of its files, where
# there is more than one host; EMULATED may name the machine.
boot() {
	local lane=$1 seconds=$2 in_run=$IN_TOP/${RUN#"$TOP/"} memory serial=stdio accel host=$SUFFIX
	shift 2
	memory=$(guest_gib "$lane")G
	[[ -z ${VMF_INTERACTIVE:-} ]] || serial=mon:stdio
	# errexit may be off here (the caller looks at the status), and what a former
	# run left must never be booted, or be taken for this run's log.
	rm -f "$RUN/initramfs$host"
	: >"$RUN/kernel$host.log"
	mkdir -p "$RUN/settings$host" || return
	printf '%s\n' "lane=$lane" "nested_kernel=$DEBIAN_IMAGE" "$@" >"$RUN/settings$host/vmf.conf" || return
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_root -w "$in_run/settings$host" sh -ec '
		echo vmf.conf | cpio --quiet -o -H newc -R 0:0 | cat "$0" - >"../$1"' \
		"$IN_TOP/build/$lane/initramfs.cpio" "initramfs$host" || return
	read -ra accel < <(accel)
	# On a busy machine an emulated timer interrupt may come later than the kernel
	# allows when it probes for one in early boot, and it panics ("timer doesn't
	# work through Interrupt-remapped IO-APIC"): no_timer_check. The TSC of QEMU
	# is the host's clock on all vCPUs, and needs no watchdog: tsc=reliable.
	# What the nested guest needs, its VMM first, comes from the lab root, with the
	# clone in it, as it is here: read-only, and mounted only by tests that use it.
	in_root -w "$in_run" timeout --foreground --kill-after=5 "$seconds" \
		qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none \
		"${accel[@]}" -smp "${SMP:-2}" -m "$memory" \
		-machine "${EMULATED:-q35},kernel-irqchip=split" "${IOMMU[@]}" "${NICS[@]}" \
		-fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
		-device virtio-9p-pci,fsdev=root,mount_tag=root \
		-kernel "$KIMAGE" -initrd "initramfs$host" \
		-append "console=ttyS0 ${IOMMU:+intel_iommu=on} panic=-1 loglevel=7 no_timer_check tsc=reliable ${VMF_APPEND:-}" \
		-chardev "socket,id=monitor,path=monitor$host.sock,server=on,wait=off" \
		-mon chardev=monitor,mode=readline -chardev "socket,id=client,path=monitor$host.sock" \
		-serial "file:kernel$host.log" -serial "$serial" -serial chardev:client
}

# scan_log FILE: what must not be in a kernel log, with its surroundings. Fails
# when something is, and when the log proves nothing: no kernel, or grep failed.
# The verdict is grep's own status and never that of a pipe: a reader that closes
# early kills grep, and that must not look like "nothing found".
scan_log() {
	local status=0
	if ! grep -aq 'Linux version' "$1"; then
		echo "no kernel messages in $1"
		return 1
	fi
	grep -aqE "$LOG_BAD" "$1" || status=$?
	((status == 1)) && return 0
	grep -anE -A25 "$LOG_BAD" "$1" >"$1.bad" || true
	head -n 80 "$1.bad"
	return 1
}
