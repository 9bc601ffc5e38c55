"""The programs that measure on a device, and what each needs there."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdkgen import resources
from sdkgen.bench import samples
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.protocol import LOG, OUT, OnDevice, Place, Runner, System
from sdkgen.bench.runners import benchmark_model
from sdkgen.bench.runners.build import runner_files, target_of
from sdkgen.bench.samples import Recording
from sdkgen.errors import UsageError

REFERENCE = "reference.tflite"
"""A fixed model beside the runner's source, timed at the end of every session: what changes in it is the device."""


class LiteRtRunner:
    """sdkgen's own runner over LiteRT's C API."""

    name = "litert"
    prints = False
    end = ""

    def prepare(self, device: OnDevice) -> None:
        """See ``Runner.prepare``: it needs nothing but its files."""

    def files(self, system: System, abi: str) -> Mapping[str, Path]:
        """See ``Runner.files``."""
        return runner_files(target_of(system, abi))

    def inputs(self, cell: Cell) -> tuple[Path, ...]:
        """See ``Runner.inputs``."""
        return (*cell.files, resources.path("devices") / "runner" / REFERENCE)

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
            "--reference": place.files[-1],
        }
        if cell.pipeline is not None:
            options |= {"--frames": cell.pipeline.frames}
            options |= dict(zip(("--landmarker", "--pipeline", "--frame"), place.files[1:-1], strict=True))
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

    def prepare(self, device: OnDevice) -> None:
        """See ``Runner.prepare``: it needs nothing but its files."""

    def files(self, system: System, abi: str) -> Mapping[str, Path]:  # noqa: ARG002
        """See ``Runner.files``."""
        if not self.path.is_file():
            raise UsageError(
                "there is no benchmark_model",
                context=str(self.path),
                hint="Give the path of the official binary for the device's ABI; where to download it: "
                "https://ai.google.dev/edge/litert/models/measurement.",
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
