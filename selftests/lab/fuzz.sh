#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# Builds and runs the fuzz targets of selftests/fuzz: coverage-guided, with
# libFuzzer, on the stable compiler of the lab. Inputs that have found something
# new are kept in build/fuzz/corpus, those that crash in build/fuzz/artifacts.
# Sourced, never executed.

FUZZ_TRIPLE=x86_64-unknown-linux-gnu

# What cargo-fuzz asks of a nightly compiler, spelt out for a stable one. The
# sanitizers proper are not there, and not needed: the codec has no unsafe code.
FUZZ_RUSTFLAGS=(
	-Cpasses=sancov-module
	-Cllvm-args=-sanitizer-coverage-level=4
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters
	-Cllvm-args=-sanitizer-coverage-pc-table
	-Cllvm-args=-sanitizer-coverage-trace-compares
	--cfg fuzzing
)

# Longest input of a target in bytes; a stream of the profile is about 1 KiB.
declare -A FUZZ_LEN=([reader]=4096 [structured]=2048 [check]=4200 [roundtrip]=2048 [model]=2048)

# The targets: one program each.
fuzz_targets() {
	local file
	for file in "$TOP"/selftests/fuzz/src/bin/*.rs; do
		basename "$file" .rs
	done
}

# Flags for code that runs in the fuzzer must not reach build scripts and macros:
# cargo keeps them apart when a target triple is given.
build_fuzz() {
	in_root -w "$IN_TOP/selftests/fuzz" env RUSTFLAGS="${FUZZ_RUSTFLAGS[*]}" \
		CARGO_TARGET_DIR="$IN_TOP/build/fuzz/target" \
		cargo build --release --offline --quiet --target "$FUZZ_TRIPLE"
}

# fuzz_run TARGET [NAME=VALUE...] -- ARGUMENT...
fuzz_run() {
	local target=$1 settings=()
	shift
	while [[ $1 != -- ]]; do
		settings+=("$1")
		shift
	done
	shift
	in_root -w "$IN_TOP/build/fuzz" env "${settings[@]}" "target/$FUZZ_TRIPLE/release/$target" "$@"
}

# fuzz [TARGET...]: the targets, or all of them, one after the other for FUZZ_SECONDS
# together; counts each as one test.
fuzz() {
	local dir=$BUILD/fuzz seconds=${FUZZ_SECONDS:-60} sum=0 targets=("$@")
	(($#)) || mapfile -t targets < <(fuzz_targets)
	set -- "${targets[@]}"
	[[ $seconds =~ ^[1-9][0-9]*$ ]] || refuse "FUZZ_SECONDS is no number of seconds: $seconds"
	ensure_extra fuzz
	ensure_crates selftests/fuzz
	with_lock "$dir/lock" fuzz_all $(((seconds + $# - 1) / $#)) "$@"
}

fuzz_all() {
	local each=$1 target
	shift
	step fuzz-build 'building the fuzz targets' "$dir/build.log" build_fuzz
	say "* fuzzing the codec for $((each * $#)) s: $*"
	for target; do
		fuzz_one "$target"
		[[ $target != reader ]] || fuzz_sanitized
	done
	echo "# fuzz: $sum executions in all, $# targets"
}

fuzz_one() {
	local target=$1 log=$dir/$1.log status=0 start=$SECONDS runs new
	[[ -e $TOP/selftests/fuzz/src/bin/$target.rs ]] || refuse "no fuzz target '$target'"
	rm -rf "${dir:?}/seeds/$target"
	mkdir -p "$dir/corpus/$target" "$dir/artifacts/$target"
	fuzz_run "$target" VMF_SEEDS="seeds/$target" VMF_VECTORS="$IN_TOP/selftests/vectors" -- \
		>"$log" 2>&1 </dev/null || status=$?
	touch "$dir/started"
	((status)) || in_group fuzz_run "$target" -- "corpus/$target" "seeds/$target" \
		-artifact_prefix="artifacts/$target/" -max_total_time="$each" \
		-max_len="${FUZZ_LEN[$target]:-4096}" -timeout=10 -rss_limit_mb=1024 \
		-print_final_stats=1 -verbosity=1 >>"$log" 2>&1 || status=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n1)
	runs=${runs:-0}
	sum=$((sum + runs))
	echo "# fuzz $target: $runs executions in $((SECONDS - start)) s"
	if ((status == 0 && runs > 0)); then
		TOTAL_PASSED=$((TOTAL_PASSED + 1))
		return
	fi
	TOTAL_FAILED=$((TOTAL_FAILED + 1))
	grep -vE $'^(#[0-9]|INFO|WARNING|NOTE|stat::|\tNEW_FUNC|      Combine)' "$log" | tail -n 20 | sed 's/^/# /' || true
	new=$(cd "$TOP" && find "build/fuzz/artifacts/$target" -type f -newer "$dir/started")
	echo "# to run it again: selftests/lab/run.sh fuzz -r $target ${new:-INPUT}"
	echo "FAIL fuzz $target: ${new:-status $status}, see $log" >>"$NOTES"
}

# The reader in C goes along in every target that has a stream. This is the same with the
# sanitizers of the C compiler, on streams that are damaged with their checksums right.
fuzz_sanitized() {
	local log=$dir/c-replay.log status=0
	ensure_crates vmf
	{
		build_c_replay &&
			in_cargo vmf run --quiet --offline --example mutants -- 20000 "$RANDOM" "$IN_TOP/build/fuzz" &&
			in_root build/fuzz/c_replay <"$dir/mutants.bin"
	} >"$log" 2>&1 || status=$?
	echo "# fuzz: the reader in C with sanitizers: $(tail -n 1 "$log")"
	if ((status == 0)); then
		TOTAL_PASSED=$((TOTAL_PASSED + 1))
		return
	fi
	TOTAL_FAILED=$((TOTAL_FAILED + 1))
	tail -n 20 "$log" | sed 's/^/# /'
	echo "FAIL fuzz of the reader in C: see $log, and $dir/mutants.bin" >>"$NOTES"
}

build_c_replay() {
	in_root gcc -g -O1 -Wall -Werror -fsanitize=address,undefined -fno-sanitize-recover=all \
		-DREPLAY -Du32=__u32 '-DARRAY_SIZE(a)=(sizeof(a) / sizeof((a)[0]))' \
		-Iinclude -Iinclude/uapi -Iselftests/lib \
		selftests/fuzz/src/c_reader.c selftests/lib/vmf_caps.c -o build/fuzz/c_replay
}

# fuzz_again TARGET FILE...: what a target makes of these inputs
fuzz_again() {
	local target=$1
	shift
	ensure_extra fuzz
	ensure_crates selftests/fuzz
	with_lock "$BUILD/fuzz/lock" step fuzz-build 'building the fuzz targets' "$BUILD/fuzz/build.log" build_fuzz
	in_root "build/fuzz/target/$FUZZ_TRIPLE/release/$target" "$@"
}
