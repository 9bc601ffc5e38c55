"""sdkgen's folder on a device: the runner and the models, brought there once and checked every time."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sdkgen.bench.devices.transport.base import Completed, Transport
from sdkgen.bench.errors import DeviceError, DeviceGone, DeviceOffline, TransportTimeout
from sdkgen.bench.plan import Cell
from sdkgen.bench.protocol import Place, Runner, System, folder_on
from sdkgen.files import sha256_json, sha256_path

RECONNECT_SECONDS = 60.0
"""How long a device may stay away before its session is given up."""

TRANSIENT = (DeviceGone, DeviceOffline, TransportTimeout)
"""What a reconnection may mend."""

_ATTEMPTS = 3

R = TypeVar("R")


@dataclass
class Workspace:
    """A device with sdkgen's folder ``root`` on it, and in that the folder ``kit`` with the runner's ``files``."""

    transport: Transport
    runner: Runner
    root: str
    kit: str
    files: Mapping[str, Path]
    reconnect_seconds: float = RECONNECT_SECONDS
    reconnects: int = 0
    """Since ``count_reconnects`` was last asked."""
    lease: str = ""
    """The file whose age says how long ago this machine was heard of; empty where the device is not held."""
    _inputs: dict[Path, str] = field(default_factory=dict)

    @property
    def program(self) -> str:
        """The name of the runner's program; empty if it brings none."""
        return next(iter(self.files), "")

    def place(self, cell: Cell, session: str) -> Place:
        """Return where things lie on the device for a session in the folder ``session``."""
        return Place(self.kit, tuple(self._input(path) for path in self.runner.inputs(cell)), session)

    def _input(self, path: Path) -> str:
        """Return where a cell's file lies on the device: by its content, which is read once."""
        if path not in self._inputs:
            self._inputs[path] = f"{self.root}/models/{sha256_path(path)[:16]}{path.suffix}"
        return self._inputs[path]

    def bring(self, cells: Iterable[Cell]) -> None:
        """Make the device ready for ``cells``.

        Ends what an earlier bench left running there, brings the runner and the cells' files, except what lies there
        already, whole, and lets the runner prepare what else it needs.
        """
        self.sweep()
        wanted = {f"{self.kit}/{name}": source for name, source in self.files.items()}
        wanted |= {self._input(path): path for cell in cells for path in self.runner.inputs(cell)}
        folders = shlex.join([f"{self.root}/sessions", f"{self.root}/models", self.kit])
        program = f"{self.kit}/{self.program}"
        prepare = f"mkdir -p {folders} && chmod 755 {shlex.quote(program)} 2>/dev/null"
        there = sha256s(self.shell(f"{prepare}; sha256sum {shlex.join(wanted)} </dev/null 2>/dev/null", 120).text)
        for path, source in wanted.items():
            if there.get(path) != sha256_path(source):
                self._push(source, path, 0o755 if path == program else 0o644)
        self.runner.prepare(self)

    def sweep(self, session: str = "*") -> None:
        """Remove a session's folder, or every one, with the runner that may still be at work in it.

        Only a lock that is held tells that it is: a device that was restarted gives its number to another process.
        """
        self.shell(
            f"cd {shlex.quote(self.root)}/sessions 2>/dev/null || exit 0; for at in {session}; do "
            'if [ -f "$at/busy" ]; then flock -n 9 9<"$at/busy"; '
            '[ $? -eq 1 ] && { kill -9 -$(cat "$at/pid"); sh "$at/end"; }; fi 2>/dev/null; '
            'rm -rf "$at"; done'
        )

    def shell(self, command: str, timeout: float = 30) -> Completed:
        """Run a command that does no harm when it runs twice: if the device goes away, reconnect and run it again."""
        renewed = f"touch {shlex.quote(self.lease)}\n{command}" if self.lease else command
        return self.again(lambda: self.transport.shell(renewed, timeout))

    def count_reconnects(self) -> int:
        """Return how often the device went away and came back since this was last asked."""
        counted, self.reconnects = self.reconnects, 0
        return counted

    def again(self, action: Callable[[], R]) -> R:
        """Return what ``action`` returns, reconnecting where the device went away meanwhile, and counting that.

        Raises ``DeviceGone`` if it does not come back, or keeps going away.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return action()
            except TRANSIENT:
                self.transport.reconnect(self.reconnect_seconds)
                self.reconnects += 1
        return action()

    def _push(self, source: Path, target: str, mode: int) -> None:
        self.again(lambda: self.transport.push(source, target, mode))


def open_workspace(transport: Transport, runner: Runner) -> Workspace:
    """Look at the device's system and ABI, and return the workspace for it; nothing is brought there yet.

    Raises ``SdkgenError`` if there is no runner for such a device.
    """
    loader = "[ -e /system/bin/linker64 ] || [ -e /system/bin/linker ]"
    test = f"uname -m && if {loader}; then echo android; else echo linux; fi"
    words = transport.shell(test).text.split()
    if len(words) != 2:
        raise DeviceError(
            "the device does not say what it is", context=transport.serial, hint="Check it: adb shell uname -m."
        )
    system: System = "android" if words[1] == "android" else "linux"
    files = runner.files(system, words[0])
    for program in list(files.values())[:1]:
        check_abi(program, words[0])
    root = folder_on(transport.kind)
    key = sha256_json({name: sha256_path(source) for name, source in files.items()})
    return Workspace(transport, runner, root, f"{root}/kit-{key[:16]}", files)


_MACHINES = {0x03: ("i686", "x86_64"), 0x28: ("armv7l", "armv8l", "aarch64"), 0x3E: ("x86_64",), 0xB7: ("aarch64",)}
"""By the number in an ELF file's header: the machines that run it."""


def check_abi(program: Path, machine: str) -> None:
    """Raise ``DeviceError`` if ``program`` is an ELF file that a ``machine`` (as uname names it) does not run."""
    with program.open("rb") as stream:
        head = stream.read(20)
    if head[:4] != b"\x7fELF" or machine in _MACHINES.get(int.from_bytes(head[18:20], "little"), ()):
        return
    raise DeviceError(
        f"the runner is not for this device's ABI, {machine}",
        hint=f"Give the program for {machine} ({program.name} is for another), or leave --runner out.",
        reference="runner-wrong-abi",
    )


def sha256s(text: str) -> dict[str, str]:
    """Return sha256 by path from the output of ``sha256sum``."""
    pairs = (line.split(maxsplit=1) for line in text.splitlines())
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}
