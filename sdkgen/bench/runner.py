"""The programs that measure on a device, and what each needs there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sdkgen.bench import benchmark_model, samples
from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.runner_build import System, runner_files, target_of
from sdkgen.bench.samples import Recording
from sdkgen.errors import UsageError

if TYPE_CHECKING:
    from sdkgen.bench.workspace import Workspace

OUT, LOG, CONSOLE = "out.jsonl", "log", "console"
"""Files of a session on the device: the results, LiteRT's messages, and whatever else was printed."""


@dataclass(frozen=True)
class Place:
    """Where things are on the device: the runner's files, the cell's (its model first), and the session's own."""

    kit: str
    files: tuple[str, ...]
    session: str


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

    def prepare(self, workspace: Workspace) -> None:
        """Make the device ready, once before its sessions; raises ``SdkgenError`` if that cannot be."""

    def command(self, cell: Cell, settings: Settings, place: Place, program: str) -> str:
        """Return the shell command that measures a cell."""

    def read(self, out: bytes, console: bytes, cell: Cell, settings: Settings) -> Recording:
        """Return what was measured; raises ``DeviceError`` ("runner-garbage") if that is not to be made out."""


class LiteRtRunner:
    """sdkgen's own runner over LiteRT's C API."""

    name = "litert"
    prints = False
    end = ""

    def prepare(self, workspace: Workspace) -> None:
        """See ``Runner.prepare``: it needs nothing but its files."""

    def files(self, system: System, abi: str) -> Mapping[str, Path]:
        """See ``Runner.files``."""
        return runner_files(target_of(system, abi))

    def inputs(self, cell: Cell) -> tuple[Path, ...]:
        """See ``Runner.inputs``."""
        return cell.files

    def command(self, cell: Cell, settings: Settings, place: Place, program: str) -> str:
        """See ``Runner.command``."""
        options: dict[str, object] = {
            "--model": place.files[0],
            "--library": place.kit,
            "--out": f"{place.session}/{OUT}",
            "--log": f"{place.session}/{LOG}",
            "--cache": f"{place.session}/cache",
            "--backend": cell.backend,
            "--precision": cell.precision,
            "--threads": cell.threads,
            "--runs": settings.runs,
            "--warmup": settings.warmup_seconds,
            "--drift": settings.drift,
            "--paced": settings.paced or 0,
            "--limit": settings.limit_seconds,
        }
        if cell.pipeline is not None:
            options |= {"--frames": cell.pipeline.frames}
            options |= dict(zip(("--landmarker", "--pipeline", "--frame"), place.files[1:], strict=True))
        return shlex.join([f"{place.kit}/{program}", *(str(part) for option in options.items() for part in option)])

    def read(self, out: bytes, console: bytes, cell: Cell, settings: Settings) -> Recording:  # noqa: ARG002
        """See ``Runner.read``."""
        return samples.parse(out)


@dataclass(frozen=True)
class BenchmarkModel:
    """TFLite's official tool, a binary that the user brings."""

    path: Path
    name: str = "benchmark_model"
    prints: bool = True
    end: str = ""

    def prepare(self, workspace: Workspace) -> None:
        """See ``Runner.prepare``: it needs nothing but its files."""

    def files(self, system: System, abi: str) -> Mapping[str, Path]:  # noqa: ARG002
        """See ``Runner.files``."""
        if not self.path.is_file():
            raise UsageError(
                "there is no benchmark_model",
                context=str(self.path),
                hint="Download the official binary for the device's ABI and give its path.",
                reference="no-runner",
            )
        return {"benchmark_model": self.path}

    def inputs(self, cell: Cell) -> tuple[Path, ...]:
        """See ``Runner.inputs``."""
        if cell.pipeline is not None:
            raise UsageError(
                "benchmark_model times a single model",
                context=cell.name,
                hint="Leave --runner out, or give --model instead of --pipeline.",
            )
        return cell.files

    def command(self, cell: Cell, settings: Settings, place: Place, program: str) -> str:
        """See ``Runner.command``."""
        return shlex.join([f"{place.kit}/{program}", *benchmark_model.arguments(cell, settings, place.files[0])])

    def read(self, out: bytes, console: bytes, cell: Cell, settings: Settings) -> Recording:  # noqa: ARG002
        """See ``Runner.read``."""
        return benchmark_model.parse(console.decode(errors="replace"), cell, settings)


@dataclass(frozen=True)
class GivenRunner(LiteRtRunner):
    """A runner built elsewhere, with LiteRT's libraries beside it, in a folder that the user names."""

    folder: Path

    def files(self, system: System, abi: str) -> Mapping[str, Path]:  # noqa: ARG002
        """See ``Runner.files``."""
        program = self.folder / "sdkgen-runner"
        if not program.is_file():
            raise UsageError(
                "there is no runner",
                context=str(program),
                hint="Give the folder that holds sdkgen-runner and LiteRT's "
                "libraries for the device, or leave --runner out to have it built.",
                reference="no-runner",
            )
        return {program.name: program, **{file.name: file for file in sorted(self.folder.glob("libLiteRt*.so"))}}


def choose(text: str) -> Runner:
    """Return the runner that ``--runner`` names: ``litert``, ``litert=FOLDER`` or ``benchmark-model=PATH``."""
    name, _, path = text.partition("=")
    if name == "litert":
        return GivenRunner(Path(path)) if path else LiteRtRunner()
    if name == "benchmark-model" and path:
        return BenchmarkModel(Path(path))
    raise UsageError(
        f"unknown runner {text!r}",
        hint="Known: litert, litert=FOLDER, benchmark-model=PATH.",
        reference="unknown-runner",
    )


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
