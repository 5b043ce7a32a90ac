#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# One test host, from boot to the last line of its kernel log: what it reports is counted.
# Sourced, never executed.

# Adds the counts of a summary file to the totals.
add_summary() {
	local passed failed skipped
	read -r passed failed skipped <"$1"
	TOTAL_PASSED=$((TOTAL_PASSED + passed))
	TOTAL_FAILED=$((TOTAL_FAILED + failed))
	TOTAL_SKIPPED=$((TOTAL_SKIPPED + skipped))
	sed "1d; s#^\(FAIL\|SKIP\) #\1 $2/#" "$1" >>"$NOTES"
}

# What boots the test host, which is then called with its lane and settings.
BOOT=(boot)

# The guest's second serial port, to the report and to $RUN.
boot_and_count() {
	"${BOOT[@]}" "$@" 2>"$RUN/qemu.log" | tee "$RUN/output.log" |
		in_root python3 selftests/lab/ktap.py "${PLAIN[@]}" "$IN_TOP/${RUN#"$TOP/"}/summary" "$1/${PART:-}"
}

# The kernel logs of all hosts of this run; of a second one also that it came to its end.
scan_hosts() {
	local file status=0
	for file in "$RUN"/kernel*.log; do
		scan_log "$file" || status=1
	done
	for file in "$RUN"/output-*.log; do
		[[ ! -e $file ]] || grep -aq '^@vmf done' "$file" || {
			tail -n 20 "$file"
			status=1
		}
	done
	return $status
}

# guest LANE MODE LIMIT SETTING...: boot, report, scan the kernel log. In $RUN.
guest() {
	local lane=$1 mode=$2 limit=${VMF_GUEST_SECONDS:-$3} start=$SECONDS status=0 n
	shift 3
	PLAIN=(--plain)
	[[ $mode != test ]] || PLAIN=()
	rm -rf "$RUN"/{summary,files,kernel*.log,qemu-*.log,output-*.log}
	in_group boot_and_count "$lane" "$limit" "mode=$mode" "$@" || status=$?
	# It is large, and made of what is there.
	rm -f "$RUN/initramfs"
	((status != 124 && status != 137 || SECONDS - start < limit)) ||
		say "lab: the guest was stopped after $limit seconds"
	# The NIC's hub has one port on purpose.
	sed -i '/hub 0 is not connected to host network\|terminating on signal 15/d' "$RUN/qemu.log"
	[[ ! -s $RUN/qemu.log ]] || sed 's/^/# qemu: /' "$RUN/qemu.log"
	[[ -s $RUN/summary ]] || printf '%s\n' '0 1 0' "FAIL the guest printed nothing, see $RUN" >"$RUN/summary"
	# The scan is the last test of the guest's plan.
	n=$(($(grep -c '^@vmf end' "$RUN/output.log" || true) + 1))
	if scan_hosts >"$RUN/scan.log"; then
		TOTAL_PASSED=$((TOTAL_PASSED + 1))
		((${#PLAIN[@]})) || echo "ok $n $lane/${PART:-}kernel_log"
	else
		sed 's/^/# /' "$RUN/scan.log"
		echo "not ok $n $lane/${PART:-}kernel_log # see $RUN/kernel*.log"
		TOTAL_FAILED=$((TOTAL_FAILED + 1))
		echo "FAIL $lane/${PART:-}kernel_log: see $RUN/kernel*.log" >>"$NOTES"
	fi
	add_summary "$RUN/summary" "$lane${PART:+/${PART%/}}"
	n=$(grep -acE 'DMAR:.*fault' "$RUN/kernel.log" || true)
	[[ $n == 0 ]] || say "lab: note: $n lines about DMA faults in $RUN/kernel.log"
	# The last line of the other modes is a verdict.
	[[ ${#PLAIN[@]} != 0 && $TOTAL_FAILED == 0 ]] ||
		say "lab: guest of lane $lane: $((SECONDS - start)) s, logs in $RUN"
}

# Was it the emulator, and not what runs in it? Either QEMU has aborted, or a CPU
# slept on with work to do: a timer, or an interrupt from another CPU, was lost.
emulator_failed() {
	grep -qE 'Assertion|Aborted|MMIO over range' "$RUN"/qemu*.log ||
		grep -aq 'rcu_preempt kthread starved' "$RUN"/kernel*.log
}

# guest, and once more if it was the emulator that failed: this is said, and the
# logs of both runs are kept. A failure of any other kind is never tried again.
guest_twice() {
	local passed=$TOTAL_PASSED failed=$TOTAL_FAILED skipped=$TOTAL_SKIPPED before=$RUN/emulator-failed
	rm -rf "$before"
	cp "$NOTES" "$NOTES.before"
	guest "$@"
	if ((TOTAL_FAILED > failed)) && emulator_failed; then
		mkdir "$before"
		find "$RUN" -maxdepth 1 -type f ! -name lock -exec mv -t "$before" {} +
		say "lab: the emulator has failed, see $before; the test host of lane $1 is run once more"
		TOTAL_PASSED=$passed TOTAL_FAILED=$failed TOTAL_SKIPPED=$skipped
		cp "$NOTES.before" "$NOTES"
		guest "$@"
	fi
	rm -f "$NOTES.before"
}
