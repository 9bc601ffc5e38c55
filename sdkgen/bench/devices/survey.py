"""Everything that is connected, with what it says about itself: what ``sdkgen devices`` shows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sdkgen.bench.devices.health import Health, read_health
from sdkgen.bench.devices.identity import Identity, identify
from sdkgen.bench.devices.transport import Found, Way, connected
from sdkgen.bench.errors import DeviceError

if TYPE_CHECKING:
    from sdkgen.bench.devices.iphone import IPhone


@dataclass(frozen=True)
class Seen:
    """A device that can be seen; ``identity`` and ``health`` only if it answered, else ``problem`` says why not."""

    found: Found
    identity: Identity | None = None
    health: Health | None = None
    problem: DeviceError | None = None

    @property
    def state(self) -> str:
        """What to call the device's state: as adb does, or the reference of what happened when it was asked."""
        return self.problem.reference.removeprefix("device-") if self.problem else self.found.state

    @property
    def remedy(self) -> str:
        """What to do about it; empty if the device is ready."""
        return self.problem.hint if self.problem else self.found.remedy


def survey(way: Way = "auto", *, iphones: bool = False) -> list[Seen]:
    """Return all devices in the order of ``connected``, asked all at once: one that hangs does not hide the others.

    With ``iphones``, those that coremltools finds come last; see ``sdkgen.bench.devices.iphone`` for what that raises.
    """
    phones = [Seen(Found(one.identity.serial_hash, "coreml"), one.identity) for one in _iphones()] if iphones else []
    found = connected(way)
    with ThreadPoolExecutor(max_workers=len(found)) as pool:
        return [*pool.map(_look, found), *phones]


def _iphones() -> list[IPhone]:
    from sdkgen.bench.devices.iphone import iphones

    return iphones()


def _look(found: Found) -> Seen:
    if not found.ready:
        return Seen(found)
    try:
        with closing(found.open()) as device:
            return Seen(found, identify(device, is_serial_shared=found.is_serial_shared), read_health(device))
    except DeviceError as error:
        return Seen(found, problem=error)
