#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Turn what a test host prints into one KTAP report, and count.

ktap.py [--plain] SUMMARY [TITLE]

With --plain the programs print no KTAP (the demo): what they say goes out as it
is, and each counts as one result, by its status.

"@vmf progress TEXT" is a line that the next one of its kind takes the place of.
What programs hand out ("@vmf file NAME BASE64") is in the folder "files" next to
SUMMARY then, and not in the report.

Standard input is the second serial port of the guest: the programs' own KTAP
between marks that guests/init prints ("@vmf ..."). Standard output is one
report, with the programs as subtests of it. SUMMARY receives a line
"PASSED FAILED SKIPPED" and then one line for each failure, with what the program said first of
it, and for each skip.

What is counted are the results inside the programs. Everything that a program
should have said and did not is a failure: results missing from its plan, no
plan at all, a status other than success after results that were all fine, a
program or a guest that did not come to its end.
"""

import base64
import os
import re
import sys
import time

RESULT = re.compile(r"^(not )?ok\b\s*(\d+)?\s*-?\s*([^#]*?)\s*(?:#\s*(.*))?$")
SKIP = re.compile(r"^SKIP\b\s*(.*)$", re.I)
PLAN = re.compile(r"^1\.\.(\d+)\s*(#\s*SKIP\b\s*(.*))?$", re.I)
# How a program says what has failed: the harness of kselftest, and an exception of Python.
WHY = re.compile(r"^# (?:/\S*/)?(\S+\.c:\d+:\S+?:.+|\w+\.[A-Z]\w*: .+)")
WHY_LENGTH = 400
FILE = re.compile(r"^@vmf file (?!\.\.?(?: |$))([A-Za-z0-9._-]+) ?(\S*)$")
EXIT_SKIP = 4


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.notes = []

    def fail(self, what):
        self.failed += 1
        self.notes.append("FAIL " + what)

    def skip(self, what, reason):
        self.skipped += 1
        self.notes.append(f"SKIP {what}: {reason or 'no reason given'}")


class Program:
    """One program, from "@vmf begin" to "@vmf end"."""

    def __init__(self, name, report):
        self.name = name
        self.report = report
        self.plan = None
        self.results = 0
        self.failures = 0
        self.skips = 0
        self.skip_all = None
        self.why = None

    def line(self, text):
        plan = PLAN.match(text)
        if plan:
            self.plan = int(plan.group(1))
            if plan.group(2):
                self.skip_all = plan.group(3)
            return
        result = RESULT.match(text)
        if not result:
            why = WHY.match(text)
            if why and not self.why:
                self.why = why.group(1)[:WHY_LENGTH]
            return
        self.results += 1
        what = f"{self.name}: {result.group(3) or 'result ' + str(self.results)}"
        skip = SKIP.match(result.group(4) or "")
        if result.group(1):
            self.failures += 1
            self.report.fail(what + (f": {self.why}" if self.why else ""))
        elif skip:
            self.skips += 1
            self.report.skip(what, skip.group(1))
        else:
            self.report.passed += 1
        self.why = None

    def end(self, status, plain):
        """Returns what is wrong with the program as a whole, or None."""
        if plain:
            # Its status is all that counts; there is nothing to skip.
            if status == "0":
                self.report.passed += 1
                return None
            wrong = f"ended with status {status}"
            self.report.fail(f"{self.name}: {wrong}")
            return wrong
        skipped = status == str(EXIT_SKIP) or (status == "0" and self.skip_all is not None)
        if skipped and not self.failures and self.results in (0, self.skips):
            if not self.results:
                self.report.skip(self.name, self.skip_all)
            return None
        wrong = None
        if self.plan is None:
            wrong = "printed no plan"
        elif self.plan == 0:
            wrong = "planned nothing, and said no reason"
        elif self.results < self.plan:
            wrong = f"{self.plan - self.results} of {self.plan} results are missing"
        elif self.results > self.plan:
            wrong = f"{self.results} results for a plan of {self.plan}"
        if status in ("143", "137", "124"):
            wrong = "stopped by the clock" + (f", {wrong}" if wrong else "")
        elif status not in ("0", str(EXIT_SKIP)) and (wrong or not self.failures):
            wrong = f"ended with status {status}" + (f", {wrong}" if wrong else "")
        if wrong:
            self.report.fail(f"{self.name}: {wrong}")
        return wrong


class Progress:
    """A line that is written over on a terminal; elsewhere one now and then."""

    SECONDS = 5

    def __init__(self):
        self.shown = 0

    def line(self, text):
        if sys.stdout.isatty():
            print("\r\033[K" + text, end="", flush=True)
        elif text and time.monotonic() > self.shown + self.SECONDS:
            self.shown = time.monotonic()
            print(text, flush=True)


class Files:
    """What the programs hand out."""

    def __init__(self, folder, report):
        self.folder = folder
        self.report = report

    def line(self, text):
        """Appends what a line holds. Returns what is wrong with it, or None."""
        match = FILE.match(text)
        try:
            name, data = match.group(1), base64.b64decode(match.group(2), validate=True)
        except (AttributeError, ValueError):
            wrong = f"a file was handed out with a bad line: {text[:60]}"
            self.report.fail(wrong)
            return wrong
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, name), "ab") as out:
            out.write(data)
        return None


def main():
    plain = sys.argv[1] == "--plain"
    arguments = sys.argv[2:] if plain else sys.argv[1:]
    summary = arguments[0]
    title = arguments[1] if len(arguments) > 1 else ""

    def emit(text):
        if not plain:
            print(text, flush=True)

    report = Report()
    files = Files(os.path.join(os.path.dirname(summary), "files"), report)
    progress = Progress()
    program = None
    planned = None
    ended = 0
    complete = False

    emit("KTAP version 1")
    for raw in sys.stdin.buffer:
        text = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not text.startswith("@vmf "):
            if program:
                program.line(text)
            if plain:
                print(text, flush=True)
            else:
                emit(("    " if program else "# ") + text)
            continue
        words = text.split()[1:] or [""]
        if words[0] == "plan":
            planned = int(words[1])
            emit(f"1..{planned + 1}")
        elif words[0] == "begin":
            program = Program(words[1], report)
            emit(f"    # Subtest: {title}{words[1]}")
        elif words[0] == "end" and program:
            failures = program.failures
            wrong = program.end(words[2], plain)
            ended += 1
            verdict = "not ok" if failures or wrong else "ok"
            skipped = " # SKIP" if not failures and not wrong and words[2] == str(EXIT_SKIP) else ""
            emit(f"{verdict} {ended} {title}{program.name}{skipped}" + (f" # {wrong}" if wrong else ""))
            program = None
        elif words[0] == "progress":
            progress.line(text.removeprefix("@vmf progress").strip())
        elif words[0] == "file":
            wrong = files.line(text)
            if wrong:
                emit(f"    # {wrong}")
        elif words[0] == "done":
            complete = True
        elif words[0] == "fatal":
            complete = True
            report.fail("the test host: " + " ".join(words[1:]))
            emit("# " + " ".join(words))
    if program:
        report.fail(f"{program.name}: the guest went down in it")
        emit(f"not ok {ended + 1} {title}{program.name} # the guest went down in it")
        if ended + 1 < planned:
            report.fail(f"{planned - ended - 1} programs did not run after that")
    elif not complete or (planned is not None and ended != planned):
        of = "before it told its plan" if planned is None else f"{ended} of {planned} programs"
        report.fail(f"the guest did not come to its end ({of})")
        emit("# the guest did not come to its end")
    elif planned == 0:
        report.fail("no program matches the selection")
        emit("# no program matches the selection")
    with open(summary, "w", encoding="utf-8") as out:
        print(report.passed, report.failed, report.skipped, file=out)
        for note in report.notes:
            print(note, file=out)


main()
