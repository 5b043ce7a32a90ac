#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Live migration of a Linux guest under traffic: numbered datagrams, TCP and pings, both
# ways, in one migration and in twenty.

exec /nested/enter traffic "$@"
