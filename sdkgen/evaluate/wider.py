"""WIDER FACE's labels: an image's name, its number of faces, then one line of ten numbers a face.

The numbers are x, y, width, height, and six attributes, of which the fourth says that a face is not to be judged. An
image without faces has the number 0 and, in the published files, one line of zeros all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO

from sdkgen.evaluate.text import LabelError, opened
from sdkgen.evaluate.types import Face, Faults, Picture

_COLUMNS = 10
_INVALID = 7


class WiderFace:
    """A file such as wider_face_val_bbx_gt.txt, with the folder that its names are relative to."""

    format = "wider"

    def __init__(self, source: Path, images: Path) -> None:
        """Count the images of ``source``; raises ``LabelError`` if it cannot be read."""
        self.source = source
        self.images = images
        self.faults = Faults()
        with opened(source) as stream:
            lines = (line.strip() for line in stream)
            # A name is a line followed by a lone number; a face's line has ten.
            self.count = sum(after.isdigit() and not _is_face(before) for before, after in pairwise(lines))

    def __iter__(self) -> Iterator[Picture]:
        """Yield every picture once; raises ``LabelError`` where the file breaks its own format."""
        self.faults = Faults()
        with opened(self.source) as stream:
            lines = ((number, line) for number, line in enumerate(map(str.strip, stream), 1) if line)
            number, name = next(lines, (0, ""))
            while name:
                number, text = next(lines, (number, ""))
                if not text.isdigit():
                    raise self._broken(number, f"expected the number of faces of {name!r}, found {text[:40]!r}")
                faces = tuple(self._faces(lines, int(text), name))
                yield Picture(name, self.images / name, faces)
                number, name = next(lines, (number, ""))
                if not faces and text == "0" and _is_face(name):
                    number, name = next(lines, (number, ""))

    def _faces(self, lines: Iterator[tuple[int, str]], count: int, name: str) -> Iterator[Face]:
        for _ in range(count):
            number, line = next(lines, (0, ""))
            numbers = _numbers(line)
            if numbers is None:
                raise self._broken(number, f"expected {_COLUMNS} numbers for a face of {name!r}, found {line[:60]!r}")
            if numbers[2] <= 0 or numbers[3] <= 0:
                self.faults.add("box without area", f"{self.source.name}:{number}", line)
                continue
            yield Face((numbers[0], numbers[1], numbers[2], numbers[3]), ignored=numbers[_INVALID] == 1)

    def _broken(self, number: int, what: str) -> LabelError:
        return LabelError(
            what,
            context=f"{self.source}:{number or 'end'}",
            hint="WIDER FACE's files have a name, a count, then one line of ten numbers a face; is the format another?",
        )


def _is_face(line: str) -> bool:
    return _numbers(line) is not None


def _numbers(line: str) -> list[float] | None:
    parts = line.split()
    try:
        return [float(part) for part in parts] if len(parts) == _COLUMNS else None
    except ValueError:
        return None


def is_wider(stream: IO[str]) -> bool:
    """Tell whether the text begins as WIDER FACE's files do."""
    lines = [stream.readline().strip() for _ in range(3)]
    return bool(lines[0]) and lines[1].isdigit() and _is_face(lines[2])
