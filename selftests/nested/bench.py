# SPDX-License-Identifier: GPL-2.0
"""Benchmarks with the nested guest: downtime, the data path, software. "main.py bench" runs them.

main.py bench [-t downtime|datapath|software|hosts]... [-n ROUNDS] [-c]

-c, for datapath: a control, of two guests by the same driver.
"""

import getopt
import json
import os
import signal
import sys
import traceback

import bench_datapath
import bench_downtime
import bench_hosts
import bench_software
from bench_table import table
from stage import Stage

# Each part can be had alone: the command that repeats a row.
REPEAT = "make bench BENCH='-t {part}'"
PARTS = {"downtime": bench_downtime, "datapath": bench_datapath, "software": bench_software,
         "hosts": bench_hosts}


def main():
    options, _ = getopt.getopt(sys.argv[2:], "t:n:c")
    pair = "VMF_HOST" in os.environ
    parts = ([value for name, value in options if name == "-t"]
             or [name for name in PARTS if (name == "hosts") == pair])
    if pair != ("hosts" in parts) or pair and len(parts) > 1:
        print("# -t hosts needs two hosts, and is alone")
        return 2
    more = {"rounds": int(value) for name, value in options if name == "-n"}
    more |= {"control": True for name, _ in options if name == "-c"}
    if "control" in more and parts != ["datapath"]:
        print("# -c is for -t datapath")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    vfs = os.environ["VMF_VFS"].split()
    stage = Stage(os.environ.get("VMF_PEER_NETDEV") or os.environ["VMF_PF_NETDEV"], vfs)
    results = {"lane": os.environ["VMF_LANE"]}
    try:
        for part in parts:
            stage.vfs = vfs[:PARTS[part].VFS]
            results[part] = PARTS[part].run(stage, **more)
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
