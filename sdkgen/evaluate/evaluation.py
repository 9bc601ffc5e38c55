"""From a data set to the figures: pictures are measured side by side and added up in order."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np

from sdkgen.errors import ImageError
from sdkgen.evaluate.jitter import Jitter
from sdkgen.evaluate.journal import Journal
from sdkgen.evaluate.keypoints import KeypointErrors
from sdkgen.evaluate.measure import Measurer, Record
from sdkgen.evaluate.noise import NoiseJitter
from sdkgen.evaluate.precision import MAXIMUM_DETECTIONS, THRESHOLDS, AveragePrecision
from sdkgen.evaluate.settings import Settings
from sdkgen.evaluate.types import DataSet, Faults, Picture
from sdkgen.evaluate.workers import Workers
from sdkgen.spec.model import ModelSpec

SCHEMA = 1
_AHEAD = 4
"""Pictures a worker that are measured ahead of the one whose turn it is: what bounds the memory."""


class Totals:
    """Everything that is added up over the pictures."""

    def __init__(self, spec: ModelSpec, settings: Settings) -> None:
        self.spec = spec
        self.settings = settings
        self.pictures = 0
        self.labelled = 0
        self.unreadable = Faults()
        self.precision = AveragePrecision(settings.minimum_area)
        self.shipped = AveragePrecision(settings.minimum_area)
        self.keypoints = KeypointErrors(spec.detector.keypoints)
        self.jitter = Jitter()
        self.noise = NoiseJitter(settings.noise, settings.noise_copies)
        self.against: dict[str, int] = {}
        self._differences: array[float] = array("d")

    def add(self, picture: Picture, record: Record) -> None:
        """Add one picture's record."""
        if "fault" in record:
            self.unreadable.add(record["fault"], picture.name, record["detail"])
            return
        self.pictures += 1
        if picture.faces is not None:
            self.labelled += 1
            width, height = record["size"]
            for precision, name in ((self.precision, "found"), (self.shipped, "shipped")):
                scores = [row[0] for row in record[name]]
                boxes = [(x, y, w, h) for _, x, y, w, h in record[name]]
                precision.add(scores, boxes, picture.faces, width * height)
            for row in record["errors"]:
                self.keypoints.add(row)
        if "views" in record:
            self.jitter.add(record["views"])
        if "noise" in record:
            self.noise.add(record["noise"])
        if "against" in record:
            for name in ("faces", "found", "matched"):
                self.against[name] = self.against.get(name, 0) + record["against"][name]
            self._differences.extend(record["against"]["differences"])

    def report(self) -> dict[str, Any]:
        """Return the figures; null where the data set has no labels for them."""
        return {
            "images": self.pictures,
            "unreadable": {"count": sum(self.unreadable.counts.values()), **_faults(self.unreadable)},
            "precision": self._precision() if self.labelled else None,
            "keypoints": self.keypoints.summary(),
            "jitter": self.jitter.summary(),
            "noise": self.noise.summary(),
            "against": self._against() if self.against else None,
        }

    def _precision(self) -> dict[str, Any]:
        threshold = self.spec.detector.minimum_score
        point = self.shipped.operating_point(threshold)
        return {
            "ap50": _rounded(self.precision.at(THRESHOLDS[0])),
            "ap50_95": _rounded(self.precision.mean()),
            "ap_by_iou": {f"{iou:.2f}": _rounded(self.precision.at(iou)) for iou in THRESHOLDS},
            "faces": self.precision.faces,
            "faces_ignored": self.precision.ignored,
            "detections": self.precision.detections,
            "at_own_threshold": point
            and {"score": threshold, "precision": _rounded(point[0]), "recall": _rounded(point[1])},
        }

    def _against(self) -> dict[str, Any]:
        values = np.frombuffer(self._differences, np.float64) if self._differences else np.array([np.nan])
        figures = {"median": np.median(values), "p95": np.percentile(values, 95), "maximum": values.max()}
        return self.against | {name: float(v) if np.isfinite(v) else None for name, v in figures.items()}


def evaluate(
    data: DataSet,
    spec: ModelSpec,
    settings: Settings,
    journal: Journal,
    open_measurer: Callable[[], Measurer],
    *,
    workers: int,
    tick: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Return the report on ``data``; ``tick`` is called once a picture, and the figures do not depend on ``workers``.

    ``open_measurer`` is called once by each of the ``workers``, which are processes of their own if more than one.

    Raises ``ImageError`` if there is not one image that can be read, ``OutputError`` where the journal cannot be
    written, and what ``data`` raises for faulty labels.
    """
    totals = Totals(spec, settings)
    begun = time.perf_counter()
    measured = 0
    for picture, record, fresh in _records(data, settings, journal, open_measurer, workers):
        totals.add(picture, record)
        measured += fresh
        tick()
    if not totals.pictures:
        kept = [example for examples in totals.unreadable.examples.values() for example in examples]
        raise ImageError(
            f"none of the {data.count} images can be read; the first one: {kept[0] if kept else 'there is none'}",
            context=str(data.source),
            hint="Give the folder that the labels' image names are relative to, with --images.",
        )
    seconds = time.perf_counter() - begun
    return {
        "schema": SCHEMA,
        "data": {"format": data.format, "labels": _faults(data.faults)},
        **totals.report(),
        "protocol": settings.as_dict() | {"iou": list(THRESHOLDS), "maximum_detections": MAXIMUM_DETECTIONS},
        "timing": {
            "seconds": round(seconds, 3),
            "images_measured": measured,
            "images_resumed": totals.pictures + sum(totals.unreadable.counts.values()) - measured,
            "images_per_second": round(measured / seconds, 1),
            "workers": workers,
        },
    }


def _records(
    data: DataSet, settings: Settings, journal: Journal, open_measurer: Callable[[], Measurer], workers: int
) -> Iterator[tuple[Picture, Record, bool]]:
    """Yield every picture in order with its record, and whether it was measured now."""
    moves = settings.views or settings.noise
    every = max(1, data.count // settings.jitter_pictures) if moves and settings.jitter_pictures else 0
    ahead = workers * _AHEAD if workers > 1 else 1
    waiting: deque[tuple[Picture, Future[Record]]] = deque()
    with Workers(open_measurer, workers) as pool:
        for index, picture in enumerate(data):
            if (record := journal.recall(picture)) is not None:
                yield picture, record, False
                continue
            waiting.append((picture, pool.measure(picture, jitter=bool(every) and index % every == 0)))
            if len(waiting) >= ahead:
                yield _settled(waiting, journal)
        while waiting:
            yield _settled(waiting, journal)


def _settled(waiting: deque[tuple[Picture, Future[Record]]], journal: Journal) -> tuple[Picture, Record, bool]:
    picture, future = waiting.popleft()
    try:
        record = future.result()
    except BrokenProcessPool as error:
        raise ImageError(
            "a process that measured images was killed",
            context=picture.name,
            hint="Perhaps memory ran out: give fewer --jobs. What was measured is kept, and the same command goes on.",
        ) from error
    journal.write(picture, record)
    return picture, record, True


def _faults(faults: Faults) -> dict[str, Any]:
    return {"counts": dict(faults.counts), "examples": dict(faults.examples)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
