# SPDX-License-Identifier: GPL-2.0
"""Live migration of a nested guest: runs a suite of tests, and reports in TAP.

main.py SUITE [-t NAME]... [-n COUNT] for the test host, as root, with VMF_LANE, VMF_NESTED_KERNEL,
VMF_PF_NETDEV and VMF_VFS in the environment; -n is for tests that do a thing many times; or main.py demo, main.py bench. The tests of a
suite share a guest, that goes from VF to VF; after a failure, and for a machine of another
kind, there is a new one.
"""

import getopt
import importlib
import os
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
import emulator
from pace import allow
from stage import Hopeless, Stage
from vmm import Machine

# The modules of a suite: each has its TESTS.
SUITES = {
    "control": ("cases_link", "cases_filters", "cases_mailbox"),
    "traffic": ("cases_traffic", "cases_page"),
    "memory": ("cases_memory", "cases_channels"),
    "failure": ("cases_failure",),
    "refusal": ("cases_refusal",),
    "newer": ("cases_newer",),
    "provider": ("cases_provider",),
    "mtty": ("cases_mtty",),
    "hosts": ("cases_hosts", "cases_libvirt"),
    "tour": ("cases_tour",),
    "older": ("cases_older",),
}

# A test that does not end.
SECONDS = 150


class Clock(BaseException):
    """The time of a test is over."""


def on_alarm(*_):
    raise Clock("not finished in its time")


def selected(arguments):
    """In the order of their modules, and how often one is to do what it does many times."""
    suite, *rest = arguments
    options, _ = getopt.getopt(rest, "t:n:")
    names = [value for option, value in options if option == "-t"]
    counts = [int(value) for option, value in options if option == "-n"]
    tests = [test for module in SUITES[suite] for test in importlib.import_module(module).TESTS]
    return ([test for test in tests if not names or test.__name__ in names],
            counts[-1] if counts else None)


def run(stage, test, again=True):
    """Did it pass? It is run once more if the emulator below has failed, which is said."""
    try:
        # The boot has limits of its own.
        stage.use(getattr(test, "machine", Machine()))
        signal.alarm(allow(getattr(test, "seconds", SECONDS)))
        test(stage)
        stage.check_guest()
        return True
    except Hopeless:
        raise
    except (Exception, Clock):  # pylint: disable=broad-except
        signal.alarm(0)
        for line in traceback.format_exc().splitlines():
            print("# " + line)
        stage.explain()
        again = again and stage.current and emulator.has_failed(stage.current.vmm)
        stage.drop_guest()
        if again:
            print("# the test is run once more")
            return run(stage, test, again=False)
        return False
    finally:
        signal.alarm(0)


def main():
    # These print reports of their own kind, or none.
    if sys.argv[1] in ("demo", "bench", "serve"):
        return importlib.import_module(sys.argv[1]).main()
    tests, repeat = selected(sys.argv[1:])
    failed = 0
    # The signal of init's clock; VMMs go with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, on_alarm)
    print("TAP version 13")
    if not tests:
        module = importlib.import_module(SUITES[sys.argv[1]][0])
        print(f"1..0 # SKIP {getattr(module, 'WHY_NONE', 'no test of this name')}")
        return 0
    print(f"1..{len(tests)}")
    wire = os.environ.get("VMF_PEER_NETDEV") or os.environ["VMF_PF_NETDEV"]
    stage = Stage(wire, os.environ["VMF_VFS"].split(), repeat)
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
