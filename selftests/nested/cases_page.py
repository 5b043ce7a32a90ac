# SPDX-License-Identifier: GPL-2.0
"""The receive page is the device's and memory by turns: no VM ends of it, and no doorbell is lost."""

import subprocess
import time

from cases_memory import HOLD, SMALLEST, USUAL, set_up_anew
from cases_traffic import finish
from migrate import Migration
from provider import TRACKED
from stage import check, needs
from streams import Streams
from vmm import Machine

STORM = "/vmf/build/selftests/nested/storm"
INTERVAL_US = 8000
SWITCHES = 1000

# How often, if main.py is not told.
MIGRATIONS = 4


# It is another process than the VMM that the log is of, and reads the guest's memory.
@needs(Machine(backend="iommufd"), seconds=300)
def storm_of_switches(stage):
    """Under traffic, in the middle of whatever KVM is doing with the page."""
    vmm = stage.guest.vmm
    with Streams(stage, udp_us=2000) as streams:
        begin = time.monotonic()
        words = (STORM, vmm.process.pid, INTERVAL_US, SWITCHES // 2)
        done = subprocess.run([str(word) for word in words], stderr=subprocess.PIPE, text=True, check=False)
        took = time.monotonic() - begin
        vmm.alive()
        check(not done.returncode, done.stderr)
        check(vmm.running(), "the guest does not run any more")
        finish(streams)
    print(f"# {SWITCHES} switches in {took:.1f} s")


# A hundred take longer.
@needs(seconds=3000)
def rings_made_anew(stage):
    """In each of many migrations, while memory is copied; main.py -n has it do a hundred."""
    guest, count = stage.guest, stage.repeat or MIGRATIONS
    for number in range(1, count + 1):
        migration = Migration(guest, bandwidth=HOLD["max_bandwidth"], downtime=1)
        try:
            migration.set(**HOLD)
            migration.wait("active")
            rings = (SMALLEST, SMALLEST) if number % 2 else (USUAL, USUAL)
            set_up_anew("ring", *rings)(stage, None)
            migration.let_go()
            migration.complete()
        except BaseException:
            migration.abandon()
            raise
        check(stage.pf.ping_until(), "the guest does not answer after the migration")
        print(f"# migration {number} of {count}: stopped for {migration.info['downtime']} ms")


TESTS = ((storm_of_switches,) if TRACKED else ()) + (rings_made_anew,)
