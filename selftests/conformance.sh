#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The selftests that speak of nothing but the profile vf.net.igbvf-82576, for any provider
# of it: what they need and what they prove is in
# Documentation/driver-api/conformance.rst.
#
#   conformance                  run all of them, one after the other
#   conformance PROGRAM ARG...   run this one
#   conformance -l               what there is
#
# VMF_VFS has four functions of the provider, each by its PCI address or the UUID of a
# mediated device, and VMF_WIRE a network interface at the switch that they are connected to.

# A line for each program, with the tests to leave out: they are about the driver of a VF,
# or about a PF. The document says why, for each of them.
table() {
	cat <<-'END'
	abort_test
	backlog_test -T T05_backlog_leaves_once_on_the_destination -T T05_backlog_leaves_once_after_a_cancel
	check_test
	context_test -t T26_context_is_kept_if_the_migration_is_cancelled
	cross_provider_test
	cross_version_test
	data_file_test
	fd_handshake_test
	fd_hostile_test
	feature_test
	filters_test -T T12_30_31_and_255_multicast_addresses -T T12_all_multicast -T T12_price_of_a_replay
	flip_test
	freeze_test
	fsm_test
	handshake_test -T gone_after_unbind -T last_error_outlives_what_failed
	hostile_state_test -T T25_more_addresses_than_the_pf_has
	interrupt_test -T mask_written_while_stopped
	jumbo_test
	pending_request_test
	register_walk_test -T mmio_within_budget
	split_test
	statistics_test
	stream_error_test
	traffic_test -T T09_no_start_without_bus_master
	unicast_test -T T12_filters_go_with_the_guest -T T12_zero_to_three_addresses
	version_test
	vlan_test
	END
}

# run PROGRAM ARG...
run() {
	program=$1
	shift
	left_out=$(table | sed -n "s/^$program\( \|$\)/\1/p")
	# shellcheck disable=SC2086 # these are words
	"$dir/$program" $left_out "$@"
}

dir=$(dirname "$0")
if [ "${1:-}" = -l ]; then
	table | cut -d ' ' -f 1
elif [ $# -gt 0 ]; then
	run "$@"
else
	failed=0
	for program in $(table | cut -d ' ' -f 1); do
		echo "# $program"
		run "$program"
		# 4 is that of one that was skipped.
		case $? in 0 | 4) ;; *) failed=$((failed + 1)) ;; esac
	done
	echo "# $failed programs have failed"
	[ $failed = 0 ]
fi
