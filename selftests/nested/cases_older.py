# SPDX-License-Identifier: GPL-2.0
"""Two hosts whose emulated machines differ, and with them one bit of what a guest sees of a VF.

No driver compares that, but QEMU does, when all memory was sent and the guest is stopped. The keys say it
before.
"""

import base64

from cases_hosts import MACHINE
from cases_traffic import finish
from host import HERE
from migrate import Migration, MigrationError
from stage import check, needs
from streams import Streams

WHY = "EXDEV: config (equal)"
QEMU_SAYS = "Bad config data"


def said_of(host, function, other, end):
    """Of the way from a function of one host to one of the other."""
    status, text = HERE.vmfctl("check", host.key(function), "--against", other.key(end))
    return None if status == 0 else " ".join(text.split())


@needs(MACHINE, seconds=600)
def another_machine(stage):
    """From a VF to a VF it is refused as the keys have said, and the guest goes on; to a function in
    software, which has the bit, it is not, nor back."""
    there, guest = stage.there(), stage.guest
    vf, software = there.vfs[0], there.software[0]
    said = said_of(HERE, HERE.vfs[0], there, vf)
    check(said and WHY in said, f"of the keys is said: {said}")
    lines = ["To a VF there: refused: EXDEV: the configuration spaces differ"]
    with Streams(stage) as streams:
        migration = Migration(guest, host=there, vf=vf)
        try:
            migration.complete()
            check(False, "the guest has gone where it cannot be")
        except MigrationError as error:
            check(QEMU_SAYS in str(error), f"no {QEMU_SAYS} in {error}")
        finally:
            migration.abandon()
        check(guest.vmm.running(), "the guest does not run after a refusal")
        streams.flows()
        for host, end, what in ((there, software, "To software there"), (HERE, HERE.vfs[0], "From there to a VF here")):
            said = said_of(guest.host, guest.vmm.vf, host, end)
            check(said is None, f"of the keys is said: {said}")
            migration = stage.migrate(host=host, vf=end)
            streams.flows()
            lines.append(f"{what}: stopped for {migration.info['downtime']} ms")
        finish(streams)
    text = "\n".join(lines) + "\n"
    for line in lines:
        print(f"# {line}")
    print(f"@vmf file hosts.txt {base64.b64encode(text.encode()).decode()}")


TESTS = (another_machine,)
