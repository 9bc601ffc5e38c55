"""The cells that a command line asks for: models and files on backends, and a face tracker's frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sdkgen.bench.plan import Backend, Cell
from sdkgen.bench.runners import pipeline
from sdkgen.detection.types import Sampling
from sdkgen.errors import UsageError
from sdkgen.spec.registry import LANDMARKER, load_model

BASELINE = " (baseline)"
"""What tells the baseline's row from another one of its name."""


def name_files(
    models: Sequence[str], artifacts: Sequence[Path], make: Callable[[str], Path], baseline: str | None = None
) -> tuple[dict[str, Path], str | None]:
    """Return the files to measure by the names of their rows, and the name of the baseline's, which comes first.

    ``make`` gives a model's artifact; ``baseline`` is a file or a model. Files of one name are told apart by as much of
    their folders as it takes.

    Raises ``UsageError`` for a file that is not there, or is given twice.
    """
    base = (
        Path(baseline) if baseline is not None and (baseline.endswith(".tflite") or Path(baseline).is_file()) else None
    )
    for path in [*artifacts, *([base] if base else [])]:
        if not path.is_file():
            raise UsageError("there is no such file", context=str(path), hint="Give a .tflite file.")
    paths = [path.resolve() for path in artifacts]
    if len(set(paths)) < len(paths):
        raise UsageError("a file is given twice", hint="Leave one --artifact out.")
    names = _tell_apart([*paths, *([base.resolve()] if base and base.resolve() not in paths else [])])
    files = {names[path]: path for path in paths} | {name: make(name) for name in models}
    if baseline is None:
        return files, None
    first = names[base.resolve()] if base else baseline
    first += BASELINE if first in files else ""
    return {first: base or make(baseline), **files}, first


def _tell_apart(paths: Sequence[Path]) -> dict[Path, str]:
    """Return a name for each path: its stem, and for those that share one, the folders in which they differ too."""
    names: dict[Path, str] = {}
    for path in paths:
        depth = 0
        others = [other for other in paths if other != path]
        while any(_name(other, depth) == _name(path, depth) for other in others) and depth < len(path.parts):
            depth += 1
        names[path] = _name(path, depth)
    return names


def _name(path: Path, depth: int) -> str:
    folders = path.parent.parts[len(path.parent.parts) - depth :] if depth else ()
    return "/".join([*folders, path.stem])


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
