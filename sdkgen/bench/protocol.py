"""What the rooms of the bench agree on: a runner, and the device and the folder on it that a runner is given."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, TypeVar

from sdkgen.bench.devices.transport.base import Completed, Transport
from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.samples import Recording

System: TypeAlias = Literal["linux", "android"]

R = TypeVar("R")

OUT, LOG, CONSOLE = "out.jsonl", "log", "console"
"""Files of a session on the device: the results, LiteRT's messages, and whatever else was printed."""


@dataclass(frozen=True)
class Place:
    """Where things are on the device: the runner's files, the cell's (its model first), and the session's own."""

    kit: str
    files: tuple[str, ...]
    session: str


class OnDevice(Protocol):
    """A device with sdkgen's folder ``root`` on it, as a runner sees it."""

    transport: Transport
    root: str

    def shell(self, command: str, timeout: float = 30) -> Completed:
        """Run a command, again after a reconnection."""

    def again(self, action: Callable[[], R]) -> R:
        """Do something that may be repeated, again after a reconnection."""


class Runner(Protocol):
    """A program that measures a cell."""

    @property
    def name(self) -> str:
        """What results say measured them."""

    @property
    def prints(self) -> bool:
        """Whether its results are among what it prints, not only in the file."""

    @property
    def end(self) -> str:
        """The shell command that ends what goes on when its process group is killed; empty if nothing does."""

    def files(self, system: System, abi: str) -> Mapping[str, Path]:
        """Return the files to bring to a device, by name; the first is the program.

        Raises ``SdkgenError`` if there are none for such a device.
        """

    def inputs(self, cell: Cell) -> tuple[Path, ...]:
        """Return the files that measuring a cell needs on the device."""

    def prepare(self, device: OnDevice) -> None:
        """Make the device ready, once before its sessions; raises ``SdkgenError`` if that cannot be."""

    def command(self, cell: Cell, settings: Settings, place: Place, program: str) -> str:
        """Return the shell command that measures a cell."""

    def read(self, out: bytes, console: bytes, cell: Cell, settings: Settings) -> Recording:
        """Return what was measured; raises ``DeviceError`` ("runner-garbage") if that is not to be made out."""


_EXITS = {
    3: ("runner-output", "the runner could not write its results", "Free space in the device's /data/local/tmp."),
    4: (
        "no-litert",
        "LiteRT's library could not be loaded",
        "Check that the libraries are for the device's ABI and system.",
    ),
    126: (
        "runner-not-executable",
        "the device refuses to execute the runner",
        "The folder may be mounted noexec, or the "
        "program is for another ABI: check the device's ABI in `sdkgen devices`.",
    ),
    127: (
        "runner-missing",
        "the runner is not on the device, or its loader is not",
        "The program may be built for another system or ABI; run the bench again to bring it anew.",
    ),
    8: ("runner-hung", "the runner took longer than its limit", "Give it more time with --limit, or fewer --runs."),
}


def exit_failure(code: int, console: bytes) -> DeviceError:
    """Return the error for a runner that ended with ``code`` and left no error of its own."""
    said = console.decode(errors="replace").strip().splitlines()
    last = f": {said[-1][:200]}" if said else ""
    if code == 126 or (code in (2, 127) and b"rror" in console and b"ormat" in console):
        code = 126
    if code in _EXITS:
        reference, message, hint = _EXITS[code]
        return DeviceError(f"{message}{last}", hint=hint, reference=reference)
    hint = "Look at the device's log (adb logcat), and try the other backend or --runner benchmark-model=PATH."
    if code > 128:
        return DeviceError(f"the runner was ended by signal {code - 128}{last}", hint=hint, reference="runner-crashed")
    return DeviceError(f"the runner failed with exit code {code}{last}", hint=hint, reference="runner-failed")


def folder_on(kind: str) -> str:
    """Return the folder that sdkgen uses on a device: the shell's own on Android, the cache on this machine."""
    if kind != "local":
        return "/data/local/tmp/sdkgen"
    from sdkgen import cache

    return os.fspath(cache.root().absolute() / "local-device")
