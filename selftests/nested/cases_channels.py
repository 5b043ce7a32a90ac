# SPDX-License-Identifier: GPL-2.0
"""The stream of the device, out of what a migration has sent by several channels."""

import json
import os

import doctor  # pylint: disable=unused-import
import vmf_reader  # it knows where
from channels import Channels
from host import HERE
from stage import check, needs
from vmm import DIRECTORY, Machine

COUNT = 4
OUTPUT = f"{DIRECTORY}/device.vmf"


def vmfctl(*words, status=0):
    ended, text = HERE.vmfctl(*words)
    check(ended == status, f"vmfctl {' '.join(words)} ended with {ended}: {text}")
    return text


def report(said):
    for line in said.splitlines():
        print("# " + line)


def is_main(name):
    with open(name, "rb") as file:
        return file.read(4) == b"QEVM"


def take_apart(files):
    """All of them give a stream that is whole, in any order; some of them say what they lack."""
    check(len(files) == 1 + COUNT, f"not {COUNT} channels and the main one: {files}")
    main, others = [name for name in files if is_main(name)], [name for name in files if not is_main(name)]
    check(len(main) == 1, f"which is the main channel? {main}")
    said = vmfctl("extract", *others, *main, "-o", OUTPUT)
    report(said)
    check(" version " in said and "damaged" not in said, f"no stream that is whole: {said}")
    with open(OUTPUT, "rb") as file:
        stream = file.read()
    verdict = vmf_reader.verdict(stream)
    check(verdict == "ok", f"what was put together is no stream: {verdict}")
    report(vmfctl("verify", OUTPUT))
    check(json.loads(vmfctl("decode", "--json", OUTPUT))["length"] == len(stream), "not all is decoded")
    os.unlink(OUTPUT)
    return main[0], others


def check_start_is_missing(others):
    """Without the main channel."""
    said = vmfctl("extract", *others, "-o", OUTPUT, status=1)
    report(said)
    check(not os.path.exists(OUTPUT), "a stream was written that is not all there")
    check("not all there: " in said and "it is in the main channel" in said, f"what is missing? {said}")


def check_parts_are_missing(main, others):
    """Without any other one. Which of them have parts is chance: not each, as there are two."""
    lacking = 0
    for one in others:
        status, said = HERE.vmfctl("extract", main, *(name for name in others if name != one))
        if status or "damaged" in said:
            report(said)
            lacking += 1
            check("missing: " in said or "in other channels" in said, f"what is missing? {said}")
    check(1 <= lacking <= 2, f"{lacking} channels had parts")


# As the tests before it in the suite: there it needs no guest of its own.
@needs(Machine(memory_file=True))
def streams_out_of_channels(stage, newer=False):
    """Each VMM sends by a free channel what it reads from the device when the guest has stopped."""
    channels = Channels(f"{DIRECTORY}/channel")
    try:
        stage.migrate(newer=newer, channels=COUNT, relay=channels)
        channels.finish()
        main, others = take_apart(channels.files)
        check_start_is_missing(others)
        check_parts_are_missing(main, others)
    finally:
        channels.close()
        channels.remove()


TESTS = (streams_out_of_channels,)
