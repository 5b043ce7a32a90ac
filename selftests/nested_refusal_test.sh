#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Live migrations of a Linux guest to destinations that it does not fit: an unmodified VMM
# says so while the guest runs, and the guest never stops.

exec /nested/enter refusal "$@"
