# SPDX-License-Identifier: GPL-2.0
"""What is between the two VMMs of a migration by several channels, and keeps what the source sends.

Which of them is which is in their bytes alone, so they are carried as they come, each to a file.
"""

import os
import socket
import threading

from pace import allow

PIECE = 1 << 20


class ChannelsError(Exception):
    """Something of what was carried is not in the files."""


class Channels:
    """Between one source and one destination; as a Relay to who starts a migration."""

    def __init__(self, path):
        self.path = path
        self.files = []
        self.error = None
        self.over = False
        self.listener = None
        self.sockets = []
        self.threads = []
        # Those that write files.
        self.writers = []

    def between(self, uri):
        """Where the source has to go, to come to this destination."""
        path = uri.removeprefix("unix:")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path + ".channels")
        self.listener.listen(16)
        self.start(self.accept, path)
        return uri + ".channels"

    def start(self, function, *arguments):
        thread = threading.Thread(target=self.guarded, args=(function, *arguments), daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def guarded(self, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            # It is no fault that an end has gone, which the other one is to see, nor that all is over.
            if not self.over and not isinstance(error, ConnectionError):
                self.error = error
            self.cut()

    def accept(self, path):
        while True:
            source = self.listener.accept()[0]
            destination = socket.socket(socket.AF_UNIX)
            self.sockets += [source, destination]
            destination.connect(path)
            name = f"{self.path}.{len(self.files)}"
            self.files.append(name)
            self.writers.append(self.start(self.carry, source, destination, name))
            self.start(self.carry, destination, source, "/dev/null")

    @staticmethod
    def carry(source, destination, name):
        with open(name, "wb") as file:
            while piece := source.recv(PIECE):
                file.write(piece)
                destination.sendall(piece)
        destination.shutdown(socket.SHUT_WR)

    def cut(self):
        for end in self.sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                # It is closed.
                pass

    def finish(self):
        """The source has gone after a migration: all that it has sent is in the files."""
        for thread in self.writers:
            thread.join(allow(30))
            if thread.is_alive():
                raise ChannelsError("a channel does not end")
        self.close()

    def close(self):
        if not self.listener:
            return
        self.over = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self.threads:
            thread.join(5)
        for end in (*self.sockets, self.listener):
            end.close()
        self.listener = None
        if self.error:
            raise ChannelsError("a channel was not carried to its end") from self.error

    def remove(self):
        for name in self.files:
            os.unlink(name)
