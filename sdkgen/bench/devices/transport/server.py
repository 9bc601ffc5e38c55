"""The adb server of this machine, or the one that ``ANDROID_ADB_SERVER_HOST`` and ``_PORT`` name."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sdkgen.bench.devices.transport.states import READY
from sdkgen.bench.errors import DeviceError

if TYPE_CHECKING:
    from adbutils import AdbClient

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
OVER_TCP = re.compile(r"^[^:\s]+:\d+$|^\[[^\]\s]+\]:\d+$")


@dataclass(frozen=True)
class Listed:
    """A device as the server lists it; ``port`` is where on USB it is (empty over the network)."""

    serial: str
    state: str
    port: str = ""
    transport_id: int | None = None


class Server:
    """An adb server, whether it answers or not: where adb's own variables say, ``ADB_SERVER_SOCKET`` first."""

    def __init__(self) -> None:
        place = os.environ.get("ADB_SERVER_SOCKET") or ""
        self.host = os.environ.get("ANDROID_ADB_SERVER_HOST") or "127.0.0.1"
        port = os.environ.get("ANDROID_ADB_SERVER_PORT") or "5037"
        if place:
            host, _, port = place.removeprefix("tcp:").rpartition(":")
            self.host = host.strip("[]") or "127.0.0.1"
        if (place and not place.startswith("tcp:")) or not port.isdigit() or not 0 < int(port) < 65536:
            raise DeviceError(
                f"{place!r} is no address of an adb server" if place else f"{port!r} is no port",
                context="ADB_SERVER_SOCKET" if place else "ANDROID_ADB_SERVER_PORT",
                hint="Set it to tcp:HOST:PORT or tcp:PORT, or unset it."
                if place
                else "Set it to the port of the adb server, or unset it.",
                reference="bad-adb-port",
            )
        self.port = int(port)

    @property
    def near(self) -> bool:
        """Whether the server is on this machine and so reaches the same addresses."""
        return self.host in _LOOPBACK

    def answers(self) -> bool:
        """Return whether a server answers."""
        with suppress(OSError), socket.create_connection((self.host, self.port), timeout=2):
            return True
        return False

    def start(self) -> bool:
        """Start a server with an adb binary of this machine; return whether one answers then.

        The server stays when sdkgen ends, as it does with adb itself.
        """
        binary = adb_binary()
        if binary is None or not self.near:
            return False
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run([binary, "start-server"], capture_output=True, timeout=20, check=False)
        return self.answers()

    @cached_property
    def client(self) -> AdbClient:
        """adbutils' client, kept from starting a server of its own accord when this one goes away."""
        import adbutils
        from adbutils.errors import AdbConnectionError

        server = self

        class Client(adbutils.AdbClient):  # type: ignore[misc]  # adbutils is untyped here
            def make_connection(self, timeout: float | None = None) -> Any:
                if not server.answers():
                    raise AdbConnectionError(f"no adb server answers at {server.host}:{server.port}")
                return super().make_connection(timeout)

        return Client(self.host, self.port)

    def states(self) -> dict[str, str]:
        """Return the state of every listed device by serial. Raises ``DeviceError`` if the server does not answer."""
        return {one.serial: one.state for one in self.listed()}

    def listed(self) -> list[Listed]:
        """Return every device that the server lists. Raises ``DeviceError`` if it does not answer."""
        return [_listed(line) for line in self._ask("host:devices-l").splitlines() if " " in line.strip()]

    def connect(self, address: str) -> str:
        """Have the server connect to HOST:PORT and return what it says about it."""
        return self._ask(f"host:connect:{address}", timeout=10)

    def disconnect(self, address: str) -> None:
        """Have the server give up HOST:PORT. Raises ``DeviceError`` if it does not know it."""
        self._ask(f"host:disconnect:{address}")

    def revive(self, serial: str) -> None:
        """Have the server connect anew to a device on the network that it lost; leave others to the server itself."""
        if not OVER_TCP.match(serial) or (state := self.states().get(serial)) == READY:
            return
        if state is not None:
            self.disconnect(serial)
        self.connect(serial)

    def _ask(self, request: str, timeout: float = 5) -> str:
        from adbutils.errors import AdbError

        try:
            with self.client.make_connection(timeout) as stream:
                stream.send_command(request)
                stream.check_okay()
                answer: str = stream.read_string_block()
                return answer
        except (AdbError, OSError, ValueError) as error:
            raise DeviceError(
                f"the adb server failed: {error}",
                context=f"{self.host}:{self.port}",
                hint="Start it with: adb start-server",
                reference="adb-server-failed",
            ) from error


_DETAIL = re.compile(r" (usb|product|model|device|features|transport_id):(\S*)| ([0-9]+-[0-9.]+)(?= |$)")


def _listed(line: str) -> Listed:
    """Return a line of the long listing: the serial, the state (which may have spaces), and details."""
    serial, _, rest = line.strip().partition(" ")
    rest = f" {rest.strip()}"
    details = {found[1]: found[2] for found in _DETAIL.finditer(rest) if found[1]}
    first = _DETAIL.search(rest)
    number = details.get("transport_id", "")
    return Listed(
        serial,
        rest[: first.start() if first else None].strip(),
        f"usb:{details['usb']}" if details.get("usb") else "",
        int(number) if number.isdigit() else None,
    )


def adb_binary() -> str | None:
    """Return the adb to start a server with: ``ADBUTILS_ADB_PATH``, the one on PATH, or the one in adbutils' wheel."""
    import adbutils

    with suppress(adbutils.AdbError):
        path: str = adbutils.adb_path()
        return path
    return None
