#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# The campaign: everything that takes hours, in lane debug, as parts that are units (see
# units.sh). A part that has come to its end, well or not, leaves its log and its figures in
# the cache, under a name that tells what it was made of, and is not run again on that: the
# campaign may be ended at any time, and a change costs the parts that it can bear on. Sourced,
# never executed.

CAMPAIGN_LANE=debug
# Programs, migrations, steps of a part: half an hour and less.
SUITE_PIECE=6
SOAK_PIECE=1000
WALK_PIECE=50000

# The parts: the unit of a name is that of the same number.
PART_KEY=()

cmd_campaign() {
	local migrations=${CAMPAIGN_MIGRATIONS:-10000} steps=${CAMPAIGN_STEPS:-1000000}
	local dir=$CACHE/campaign seed number common program programs parts out
	[[ $migrations =~ ^[0-9]+$ ]] || refuse "CAMPAIGN_MIGRATIONS is no number: $migrations"
	[[ $steps =~ ^[0-9]+$ ]] || refuse "CAMPAIGN_STEPS is no number: $steps"
	count_guests "$CAMPAIGN_LANE"
	begin_count
	prepare_tests '*' "$CAMPAIGN_LANE"
	prepare "$CAMPAIGN_LANE"
	mkdir -p "$dir" "$BUILD/campaign"
	seed=$(campaign_seed "$dir/seed")
	common=$(made_of Kbuild rust include Documentation/registry selftests/lab/{boot,guest,hosts,plan}.sh \
		selftests/{config,Makefile,guests,lib,modules,vectors})
	mapfile -t programs < <(programs_of suite)
	for ((number = 0; number < ${#programs[@]}; number += SUITE_PIECE)); do
		plan_programs "suite-$((number / SUITE_PIECE + 1))" "${programs[@]:number:SUITE_PIECE}"
	done
	while read -r program; do
		plan_programs "$program" "$program"
	done < <(programs_of sweep; programs_of nested)
	for ((number = 0; number * SOAK_PIECE < migrations; number++)); do
		plan_piece "soak-$((number + 1))" soak_demo \
			soak_in "$CAMPAIGN_LANE" "$(smaller $SOAK_PIECE $((migrations - number * SOAK_PIECE)))"
	done
	for ((number = 0; number * WALK_PIECE < steps; number++)); do
		plan_piece "walk-$((number + 1))" random_walk_demo \
			walk_in "$CAMPAIGN_LANE" "$(smaller $WALK_PIECE $((steps - number * WALK_PIECE)))" $((seed + number))
	done
	for number in "${!UNIT_NAME[@]}"; do
		parts+=("${UNIT_NAME[number]}-${PART_KEY[number]}")
	done
	say "campaign: kernel $KREL, ${#parts[@]} parts, first seed $seed; all of it is kept in $dir"
	exec {out}>&1
	run_units ''
	rm -f "$NOTES"
	# The status of the whole is that of the report.
	in_root python3 selftests/lab/campaign.py report "$IN_TOP/build/campaign" "$IN_CACHE/campaign" \
		"$(git -C "$TOP" describe --always --dirty --abbrev=12)" "$KREL" "${parts[@]}"
}

smaller() { echo $(($1 < $2 ? $1 : $2)); }

# made_of PATH...: what is tested is what is in the working tree, committed or not.
made_of() {
	git -C "$TOP" ls-files -z --cached --others --exclude-standard -- "$@" |
		(
			cd "$TOP" || exit
			# What is deleted, and still in the index.
			xargs -0r sha256sum 2>/dev/null || true
		) | hash_of -
}

# plan_programs NAME PROGRAM...: as make test has them, but for how many share a test host
plan_programs() {
	local name=$1 first=${#UNIT_NAME[@]} glob="${*:2}" limit='' driver='' number key files=() program
	for program in "${@:2}"; do
		files+=("selftests/$program.*")
		# shellcheck disable=SC2053 # a pattern
		[[ $program != $NESTED ]] || files+=(selftests/nested)
	done
	key=$(hash_of - <<<"$KDIR $common $(made_of "${files[@]}")")
	plan_lane "$CAMPAIGN_LANE"
	for ((number = first; number < ${#UNIT_NAME[@]}; number++)); do
		[[ ${UNIT_NAME[number]} != */software ]] || name+=-software
		name_part "$number" "$name" "$key"
	done
}

# plan_piece NAME PROGRAM COMMAND...: the key knows the command, and with it the seed.
plan_piece() {
	local key
	key=$(hash_of - <<<"$KDIR $common ${*:3} $(made_of "selftests/$2.c")")
	RUN=''
	add_unit "$1" "${@:3}"
	name_part $((${#UNIT_NAME[@]} - 1)) "$1" "$key"
}

name_part() {
	UNIT_NAME[$1]=$2
	PART_KEY[$1]=$3
	UNIT_COMMAND[$1]="run_part $2 $dir/$2-$3 ${UNIT_COMMAND[$1]}"
}

# programs_of suite|sweep|nested: the names of the test programs, each in one of them
programs_of() {
	local program
	for program in "$TOP"/selftests/*_test.*; do
		program=$(basename "${program%.*}")
		# shellcheck disable=SC2053 # a pattern
		case $1 in
		nested) [[ $program == $NESTED ]] || continue ;;
		sweep) [[ $program == fault_* ]] || continue ;;
		*) [[ $program != $NESTED && $program != fault_* ]] || continue ;;
		esac
		echo "$program"
	done
}

hours() { printf '%d:%02d:%02d' $(($1 / 3600)) $(($1 / 60 % 60)) $(($1 % 60)); }

# One that was drawn is kept: a part that is run again takes the same steps.
campaign_seed() {
	[[ -z ${CAMPAIGN_SEED:-} ]] || echo "$CAMPAIGN_SEED" >"$1"
	[[ -s $1 ]] || date +%s >"$1"
	[[ $(<"$1") =~ ^[0-9]+$ ]] || refuse "CAMPAIGN_SEED is no number: $(<"$1")"
	cat "$1"
}

# run_part NAME FILE COMMAND...: in the process of a unit, and what it leaves unless it was ended
run_part() {
	local name=$1 file=$2 begin=$SECONDS verdict=passed
	shift 2
	if [[ -s $file.json ]]; then
		printf '%s: was done before, see %s\n' "$name" "$file.log" >&"$out"
		read -r TOTAL_PASSED _ TOTAL_FAILED _ TOTAL_SKIPPED _ < <(tail -n 1 "$file.log")
		return
	fi
	printf '%s: begins\n' "$name" >&"$out"
	[[ -n $RUN ]] || run_dir "$CAMPAIGN_LANE"
	"$@" >"$file.log" 2>&1
	{
		sed 's/^/# /' "$NOTES"
		echo "$TOTAL_PASSED passed, $TOTAL_FAILED failed, $TOTAL_SKIPPED skipped"
	} >>"$file.log"
	in_root python3 selftests/lab/campaign.py stamp "$IN_CACHE/campaign/${file##*/}" "$name" \
		$((SECONDS - begin)) "$IN_TOP/${RUN#"$TOP/"}/output.log"
	((TOTAL_FAILED == 0)) || verdict="FAILED, see $file.log"
	printf '%s: %s, %d passed, %d failed, %d skipped, %s\n' "$name" "$verdict" "$TOTAL_PASSED" \
		"$TOTAL_FAILED" "$TOTAL_SKIPPED" "$(hours $((SECONDS - begin)))" >&"$out"
}
