"""Ways to a device: an adb server, adb spoken directly, and this machine itself.

    found = connected()                      # what can be reached, ready or not
    with closing(found[0].open()) as device:
        device.shell("uname -m").text
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sdkgen.bench.transport.base import Completed, Kind, Transport

__all__ = ["Completed", "Found", "Kind", "Transport", "Way", "connected", "open_device"]

Way: TypeAlias = Literal["auto", "server", "direct"]
"""How to reach adb devices: through a server where there is one or an adb binary to start one, or only that, or never."""


@dataclass(frozen=True)
class Found:
    """A device that can be seen from here. Only one whose ``state`` is "device" can be opened."""

    serial: str
    kind: Kind
    state: str
    remedy: str = ""
    """What to do so that the state becomes "device"; empty if it is."""

    def open(self) -> Transport:
        """Return a transport to the device.

        Raises ``DeviceUnauthorized``, ``DeviceOffline`` or ``DeviceGone`` as the state demands.
        """
        raise NotImplementedError


def connected(way: Way = "auto", *, local: bool = True) -> list[Found]:
    """Return every device that can be seen, sorted by serial, and with ``local`` this machine (serial "local") last.

    ``SDKGEN_ADB`` in the environment (auto, server, direct) stands in for ``way`` where that is "auto".
    """
    raise NotImplementedError


def open_device(serial: str, way: Way = "auto") -> Transport:
    """Return a transport to the device called ``serial``: an adb serial, HOST:PORT, or "local".

    Raises ``UsageError`` for a serial that is not to be seen (it names those that are).
    """
    raise NotImplementedError
