#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# Which test hosts a run of the tests has, and which programs run in each. Sourced, never
# executed.

# plan_conformance LANE PROVIDER LIMIT SETTING...: a test host with functions of this provider.
plan_conformance() {
	run_dir "$1"
	add_unit "$1/$2" with_provider "$2" test_in "$1" "$3" conformance=1 "provider=$2" "${@:4}"
}

# with_provider PROVIDER COMMAND...: whose name is in the report
with_provider() {
	local PART=$1/
	"${@:2}"
}

# plan_lane LANE SETTING...: a test host for each nested program, one for the profile with
# functions in software, and one for the others.
plan_lane() {
	local lane=$1 each=${limit:-300} whole=2400 with_guest=${limit:-900} program nested=() hosts seconds
	shift
	[[ $lane != debug ]] || each=${limit:-1500} whole=9000 with_guest=${limit:-2400}
	for program in "$TOP"/selftests/*_test.*; do
		program=$(basename "${program%.*}")
		# shellcheck disable=SC2053 # a pattern
		[[ $program != $NESTED ]] || ! picks "$glob" "$program" || nested+=("$program")
	done
	if ((${#nested[@]} == 0)) || picks_others "$glob"; then
		run_dir "$lane"
		add_unit "$lane" test_in "$lane" "$whole" "tests='$glob'" "without='$NESTED'" "timeout=$each" "$@"
	fi
	if [[ -z $driver ]] && picks_conformance "$glob"; then
		plan_conformance "$lane" software "$whole" "tests='$glob'" "timeout=$each" "$@"
	fi
	for program in "${nested[@]}"; do
		hosts=() seconds=$with_guest
		if [[ $program == "$PAIR" ]]; then
			[[ $lane == "$PAIR_LANE" ]] || continue
			hosts=(pair_of debian nic)
			UNIT_GUESTS[${#UNIT_NAME[@]}]=2
			seconds=$((3 * with_guest))
		fi
		# Debian's kernel has no such sample.
		[[ $program != "$SAMPLE" || $lane != debian ]] || continue
		run_dir "$lane"
		add_unit "$lane/$program" nested_host "${hosts[@]}" test_in "$lane" $((seconds + 300)) \
			"tests=$program" "timeout=$seconds" "$@"
	done
}

# The driver takes the model for silicon, as nothing tests that but this, and is to log in
# containers, which it does not by itself.
PARAMS="params='recognise_models=0 log_containers=1'"

# test_in LANE LIMIT SETTING...: one unit
test_in() {
	prepare "$1"
	guest_twice "$1" test "$2" "$PARAMS" "${@:3}"
}

# The programs with a guest in the test host, which then has one CPU: the SVM of QEMU 10.0
# forgets that it has delivered an interrupt that VMRUN injects, and delivers it again if
# the thread of the CPUs is kicked before the next exit (exception_index stays set in
# helper_vmrun). The nested kernel hangs in its timer interrupt then. With two CPUs that
# share a thread there is a kick every 100 ms, to give the other its turn; with one there
# is none. A timer interrupt of the host can be lost as well; a periodic one comes again,
# where one that is set for each event (highres) would not, and the host would sleep on.
NESTED='nested*_test'

# That of them which has two hosts, the second one of lane debian: what systemd asks for the
# kernels of the other lanes have not.
PAIR=nested_hosts_test

# pair_lane LANE...: sets PAIR_LANE, that of these which the first host is of. It runs once, and
# between two kernels if it can.
pair_lane() {
	local lane
	PAIR_LANE=$1
	for lane; do
		[[ $lane == debian ]] || PAIR_LANE=$lane
	done
}

# That with a sample of the kernel's.
SAMPLE=nested_mtty_test

# pair_of OTHER KIND COMMAND...: with two test hosts, see boot_pair
pair_of() {
	# shellcheck disable=SC2034 # guest.sh reads it
	local BOOT=(boot_pair "$1" "$2")
	"${@:3}"
}

# nested_host COMMAND...: with a test host as above
nested_host() {
	# shellcheck disable=SC2034 # boot.sh reads it
	local SMP=1 VMF_APPEND="${VMF_APPEND:-} nohz=off highres=off"
	"$@"
}

# picks GLOBS PROGRAM: as guests/init selects
picks() {
	local globs glob
	read -ra globs <<<"$1"
	for glob in "${globs[@]}"; do
		# shellcheck disable=SC2053 # these are patterns
		[[ $2 != $glob && $2 != ${glob}_test ]] || return 0
	done
	return 1
}

# picks_others GLOBS: is anything selected beside the nested guests?
picks_others() {
	local program
	for program in "$TOP"/selftests/*_test.*; do
		program=$(basename "${program%.*}")
		# shellcheck disable=SC2053 # a pattern
		[[ $program == $NESTED ]] || ! picks "$1" "$program" || return 0
	done
	return 1
}

# picks_conformance GLOBS: is anything selected that speaks of the profile only?
picks_conformance() {
	local program
	for program in $("$TOP/selftests/conformance.sh" -l); do
		! picks "$1" "$program" || return 0
	done
	return 1
}
