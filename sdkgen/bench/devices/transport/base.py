"""What every way to a device offers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from sdkgen.bench.errors import DeviceError

Kind: TypeAlias = Literal["adb-server", "adb-direct", "local", "coreml"]
"""The ways in. What is reached through coremltools has no shell and so no transport: see ``devices.iphone``."""


MOST_OUTPUT = 64 << 20
"""Bytes that a command may print; a device that prints without end is given up."""
MOST_IN_A_FILE = 256 << 20
"""Bytes that a file of the device may have to be brought here."""


class Limited:
    """Counts what comes from a device, and raises ``DeviceError`` ("device-floods") once that is too much."""

    def __init__(self, serial: str, most: int) -> None:
        self._serial, self._most, self._count = serial, most, 0

    def take(self, size: int) -> None:
        """Count ``size`` bytes more."""
        self._count += size
        if self._count > self._most:
            raise DeviceError(
                f"the device sends without end: more than {self._most >> 20} MiB",
                context=self._serial,
                hint="Restart it, and look at what it runs; it is left out, and other devices go on.",
                reference="device-floods",
            )


@dataclass(frozen=True)
class Completed:
    """A command that ended on the device: its exit code (0 to 255), and what it wrote."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text, without the white space around it; what is not UTF-8 is replaced."""
        return self.stdout.decode("utf-8", errors="replace").strip()


class Transport(Protocol):
    """A device that can be told what to do. One transport serves one thread at a time.

    Every method raises ``DeviceGone`` if the device or its daemon goes away, ``DeviceUnauthorized`` or
    ``DeviceOffline`` if it cannot be reached because of its state, and ``TransportTimeout`` if it stays silent for too
    long. All of these are ``DeviceError``s whose context is the serial.
    """

    @property
    def serial(self) -> str:
        """What the device is called by whoever connects to it; HOST:PORT over TCP."""

    @property
    def kind(self) -> Kind:
        """The way in."""

    def shell(self, command: str, timeout: float = 30) -> Completed:
        """Run ``command`` with the device's sh and return when it ended.

        Standard input is empty; standard output may be a terminal in raw mode. A process that is to outlive the call
        must give up all three standard streams, as in ``setsid PROGRAM </dev/null >/dev/null 2>&1 &``. ``timeout`` is
        in seconds. A command that fails is no error: look at ``exit_code``; one that prints more than ``MOST_OUTPUT``
        is: ``DeviceError`` with the reference "device-floods".
        """

    def push(self, source: Path, target: str, mode: int = 0o644) -> None:
        """Copy the file ``source`` to the path ``target`` on the device and compare sha256s.

        ``target`` appears whole or not at all. Raises ``DeviceFull`` if there is no space for it, ``DeviceError`` if it
        cannot be written or arrived damaged.
        """

    def pull(self, source: str, target: Path) -> None:
        """Copy the device's file ``source`` to ``target``, which appears whole or not at all.

        Raises ``DeviceError`` with the reference "no-such-file" if ``source`` is missing.
        """

    def reconnect(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds until the device answers again; raises ``DeviceGone`` if it does not."""

    def close(self) -> None:
        """Let go of the device. Whatever runs on it goes on."""
