#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The figures of a campaign.

campaign.py stamp FILE PART SECONDS OUTPUT
    what FILE.log says, and the JSON in what the test host printed, to FILE.json
campaign.py report TARGET FOLDER COMMIT KERNEL FILE...
    all of those in the folder, to report.json and report.txt in TARGET; status 0 if all is well
"""

import json
import os
import re
import sys

COUNTS = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")
NOTE = re.compile(r"^# (FAIL|SKIP) (.*)$")
SWEEP = re.compile(r"^\s*# (.+): (\d+) faults: (\d+) allocations, (\d+) reads, (\d+) writes; "
                   r"(\d+) calls of (\d+) gave an errno$")
# The scan of a kernel log shows lines with their numbers, and those around them.
SCAN = re.compile(r"^# (\d+:.*)$")
FIGURES = "@vmf json "


def log_lines(path):
    with open(path, encoding="utf-8", errors="replace") as log:
        return [line.rstrip("\r\n") for line in log]


def stamp(path, part, seconds, output):
    result = {"part": part, "seconds": int(seconds), "notes": [], "kernel_log": [], "sweeps": {}}
    for line in log_lines(path + ".log"):
        if match := COUNTS.match(line):
            result["tests"] = dict(zip(("passed", "failed", "skipped"), map(int, match.groups())))
        elif match := NOTE.match(line):
            result["notes"].append(" ".join(match.groups()))
        elif match := SWEEP.match(line):
            names = ("faults", "allocations", "reads", "writes", "errnos", "calls")
            result["sweeps"][match.group(1)] = dict(zip(names, map(int, match.groups()[1:])))
        elif match := SCAN.match(line):
            result["kernel_log"].append(match.group(1))
    result["passed"] = not result["tests"]["failed"]
    for line in log_lines(output):
        if line.startswith(FIGURES):
            result["figures"] = json.loads(line.removeprefix(FIGURES))
    # Whatever bears the name is complete.
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump(result, out, indent=1)
    os.rename(path + ".new", path + ".json")


def faults_of(part):
    if "sweeps" in part and part["sweeps"]:
        return sum(sweep["faults"] for sweep in part["sweeps"].values())
    return sum(part.get("figures", {}).get("faults", {}).values())


def totals(parts):
    figures = [part.get("figures", {}) for part in parts]
    return {
        "parts": len(parts),
        "failed": [part["part"] for part in parts if not part["passed"]],
        "seconds": sum(part["seconds"] for part in parts),
        "migrations": sum(each.get("migrations", 0) for each in figures),
        "frames": sum(each.get("frames", 0) for each in figures),
        "steps": sum(each.get("steps", 0) for each in figures),
        "faults": sum(faults_of(part) for part in parts),
        "faults_in_sweeps": sum(faults_of(part) for part in parts if part["sweeps"]),
        "faults_in_steps": sum(faults_of(part) for part in parts if not part["sweeps"]),
        "seeds": [each["seed"] for each in figures if "seed" in each],
        "kernel_log_lines": sum(len(part["kernel_log"]) for part in parts),
    }


def clock(seconds):
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def describe(part):
    words = [f"{part['part']:20s} {'passed' if part['passed'] else 'FAILED':6s} {clock(part['seconds']):>8s}"]
    words.append("{passed} passed, {failed} failed, {skipped} skipped".format(**part["tests"]))
    figures = part.get("figures", {})
    for name in ("migrations", "frames", "lost", "steps", "seed", "homes", "resets", "failures"):
        if name in figures:
            words.append(f"{name} {figures[name]}")
    if faults_of(part):
        words.append(f"faults {faults_of(part)}")
    yield "  ".join(words)
    for name, sweep in part["sweeps"].items():
        yield (f"    {name}: {sweep['faults']} faults ({sweep['allocations']} allocations, "
               f"{sweep['reads']} reads, {sweep['writes']} writes), {sweep['errnos']} of "
               f"{sweep['calls']} calls gave an errno")
    for note in part["notes"]:
        yield "    " + note
    for line in part["kernel_log"]:
        yield "    kernel log: " + line


def report(target, folder, commit, kernel, *files):
    parts = []
    for name in files:
        try:
            with open(os.path.join(folder, name + ".json"), encoding="utf-8") as file:
                parts.append(json.load(file))
        except FileNotFoundError:
            parts.append({"part": name.rpartition("-")[0], "seconds": 0, "passed": False, "sweeps": {},
                          "tests": {"passed": 0, "failed": 1, "skipped": 0}, "kernel_log": [],
                          "notes": ["FAIL did not come to its end"]})
    total = totals(parts)
    with open(os.path.join(target, "report.json"), "w", encoding="utf-8") as out:
        json.dump({"commit": commit, "kernel": kernel, "total": total, "parts": parts}, out, indent=1)
    lines = [f"commit {commit}, kernel {kernel}", ""]
    for part in parts:
        lines += describe(part)
    lines += ["", f"{total['parts']} parts in {clock(total['seconds'])}: {total['migrations']} migrations, "
              f"{total['frames']} frames, {total['steps']} random steps, {total['faults']} faults "
              f"({total['faults_in_sweeps']} in sweeps, {total['faults_in_steps']} in steps), "
              f"{total['kernel_log_lines']} lines in kernel logs",
              "campaign FAILED: " + " ".join(total["failed"]) if total["failed"] else "campaign passed"]
    with open(os.path.join(target, "report.txt"), "w", encoding="utf-8") as out:
        print("\n".join(lines), file=out)
    print("\n".join(lines))
    return 1 if total["failed"] else 0


def main():
    command, *arguments = sys.argv[1:]
    return report(*arguments) if command == "report" else stamp(*arguments)


if __name__ == "__main__":
    sys.exit(main())
