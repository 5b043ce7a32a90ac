#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The one entry to the lab; the top-level Makefile calls nothing else here.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in common root kernel build packages boot hosts guest plan units fuzz campaign lint; do
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
	run.sh demo [LANE]           live-migrate a guest with a VF, and report (default: full if its
	                             kernel is there, else debian)
	run.sh hosts [nic|none|older]  every way between two hosts, or to one without a NIC,
	                             or of another emulated machine
	run.sh soak [LANE]           migrate SOAK_MIGRATIONS (1000) times, and see what grows
	run.sh walk [LANE]           VMF_STEPS (50000) random steps from VMF_SEED (default: debug)
	run.sh campaign              all of lane debug, soak and walk: hours; goes on where it was
	run.sh shell [LANE]          a shell in the test host
	run.sh lint                  all static checks
	run.sh cargo-test            the cargo tests of every crate of rust/
	run.sh cargo CRATE ARG...    cargo on rust/CRATE, with the toolchain of the lab; a CRATE
	                             with a slash is a folder of the clone
	run.sh fuzz [TARGET...]      fuzz codec and model, FUZZ_SECONDS (60) for all targets together:
	                             check, model, reader, roundtrip, structured
	run.sh fuzz -r TARGET FILE...
	                             run a fuzz target once on each of these inputs
	run.sh bench [LANE]          speed of the codec; downtime, data path, save and load, DMA
	                             logging (default: full)
	run.sh docs                  HTML of the documents
	run.sh generate [ARG...]     what follows from the registry (vmfgen ARG...)
	run.sh vmfctl                build/vmfctl, its manual and completions
	run.sh packages              Debian packages, build/packages, tested in a fresh host
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
	is_lane "$1" || refuse "no lane '$1': debian, full or debug"
	ensure_root
	ensure_kernel "$1"
}

is_lane() { [[ $1 == debian || $1 == full || $1 == debug ]]; }

# Counts what cargo says; a crate that does not build counts as one failure.
cargo_tests() {
	local crate nested log passed failed skipped status
	ensure_foreign
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
		s)
			# shellcheck disable=SC2034 # plan.sh reads it
			limit=$OPTARG
			;;
		c) cargo=1 ;;
		*) usage >&2; exit 2 ;;
		esac
	done
	shift $((OPTIND - 1))
	lanes=("$@")
	((${#lanes[@]})) || lanes=(debian full)
	count_guests "${lanes[@]}"
	begin_count
	prepare_tests "$glob" "${lanes[@]}"
	# These use all CPUs themselves.
	if [[ -n $cargo ]]; then
		cargo_tests
		fuzz
	fi
	for lane in "${lanes[@]}"; do
		plan_lane "$lane" "args='$args'" ${driver:+"driver=$driver"}
	done
	((${#UNIT_NAME[@]})) || refuse "nothing of $glob is for ${lanes[*]}: their kernels have not what it needs"
	[[ $glob != '*' || -n $args$driver ]] || timed=1
	run_units "$timed"
	end_count
}

# prepare_tests GLOBS LANE...: all that the programs need, unless build is empty
prepare_tests() {
	local glob=$1 build=${build-1} lane
	shift
	for lane; do
		prepare "$lane"
		[[ -z $build ]] || ensure_built "$lane"
	done
	if picks "$glob" nested_newer_test || picks "$glob" nested_provider_test || picks "$glob" nested_mtty_test; then
		ensure_newer_qemu
	fi
	pair_lane "$@"
	if picks "$glob" "$PAIR"; then
		prepare debian
		[[ -z $build ]] || ensure_built debian
		ensure_extra hosts
		ensure_extra libvirt
	fi
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

# What the demo hands out is in build/demo. The first look needs no kernel of its own.
cmd_demo() {
	local lane=${1:-}
	if [[ -z $lane ]]; then
		lane=debian
		! has_built full || lane=full
	fi
	rm -rf "$BUILD/demo"
	show_host "$lane" nested_host guest_twice "$lane" demo 500 timeout=300
	[[ ! -d $RUN/files ]] || mv "$RUN/files" "$BUILD/demo"
	((TOTAL_FAILED == 0))
	say 'The wire around each migration: build/demo/timeline.svg; the stream of the device: build/demo/device.vmf'
	[[ $# != 0 || $lane == full ]] ||
		say 'This was the unmodified Debian kernel. With one that logs DMA, built in ten minutes: make demo LANE=full'
}

# All figures are in build/bench.json: those of the codec, and one object for each program
# of the test host. BENCH, if it is not empty, is for nested/bench.py, and only that runs.
cmd_bench() {
	local lane=${1:-full}
	ensure_root
	[[ -n ${BENCH:-} && -e $BUILD/bench-codec.json ]] || run_bench
	rm -f "$BUILD"/bench{,-live}.json
	if [[ ${BENCH:-} != *hosts* ]]; then
		show_host "$lane" nested_host guest_twice "$lane" bench 5600 timeout=1800 "args='${BENCH:-}'"
		keep_figures "$BUILD/bench-live.json"
	fi
	if [[ -z ${BENCH:-} || $BENCH == *hosts* ]]; then
		ensure_extra hosts
		show_host "$lane" nested_host pair_of "$lane" nic guest_twice "$lane" bench 3900 timeout=3600 \
			"args='${BENCH:--t hosts}'"
		keep_figures "$BUILD/bench-live.json"
	fi
	{
		printf '{"codec":\n'
		cat "$BUILD/bench-codec.json"
		printf ',"lane": "%s", "live": [\n' "$lane"
		sed '$!s/$/,/' "$BUILD/bench-live.json"
		printf ']}\n'
	} >"$BUILD/bench.json"
	say 'All figures: build/bench.json'
}

# keep_figures FILE: of the test host that has just ended, appended
keep_figures() {
	sed -n 's/^@vmf json //p' "$RUN/output.log" >>"$1"
	((TOTAL_FAILED == 0))
}

# Every way between two hosts: of different kernels, then to one without a PF and an IOMMU, and what is
# said of one whose emulated machine differs.
cmd_hosts() {
	local kind
	(($#)) || set -- nic none older
	for kind; do
		[[ $kind == nic || $kind == none || $kind == older ]] || refuse 'which other host: nic, none or older?'
	done
	prepare full
	ensure_built full
	prepare debian
	ensure_built debian
	ensure_newer_qemu
	ensure_extra hosts
	mkdir -p "$BUILD/hosts"
	for kind; do
		rm -f "$BUILD/hosts/$kind.txt"
		show_host full nested_host pair_of debian "$kind" guest full tour 9300 timeout=9200 "$PARAMS" \
			"args=$([[ $kind != older ]] || echo older)"
		mv "$RUN/files/hosts.txt" "$BUILD/hosts/$kind.txt"
		((TOTAL_FAILED == 0))
	done
	say 'Every way between two hosts: build/hosts/nic.txt; to one without a NIC: none.txt; of another machine: older.txt'
}

# soak_in LANE MIGRATIONS, walk_in LANE STEPS SEED: in a test host of its own
soak_in() { guest "$1" soak 7200 timeout=7100 "soak=$2"; }
walk_in() { guest "$1" walk 14000 timeout=13800 "steps=$2" "seed=$3"; }

# The figures are in build/soak.json, too; or in build/walk.json, with the seed.
cmd_soak() {
	local lane=${1:-debian}
	rm -f "$BUILD/soak.json"
	show_host "$lane" soak_in "$lane" "${SOAK_MIGRATIONS:-1000}"
	keep_figures "$BUILD/soak.json"
}

cmd_walk() {
	local lane=${1:-debug}
	rm -f "$BUILD/walk.json"
	show_host "$lane" walk_in "$lane" "${VMF_STEPS:-50000}" "${VMF_SEED:-}"
	keep_figures "$BUILD/walk.json"
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
	hosts) cmd_hosts "$@" ;;
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
	packages)
		ensure_root
		make_packages
		;;
	shell) cmd_shell "$@" ;;
	cargo)
		ensure_root
		ensure_crates "${1:?which crate}"
		[[ ${1##*/} != vmfctl || ${2:-} != test ]] || ensure_foreign
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
