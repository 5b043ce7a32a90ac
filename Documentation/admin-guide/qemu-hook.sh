#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Hook of libvirt for the destination: refuses a migration before it begins if a VF
# of this host, or a function in software, would not take the state. Goes to
# /etc/libvirt/hooks/qemu.d/, executable.
#
# What the guest's functions come from is in a file that is put here ahead of the
# migration, $VMF_PLANS/GUEST.plan, with one line for each, by its PCI address, or by its
# UUID if it is in software:
#
#	HERE FILE		a descriptor that was copied ahead
#	HERE ssh:HOST:THERE	read it from the source now
#
# By hand, with a configuration of your own:
#
#	VMF_HOOK_CONF=./hook.conf ./qemu-hook.sh GUEST migrate begin - <guest.xml
#
# Nothing goes to standard output, so libvirt uses the XML as it is. The reason of a
# refusal goes to standard error, and from there to libvirt's log.

set -u

# Settings, as VARIABLE=value; libvirt passes no environment on.
conf=${VMF_HOOK_CONF:-/etc/vmf/qemu-hook.conf}
VMFCTL=vmfctl
VMF_PLANS=/run/vmf
VMF_SYSFS=/sys
VMF_SSH='ssh -o BatchMode=yes -o ConnectTimeout=5'
# A function of our drivers that no plan mentions: pass or refuse.
VMF_UNPLANNED=pass
# shellcheck source=/dev/null
[ ! -r "$conf" ] || . "$conf"

refuse() {
	echo "vmf: $guest: $*" >&2
	exit 1
}

# The functions in a domain's XML, one a line: addresses on the PCI bus, UUIDs.
functions() {
	tr '\n' ' ' | sed 's/</\n</g' | awk '
		function value(name) {
			if (!match($0, "[[:space:]]" name "=[\047\"][^\047\"]*"))
				return ""
			return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
		}
		function digits(name, len,    text) {
			text = value(name)
			sub(/^0x/, "", text)
			while (length(text) < len)
				text = "0" text
			return text
		}
		/^<hostdev[[:space:]>]/ { host = value("type") ~ /^(pci|mdev)$/ }
		/^<interface[[:space:]>]/ { host = value("type") == "hostdev" }
		/^<\/(hostdev|interface)>/ { host = 0 }
		/^<source[[:space:]>]/ { source = 1 }
		/^<\/source>/ { source = 0 }
		/^<address[[:space:]\/>]/ && host && source && value("uuid") {
			print tolower(value("uuid"))
			next
		}
		/^<address[[:space:]\/>]/ && host && source {
			print tolower(digits("domain", 4) ":" digits("bus", 2) ":" digits("slot", 2) \
				"." digits("function", 1))
		}'
}

# format FUNCTION: its folder below /sys
format() {
	case $1 in
	*:*) echo "bus/pci/devices/$1/migration_format" ;;
	*) echo "bus/mdev/devices/$1/migration_format" ;;
	esac
}

# fetch WHERE: the descriptor of the source, to $descriptor.
fetch() {
	case $1 in
	ssh:*:????:??:??.? | ssh:*:????????-????-????-????-????????????)
		there=${1#ssh:}
		# Cut the address off the end: a host may have colons.
		host=${there%:????:??:??.?}
		[ "$host" != "$there" ] || host=${there%:*}
		there=${there#"$host":}
		# shellcheck disable=SC2086 # the command has words
		$VMF_SSH "$host" cat "/sys/$(format "$there")/descriptor" \
			</dev/null >"$descriptor" || refuse "no descriptor of $there from $host"
		;;
	/*)
		cat -- "$1" >"$descriptor" || refuse "no descriptor in $1"
		;;
	*)
		refuse "$plan: neither a file nor ssh:HOST:BDF, nor ssh:HOST:UUID: $1"
		;;
	esac
}

# check FUNCTION WHERE: does it take what comes from there?
check() {
	fetch "$2"
	if [ -d "$VMF_SYSFS/$(format "$1")" ]; then
		set -- "$1" "$2" --against "$1"
	else
		# Not bound yet, as with managed='yes': judged by the registry of the tool.
		set -- "$1" "$2"
	fi
	here=$1 from=$2
	shift 2
	$VMFCTL --sysfs "$VMF_SYSFS" check "$descriptor" "$@" >"$report" 2>&1 && return
	status=$?
	cat "$report" >&2
	refuse "$here does not take the state of $from (vmfctl: $status)"
}

guest=${1:-}
# Other operations come here too, and are not our business.
[ "${2:-} ${3:-}" = 'migrate begin' ] || exit 0
case $guest in
'' | */*) refuse 'not a name of a guest' ;;
esac

work=$(mktemp -d) || refuse 'no directory for temporary files'
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
descriptor=$work/descriptor report=$work/report
plan=$VMF_PLANS/$guest.plan

functions >"$work/functions"
planned=' '
if [ -e "$plan" ]; then
	# On another descriptor than ssh's standard input.
	while read -r here where <&3 || [ -n "$here" ]; do
		case $here in
		'' | '#'*) continue ;;
		esac
		grep -qxF "$here" "$work/functions" || refuse "$plan: the guest does not get $here"
		check "$here" "$where"
		planned="$planned$here "
	done 3<"$plan" || exit 1
fi
[ "$VMF_UNPLANNED" = refuse ] || exit 0
while read -r here; do
	case $planned in
	*" $here "*) continue ;;
	esac
	[ ! -d "$VMF_SYSFS/$(format "$here")" ] ||
		refuse "nothing in $plan says where the state of $here comes from"
done <"$work/functions"
