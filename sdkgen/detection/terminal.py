"""Faces in photographs as a table in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sdkgen import console

Row = tuple[str, ...]


@contextmanager
def print_table_of_faces() -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield what adds an image's record, and print the table of them when the block ends, however it does."""
    rows: list[Row] = []
    try:
        yield lambda record: rows.extend(_rows(record))
    finally:
        if rows:
            console.print_table(("image", "face", "score", "x", "y", "width", "height", "roll"), rows)


def _rows(record: Mapping[str, Any]) -> Iterator[Row]:
    name, width, height = console.safe(record["image"]), record.get("width", 0), record.get("height", 0)
    found = record.get("detections", [])
    if not found:
        yield (name, "unreadable" if "error" in record else "none", *[""] * 6)
    for index, face in enumerate(found, 1):
        x, y, w, h = face["box"].values()
        pixels = (f"{value:.0f}" for value in (x * width, y * height, w * width, h * height))
        yield (name if index == 1 else "", str(index), f"{face['score']:.3f}", *pixels, f"{face['roll_degrees']:.1f}°")
