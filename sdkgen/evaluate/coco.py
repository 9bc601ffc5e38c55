"""COCO's labels: one JSON object with images, annotations and categories, read as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from sdkgen.errors import MissingExtraError
from sdkgen.evaluate.names import keypoint_columns
from sdkgen.evaluate.spool import Spool
from sdkgen.evaluate.text import LabelError, opened_utf8
from sdkgen.evaluate.types import Face, Faults, Picture, Points


class Coco:
    """An instances or keypoints file; of several categories the one named "face" is taken."""

    format = "coco"

    def __init__(self, source: Path, images: Path, keypoints: Sequence[str]) -> None:
        """Read ``source`` once; raises ``LabelError`` where it is not COCO's format."""
        self.source = source
        self.images = images
        self.faults = Faults()
        self._keypoints = keypoints
        self._spool = Spool()
        self._category, self._columns = self._chosen()
        names = self._names()
        self.count = self._spool.fill(chain(((name, None) for name in names.values()), self._faces(names)))

    def __iter__(self) -> Iterator[Picture]:
        """Yield every picture once, in the order of the file's images."""
        return self._spool.pictures(self.images)

    def _items(self, key: str) -> Iterator[dict[str, Any]]:
        try:
            import ijson
        except ImportError as error:
            raise MissingExtraError("ijson", "eval") from error
        with opened_utf8(self.source) as stream:
            try:
                for position, item in enumerate(ijson.items(stream, f"{key}.item", use_float=True)):
                    if not isinstance(item, dict):
                        raise self._broken(f"{key}[{position}] is not an object")
                    yield item
            except ijson.JSONError as error:
                raise self._broken(f"not valid JSON: {str(error).splitlines()[0]}") from error

    def _chosen(self) -> tuple[object, list[int | None]]:
        categories = list(self._items("categories"))
        faces = [item for item in categories if str(item.get("name", "")).lower() == "face"] or categories
        if len(faces) != 1:
            names = ", ".join(str(item.get("name")) for item in categories) or "none"
            raise self._broken(f"no category is named face (there are: {names})")
        points = [str(name) for name in faces[0].get("keypoints") or []]
        return faces[0].get("id"), keypoint_columns(points, self._keypoints)

    def _names(self) -> dict[object, str]:
        names: dict[object, str] = {}
        for position, item in enumerate(self._items("images")):
            if "id" not in item or not item.get("file_name"):
                raise self._broken(f"images[{position}] lacks id or file_name")
            names[item["id"]] = str(item["file_name"])
        if not names:
            raise self._broken("there are no images")
        return names

    def _faces(self, names: dict[object, str]) -> Iterator[tuple[str, Face]]:
        for position, item in enumerate(self._items("annotations")):
            where = f"annotations[{position}]"
            if item.get("category_id") != self._category:
                continue
            name = names.get(item.get("image_id"))
            if name is None:
                self.faults.add("label of an unknown image", where, str(item.get("image_id")))
                continue
            box = _floats(item.get("bbox"), 4)
            if box is None:
                self.faults.add("unreadable box", where, str(item.get("bbox"))[:60])
            elif box[2] <= 0 or box[3] <= 0:
                self.faults.add("box without area", where, str(item["bbox"]))
            else:
                crowd, ignored = bool(item.get("iscrowd")), bool(item.get("ignore"))
                points = self._points(item.get("keypoints"))
                yield name, Face((box[0], box[1], box[2], box[3]), points, crowd or ignored, crowd)

    def _points(self, values: object) -> Points | None:
        numbers = _floats(values, None)
        if not numbers or not any(column is not None for column in self._columns):
            return None
        rows = np.asarray(numbers[: len(numbers) // 3 * 3], np.float64).reshape(-1, 3)
        rows[rows[:, 2] == 0] = np.nan
        blank = np.full(2, np.nan)
        return np.array([blank if c is None or c >= len(rows) else rows[c, :2] for c in self._columns])

    def _broken(self, what: str) -> LabelError:
        return LabelError(
            what,
            context=str(self.source),
            hint="COCO's files have images, annotations and categories; is the file whole, and is this its format?",
        )


def _floats(values: object, count: int | None) -> list[float] | None:
    if not isinstance(values, list) or (count is not None and len(values) != count):
        return None
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        return None
    return numbers if np.isfinite(numbers).all() else None
