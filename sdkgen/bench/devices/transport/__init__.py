"""Ways to a device: an adb server, adb spoken directly, and this machine itself.

found = connected()                      # what can be seen, ready or not
with closing(found[0].open()) as device:
    device.shell("uname -m").text
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from sdkgen.bench.devices.transport.adb_server import AdbServer
from sdkgen.bench.devices.transport.base import Completed, Kind, Transport
from sdkgen.bench.devices.transport.direct import AdbDirect, usb_serials
from sdkgen.bench.devices.transport.local import Local
from sdkgen.bench.devices.transport.server import OVER_TCP, Listed, Server
from sdkgen.bench.devices.transport.states import READY, error_for, remedy
from sdkgen.bench.errors import DeviceError, DeviceGone
from sdkgen.errors import UsageError, nearest

__all__ = ["Completed", "Found", "Kind", "Transport", "Way", "connected", "open_device"]

Way: TypeAlias = Literal["auto", "server", "direct"]
"""How to reach adb devices: a server that answers or can be started, else directly; or only the one or the other."""

LOCAL = "local"
"""What this machine is called among the devices."""


@dataclass(frozen=True)
class Found:
    """A device that can be seen from here. Only one whose ``state`` is "device" can be opened."""

    serial: str
    kind: Kind
    state: str = READY
    listed: str = ""
    """What the adb server calls it, where another device has that name too; ``serial`` then holds its port as well."""
    port: str = ""
    is_serial_shared: bool = False
    """Whether another device that is connected claims the same serial number."""

    @property
    def ready(self) -> bool:
        """Whether the device can be opened."""
        return self.state == READY

    @property
    def remedy(self) -> str:
        """What to do so that the device becomes ready; empty if it is."""
        return remedy(self.state)

    def open(self) -> Transport:
        """Return a transport to the device.

        Raises ``DeviceUnauthorized``, ``DeviceOffline`` or another ``DeviceError`` as the state demands.
        """
        if not self.ready:
            error = error_for(self.serial, self.state)
            raise type(error)(f"the device is {self.state}", context=self.serial, hint=self.remedy)
        if self.kind == "local":
            return Local()
        if self.kind == "adb-direct":
            return AdbDirect(self.serial)
        if self.kind == "coreml":
            raise DeviceError(
                "an iPhone has no shell",
                context=self.serial,
                hint="Measure it on a Mac, through sdkgen.bench.devices.iphone.",
            )
        return AdbServer(Server(), self.listed or self.serial, self.port)


def connected(way: Way = "auto", *, local: bool = True) -> list[Found]:
    """Return every device that can be seen, sorted by serial, and with ``local`` this machine (serial "local") last.

    Emulated devices that run are connected to. ``SDKGEN_ADB`` in the environment (auto, server, direct) stands in for
    ``way`` where that is "auto".
    """
    server = _server(way)
    if server is None:
        found = [Found(serial, "adb-direct") for serial in {*_emulated(), *usb_serials()}]
    else:
        states = server.states()
        for serial in _emulated() if server.near else ():
            if states.get(serial) != READY:
                # One that does not answer is listed as it is, and must not hide the others.
                with suppress(DeviceError):
                    server.revive(serial)
        found = _tell_apart(server.listed())
    return sorted(found, key=lambda one: one.serial) + ([Found(LOCAL, "local")] if local else [])


def _tell_apart(listed: Sequence[Listed]) -> list[Found]:
    """Return the devices of an adb server; those that share a serial are named by their ports on USB too."""
    counts = Counter(one.serial for one in listed)
    return [
        Found(f"{one.serial}@{one.port}", "adb-server", one.state, one.serial, one.port, True)
        if counts[one.serial] > 1 and one.port
        else Found(one.serial, "adb-server", one.state)
        for one in listed
    ]


def open_device(serial: str, way: Way = "auto") -> Transport:
    """Return a transport to the device called ``serial``: an adb serial, HOST:PORT, or "local".

    Raises ``UsageError`` for a serial that is not to be seen (it names those that are), ``DeviceGone`` for an address
    where no device answers, and what ``Found.open`` raises.
    """
    if serial == LOCAL:
        return Local()
    server = _server(way)
    if server is None and OVER_TCP.match(serial):
        return AdbDirect(serial)
    found = {one.serial: one for one in connected(way)}
    if serial not in found and server is not None and OVER_TCP.match(serial):
        said = server.connect(serial)
        found = {one.serial: one for one in connected(way)}
        if serial not in found:
            hint = "Check the address, and that the device listens: adb tcpip 5555."
            raise DeviceGone(f"the adb server cannot connect: {said}", context=serial, hint=hint)
    if serial not in found:
        raise UsageError(f"unknown device {serial!r}", hint=nearest(serial, found), reference="unknown-device")
    return found[serial].open()


def _server(way: Way) -> Server | None:
    """Return the adb server to use, started if need be, or None where devices are spoken to directly."""
    if way == "auto" and (asked := os.environ.get("SDKGEN_ADB")):
        if asked not in get_args(Way):
            raise UsageError(f"SDKGEN_ADB is {asked!r}", hint=nearest(asked, get_args(Way)))
        way = cast(Way, asked)
    if way == "direct":
        return None
    server = Server()
    if server.answers() or server.start():
        return server
    if way == "server":
        raise DeviceError(
            "no adb server answers, and none can be started",
            context=f"{server.host}:{server.port}",
            hint="Install adb (Debian: apt install adb), or choose the way `direct`.",
            reference="no-adb-server",
        )
    return None


def _emulated() -> list[str]:
    from sdkgen.bench.devices.emulator.store import running_serials

    return running_serials()
