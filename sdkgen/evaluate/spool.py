"""Labels regrouped by image on disk, so that files in any order are read in bounded memory."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from sdkgen.evaluate.types import Face, Picture

_SCHEMA = """
create table image (id integer primary key, name text unique not null);
create table face (image integer not null, x real, y real, w real, h real, ignored integer, crowd integer, points blob);
"""
_PRAGMAS = "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -32768;"
_BATCH = 10_000


class Spool:
    """A temporary SQLite database of images, in the order in which they were first named, and their faces."""

    def __init__(self) -> None:
        # With an empty name SQLite keeps what outgrows its cache in a file that goes when the connection does.
        # The garbage collector may close it from another thread.
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.executescript(
            "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -32768;" + _SCHEMA
        )
        weakref.finalize(self, self._database.close)

    def fill(self, rows: Iterable[tuple[str, Face | None]]) -> int:
        """Add image names, each with a face or with None for an image that may have none; return how many images."""
        names: list[tuple[str]] = []
        faces: list[tuple[object, ...]] = []
        for name, face in rows:
            names.append((name,))
            if face is not None:
                points = None if face.keypoints is None else face.keypoints.astype("<f8").tobytes()
                faces.append((*face.box, face.ignored, face.crowd, points, name))
            if len(names) >= _BATCH:
                self._add(names, faces)
        self._add(names, faces)
        self._database.execute("create index face_image on face (image)")
        self._database.commit()
        (count,) = self._database.execute("select count(*) from image").fetchone()
        return int(count)

    def _add(self, names: list[tuple[str]], faces: list[tuple[object, ...]]) -> None:
        self._database.executemany("insert or ignore into image (name) values (?)", names)
        statement = "insert into face select id, ?, ?, ?, ?, ?, ?, ? from image where name = ?"
        self._database.executemany(statement, faces)
        names.clear()
        faces.clear()

    def pictures(self, images: Path) -> Iterator[Picture]:
        """Yield every image with its faces in the order in which they were added."""
        rows = self._database.execute(
            "select image.id, name, x, y, w, h, ignored, crowd, points from image left join face on image = image.id "
            "order by image.id, face.rowid"
        )
        for (_, name), group in groupby(rows, key=lambda row: (row[0], row[1])):
            yield Picture(name, images / name, tuple(_face(row[2:]) for row in group if row[2] is not None))


def _face(row: tuple[float, float, float, float, int, int, bytes | None]) -> Face:
    *_, ignored, crowd, points = row
    keypoints = None if points is None else np.frombuffer(points, "<f8").reshape(-1, 2)
    return Face((row[0], row[1], row[2], row[3]), keypoints, bool(ignored), bool(crowd))
