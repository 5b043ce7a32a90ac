# SPDX-License-Identifier: GPL-2.0
"""The control socket of a QEMU."""

import json
import socket
import time

from pace import allow


class QmpError(Exception):
    """The VMM refused a command, or is gone."""


def own(value):
    """A copy of what is a proxy here, see host.py."""
    return dict(value) if isinstance(value, dict) else list(value)


class Qmp:
    def __init__(self, path, alive, timeout=60):
        """Waits until the VMM listens; alive() raises if it has ended."""
        end = time.monotonic() + allow(timeout)
        while True:
            alive()
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError as error:
                self.socket.close()
                if time.monotonic() > end:
                    raise QmpError(f"{path}: {error}") from error
                time.sleep(0.02)
        self.buffer = b""
        self.events = []
        self.receive(timeout)
        self.execute("qmp_capabilities", timeout)

    def close(self):
        self.socket.close()

    def receive(self, timeout):
        """The next message, whatever it is."""
        end = time.monotonic() + allow(timeout)
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0:
                raise QmpError(f"no answer in {timeout} s")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                continue
            except OSError as error:
                raise QmpError(f"the VMM is gone: {error}") from error
            if not data:
                raise QmpError("the VMM is gone")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        message = json.loads(line)
        if "event" in message:
            message["seen"] = time.monotonic()
            self.events.append(message)
        return message

    def execute(self, command, timeout=60, **arguments):
        """The result of a command."""
        request = {"execute": command}
        if arguments:
            # No name of an argument in Python has a dash.
            request["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        try:
            self.socket.sendall(json.dumps(request, default=own).encode() + b"\n")
        except OSError as error:
            raise QmpError(f"the VMM is gone: {error}") from error
        while True:
            message = self.receive(timeout)
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise QmpError(f"{command}: {message['error']['desc']}")

    def wait_event(self, name, timeout=60):
        """Takes the event out of those that came, or waits for it."""
        end = time.monotonic() + allow(timeout)
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            left = end - time.monotonic()
            if left <= 0:
                raise QmpError(f"no event {name} in {timeout} s")
            self.receive(left)
