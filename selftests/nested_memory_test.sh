#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Live migration of a Linux guest with a VF: its memory at the destination is that at the
# source, whatever the device has written to it on the way.

exec /nested/enter memory "$@"
