#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# enter.sh ROOT CLONE CACHE DIR COMMAND...
# The inner half of in_root (common.sh): runs in fresh mount and process
# namespaces, makes the lab root usable, and becomes COMMAND inside it. Every
# mount made here vanishes with the namespace, also when the run is killed.

set -euo pipefail

root=$1 clone=$2 cache=$3 dir=$4
shift 4

# A mount of its own, so that mounts below it never propagate anywhere.
mount --rbind "$root" "$root"
mkdir -p "$root/vmf" "$root/cache"
mount --bind "$clone" "$root/vmf"
mount --bind "$cache" "$root/cache"
# The kernel source is shared by all lanes and clones: a stray in-tree build would
# spoil it for the builds that use folders of their own.
for source in "$root"/cache/linux-*-src; do
	[[ ! -d $source ]] || mount -o bind,ro "$source" "$source"
done
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
# A new /proc may be forbidden where the old one is partly masked (containers).
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t tmpfs -o mode=0755 run "$root/run"

# Name resolution, and the certificates that this machine trusts: both belong to
# the network the machine is in, not to the lab.
for file in /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt; do
	[[ -e $file && -d $root${file%/*} ]] || continue
	[[ -e $root$file ]] || : >"$root$file"
	mount --bind "$(readlink -f "$file")" "$root$file"
done

# A clean environment: what the host's shell exports must not change a build.
env=(
	HOME=/root USER=root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	CARGO_HOME=/cache/cargo "TERM=${TERM:-dumb}"
)
for var in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
	[[ -z ${!var:-} ]] || env+=("$var=${!var}")
done

# The shell stays, as process 1 of the namespace: signals have no default effect
# there, and a make that is process 1 spins for ever on the SIGTERM that is to
# end it.
# shellcheck disable=SC2016 # expanded by the inner shell
exec chroot "$root" /usr/bin/env -i "${env[@]}" \
	/bin/sh -c 'cd "$0" || exit; "$@"; exit $?' "$dir" "$@"
