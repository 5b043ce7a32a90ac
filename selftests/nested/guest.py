# SPDX-License-Identifier: GPL-2.0
"""The nested guest, in whichever VMM it is, and what can be asked of it."""

import re
import time

from host import HERE
from pace import allow
from vmm import AgentError, Machine, VmmError

NETDEV = "eth0"

# Any of these in the guest's kernel log means that it has noticed, or is unwell.
BAD_LINES = re.compile(
    r"still resetting|[Rr]eset adapter|Link is Down|[Tt]ransmit [Qq]ueue|NETDEV WATCHDOG"
    r"|timed out|Tx Unit Hang|PF.*reset|could not|[Ff]ailed to"
    r"|WARNING:|BUG:|Oops|general protection|Call Trace|soft lockup|INFO: task|records were lost"
)


class Guest:
    """A guest, in whichever VMM it is at the time, and of whichever host."""

    def __init__(self, vfs, machine=Machine(), vf=None, host=HERE):
        self.vfs = vfs
        self.host = host
        self.vmm = host.vmm(vf or vfs[0], machine.fields())
        try:
            self.greeting = self.vmm.agent.line(60)
            self.kmsg()
        except AgentError as error:
            self.vmm.kill()
            raise VmmError(f"the guest did not boot: {error}: {self.vmm.console()}") from error
        except BaseException:
            self.vmm.kill()
            raise

    def next_vf(self):
        """The VF to go to: each has its turn, so that source and destination differ."""
        return self.vfs[(self.vfs.index(self.vmm.vf) + 1) % len(self.vfs)]

    def run(self, *words, timeout=60):
        """One command of the agent; its lines."""
        return list(self.vmm.agent.run(" ".join(str(word) for word in words), timeout))

    def values(self, *words):
        """The answer to a command that says NAME=NUMBER."""
        pairs = " ".join(self.run(*words)).split()
        return {name: int(value) for name, value in (pair.split("=") for pair in pairs)}

    def number(self, path):
        return int(self.run("cat", path)[0])

    def carrier(self):
        return self.number(f"/sys/class/net/{NETDEV}/carrier")

    def carrier_changes(self):
        return self.number(f"/sys/class/net/{NETDEV}/carrier_changes")

    def uptime(self):
        """Seconds on the guest's own clock, which stands still while it is stopped."""
        return float(self.run("cat", "/proc/uptime")[0].split()[0])

    def interrupts(self):
        """How often each vector of the NIC has come, by the end of its name."""
        counts = {}
        for line in self.run("cat", "/proc/interrupts", NETDEV):
            words = line.split()
            counts[words[-1].removeprefix(NETDEV) or "-other"] = int(words[1])
        return counts

    def wait_carrier(self, timeout=30):
        end = time.monotonic() + allow(timeout)
        while not self.carrier():
            if time.monotonic() > end:
                raise AgentError(f"{NETDEV} has no carrier after {timeout} s")
            time.sleep(0.1)

    def kmsg(self):
        return self.run("kmsg")

    def bad_lines(self):
        """What the guest's kernel has said since the last time and should not."""
        return [line for line in self.kmsg() if BAD_LINES.search(line)]

    def kill(self):
        self.vmm.kill()
