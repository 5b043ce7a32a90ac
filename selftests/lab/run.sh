#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The one entry to the lab; the top-level Makefile calls nothing else here.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in common root kernel build boot units fuzz campaign lint; do
	# shellcheck source=/dev/null
	. "$here/$part.sh"
done

usage() {
	cat <<-'END'
	run.sh root                  make the lab root only
	run.sh prepare [LANE...]     make the lab root and kernels (default: debian full)
	run.sh build [LANE...]       the same, and the module, selftests and initramfs
	run.sh test [OPTION...] [LANE...]
	                             run the selftests (default: debian full)
	run.sh conformance [-t GLOB] PROVIDER [LANE...]
	                             run the selftests of the profile on the functions of a
	                             provider, hardware or software (default: debian full)
	run.sh demo [LANE]           live-migrate a guest with a VF, and report (default: full)
	run.sh soak [LANE]           migrate SOAK_MIGRATIONS (1000) times, and see what grows
	run.sh walk [LANE]           VMF_STEPS (50000) random steps from VMF_SEED (default: debug)
	run.sh campaign              all of lane debug, soak and walk: hours; goes on where it was
	run.sh shell [LANE]          a shell in the test host
	run.sh lint                  all static checks
	run.sh cargo-test            the cargo tests of every crate of rust/
	run.sh cargo CRATE ARG...    cargo on rust/CRATE, with the toolchain of the lab; a CRATE
	                             with a slash is a folder of the clone
	run.sh fuzz [TARGET...]      fuzz the codec, FUZZ_SECONDS (60) for all targets together
	run.sh fuzz -r TARGET FILE...
	                             run a fuzz target once on each of these inputs
	run.sh bench [LANE]          speed of the codec; downtime, data path, save and load, DMA
	                             logging (default: full)
	run.sh docs                  HTML of the documents
	run.sh generate [ARG...]     what follows from the registry (vmfgen ARG...)
	run.sh vmfctl                build/vmfctl, its manual and completions
	run.sh exec [LANE] COMMAND...
	                             a command inside the lab root, in the clone
	run.sh paths [LANE...]       where the root and the kernels are

	LANE is debian, full or debug. Options of test:
	  -t GLOB     only programs that match; several globs in one word, "_test" may
	              be left out
	  -a ARGS     arguments for each program (-a '-t name' picks one test of it)
	  -d DRIVER   bind the VFs to another driver, as vfio-pci
	  -n          do not build, boot what is there
	  -s SECONDS  time limit of each program (default 300, nested*_test 900;
	              debug 1500, nested*_test 2400)
	  -c          the cargo tests and the fuzz targets as well
	VMF_GUESTS is how many test hosts run at once (default: one for each CPU, if
	there is memory for them), VMF_GUEST_SECONDS the time limit of each; VMF_APPEND
	is added to the kernel's command line.
	END
}

prepare() {
	ensure_root
	ensure_kernel "$1"
}

is_lane() { [[ $1 == debian || $1 == full || $1 == debug ]]; }

# Adds the counts of a summary file to the totals.
add_summary() {
	local passed failed skipped
	read -r passed failed skipped <"$1"
	TOTAL_PASSED=$((TOTAL_PASSED + passed))
	TOTAL_FAILED=$((TOTAL_FAILED + failed))
	TOTAL_SKIPPED=$((TOTAL_SKIPPED + skipped))
	sed "1d; s#^\(FAIL\|SKIP\) #\1 $2/#" "$1" >>"$NOTES"
}

# The guest's second serial port, to the report and to $RUN.
boot_and_count() {
	boot "$@" 2>"$RUN/qemu.log" | tee "$RUN/output.log" |
		in_root python3 selftests/lab/ktap.py "${PLAIN[@]}" "$IN_TOP/${RUN#"$TOP/"}/summary" "$1/${PART:-}"
}

# guest LANE MODE LIMIT SETTING...: boot, report, scan the kernel log. In $RUN.
guest() {
	local lane=$1 mode=$2 limit=${VMF_GUEST_SECONDS:-$3} start=$SECONDS status=0 n
	shift 3
	PLAIN=(--plain)
	[[ $mode != test ]] || PLAIN=()
	rm -rf "$RUN/summary" "$RUN/files"
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
	if scan_log "$RUN/kernel.log" >"$RUN/scan.log"; then
		TOTAL_PASSED=$((TOTAL_PASSED + 1))
		((${#PLAIN[@]})) || echo "ok $n $lane/${PART:-}kernel_log"
	else
		sed 's/^/# /' "$RUN/scan.log"
		echo "not ok $n $lane/${PART:-}kernel_log # see $RUN/kernel.log"
		TOTAL_FAILED=$((TOTAL_FAILED + 1))
		echo "FAIL $lane/${PART:-}kernel_log: see $RUN/kernel.log" >>"$NOTES"
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
	grep -qE 'Assertion|Aborted|MMIO over range' "$RUN/qemu.log" ||
		grep -aq 'rcu_preempt kthread starved' "$RUN/kernel.log"
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

# Counts what cargo says; a crate that does not build counts as one failure.
cargo_tests() {
	local crate nested log passed failed skipped status
	for crate in "$TOP"/rust/*/Cargo.toml; do
		crate=$(basename "$(dirname "$crate")")
		log=${BUILD:?}/cargo-$crate.log
		ensure_crates "$crate"
		# A test may be a package of its own.
		for nested in "$TOP/rust/$crate"/tests/*/Cargo.lock; do
			nested=${nested#"$TOP/"}
			[[ ! -e $TOP/$nested ]] || ensure_crates "${nested%/Cargo.lock}"
		done
		say "* cargo tests of rust/$crate"
		in_cargo "$crate" test --offline --no-fail-fast >"$log" 2>&1 </dev/null && status=0 || status=$?
		read -r passed failed skipped < <(awk '
			/^test result:/ { p += $4; f += $6; i += $8 }
			END { print p + 0, f + 0, i + 0 }' "$log")
		if ((status != 0 || passed == 0)); then
			((failed > 0)) || failed=1
			tail -n 40 "$log" | sed 's/^/# /'
			echo "FAIL cargo tests of rust/$crate: see $log" >>"$NOTES"
		fi
		echo "# cargo tests of rust/$crate: $passed passed, $failed failed, $skipped ignored"
		TOTAL_PASSED=$((TOTAL_PASSED + passed))
		TOTAL_FAILED=$((TOTAL_FAILED + failed))
		TOTAL_SKIPPED=$((TOTAL_SKIPPED + skipped))
	done
}

cmd_test() {
	local glob='*' args='' driver='' build=1 limit='' cargo='' timed='' opt lane lanes=()
	OPTIND=1
	while getopts t:a:d:ns:c opt; do
		case $opt in
		t) glob=$OPTARG ;;
		a) args=$OPTARG ;;
		d) driver=$OPTARG ;;
		n) build='' ;;
		s) limit=$OPTARG ;;
		c) cargo=1 ;;
		*) usage >&2; exit 2 ;;
		esac
	done
	shift $((OPTIND - 1))
	lanes=("$@")
	((${#lanes[@]})) || lanes=(debian full)
	count_guests "${lanes[@]}"
	begin_count
	for lane in "${lanes[@]}"; do
		prepare "$lane"
		[[ -z $build ]] || ensure_built "$lane"
	done
	if picks "$glob" nested_newer_test || picks "$glob" nested_provider_test; then
		ensure_newer_qemu
	fi
	# These use all CPUs themselves.
	if [[ -n $cargo ]]; then
		cargo_tests
		fuzz
	fi
	for lane in "${lanes[@]}"; do
		plan_lane "$lane" "args='$args'" ${driver:+"driver=$driver"}
	done
	[[ $glob != '*' || -n $args$driver ]] || timed=1
	run_units "$timed"
	end_count
}

cmd_conformance() {
	local glob='*' provider lane
	if [[ ${1:-} == -t ]]; then
		glob=$2
		shift 2
	fi
	provider=${1:-}
	[[ $provider == hardware || $provider == software ]] ||
		refuse 'which provider: hardware or software? Documentation/driver-api/conformance.rst tells of others'
	shift
	(($#)) || set -- debian full
	count_guests "$@"
	begin_count
	for lane; do
		prepare "$lane"
		ensure_built "$lane"
	done
	for lane; do
		plan_conformance "$lane" "$provider" 2400 "tests='$glob'" timeout=300
	done
	run_units ''
	end_count
}

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
	local lane=$1 each=${limit:-300} whole=2400 with_guest=${limit:-900} program nested=()
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
		run_dir "$lane"
		add_unit "$lane/$program" nested_host test_in "$lane" $((with_guest + 300)) \
			"tests=$program" "timeout=$with_guest" "$@"
	done
}

# test_in LANE LIMIT SETTING...: one unit. The driver takes the model for silicon, as nothing
# tests that but this, and is to log in containers, which it does not by itself.
test_in() {
	prepare "$1"
	guest_twice "$1" test "$2" "params='recognise_models=0 log_containers=1'" "${@:3}"
}

# The programs with a guest in the test host, which then has one CPU: the SVM of QEMU 10.0
# forgets that it has delivered an interrupt that VMRUN injects, and delivers it again if
# the thread of the CPUs is kicked before the next exit (exception_index stays set in
# helper_vmrun). The nested kernel hangs in its timer interrupt then. With two CPUs that
# share a thread there is a kick every 100 ms, to give the other its turn; with one there
# is none. A timer interrupt of the host can be lost as well; a periodic one comes again,
# where one that is set for each event (highres) would not, and the host would sleep on.
NESTED='nested*_test'

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

begin_count() {
	TOTAL_PASSED=0 TOTAL_FAILED=0 TOTAL_SKIPPED=0
	mkdir -p "$BUILD"
	NOTES=$(mktemp "$BUILD/notes.XXXXXX")
}

# The last line of a test run, and its status.
end_count() {
	sort -u "$NOTES" | sed 's/^/# /'
	rm -f "$NOTES"
	echo "$TOTAL_PASSED passed, $TOTAL_FAILED failed, $TOTAL_SKIPPED skipped"
	((TOTAL_FAILED == 0))
}

# show_host LANE COMMAND...: COMMAND, which ends in guest, and its failures
show_host() {
	begin_count
	prepare "$1"
	ensure_built "$1"
	run_dir "$1"
	"${@:2}"
	sed 's/^/# /' "$NOTES" >&2
	rm -f "$NOTES"
}

# What the demo hands out is in build/demo.
cmd_demo() {
	local lane=${1:-full}
	rm -rf "$BUILD/demo"
	show_host "$lane" nested_host guest_twice "$lane" demo 500 timeout=300
	[[ ! -d $RUN/files ]] || mv "$RUN/files" "$BUILD/demo"
	((TOTAL_FAILED == 0))
	say 'The wire around each migration: build/demo/timeline.svg; the stream of the device: build/demo/device.vmf'
}

# All figures are in build/bench.json: those of the codec, and one object for each program
# of the test host. BENCH, if it is not empty, is for nested/bench.py, and only that runs.
cmd_bench() {
	local lane=${1:-full}
	ensure_root
	[[ -n ${BENCH:-} && -e $BUILD/bench-codec.json ]] || run_bench
	show_host "$lane" nested_host guest_twice "$lane" bench 5600 timeout=1800 "args='${BENCH:-}'"
	{
		printf '{"codec":\n'
		cat "$BUILD/bench-codec.json"
		printf ',"lane": "%s", "live": [\n' "$lane"
		sed -n 's/^@vmf json //p' "$RUN/output.log" | sed '$!s/$/,/'
		printf ']}\n'
	} >"$BUILD/bench.json"
	((TOTAL_FAILED == 0))
	say 'All figures: build/bench.json'
}

# The figures are in build/soak.json, too.
cmd_soak() {
	local lane=${1:-debian}
	rm -f "$BUILD/soak.json"
	show_host "$lane" guest "$lane" soak 7200 timeout=7100 "soak=${SOAK_MIGRATIONS:-1000}"
	sed -n 's/^@vmf json //p' "$RUN/output.log" >"$BUILD/soak.json"
	((TOTAL_FAILED == 0))
}

# The figures are in build/walk.json, too, with the seed.
cmd_walk() {
	local lane=${1:-debug}
	rm -f "$BUILD/walk.json"
	show_host "$lane" guest "$lane" walk 14000 timeout=13800 \
		"steps=${VMF_STEPS:-50000}" "seed=${VMF_SEED:-}"
	sed -n 's/^@vmf json //p' "$RUN/output.log" >"$BUILD/walk.json"
	((TOTAL_FAILED == 0))
}

cmd_fuzz() {
	ensure_root
	if [[ ${1:-} == -r ]]; then
		fuzz_again "${@:2}"
		return
	fi
	begin_count
	fuzz "$@"
	end_count
}

cmd_shell() {
	local lane=${1:-debian}
	[[ -t 0 && -t 1 ]] || refuse 'a shell needs a terminal'
	prepare "$lane"
	ensure_built "$lane"
	run_dir "$lane"
	say "lab: booting; the kernel log is $RUN/kernel.log"
	VMF_INTERACTIVE=1 boot "$lane" 86400 mode=shell
}

main() {
	local command=${1:-help} lane
	shift || true
	case $command in
	prepare | build | paths)
		(($#)) || set -- debian full
		for lane; do
			prepare "$lane"
			[[ $command != build ]] || ensure_built "$lane"
			[[ $command != paths ]] || printf '%s\n' "lane=$lane" "kernel=$KREL" "root=$ROOT" \
				"KDIR=$CACHE/${KDIR##*/}" "KSRC=$CACHE/${KSRC##*/}" "image=$KIMAGE (in the root)"
		done
		;;
	test) cmd_test "$@" ;;
	conformance) cmd_conformance "$@" ;;
	root) ensure_root ;;
	demo) cmd_demo "$@" ;;
	soak) cmd_soak "$@" ;;
	walk) cmd_walk "$@" ;;
	campaign) cmd_campaign ;;
	lint)
		prepare debian
		lint_all
		;;
	cargo-test)
		ensure_root
		begin_count
		cargo_tests
		end_count
		;;
	fuzz) cmd_fuzz "$@" ;;
	bench) cmd_bench "$@" ;;
	docs)
		ensure_root
		make_docs
		;;
	generate)
		ensure_root
		run_generator "$@"
		;;
	vmfctl)
		ensure_root
		make_vmfctl
		;;
	shell) cmd_shell "$@" ;;
	cargo)
		ensure_root
		ensure_crates "${1:?which crate}"
		in_cargo "$@"
		;;
	exec)
		lane=debian
		if is_lane "${1:-}"; then
			lane=$1
			shift
		fi
		prepare "$lane"
		(($#)) || set -- bash
		in_root env KDIR="$KDIR" KSRC="$KSRC" KFLAGS="${KFLAGS[*]}" "$@"
		;;
	help | -h | --help) usage ;;
	*)
		usage >&2
		exit 2
		;;
	esac
}

main "$@"
