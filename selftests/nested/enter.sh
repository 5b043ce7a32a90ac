#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# enter SUITE [ARGUMENT...]: becomes nested/main.py, in the lab root with the clone in it.
#
# The VMM of the nested guest, Python and what they need are those of the lab root, which
# the test host has as a 9p share. This script is /nested/enter in the test host.

set -u
root=/tmp/labroot

die() {
	echo "Bail out! $*"
	exit 1
}

# In a mount namespace of its own: the mounts go with the last process.
if [ "${1:-}" != --inside ]; then
	exec unshare -m "$0" --inside "$@"
fi
shift

for module in 9pnet_virtio 9p kvm-amd kvm-intel bridge tun; do
	modprobe $module 2>/dev/null
done
# The sample of a serial card, where the kernel has it.
[ "${1:-}" != mtty ] || modprobe mtty 2>/dev/null
[ -c /dev/kvm ] || die 'no KVM in the test host: neither SVM nor VMX in its CPU?'

mkdir -p $root
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose root $root ||
	die 'cannot mount the lab root'
for dir in dev proc sys; do
	mount -o rbind /$dir $root/$dir || die "no /$dir in the lab root"
done
for dir in tmp run; do
	mount -t tmpfs $dir $root/$dir || die "no /$dir in the lab root"
done
mkdir $root/run/modules
mount -o bind /lib/modules $root/run/modules || die 'no modules in the lab root'

# exec, so that a signal of init's clock reaches what it is for.
exec chroot $root /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
	NO_COLOR=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 python3 /vmf/selftests/nested/main.py "$@"
