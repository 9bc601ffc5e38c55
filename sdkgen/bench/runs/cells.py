"""The cells that a command line asks for: models and files on backends, and a face tracker's frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sdkgen.bench.plan import Backend, Cell
from sdkgen.bench.runners import pipeline
from sdkgen.detection.types import Sampling
from sdkgen.errors import UsageError
from sdkgen.spec.registry import LANDMARKER, load_model


def name_files(models: Sequence[str], artifacts: Sequence[Path], make: Callable[[str], Path]) -> dict[str, Path]:
    """Return the files to measure by the names of their rows; ``make`` gives a model's artifact.

    Raises ``UsageError`` for a file that is not there, and for two of one name.
    """
    files: dict[str, Path] = {}
    for path in artifacts:
        if not path.is_file():
            raise UsageError("there is no such file", context=str(path), hint="Give a .tflite file with --artifact.")
        if path.stem in files:
            raise UsageError("two files have the same name", context=str(path), hint="Rename one of them.")
        files[path.stem] = path
    return files | {name: make(name) for name in models}


def make_cells(
    files: Mapping[str, Path], backends: Sequence[Backend], threads: int = 1, *, fp32: bool = False
) -> list[Cell]:
    """Return a cell for each file on each backend; ``threads`` are the CPU's."""
    return [
        Cell.of(name, path, backend, threads if backend == "cpu" else 1, fp32=fp32)
        for name, path in files.items()
        for backend in backends
    ]


def make_tracker_cells(
    detectors: Sequence[str],
    backends: Sequence[Backend],
    make: Callable[[str], Path],
    threads: int = 1,
    *,
    fp32: bool = False,
    sampling: Sampling = "area",
) -> list[Cell]:
    """Return the cells of a tracker with each of the ``detectors``; ``make`` gives a model's artifact.

    Raises ``UsageError`` for a model that detects nothing.
    """
    landmarker = load_model(LANDMARKER)
    points = make(LANDMARKER)
    cells: list[Cell] = []
    for name in detectors:
        load_model(name).detector  # noqa: B018  # raises for a model that detects nothing
        files = (make(name), points)
        for backend in backends:
            count = threads if backend == "cpu" else 1
            cells += pipeline.cells(load_model(name), landmarker, files, backend, count, fp32=fp32, sampling=sampling)
    return list(dict.fromkeys(cells))
