"""The record of every picture done so far, so that an interrupted evaluation goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from sdkgen import cache
from sdkgen.evaluate.types import Picture
from sdkgen.files import unwritable


class Journal:
    """One line of JSON a picture, in the data set's order, in the cache folder; kept until the evaluation is whole."""

    def __init__(self, key: str, *, fresh: bool = False) -> None:
        """Open the journal of what ``key`` identifies; ``fresh`` forgets an earlier one.

        Raises ``OutputError`` where the cache folder cannot be written.
        """
        self.path = cache.root() / "evaluations" / f"{key}.jsonl"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if fresh:
                self.path.unlink(missing_ok=True)
            self._stream: IO[bytes] = self.path.open("a+b")
        except OSError as error:
            raise unwritable(self.path, error) from error
        self._stream.seek(0)
        self._recalling = True

    def recall(self, picture: Picture) -> Any | None:
        """Return the record of ``picture``, asked for in the data set's order; None if it is yet to be measured.

        A line that was cut short, or is of another image, ends what is recalled: it and what follows are dropped.
        """
        if self._recalling:
            start = self._stream.tell()
            entry = _parsed(self._stream.readline())
            if entry is not None and entry[:2] == [picture.name, stamp(picture.path)]:
                return entry[2]
            self._stream.truncate(start)
            self._recalling = False
        return None

    def write(self, picture: Picture, record: Any) -> None:
        """Append a picture's record.

        Raises ``OutputError`` if the disk is full.
        """
        try:
            line = json.dumps([picture.name, stamp(picture.path), record], separators=(",", ":"))
            self._stream.write(line.encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            raise unwritable(self.path, error) from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Close the journal, and remove it if the evaluation came to its end."""
        self._stream.close()
        if kind is None:
            self.path.unlink(missing_ok=True)


def stamp(path: Path) -> list[int] | None:
    """Return what changes when a file does: its size and time; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _parsed(line: bytes) -> list[Any] | None:
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, list) and len(entry) == 3 else None
