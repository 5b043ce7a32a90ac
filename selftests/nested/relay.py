# SPDX-License-Identifier: GPL-2.0
"""What is between the two VMMs of a migration: a wire that can be stopped, cut, and lie.

The VMMs are not modified, so this is where a test can stop a migration at a certain byte, and
where another host can be made up: source and destination are of one kind here, and what tells
them apart is in the descriptor alone. For one stream; for multifd see channels.py.
"""

import select
import socket
import struct
import threading

from pace import allow

# QEMU's framing of what it has read from a device: this, the length, the bytes, all big-endian.
BLOCK = struct.pack(">Q", 0xFFFFFFFFEF100004)
BLOCK_HEADER = len(BLOCK) + 8
MAGIC = b"\x89VMF\r\n\x1a\n"
# Of the messages from the destination: the migration is over.
SHUT = 1
PIECE = 1 << 20
# What the device says before the guest has stopped and after it, and other points to stop at.
DESCRIPTOR, STATE = "descriptor", "state"
COPY, ANSWER = "copy", "answer"


class RelayError(Exception):
    """The stream did not come to the point where it was to stop."""


class Relay:
    """Between one source and one destination.

    hold: where it stops until go(): in the middle of the device's DESCRIPTOR, behind it (COPY), in
    the middle of its STATE, which is read when the guest has stopped, or before the ANSWER that
    the destination has got all. edit: for DESCRIPTOR or STATE, a function that takes these bytes
    and returns as many. save: a file for all that the source sends, as for vmfctl extract.
    """

    def __init__(self, hold=None, edit=None, save=None):
        self.hold = hold
        self.edit = edit or {}
        self.save = save
        self.seen = []
        # The device's stream, as the source has sent it.
        self.device = b""
        self.here = None
        self.held = threading.Event()
        self.released = threading.Event()
        self.listener = self.source = self.destination = None
        self.error = None
        self.threads = []

    def between(self, uri):
        """Where the source has to go, to come to this destination."""
        path = uri.removeprefix("unix:")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path + ".relay")
        self.listener.listen(1)
        self.start(self.carry, path)
        return uri + ".relay"

    def start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def wait_held(self, timeout=60):
        if not self.held.wait(allow(timeout)) or not self.here:
            raise RelayError(f"not at the {self.hold} in {timeout} s, seen: {self.seen}") from self.error

    def go(self):
        self.released.set()

    def cut(self):
        """Both ends find the connection closed; what was on its way is lost."""
        self.released.set()
        self.held.set()
        for end in (self.source, self.destination):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except (AttributeError, OSError):
                # It is closed, or never was connected.
                pass

    def close(self):
        self.cut()
        if self.listener:
            # Nobody comes any more.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        for thread in self.threads:
            thread.join(5)
        for end in (self.source, self.destination):
            if end:
                end.close()
        if self.error:
            raise RelayError("the relay is broken") from self.error

    def carry(self, path):
        try:
            self.destination = socket.socket(socket.AF_UNIX)
            self.destination.connect(path)
            self.source = self.listener.accept()[0]
            self.start(self.backward)
            self.forward()
            self.destination.shutdown(socket.SHUT_WR)
        except OSError:
            # One end is gone: the other is to see it.
            self.cut()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error
            self.cut()

    def forward(self):
        """Looks at the bytes until it has seen the device before and after the guest has stopped."""
        data = bytearray()
        with open(self.save or "/dev/null", "wb") as file:
            while piece := self.source.recv(PIECE):
                file.write(piece)
                if STATE in self.seen:
                    self.destination.sendall(piece)
                    continue
                data += piece
                while STATE not in self.seen and (done := self.pass_on(data)):
                    del data[:done]
                if STATE in self.seen:
                    self.destination.sendall(data)
                    data.clear()
            self.destination.sendall(data)

    def pass_on(self, data):
        """Sends what is at the front, up to the end of a block; how much that was."""
        at = data.find(BLOCK)
        if at < 0:
            # It may begin with the last bytes.
            at = len(data) - max(n for n in range(len(BLOCK)) if data.endswith(BLOCK[:n]))
            self.destination.sendall(data[:at])
            return at
        if at:
            self.destination.sendall(data[:at])
            return at
        if len(data) < BLOCK_HEADER:
            return 0
        end = BLOCK_HEADER + int.from_bytes(data[len(BLOCK):BLOCK_HEADER], "big")
        if len(data) < end:
            return 0
        self.block(bytes(data[BLOCK_HEADER:end]), bytes(data[:BLOCK_HEADER]))
        return end

    def block(self, content, header):
        """What one read() of the device has given."""
        kind = DESCRIPTOR if content.startswith(MAGIC) else STATE
        self.seen.append(kind)
        self.device += content
        if kind in self.edit:
            edited = self.edit[kind](content)
            assert len(edited) == len(content)
            content = edited
        half = len(content) // 2
        if self.hold == kind:
            # Who refuses the first half hangs up, which may be noticed before anything else here.
            self.here = kind
        self.destination.sendall(header + content[:half])
        self.stop_at(kind)
        self.destination.sendall(content[half:])
        if kind == DESCRIPTOR:
            self.stop_at(COPY)

    def stop_at(self, point):
        if self.hold != point:
            return
        self.here = point
        self.held.set()
        hung_up = select.poll()
        for end in (self.source, self.destination):
            hung_up.register(end, select.POLLRDHUP)
        while not self.released.wait(0.05):
            if hung_up.poll(0):
                raise OSError("one end is gone")

    def backward(self):
        """Messages of a type and a length, in which the destination answers."""
        data = b""
        try:
            while piece := self.destination.recv(PIECE):
                data += piece
                while len(data) >= 4:
                    kind, length = struct.unpack(">HH", data[:4])
                    if len(data) < 4 + length:
                        break
                    if kind == SHUT:
                        self.stop_at(ANSWER)
                    self.source.sendall(data[:4 + length])
                    data = data[4 + length:]
        except OSError:
            pass
        self.cut()
