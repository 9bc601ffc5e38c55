"""What to measure: cells, and the order in which their sessions take turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from sdkgen.files import sha256_path

Backend: TypeAlias = Literal["gpu", "cpu"]

Frames: TypeAlias = Literal["steady", "worst"]
"""Frames of a tracker: those in which it follows a face, and those in which it has to look for one."""

WARMUP_SECONDS = 2.0
"""A device is warmed up for at least this long."""
DRIFT = 0.02
"""Warm-up ends once the medians of two windows differ by less than this share."""
MARGIN_SECONDS = 120.0
"""What a session may take beside its timed runs before it is given up: initialising, compiling kernels, warming up."""
SLOWEST_RUN_SECONDS = 5.0
"""A run that takes longer than this on average is taken for a hang."""


@dataclass(frozen=True)
class Pipeline:
    """A face tracker's frames, to be timed in place of one model: see ``sdkgen.bench.runners.pipeline``."""

    frames: Frames
    landmarker: Path
    description: Path
    frame: Path


@dataclass(frozen=True)
class Cell:
    """One row of the table to come: a model file on a backend, or with a ``pipeline`` that and the files of it.

    ``sha256`` is the artifact's; with a pipeline, that of both artifacts' together.
    """

    model: str
    artifact: Path
    backend: Backend
    threads: int
    """CPU threads; 0 where what is measured decides for itself."""
    precision: Literal["fp16", "fp32"] = "fp16"
    sha256: str = ""
    pipeline: Pipeline | None = None

    @classmethod
    def of(cls, model: str, artifact: Path, backend: Backend, threads: int = 1, *, fp32: bool = False) -> Cell:
        """Return the cell of an artifact, with the sha256 of its content."""
        return cls(model, artifact, backend, threads, "fp32" if fp32 else "fp16", sha256_path(artifact))

    @property
    def files(self) -> tuple[Path, ...]:
        """What a runner needs on the device, the artifact first."""
        more = self.pipeline
        return (self.artifact, more.landmarker, more.description, more.frame) if more else (self.artifact,)

    @property
    def name(self) -> str:
        """What messages call it."""
        counted = self.backend == "cpu" and self.threads > 0
        threads = f", {self.threads} thread{'s' if self.threads > 1 else ''}" if counted else ""
        return f"{self.model} on {self.backend}{threads}"


class Settings(BaseModel):
    """How each cell is measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions: int = 5
    runs: int = 200
    warmup_seconds: float = WARMUP_SECONDS
    drift: float = DRIFT
    paced: float | None = None
    cooldown: float = 0.0
    limit: int | None = None
    lock_clocks: bool = False
    baseline: str | None = None
    """The row that the others are compared with; then a round is a pass over the cells and one back."""

    @property
    def passes(self) -> int:
        """How many sessions a cell has: one a round, or one on the way there and one on the way back."""
        return self.sessions * 2 if self.baseline is not None else self.sessions

    @property
    def limit_seconds(self) -> int:
        """How long a session may take on the device."""
        if self.limit is not None:
            return self.limit
        return int(
            MARGIN_SECONDS + 5 * self.warmup_seconds + self.runs * max(SLOWEST_RUN_SECONDS, 1 / (self.paced or 1))
        )


def turns(cells: Sequence[Cell], passes: int) -> Iterator[tuple[int, Cell]]:
    """Yield every session of every cell in passes over the cells, backend by backend, each in another order.

    Every other pass goes backwards, so that a steady drift of the device cancels between two of them; and every two
    passes another cell begins. Cells of one backend stay neighbours: they are what is compared.
    """
    groups: dict[Backend, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.backend, []).append(cell)
    for index in range(passes):
        order = [cell for group in groups.values() for cell in _rotate(group, index // 2)]
        for cell in reversed(order) if index % 2 else order:
            yield index, cell


def _rotate(cells: Sequence[Cell], by: int) -> list[Cell]:
    start = by % len(cells)
    return [*cells[start:], *cells[:start]]
