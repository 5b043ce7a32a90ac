#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Live migrations of a Linux guest that do not come to their end: cancelled, or one of the
# two unmodified VMMs is killed on the way.

exec /nested/enter failure "$@"
