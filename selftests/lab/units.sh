#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# Runs the units of a test run, a test host each, several at once. Each runs in a process
# of its own, so that its variables are its own, with its output in a file. The outputs
# appear one after the other, in the order in which the units were added: the one whose
# turn it is as it grows, the others whole. Sourced, never executed.

# UNIT_GUESTS is how many test hosts a unit has, if not one.
UNIT_NAME=() UNIT_GUESTS=() UNIT_RUN=() UNIT_COMMAND=() UNIT_PID=() UNIT_START=() UNIT_DONE=()
UNITS_DIR=''

# count_guests LANE...: sets GUESTS, how many units of these lanes may run at once.
count_guests() {
	local free cpus lane each=0
	for lane; do
		(($(guest_gib "$lane") <= each)) || each=$(guest_gib "$lane")
	done
	cpus=$(nproc)
	free=$(awk -v each="$each" '/^MemAvailable:/ { print int($2 / 1048576 / each) }' /proc/meminfo)
	GUESTS=${VMF_GUESTS:-$((free < cpus ? free : cpus))}
	[[ $GUESTS =~ ^[0-9]+$ ]] || refuse "VMF_GUESTS is no number: $GUESTS"
	((GUESTS > 0)) || GUESTS=1
}

# add_unit NAME COMMAND...: it will find its folder for logs in RUN, as it is now; this
# process holds its lock, so that no other unit takes it when this one has ended.
add_unit() {
	UNIT_NAME+=("$1")
	UNIT_RUN+=("$RUN")
	UNIT_COMMAND+=("$(printf '%q ' "${@:2}")")
}

# run_units [TIMED]: all of them; their results are added to the totals and the notes. With
# an argument it is noted how long each took. Not to be called from an if or a ||: bash
# would switch errexit off, in the units as well.
run_units() {
	local timed=${1:-} waiting n shown=0 view=''
	UNITS_DIR=$(mktemp -d "$BUILD/units.XXXXXX")
	mapfile -t waiting < <(longest_first)
	while ((shown < ${#UNIT_NAME[@]})); do
		for n in "${!UNIT_PID[@]}"; do
			[[ -n ${UNIT_DONE[n]:-} ]] || unit_runs "$n" || finish_unit "$n"
		done
		for n in "${!waiting[@]}"; do
			has_room "${waiting[n]}" || continue
			start_unit "${waiting[n]}"
			unset "waiting[n]"
		done
		show_units
		# A signal ends a wait, and not a sleep.
		sleep 0.3 &
		wait $!
	done
	rm -rf "$UNITS_DIR"
	UNITS_DIR=''
}

# has_room UNIT: is there room for it beside those that run? For one, always.
has_room() {
	local n guests=0
	for n in "${!UNIT_PID[@]}"; do
		[[ -n ${UNIT_DONE[n]:-} ]] || guests=$((guests + ${UNIT_GUESTS[n]:-1}))
	done
	((guests == 0 || guests + ${UNIT_GUESTS[$1]:-1} <= GUESTS))
}

# Where it is kept how long a unit took when the whole suite was run last.
unit_time() { echo "$CACHE/times/unit-${UNIT_NAME[$1]//\//-}"; }

# The numbers of the units by that time; one that was never seen may be the longest.
longest_first() {
	local n
	for n in "${!UNIT_NAME[@]}"; do
		echo "$(cat "$(unit_time "$n")" 2>/dev/null || echo 9999) $n"
	done | sort -k 1,1nr -k 2,2n | cut -d ' ' -f 2
}

# In a process group of its own, so that Ctrl-C reaches this process only, which ends
# the units in its own way.
start_unit() {
	: >"$UNITS_DIR/$1.log"
	set -m
	unit "$1" >"$UNITS_DIR/$1.log" 2>&1 </dev/null &
	UNIT_PID[$1]=$!
	set +m
	UNIT_START[$1]=$SECONDS
}

# The process of a unit. Only one that comes to its end leaves a result.
unit() {
	local n=$1
	set -e +m
	STEP_PID=''
	trap end_step EXIT
	trap 'exit 143' INT TERM HUP
	# What is said is part of the report.
	# shellcheck disable=SC2317 # called by all that runs
	say() { printf '# %s\n' "$*"; }
	RUN=${UNIT_RUN[n]} NOTES=$UNITS_DIR/$n.notes
	TOTAL_PASSED=0 TOTAL_FAILED=0 TOTAL_SKIPPED=0
	: >"$NOTES"
	eval "${UNIT_COMMAND[n]}"
	echo "$TOTAL_PASSED $TOTAL_FAILED $TOTAL_SKIPPED" >"$UNITS_DIR/$n.result"
}

unit_runs() {
	local pid
	[[ -z ${UNIT_DONE[$1]:-} ]] || return 1
	for pid in $(jobs -pr); do
		[[ $pid != "${UNIT_PID[$1]}" ]] || return 0
	done
	return 1
}

finish_unit() {
	local name=${UNIT_NAME[$1]} out=$UNITS_DIR/$1 status=0 passed=0 failed=0 skipped=0
	wait "${UNIT_PID[$1]}" || status=$?
	UNIT_DONE[$1]=1
	[[ ! -s $out.result ]] || read -r passed failed skipped <"$out.result"
	if ((status != 0 || passed + failed + skipped == 0)); then
		failed=$((failed + 1))
		echo "# lab: the runner of unit $name ended with status $status, without a result" >>"$out.log"
		echo "FAIL $name: the runner ended with status $status, see ${UNIT_RUN[$1]}" >>"$NOTES"
	elif [[ -n $timed ]]; then
		echo $((SECONDS - UNIT_START[$1])) >"$(unit_time "$1")"
	fi
	TOTAL_PASSED=$((TOTAL_PASSED + passed))
	TOTAL_FAILED=$((TOTAL_FAILED + failed))
	TOTAL_SKIPPED=$((TOTAL_SKIPPED + skipped))
	[[ ! -e $out.notes ]] || cat "$out.notes" >>"$NOTES"
}

# What is new in the output of the unit whose turn it is, and of the next ones if it has
# ended. The file is kept open: cat goes on where the one before it stopped.
show_units() {
	while [[ -n ${UNIT_PID[shown]:-} ]]; do
		[[ -n $view ]] || exec {view}<"$UNITS_DIR/$shown.log"
		cat <&"$view"
		[[ -n ${UNIT_DONE[shown]:-} ]] || return 0
		exec {view}<&-
		view=''
		shown=$((shown + 1))
	done
}

# signal_units SIGNAL: to those that run; fails if there are none
signal_units() {
	local n found=1
	for n in "${!UNIT_PID[@]}"; do
		unit_runs "$n" || continue
		kill "-$1" -- "-${UNIT_PID[n]}" 2>/dev/null || true
		found=0
	done
	return $found
}

# When this process ends before its units do: they have to end their test hosts, and may
# need the five seconds of end_step for it.
end_units() {
	local left=100
	if signal_units TERM; then
		while ((left-- > 0)) && signal_units 0; do
			sleep 0.1
		done
		signal_units KILL || true
	fi
	[[ -z $UNITS_DIR ]] || rm -rf "$UNITS_DIR"
	[[ -z ${NOTES:-} ]] || rm -f "$NOTES" "$NOTES.before"
}

trap 'end_units; end_step' EXIT
