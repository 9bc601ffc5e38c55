"""What both ways of speaking to adbd have in common: whole files, and waiting for a device to come back."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from pathlib import Path

from sdkgen.bench.devices.transport.base import Completed, Kind
from sdkgen.bench.devices.transport.files import pull_whole, push_verified
from sdkgen.bench.devices.transport.states import GONE_HINT
from sdkgen.bench.errors import DeviceError, DeviceGone

SILENCE = 30.0
"""Seconds that a transfer may stand still."""


class Adb(ABC):
    """A ``Transport`` to an adbd, however it is spoken to."""

    kind: Kind

    def __init__(self, serial: str) -> None:
        self.serial = serial

    @abstractmethod
    def shell(self, command: str, timeout: float = 30) -> Completed:
        """See ``Transport.shell``."""

    def push(self, source: Path, target: str, mode: int = 0o644) -> None:
        """See ``Transport.push``."""
        push_verified(self, self._send, source, target, mode)

    def pull(self, source: str, target: Path) -> None:
        """See ``Transport.pull``."""
        pull_whole(self._receive, source, target)

    def reconnect(self, timeout: float) -> None:
        """See ``Transport.reconnect``."""
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                self._revive()
                if self.shell("echo ready", timeout=max(0.1, min(left, 5))).text == "ready":
                    return
            except DeviceError as error:
                if time.monotonic() >= deadline:
                    raise DeviceGone(
                        f"the device did not come back within {timeout:g} s ({error.message})",
                        context=self.serial,
                        hint=GONE_HINT,
                    ) from error
            time.sleep(0.2)

    @abstractmethod
    def close(self) -> None:
        """See ``Transport.close``."""

    @abstractmethod
    def _revive(self) -> None:
        """Do what it takes for the device to be reached again, where that is not done by asking it something."""

    @abstractmethod
    def _send(self, source: Path, target: str) -> None:
        """Write a file to the device, as far as it goes."""

    @abstractmethod
    def _receive(self, source: str, target: Path) -> None:
        """Write a file of the device to ``target``, as far as it goes."""
