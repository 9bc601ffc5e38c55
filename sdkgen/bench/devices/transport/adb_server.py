"""Devices through an adb server. The server is used as it is found: never killed, never restarted."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sdkgen.bench.devices.transport import sentinel
from sdkgen.bench.devices.transport.adb import SILENCE, Adb
from sdkgen.bench.devices.transport.base import MOST_IN_A_FILE, MOST_OUTPUT, Completed, Kind, Limited
from sdkgen.bench.devices.transport.files import file_error
from sdkgen.bench.devices.transport.server import Server
from sdkgen.bench.devices.transport.states import error_for
from sdkgen.bench.errors import TransportTimeout

if TYPE_CHECKING:
    from adbutils import AdbConnection

_CHUNK = 64 * 1024
"""The most that one DATA message of the sync protocol may hold, in bytes."""
_STDOUT, _STDERR, _EXIT = 1, 2, 3
"""Packet types of the second version of the shell protocol."""


class AdbServer(Adb):
    """A ``Transport`` through an adb server."""

    kind: Kind = "adb-server"

    def __init__(self, server: Server, serial: str, port: str = "") -> None:
        """Make a transport to ``serial``; where several devices share it, to the one at the server's USB ``port``."""
        super().__init__(f"{serial}@{port}" if port else serial)
        self._server = server
        self._listed = serial
        self._port = port
        self._transport_id = self._find() if port else None
        self._speaks_v2: bool | None = None

    def shell(self, command: str, timeout: float = 30) -> Completed:
        """See ``Transport.shell``."""
        deadline = time.monotonic() + timeout
        with self._asking(f"a command took longer than {timeout:g} s"):
            if self._speaks_v2 is None:
                self._speaks_v2 = "shell_v2" in self._features(timeout)
            if self._speaks_v2:
                with self._service(f"shell,v2,raw:exec </dev/null\n{command}", timeout) as stream:
                    return _read_v2(stream, deadline, Limited(self.serial, MOST_OUTPUT))
            mark = sentinel.mark()
            with self._service(f"exec:{sentinel.wrap(command, mark)}", timeout) as stream:
                done = sentinel.unwrap(_read_all(stream, deadline, Limited(self.serial, MOST_OUTPUT)), mark)
            if done is None:
                raise EOFError
            return done

    def _revive(self) -> None:
        """Have the server connect again to a device on the network that it gave up."""
        if self._port:
            self._transport_id = self._find()  # another one each time it is plugged in
        else:
            self._server.revive(self.serial)

    def _find(self) -> int | None:
        """Return the server's number for the device at the port; None while there is none."""
        found = [one for one in self._server.listed() if (one.serial, one.port) == (self._listed, self._port)]
        return found[0].transport_id if found else None

    def _address(self) -> tuple[str, str]:
        """Return what the server calls the device in "host:transport" and in "host-…:features"."""
        if not self._port:
            return f"transport:{self.serial}", f"serial:{self.serial}"
        if self._transport_id is None:
            raise EOFError(f"no device at {self._port}")
        return f"transport-id:{self._transport_id}", f"transport-id:{self._transport_id}"

    def close(self) -> None:
        """Do nothing: every command has a connection of its own, which ends with it."""

    @contextmanager
    def _asking(self, late: str) -> Iterator[None]:
        """Turn whatever adbutils raises in the block into a ``DeviceError``; ``late`` is what a timeout means."""
        from adbutils.errors import AdbError, AdbTimeout

        try:
            yield
        except (TimeoutError, AdbTimeout) as error:
            raise TransportTimeout(
                late, context=self.serial, hint="Give it more time, or restart the device."
            ) from error
        except (AdbError, OSError, EOFError, struct.error) as error:
            raise error_for(self.serial, str(error)) from error

    @contextmanager
    def _service(self, name: str, timeout: float) -> Iterator[AdbConnection]:
        """Yield a connection to the device's service ``name``; ``timeout`` is for every single wait."""
        # adbutils' own open_transport leaves the connection open where the server refuses.
        with self._server.client.make_connection(timeout) as stream:
            for request in (f"host:{self._address()[0]}", name):
                stream.send_command(request)
                stream.check_okay()
            yield stream

    def _features(self, timeout: float) -> list[str]:
        with self._server.client.make_connection(timeout) as stream:
            stream.send_command(f"host-{self._address()[1]}:features")
            stream.check_okay()
            features: str = stream.read_string_block()
            return features.split(",")

    def _send(self, source: Path, target: str) -> None:
        with (
            self._asking(f"sending {target} stood still for {SILENCE:g} s"),
            self._service("sync:", SILENCE) as stream,
        ):
            with suppress(ConnectionError), source.open("rb") as file:
                # A device that is full says so and hangs up while this still sends: its answer is read below.
                stream.conn.sendall(_request(b"SEND", f"{target},{0o100600}".encode()))
                while chunk := file.read(_CHUNK):
                    stream.conn.sendall(_request(b"DATA", chunk))
                stream.conn.sendall(struct.pack("<4sI", b"DONE", int(time.time())))
            answer, size = struct.unpack("<4sI", stream.read_exact(8))
            self._check(answer, size, stream, target)

    def _receive(self, source: str, target: Path) -> None:
        with (
            self._asking(f"fetching {source} stood still for {SILENCE:g} s"),
            self._service("sync:", SILENCE) as stream,
            target.open("wb") as file,
        ):
            limited = Limited(self.serial, MOST_IN_A_FILE)
            stream.conn.sendall(_request(b"RECV", source.encode()))
            while True:
                answer, size = struct.unpack("<4sI", stream.read_exact(8))
                if answer == b"DONE":
                    return
                self._check(answer, size, stream, source)
                limited.take(size)
                file.write(stream.read_exact(size))

    def _check(self, answer: bytes, size: int, stream: AdbConnection, path: str) -> None:
        if answer == b"FAIL":
            raise file_error(self.serial, path, stream.read_exact(size).decode("utf-8", errors="replace"))
        if answer not in (b"OKAY", b"DATA"):
            raise EOFError(f"unexpected answer {answer!r}")


def _request(what: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", what, len(data)) + data


def _wait(stream: AdbConnection, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    stream.conn.settimeout(left)


def _read_v2(stream: AdbConnection, deadline: float, limited: Limited) -> Completed:
    """Read packets of one byte type, four bytes size and the data, until the one with the exit code."""
    said: dict[int, bytearray] = {_STDOUT: bytearray(), _STDERR: bytearray()}
    while True:
        _wait(stream, deadline)
        kind, size = struct.unpack("<BI", stream.read_exact(5))
        limited.take(size)
        data = stream.read_exact(size)
        if kind == _EXIT:
            return Completed(data[0], bytes(said[_STDOUT]), bytes(said[_STDERR]))
        said.setdefault(kind, bytearray()).extend(data)


def _read_all(stream: AdbConnection, deadline: float, limited: Limited) -> bytes:
    said = bytearray()
    while True:
        _wait(stream, deadline)
        if not (chunk := stream.recv(_CHUNK)):
            return bytes(said)
        limited.take(len(chunk))
        said.extend(chunk)
