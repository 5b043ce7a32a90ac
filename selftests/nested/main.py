# SPDX-License-Identifier: GPL-2.0
"""Live migration of a nested guest: runs the tests, and reports in TAP.

main.py [-t NAME]... for the test host, as root, with VMF_LANE, VMF_KERNEL, VMF_PF_NETDEV and
VMF_VFS in the environment. All tests use one guest, that goes from VF to VF; after a
failure the next one gets a new guest.
"""

import getopt
import os
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
import cases_filters
import cases_link
import cases_mailbox
from stage import Hopeless, Stage

TESTS = (
    cases_link.T06_idle_guest_answers_at_once,
    cases_filters.T08_interface_down_while_migrating,
    cases_filters.T11_T12_T13_vlan_filters_and_jumbo_frames,
    cases_mailbox.T14_address_changes_while_migrating,
    cases_link.T16_carrier_stays_up,
    cases_link.T20_cancelled_migration,
    cases_link.T24_counters_only_grow,
)

# A test that does not end.
SECONDS = 150


class Clock(Exception):
    """The time of a test is over."""


def on_alarm(*_):
    raise Clock(f"not finished after {SECONDS} s")


def selected(arguments):
    options, _ = getopt.getopt(arguments, "t:")
    names = [value for _, value in options]
    return [test for test in TESTS if not names or test.__name__ in names]


def run(stage, test):
    """Did it pass?"""
    try:
        # The boot has limits of its own.
        stage.guest  # pylint: disable=pointless-statement
        signal.alarm(SECONDS)
        test(stage)
        stage.check_guest()
        return True
    except Hopeless:
        raise
    except Exception:  # pylint: disable=broad-except
        signal.alarm(0)
        for line in traceback.format_exc().splitlines():
            print("# " + line)
        stage.explain()
        stage.drop_guest()
        return False
    finally:
        signal.alarm(0)


def main():
    tests = selected(sys.argv[1:])
    failed = 0
    # The signal of init's clock; VMMs go with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, on_alarm)
    print("TAP version 13")
    if not tests:
        print("1..0 # SKIP no test of this name")
        return 0
    print(f"1..{len(tests)}")
    stage = Stage(os.environ["VMF_PF_NETDEV"], os.environ["VMF_VFS"].split())
    try:
        for number, test in enumerate(tests, 1):
            begin = time.monotonic()
            passed = run(stage, test)
            failed += not passed
            print(f"# {time.monotonic() - begin:.1f} s")
            print(f"{'ok' if passed else 'not ok'} {number} nested.{test.__name__}")
    except Hopeless as error:
        print(f"Bail out! {error}")
        return 1
    finally:
        stage.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
