#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Live migration of a Linux guest between two hosts.

exec /nested/enter hosts "$@"
