#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Live migration of a Linux guest to a function in software, and back.

exec /nested/enter provider "$@"
