# SPDX-License-Identifier: GPL-2.0
"""Was it the emulator? What holds a nested guest up that is no fault of what is tested.

The SVM of QEMU forgets that it has delivered the interrupt that VMRUN injects (helper_vmrun()
leaves exception_index set). If the thread of the CPU is kicked before the next exit, as by an
interrupt of the test host that was on its way for long, it is delivered again, in the middle of its
own handler, which then waits for ever for a lock that it holds.

It leaves a trace on the stack: a frame of who was interrupted with interrupts disabled, which no
processor does. But an exception leaves one like it, and a guest that was damaged may hang after one.
So the local APIC has to have an interrupt in service, and the guest's console nothing to say of an
exception. That is strong evidence, and no proof.
"""

import re
import time

from qmp import QmpError

WORDS = 1024
# struct pt_regs of x86-64, from orig_ax on, in words; an interrupt leaves -1 in that.
IP, CS, FLAGS, SS = 1, 2, 3, 5
NO_ERROR_CODE = (1 << 64) - 1
KERNEL_CS, KERNEL_SS = 0x10, (0x18, 0)
TEXT = 0xffffffff80000000
# What the guest's kernel says of an exception of its own, or of memory that it finds damaged.
EXCEPTION = re.compile(r"BUG:|Oops|general protection|Call Trace|corrupt|panic|WARNING:")
FLAGS_ONE, FLAGS_IF, FLAGS_ALL = 1 << 1, 1 << 9, (1 << 22) - 1


def register(vmm, name):
    return int(re.search(rf"\b{name} *=([0-9a-f]+)", vmm.monitor("info registers")).group(1), 16)


def interrupts_off(vmm):
    """For long: looked at twice."""
    for _ in range(2):
        if register(vmm, "RFL") & FLAGS_IF:
            return False
        time.sleep(1)
    return True


def stack(vmm):
    """From the stack pointer on, as far as it is mapped."""
    words = []
    for line in vmm.monitor(f"x /{WORDS}gx {register(vmm, 'RSP'):#x}").splitlines():
        address, _, values = line.partition(":")
        if not re.fullmatch(r"[0-9a-f]+", address):
            break
        words += [int(value, 16) for value in values.split()]
    return words


def is_impossible(frame):
    """Of who was interrupted with interrupts off?"""
    return (frame[0] == NO_ERROR_CODE and frame[IP] >= TEXT and frame[CS] == KERNEL_CS
            and frame[SS] in KERNEL_SS and not frame[FLAGS] & ~FLAGS_ALL
            and frame[FLAGS] & (FLAGS_ONE | FLAGS_IF) == FLAGS_ONE)


def in_service(vmm):
    """Is there an interrupt that has not come to its end?"""
    line = re.search(r"^ISR\s+(.*)", vmm.monitor("info lapic"), re.M)
    return bool(line and re.search(r"\d", line.group(1)))


def has_failed(vmm):
    """Does the guest of this VMM seem to hang for the reason above? It is said, if so."""
    try:
        if not vmm.running() or not interrupts_off(vmm) or not in_service(vmm):
            return False
        if EXCEPTION.search(vmm.console()):
            return False
        words = stack(vmm)
    except (QmpError, OSError, AttributeError):
        return False
    for at in range(len(words) - SS):
        frame = words[at:at + SS + 1]
        if is_impossible(frame):
            print(f"# the guest hangs, and was interrupted at {frame[IP]:#x} with interrupts off "
                  f"(flags {frame[FLAGS]:#x}): taken for the emulator's fault")
            return True
    return False
