"""The adb server of this machine, or the one that ``ANDROID_ADB_SERVER_HOST`` and ``_PORT`` name."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sdkgen.bench.devices.transport.states import READY
from sdkgen.bench.errors import DeviceError

if TYPE_CHECKING:
    from adbutils import AdbClient

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
OVER_TCP = re.compile(r"^[^:\s]+:\d+$|^\[[^\]\s]+\]:\d+$")


class Server:
    """An adb server, whether it answers or not."""

    def __init__(self) -> None:
        self.host = os.environ.get("ANDROID_ADB_SERVER_HOST") or "127.0.0.1"
        port = os.environ.get("ANDROID_ADB_SERVER_PORT") or "5037"
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise DeviceError(
                f"{port!r} is no port",
                context="ANDROID_ADB_SERVER_PORT",
                hint="Set it to the port of the adb server, or unset it.",
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
        listing = self._ask("host:devices")
        return dict(line.split("\t", 1) for line in listing.splitlines() if "\t" in line)

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


def adb_binary() -> str | None:
    """Return the adb to start a server with: ``ADBUTILS_ADB_PATH``, the one on PATH, or the one in adbutils' wheel."""
    import adbutils

    with suppress(adbutils.AdbError):
        path: str = adbutils.adb_path()
        return path
    return None
