#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Live migration of a Linux guest that is unmodified, with a VMM that is, and has the VF
# as its only NIC: what the PF keeps for it, and what it must not notice.

exec /nested/enter control "$@"
