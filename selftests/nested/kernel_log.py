# SPDX-License-Identifier: GPL-2.0
"""What the test host's own kernel says meanwhile."""

import os


class KernelLog:
    """From now on."""

    def __init__(self):
        self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)

    def close(self):
        os.close(self.fd)

    def records(self):
        """Those that are new, each with its time in seconds."""
        records = []
        while True:
            try:
                record = os.read(self.fd, 8192)
            except BlockingIOError:
                return records
            except BrokenPipeError:
                # What was next has been overwritten.
                continue
            header, text = record.decode("utf-8", "replace").splitlines()[0].split(";", 1)
            records.append((int(header.split(",")[2]) / 1e6, text))

    def lines(self):
        return [text for _, text in self.records()]
