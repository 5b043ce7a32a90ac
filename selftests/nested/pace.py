# SPDX-License-Identifier: GPL-2.0
"""How long may things take? The one place that knows of slow hosts.

The limits in the other modules are those of an ordinary kernel on an emulated CPU. One that
watches every access to memory is slower by an order of magnitude.
"""

import os

FACTOR = {"debug": 8}.get(os.environ.get("VMF_LANE", ""), 1)


def allow(seconds):
    """The limit on this host for what may take so long on an ordinary one."""
    return FACTOR * seconds
