#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# All static checks, with the tools of the lab root and the settings of the
# kernel that the lab uses. Silent when all is well. Sourced, never executed.

LINT_FAILED=0

# lint_check NAME COMMAND...: silent when it succeeds, its output when it fails
lint_check() {
	local name=$1 out
	shift
	if ! out=$("$@" 2>&1); then
		printf '%s\n' "== $name" "$out"
		LINT_FAILED=1
	fi
}

# The sources: what is neither built nor git's. Sets the array FILES.
lint_files() {
	mapfile -t FILES < <(cd "$TOP" && find . \
		\( -path ./.git -o -path ./build -o -name target \) -prune -o -type f "$@" -print | sed 's#^\./##' | sort)
}

# grep's status 1 only: a grep that could not read is not a clean result
matches_nothing() {
	local status=0
	"$@" || status=$?
	((status == 1))
}

lint_all() {
	STEP_QUIET=1
	mkdir -p "$BUILD"

	lint_files -name '*.rs'
	lint_check rustfmt in_root rustfmt --check --edition 2021 --config-path "$KSRC/.rustfmt.toml" "${FILES[@]}"

	with_lock "$BUILD/lint/lock" lint_check 'clippy, as the kernel runs it' lint_clippy
	lint_cargo
	lint_check 'generated files' lint_generated

	lint_files -name '*.[ch]'
	((${#FILES[@]} == 0)) || lint_check checkpatch in_root perl "$KSRC/scripts/checkpatch.pl" \
		--strict --no-tree --quiet --show-types --no-summary -f "${FILES[@]}"

	lint_files \( -name '*.sh' -o -path ./.ci/run -o -path './selftests/guests/init*' \
		-o -path './selftests/lab/package/debian/*.post*' \)
	lint_check shellcheck in_root shellcheck --external-sources "${FILES[@]}"

	lint_files -name '*.py'
	((${#FILES[@]} == 0)) || lint_check 'python syntax' in_root python3 -c '
import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name, encoding="utf-8").read(), name)' "${FILES[@]}"

	lint_check pictures lint_pictures
	lint_check 'SPDX line' lint_spdx
	lint_check 'white space' lint_space
	((LINT_FAILED == 0))
}

# Warnings appear only when a crate is compiled, so the objects go first.
lint_clippy() {
	local log=$BUILD/lint/clippy.log
	rm -rf "$BUILD/lint/module"
	if ! kbuild lint CLIPPY=1 modules >"$log" 2>&1; then
		cat "$log"
		return 1
	fi
	matches_nothing grep -A12 -E '^(warning|error)' "$log"
}

lint_cargo() {
	local dir
	# The bindings of libFuzzer compile it wherever they are used.
	ensure_extra fuzz
	lint_files -name Cargo.toml
	for dir in "${FILES[@]%/Cargo.toml}"; do
		ensure_crates "$dir"
		lint_check "cargo fmt: $dir" in_cargo "$dir" fmt --check
		lint_check "cargo clippy: $dir" in_cargo "$dir" clippy --quiet --offline --all-targets -- -D warnings
	done
}

# The registry, and what is generated from it.
lint_generated() {
	local out
	[[ -e $TOP/rust/vmfgen/Cargo.toml ]] || return 0
	out=$(in_cargo vmfgen run --quiet --offline -- check 2>&1) && [[ -z $out ]] && return
	printf '%s\n' "$out"
	return 1
}

# A picture that is no XML is a blank space in a browser.
lint_pictures() {
	lint_files -name '*.svg'
	((${#FILES[@]} == 0)) || in_root python3 -c '
import sys, xml.dom.minidom
for name in sys.argv[1:]:
    try:
        xml.dom.minidom.parse(name)
    except Exception as error:
        sys.exit(f"{name}: {error}")' "${FILES[@]}"
}

# In the first lines of every file that can hold a comment.
lint_spdx() {
	local file bad=0
	lint_files \( -name '*.rs' -o -name '*.[chS]' -o -name '*.sh' -o -name '*.py' -o -name '*.mk' \
		-o -name '*.rst' -o -name '*.yaml' -o -name '*.svg' -o -name '*.config' -o -name 'Cargo.toml' \
		-o -name Makefile -o -name Kbuild -o -path ./.ci/run -o -path './selftests/guests/init*' \)
	for file in "${FILES[@]}"; do
		head -n 3 "$TOP/$file" | grep -q 'SPDX-License-Identifier: ' && continue
		echo "$file: no SPDX-License-Identifier in the first three lines"
		bad=1
	done
	return $bad
}

lint_space() {
	lint_files \( -name '*.rs' -o -name '*.[chS]' -o -name '*.sh' -o -name '*.py' -o -name '*.mk' \
		-o -name '*.rst' -o -name '*.yaml' -o -name '*.svg' -o -name '*.md' -o -name Makefile -o -name Kbuild \)
	(cd "$TOP" && matches_nothing grep -nE '[[:space:]]+$' "${FILES[@]}")
}
