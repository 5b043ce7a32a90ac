# SPDX-License-Identifier: GPL-2.0
"""udev in a test host, with our rules and no others: alone, or as systemd runs it."""

import os
import subprocess
import time

from pace import allow

RULES = "/usr/lib/udev/rules.d"
# By these names they are installed.
FILES = {"60-vmf.rules": "/vmf/selftests/lab/package/debian/vmfctl.vmf.udev",
         "90-vmf.rules": "/vmf/Documentation/admin-guide/90-vmf.rules"}
SYSTEMD = "/usr/lib/systemd/systemd"
LOG = "/tmp/udev.log"

ALONE = ("/usr/lib/systemd/systemd-udevd",)
# As the first process of a namespace, which has to have a /run of its own: others would take it for the
# one that is here, too. It says that it is a container, so that it leaves alone what it did not make.
BY_SYSTEMD = ("unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "sh", "-ec",
              f"mount -t tmpfs run /run; exec env container=vmf {SYSTEMD} --unit=systemd-udevd.service")


class Udev:
    """It goes with this process."""

    def __init__(self, vmfctl, by_systemd):
        subprocess.run(["mount", "-t", "tmpfs", "rules", RULES], check=True)
        for name, path in FILES.items():
            with open(path, encoding="ascii") as file:
                self.rule(name, file.read().replace("/usr/bin/vmfctl", vmfctl))
        with open(LOG, "wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *(BY_SYSTEMD if by_systemd else ALONE)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + allow(60)
        while not os.path.exists(f"/proc/{self.process.pid}/root/run/udev/control"):
            if self.process.poll() is not None or time.monotonic() > end:
                self.close()
                with open(LOG, encoding="utf-8", errors="replace") as log:
                    raise RuntimeError(f"udev does not start: {log.read()}")
            time.sleep(0.05)

    def rule(self, name, text):
        """udev looks for new ones when there is an event, every 3 seconds at most."""
        with open(f"{RULES}/{name}", "w", encoding="ascii") as file:
            file.write(text)

    def close(self):
        self.process.kill()
        self.process.wait()
        subprocess.run(["umount", RULES], check=True)
