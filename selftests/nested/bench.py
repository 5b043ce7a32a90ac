# SPDX-License-Identifier: GPL-2.0
"""Benchmarks with the nested guest: downtime, and the data path. "main.py bench" runs them.

main.py bench [-t downtime|datapath]... [-n ROUNDS]
"""

import getopt
import json
import os
import signal
import sys
import traceback

import bench_datapath
import bench_downtime
from bench_table import table
from stage import Stage

# Each part can be had alone: the command that repeats a row.
REPEAT = "make bench BENCH='-t {part}'"
PARTS = {"downtime": bench_downtime, "datapath": bench_datapath}


def main():
    options, _ = getopt.getopt(sys.argv[2:], "t:n:")
    parts = [value for name, value in options if name == "-t"] or PARTS
    more = {"-n": int(value) for name, value in options if name == "-n"}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    vfs = os.environ["VMF_VFS"].split()
    stage = Stage(os.environ["VMF_PF_NETDEV"], vfs)
    results = {"lane": os.environ["VMF_LANE"]}
    try:
        for part in parts:
            stage.vfs = vfs[:PARTS[part].VFS]
            results[part] = PARTS[part].run(stage, *more.values())
    except Exception:  # pylint: disable=broad-except
        for line in traceback.format_exc().splitlines():
            print("# " + line)
        stage.explain()
        return 1
    finally:
        stage.close()
    report(results)
    return 0


def report(results):
    """A table for each part, below what explains it, and all figures in one line."""
    entries = []
    for name, part in PARTS.items():
        if name not in results:
            continue
        for line in part.causes(results[name]):
            print("# " + line)
        repeat = REPEAT.format(part=name)
        print(f"{name} in lane {results['lane']}, again by: {repeat}")
        these = part.rows(results[name])
        for line in table(these):
            print("  " + line)
        entries += [{**entry, "repeat": repeat} for entry in these]
    print("@vmf json " + json.dumps({**results, "rows": entries}))
