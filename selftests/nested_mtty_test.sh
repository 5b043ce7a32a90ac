#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Live migration of a Linux guest with a serial card of another driver, the sample of the
# kernel as it is: what vmfctl says of its stream is what the guest has put into it.

exec /nested/enter mtty "$@"
