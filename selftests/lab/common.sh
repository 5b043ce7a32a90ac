#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # variables are shared with the other parts
#
# Shared by every script of the lab: where things are, how a step is run and
# timed, how the lab refuses, and how a command is run inside the lab root.
# Sourced, never executed.
#
# The cache holds what is expensive and does not depend on the clone: the root
# file system and the kernels. Its entries are named by a hash of what they are
# made from, are built under a ".partial" name, and renamed when finished, so
# that whatever bears its final name is complete and an interrupted run goes on
# where it stopped.

set -euo pipefail

LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$LAB/../.." && pwd)
CACHE=${VMF_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vmf}
BUILD=$TOP/build
JOBS=${VMF_JOBS:-$(nproc)}

# What the lab is made of. SUITE is the Debian release, SERIES the kernel's.
SUITE=${VMF_SUITE:-trixie}
SERIES=${VMF_KERNEL_SERIES:-7.3}
ARCH=amd64

# Where the clone and the cache appear inside the lab root: fixed, so that
# nothing that is built remembers where the clone was.
IN_TOP=/vmf
IN_CACHE=/cache

say() { printf '%s\n' "$*" >&2; }

# One clear line, then out. Status 2 tells "cannot run here" from "test failed".
refuse() {
	say "lab: $*"
	exit 2
}

# hash_of FILE...: 12 hex digits that name the content
hash_of() { cat -- "$@" | sha256sum | cut -c1-12; }

# with_lock FILE COMMAND...: one process at a time. What COMMAND starts inherits
# the lock, so an orphaned build keeps others away until it is gone.
with_lock() {
	local fd file=$1
	shift
	mkdir -p "$(dirname "$file")"
	exec {fd}>>"$file"
	if ! flock --nonblock "$fd"; then
		say "lab: waiting for another run that holds $file"
		flock "$fd"
	fi
	"$@"
	exec {fd}>&-
}

# What runs long runs in a process group of its own, which goes when this script
# goes: politely first, so that make and mmdebstrap remove what is half done.
STEP_PID=''
end_step() {
	local n
	[[ -n $STEP_PID ]] || return 0
	for ((n = 0; n < 50; n++)); do
		kill -TERM -- "-$STEP_PID" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -KILL -- "-$STEP_PID" 2>/dev/null || true
}

# in_group COMMAND...: in that group, without a terminal; returns its status
in_group() {
	local rc=0
	set -m
	("$@") </dev/null &
	STEP_PID=$!
	set +m
	wait "$STEP_PID" || rc=$?
	STEP_PID=''
	return $rc
}

trap end_step EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# step KEY "what" LOG COMMAND...
# Runs a long step with its output in LOG; says what it does and how long it
# took the last time; on failure shows the end of the log. COMMAND may be a
# shell function: it runs in a subshell with errexit. Do not call step itself
# from an if or a ||, bash would switch errexit off inside; a function named in
# STEP_HOOK is called with the log on failure and may refuse more clearly.
step() {
	local key=$1 what=$2 log=$3 start=$SECONDS last='' rc=0 line
	shift 3
	local times=$CACHE/times/$key
	mkdir -p "$(dirname "$log")" "$CACHE/times"
	[[ -r $times ]] && last=" (last time: $(<"$times") s)"
	[[ -n ${STEP_QUIET:-} ]] || say "* $what ...$last"
	: >"$log"
	set -m
	("$@") >"$log" 2>&1 </dev/null &
	STEP_PID=$!
	set +m
	if [[ -t 2 && -z ${STEP_QUIET:-} ]]; then
		while kill -0 "$STEP_PID" 2>/dev/null; do
			line=$(tail -n1 "$log" | tr -dc '[:print:]' | cut -c1-60)
			printf '\r\033[K  %4d s  %s' $((SECONDS - start)) "$line" >&2
			sleep 1
		done
		printf '\r\033[K' >&2
	fi
	wait "$STEP_PID" || rc=$?
	STEP_PID=''
	if ((rc)); then
		[[ -z ${STEP_HOOK:-} ]] || "$STEP_HOOK" "$log"
		say "lab: failed: $what (status $rc). The last lines of $log:"
		tail -n "${STEP_TAIL:-20}" "$log" | sed 's/^/  | /' >&2
		exit 1
	fi
	echo $((SECONDS - start)) >"$times"
}

# need_disk MIB WHAT: refuse early rather than fail in the middle of a build.
# VMF_NEED_MIB overrides the figure, for the brave and for the lab's own test.
need_disk() {
	local need=${VMF_NEED_MIB:-$1} free
	mkdir -p "$CACHE" 2>/dev/null || refuse "cannot create the cache $CACHE (set VMF_CACHE to a folder you can write to)"
	free=$(df --output=avail -m "$CACHE" | tail -n1 | tr -d ' ')
	((free >= need)) ||
		refuse "not enough disk for $2: needs $need MiB in $CACHE, $free MiB are free (VMF_CACHE names another place)"
}

# How namespaces are made. As root a private mount namespace is enough; other
# users get a user namespace in which they are root, with their subordinate ids.
# The process namespace makes sure that nothing started inside survives.
NS=(unshare --mount --pid --fork --kill-child --propagation private)
((EUID == 0)) || NS=(unshare --user --map-root-user --map-auto "${NS[@]:1}")

check_namespaces() {
	local hint='run as root, or install uidmap, allow user namespaces'
	hint+=' (Ubuntu: kernel.apparmor_restrict_unprivileged_userns=0), and give this user a range in'
	hint+=' /etc/subuid and /etc/subgid'
	"${NS[@]}" true 2>/dev/null && return
	((EUID == 0)) && refuse 'this root may not create namespaces (a container without CAP_SYS_ADMIN?)'
	refuse "not root, and no usable user namespaces: $hint"
}

# in_root [-w DIR] COMMAND...: run a command inside the lab root, which is in
# the variable ROOT. See enter.sh for what it sees there.
in_root() {
	local dir=$IN_TOP
	if [[ $1 == -w ]]; then
		dir=$2
		shift 2
	fi
	"${NS[@]}" bash "$LAB/enter.sh" "$ROOT" "$TOP" "$CACHE" "$dir" "$@"
}
