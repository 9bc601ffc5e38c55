"""Labels as a table: CSV with a header, one face a row.

Columns: image, x, y, width, height; optionally ignore (0 or 1), and NAME_x, NAME_y for each keypoint that is known.
A row whose box is empty stands for an image without faces. The separator is a comma, a semicolon or a tab.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sdkgen.errors import nearest
from sdkgen.evaluate.names import keypoint_columns
from sdkgen.evaluate.spool import Spool
from sdkgen.evaluate.text import LabelError, opened
from sdkgen.evaluate.types import Face, Faults, Picture, Points

_REQUIRED = ("image", "x", "y", "width", "height")
_ALIASES = {"file": "image", "filename": "image", "path": "image", "w": "width", "h": "height"}
_SEPARATORS = ",;\t"


class Table:
    """A CSV file and the folder that its image names are relative to."""

    format = "csv"

    def __init__(self, source: Path, images: Path, keypoints: Sequence[str]) -> None:
        """Read ``source`` once; raises ``LabelError`` where it is no such table."""
        self.source = source
        self.images = images
        self.faults = Faults()
        self._spool = Spool()
        self.count = self._spool.fill(self._rows(keypoints))

    def __iter__(self) -> Iterator[Picture]:
        """Yield every picture once, in the order in which the file first names it."""
        return self._spool.pictures(self.images)

    def _rows(self, keypoints: Sequence[str]) -> Iterator[tuple[str, Face | None]]:
        with opened(self.source) as stream:
            header = stream.readline()
            separator = max(_SEPARATORS, key=header.count)
            names = [name.strip().lower() for name in next(csv.reader([header], delimiter=separator), [])]
            names = [_ALIASES.get(name, name) for name in names]
            for name in _REQUIRED:
                if name not in names:
                    raise self._broken(f"the column {name!r} is missing. {nearest(name, [n for n in names if n])}", 1)
            at = {name: position for position, name in enumerate(names)}
            points = [
                keypoint_columns(
                    [n.removesuffix(f"_{axis}") if n.endswith(f"_{axis}") else "" for n in names], keypoints
                )
                for axis in "xy"
            ]
            reader = csv.reader(stream, delimiter=separator)
            try:
                for row in reader:
                    if not row:
                        continue
                    where = f"{self.source.name}:{reader.line_num + 1}"
                    if len(row) != len(names) or not row[at["image"]].strip():
                        self.faults.add("wrong columns", where, f"{len(row)} instead of {len(names)}")
                        continue
                    yield from self._face(row, at, points, where)
            except csv.Error as error:
                raise self._broken(str(error), reader.line_num + 1) from error

    def _face(
        self, row: list[str], at: dict[str, int], points: list[list[int | None]], where: str
    ) -> Iterator[tuple[str, Face | None]]:
        name = row[at["image"]].strip()
        cells = [row[at[column]].strip() for column in _REQUIRED[1:]]
        if not any(cells):
            yield name, None
            return
        try:
            x, y, width, height = (float(cell) for cell in cells)
            keypoints = _points(row, points)
        except ValueError:
            self.faults.add("unreadable number", where, ", ".join(row)[:80])
            yield name, None
            return
        if not math.isfinite(x + y + width + height) or width <= 0 or height <= 0:
            self.faults.add("box without area", where, ", ".join(cells))
            yield name, None
            return
        ignored = "ignore" in at and row[at["ignore"]].strip() not in ("", "0")
        yield name, Face((x, y, width, height), keypoints, ignored)

    def _broken(self, what: str, line: int) -> LabelError:
        return LabelError(
            what,
            context=f"{self.source}:{line}",
            hint=f"The first line names the columns: {', '.join(_REQUIRED)}, and NAME_x, NAME_y of keypoints.",
        )


def _of_axis(names: Sequence[str], axis: str) -> list[str]:
    return [name.removesuffix(f"_{axis}") if name.endswith(f"_{axis}") else "" for name in names]


def _points(row: list[str], columns: list[list[int | None]]) -> Points | None:
    """Return (K, 2) keypoints, NaN where the cell is empty or there is no column; None where all are."""
    if not columns:
        return None
    values = np.array(
        [[np.nan if c is None or not row[c].strip() else float(row[c]) for c in axis] for axis in columns]
    ).T
    return values if np.isfinite(values).any() else None
