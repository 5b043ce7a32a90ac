# SPDX-License-Identifier: GPL-2.0
"""The other one of two test hosts: does what the first one's tests ask it to, until they end."""

import rpyc
from host import ADDRESS, HERE, PORT
from rpyc.utils.server import OneShotServer


def main():
    # In the thread of the process: VMMs go with it.
    server = OneShotServer(rpyc.ClassicService, hostname=ADDRESS.format(HERE.number), port=PORT,
                           reuse_addr=True)
    try:
        server.start()
    finally:
        HERE.close()
    return 0
