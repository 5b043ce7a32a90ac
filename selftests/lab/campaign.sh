#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# The campaign: everything that takes hours, one part after the other, in lane debug. A part
# that has come to its end, well or not, leaves its figures in a file that bears the name of
# the tree it was run on, and is not run again on that tree. Sourced, never executed.

CAMPAIGN_LANE=debug
# The units of going on after an interruption.
SOAK_PIECE=1000
WALK_PIECE=50000

# What is being tested: the commit, and what differs from it.
tree_key() {
	local commit
	commit=$(git -C "$TOP" rev-parse --short=12 HEAD)
	{
		git -C "$TOP" diff --no-ext-diff HEAD
		git -C "$TOP" ls-files --others --exclude-standard -z |
			(cd "$TOP" && xargs -0r sha256sum)
	} | sha256sum | sed "s/^\(.\{12\}\).*/$commit-\1/"
}

cmd_campaign() {
	local migrations=${CAMPAIGN_MIGRATIONS:-10000} steps=${CAMPAIGN_STEPS:-1000000}
	local dir=$BUILD/campaign key seed number start=$SECONDS parts=() part
	[[ $migrations =~ ^[0-9]+$ ]] || refuse "CAMPAIGN_MIGRATIONS is no number: $migrations"
	[[ $steps =~ ^[0-9]+$ ]] || refuse "CAMPAIGN_STEPS is no number: $steps"
	prepare "$CAMPAIGN_LANE"
	key=$(tree_key)
	mkdir -p "$dir/$key"
	seed=$(campaign_seed "$dir/seed")
	parts=(suite sweep)
	mapfile -t -O 2 parts < <(programs_of nested)
	for ((number = 1; (number - 1) * SOAK_PIECE < migrations; number++)); do
		parts+=("soak-$number")
	done
	for ((number = 1; (number - 1) * WALK_PIECE < steps; number++)); do
		parts+=("walk-$number")
	done
	say "campaign: tree $key, kernel $KREL, ${#parts[@]} parts, first seed $seed"
	for number in "${!parts[@]}"; do
		part=${parts[number]}
		say "campaign: part $((number + 1)) of ${#parts[@]}, $part, after $(hours $((SECONDS - start)))"
		if [[ -s $dir/$key/$part.json ]]; then
			say "campaign: $part was done before, see $dir/$key/$part.json"
			continue
		fi
		run_part "$dir/$key" "$part" "$seed"
	done
	# The status of the whole is that of the report.
	in_root python3 selftests/lab/campaign.py report "$IN_TOP/build/campaign" "$key" "$KREL" "${parts[@]}"
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

# run_part FOLDER PART SEED: and its figures, unless it was interrupted
run_part() {
	local dir=$1 part=$2 number=${2#*-} figures='' command status=0 begin=$SECONDS left
	case $part in
	suite | sweep) command=(test -t "$(programs_of "$part" | tr '\n' ' ')") ;;
	nested*) command=(test -t "$part") ;;
	soak-*)
		left=$((migrations - (number - 1) * SOAK_PIECE))
		figures=$BUILD/soak.json
		command=(soak)
		export SOAK_MIGRATIONS=$((left < SOAK_PIECE ? left : SOAK_PIECE))
		;;
	walk-*)
		left=$((steps - (number - 1) * WALK_PIECE))
		figures=$BUILD/walk.json
		command=(walk)
		export VMF_STEPS=$((left < WALK_PIECE ? left : WALK_PIECE)) VMF_SEED=$(($3 + number - 1))
		;;
	esac
	[[ -z $figures ]] || rm -f "$figures"
	in_group logged "$dir/$part.log" "$LAB/run.sh" "${command[@]}" "$CAMPAIGN_LANE" || status=$?
	# Of one that could not run, or was ended, there is nothing to keep.
	((status < 2)) || refuse "$part has ended with status $status, see $dir/$part.log"
	[[ -z $figures || -s $figures ]] || figures=''
	in_root python3 selftests/lab/campaign.py stamp "$IN_TOP/${dir#"$TOP/"}" "$part" "$status" \
		$((SECONDS - begin)) "${figures:+$IN_TOP/${figures#"$TOP/"}}"
	say "campaign: $part $( ((status)) && echo FAILED || echo passed), $(hours $((SECONDS - begin)))"
}

# logged FILE COMMAND...: all goes to the file, and what tells how far it is to be seen
logged() {
	local file=$1
	shift
	"$@" 2>&1 | tee "$file" | watch_part
	return "${PIPESTATUS[0]}"
}

watch_part() {
	local line
	while IFS= read -r line; do
		case $line in
		walk:\ step\ *) [[ ! -t 1 ]] || printf '\r\033[K  %s' "$line" ;;
		ok\ * | not\ ok\ * | \*\ * | soak\ * | walk\ * | walk:\ * | *\ passed,\ *) printf '  %s\n' "$line" ;;
		esac
	done
}
