#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Live migration of a Linux guest to a VMM that is newer than its own, between two of that
# kind, and back to the older one.

exec /nested/enter newer "$@"
