"""Emulated devices on disk: what there is, what runs, and what only looks as if it did.

A device is a folder ``STATE/emulated/NAME`` with ``recipe`` (the recipe's name), ``port`` (the one it had last),
``log``, and ``running`` (process, when that started, port) while it runs; ``upper`` holds its files.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sdkgen.bench.devices import state
from sdkgen.errors import UsageError, nearest
from sdkgen.spec.device import Recipe, load_recipe

_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,39}$")


@dataclass(frozen=True)
class Device:
    """An emulated device that has been created."""

    name: str
    folder: Path

    @property
    def recipe(self) -> Recipe:
        """What it was made after. Raises ``UsageError`` if that recipe is no more."""
        return load_recipe((self.folder / "recipe").read_text())

    @property
    def serial_number(self) -> str:
        """What the device calls itself (``ro.serialno``): its own, whichever recipe it was made after."""
        return f"EMU{hashlib.sha256(str(self.folder).encode()).hexdigest()[:12].upper()}"

    @property
    def process(self) -> int | None:
        """The process it hangs on, or None if it does not run."""
        return running[0] if (running := self._running()) else None

    @property
    def serial(self) -> str | None:
        """Where adb finds it, or None if it does not run."""
        return f"127.0.0.1:{running[1]}" if (running := self._running()) else None

    @property
    def state(self) -> str:
        """Whether it is "running", "stopped", or has "died": its process is gone without having been stopped."""
        if self._running():
            return "running"
        return "died" if (self.folder / "running").exists() else "stopped"

    def _running(self) -> tuple[int, int] | None:
        try:
            process, started, port = (self.folder / "running").read_text().split()
            # After a restart of the machine, or long after, another process may have the number.
            fields = Path(f"/proc/{int(process)}/stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return None
        return (int(process), int(port)) if fields[19] == started and fields[0] not in "ZX" else None


def devices() -> list[Device]:
    """Return all emulated devices, sorted by name."""
    folders = sorted(path.parent for path in (state.root() / "emulated").glob("*/recipe"))
    return [Device(folder.name, folder) for folder in folders]


def find(name: str) -> Device:
    """Return the emulated device ``name``. Raises ``UsageError`` if there is none."""
    known = {device.name: device for device in devices()}
    if name not in known:
        hint = nearest(name, known) if known else f"Create it: sdkgen emulator create {name}"
        raise UsageError(f"unknown emulated device {name!r}", hint=hint, reference="unknown-emulator")
    return known[name]


def folder_for(name: str) -> Path:
    """Return where the device ``name`` lives, or would live. Raises ``UsageError`` for a name that is not one."""
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} is no name for an emulated device",
            hint="Use up to 40 lower-case letters, digits and hyphens.",
            reference="bad-name",
        )
    return state.root() / "emulated" / name


def last_port(folder: Path) -> int | None:
    """Return the port that a device had last, or None if it never ran."""
    with suppress(OSError, ValueError):
        return int((folder / "port").read_text())
    return None


def running_serials() -> list[str]:
    """Return where adb finds the emulated devices that run; cheap where there are none."""
    if not (state.root() / "emulated").is_dir():
        return []
    return [serial for device in devices() if (serial := device.serial)]
