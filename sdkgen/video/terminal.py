"""Faces in a video, printed as they are found."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import islice
from typing import Any

from sdkgen import console
from sdkgen.detection.photographs import describe
from sdkgen.records import Form, print_records
from sdkgen.spec.model import ModelSpec
from sdkgen.video.detect import VideoDetection


def print_detections(
    found: VideoDetection, about: dict[str, Any], spec: ModelSpec, frames: int | None, form: Form | None
) -> int:
    """Print what ``found`` finds, until its end, after ``frames``, or when the user interrupts; return how many.

    Without a ``form`` that is one line; ``about`` opens the JSON object. Raises what ``found`` raises, and
    ``OutputError``.
    """
    begun = time.monotonic()
    faces = count = 0
    with print_records(form, about, found.describe_end) as tell, closing(iter(found)) as pairs:
        for frame, detections in islice(pairs, frames):
            count += 1
            height, width = frame.pixels.shape[:2]
            faces += len(detections)
            if form is not None:
                place = {"frame": frame.index, "seconds": frame.seconds, "width": width, "height": height}
                tell({**place, "detections": describe(detections, spec, width / height)})
    if form is None:
        speed = f"{count / (time.monotonic() - begun):.0f} a second, {found.dropped} dropped"
        console.out.print(f"{faces} faces in {count} frames ({speed})")
    for warning in found.warnings():
        console.warn(warning)
    return count
