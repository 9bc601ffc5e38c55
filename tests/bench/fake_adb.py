"""Scripted stand-ins that speak adb's protocols: a server for states no real device here can be put into, and a daemon
that demands a key. Everything else is tested against Android's own daemon, in devices/."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve every connection with ``answer`` in a thread, and yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection:
            try:
                answer(connection)
            except (OSError, EOFError):
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(connection,), daemon=True))
            threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(5)
        for thread in threads:
            thread.join(5)


def exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (more := connection.recv(size - len(data))):
            raise EOFError
        data += more
    return data


class FakeServer:
    """An adb server with devices in given states, of which no one can be talked to but those that are "device"."""

    def __init__(self, states: dict[str, str], features: str = "shell_v2", reply: bytes = b"") -> None:
        self.states = states
        self.features = features
        self.reply = reply
        self.requests: list[str] = []
        self.listing: list[str] = []
        """The lines of the long listing, if not those of ``states``."""
        self.chosen = 0
        self.replies: dict[int, bytes] = {}
        """What a command says, by the transport id that was chosen."""

    def __call__(self, connection: socket.socket) -> None:
        while True:
            request = exactly(connection, int(exactly(connection, 4), 16)).decode()
            self.requests.append(request)
            if request == "host:version":
                self._okay(connection, "0029")
            elif request == "host:devices-l":
                self._okay(connection, "".join(f"{line}\n" for line in self.listing or self._lines()))
            elif request.startswith("host:connect:"):
                self._okay(connection, f"failed to connect to {request[13:]}")
            elif request.startswith("host:disconnect:"):
                self._okay(connection, f"disconnected {request[16:]}")
            elif request.startswith("host-transport-id:") and request.endswith(":features"):
                self._okay(connection, self.features)
            elif request.startswith("host:transport-id:"):
                self.chosen = int(request[18:])
                connection.sendall(b"OKAY")
                continue
            elif request.startswith("host-serial:") and request.endswith(":features"):
                if self._select(connection, request[12:-9]):
                    self._okay(connection, self.features)
            elif request.startswith("host:transport:"):
                if not self._select(connection, request[15:]):
                    return
                connection.sendall(b"OKAY")
                continue
            else:
                connection.sendall(b"OKAY" + self.replies.get(self.chosen, self.reply))
            return

    def _lines(self) -> list[str]:
        return [f"{serial:22} {state} transport_id:{at}" for at, (serial, state) in enumerate(self.states.items(), 1)]

    def _select(self, connection: socket.socket, serial: str) -> bool:
        state = self.states.get(serial)
        if state == "device":
            return True
        said = f"device '{serial}' not found" if state is None else f"device {state}"
        if state == "unauthorized":
            said += ".\nThis adb server's $ADB_VENDOR_KEYS is not set"
        self._send(connection, b"FAIL", said)
        return False

    def _okay(self, connection: socket.socket, text: str) -> None:
        self._send(connection, b"OKAY", text)

    @staticmethod
    def _send(connection: socket.socket, status: bytes, text: str) -> None:
        connection.sendall(status + f"{len(text):04x}{text}".encode())


class LockedDaemon:
    """An adb daemon that wants a key and accepts none, as a phone whose owner has not answered the dialog."""

    def __init__(self) -> None:
        self.offered: list[int] = []
        """The kinds of answers it was given to its demand: 2 is a signature, 3 a public key."""

    def __call__(self, connection: socket.socket) -> None:
        while True:
            command, kind, _, size, _, _ = struct.unpack("<6I", exactly(connection, 24))
            exactly(connection, size)
            if command == int.from_bytes(b"AUTH", "little"):
                self.offered.append(kind)
                if kind == 3:
                    continue
            token = b"t" * 20
            word = int.from_bytes(b"AUTH", "little")
            connection.sendall(struct.pack("<6I", word, 1, 0, len(token), sum(token), word ^ 0xFFFFFFFF) + token)
