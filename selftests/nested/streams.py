# SPDX-License-Identifier: GPL-2.0
"""Traffic that goes on while the guest is migrated: datagrams, TCP and pings, all numbered."""

import os
import select
import subprocess
import time

from guest import NETDEV
from pace import allow
from pf import GUEST, HOST
from stage import Failure, check

PEER = "/vmf/build/selftests/nested/peer"
UDP_PORT = 8257
TCP_PORT = 8258

# Where each kind of traffic arrives. All of these grow, or something stands still.
ARRIVALS = (("host", "udp_received"), ("guest", "udp_received"), ("host", "tcp_received"),
            ("guest", "tcp_received"), ("host", "ping_answered"))


class Peer:
    """The program at the test host's end."""

    def __init__(self, *words):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", PEER, *(str(word) for word in words)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.buffer = b""
        try:
            self.answer(30)
        except BaseException:
            self.close()
            raise

    def line(self, end):
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Failure("the peer does not answer")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise Failure(f"the peer has ended with {self.process.wait()}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode()

    def answer(self, timeout):
        end = time.monotonic() + allow(timeout)
        values = {}
        while (line := self.line(end)) != "ok":
            if not line.startswith("= "):
                raise Failure(f"the peer: {line}")
            values.update((name, int(value)) for name, value in
                          (pair.split("=") for pair in line[2:].split()))
        return values

    def ask(self, command, timeout=30):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self.answer(timeout)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Streams:
    """Both ends. As a context manager it leaves no process of its own behind."""

    def __init__(self, stage, udp_us=20000, tcp_kbps=100, ping_ms=100, events=None):
        self.stage = stage
        self.words = (UDP_PORT, TCP_PORT, udp_us, tcp_kbps)
        self.options = ["--ping-ms", ping_ms] + (["--events", events] if events else [])
        self.peer = None
        self.report = None
        # What the guest was in when traffic was last seen to arrive everywhere.
        self.flowed_in = None

    def start(self):
        guest = self.stage.guest
        # What QEMU's model sends of a VF has to be in one piece in the memory of the test host
        # (net_tx_pkt_add_raw_fragment_pci()), as jumbo frames have shown. With TSO these streams
        # have not met with it, but a packet that is dropped for this is dropped each time it is
        # sent again. Without scatter-gather, and so without TSO, each is copied to a small buffer.
        guest.run("offload", NETDEV, "sg", 0)
        guest.run("streams_start", HOST, *self.words)
        self.peer = Peer(*self.options, GUEST, *self.words)
        self.flows()

    def sample(self):
        return {"host": self.peer.ask("report"), "guest": self.stage.guest.values("streams_report")}

    def flows(self, timeout=60):
        """Waits until more of everything has arrived, at both ends; how long it took."""
        begin = time.monotonic()
        first = self.sample()
        while True:
            now = self.sample()
            still = [f"{end}: {name}" for end, name in ARRIVALS if now[end][name] <= first[end][name]]
            if not still:
                self.flowed_in = self.stage.guest.vmm
                return time.monotonic() - begin
            check(time.monotonic() < begin + allow(timeout),
                  f"nothing has come in {timeout} s ({', '.join(still)}): {now}")
            time.sleep(0.1)

    def stop(self):
        """The host ends first, the guest when it has seen that; what both of them counted."""
        self.flows()
        self.report = {"host": self.peer.ask("end", 90)}
        self.report["guest"] = self.stage.guest.values("streams_end")
        self.close()
        return self.report

    def close(self):
        if self.peer:
            self.peer.close()
            self.peer = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def check(self):
        """Nothing was damaged or came twice, and the connection lost nothing."""
        check(self.report, "the streams have not ended")
        check(self.flowed_in is self.stage.guest.vmm, "no traffic was seen after the last migration")
        for end, other in (("host", "guest"), ("guest", "host")):
            here, there = self.report[end], self.report[other]
            for name in ("udp_duplicated", "udp_damaged", "tcp_damaged", "tcp_error"):
                check(here[name] == 0, f"{end}: {name} is {here[name]}: {self.report}")
            check(here["tcp_ended"] == 1, f"{end}: the connection has not ended: {self.report}")
            check(here["udp_received"] > 0, f"no datagram has come to the {end}: {self.report}")
            check(here["tcp_received"] > 0, f"no byte has come to the {end}: {self.report}")
            check((here["tcp_received"], here["tcp_received_crc"])
                  == (there["tcp_sent"], there["tcp_sent_crc"]),
                  f"what the {other} sent is not what the {end} received: {self.report}")

    def lost(self, end):
        """Datagrams that were sent to this end and are not there."""
        other = {"host": "guest", "guest": "host"}[end]
        return self.report[other]["udp_sent"] - self.report[end]["udp_received"]

    def figures(self):
        """One line for each kind of traffic."""
        host, guest = self.report["host"], self.report["guest"]
        return [
            f"UDP to the guest: {host['udp_sent']} sent, {self.lost('guest')} lost, "
            f"{guest['udp_reordered']} late",
            f"UDP from the guest: {guest['udp_sent']} sent, {self.lost('host')} lost, "
            f"{host['udp_reordered']} late, longest silence {host['udp_silence_ms']} ms",
            f"TCP: {host['tcp_sent']} bytes to the guest, {guest['tcp_sent']} from it, "
            f"longest silence {host['tcp_silence_ms']} ms",
            f"ping: {host['ping_sent']} sent, {host['ping_lost']} lost, round trip "
            f"{host['ping_shortest_us']} to {host['ping_longest_us']} us, "
            f"longest silence {host['ping_silence_ms']} ms",
        ]
