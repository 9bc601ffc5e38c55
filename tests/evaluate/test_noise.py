from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sdkgen.detection.preprocess import Bytes
from sdkgen.detection.types import Detection, Sampling
from sdkgen.errors import UsageError
from sdkgen.evaluate.noise import NoiseJitter, measure
from sdkgen.evaluate.settings import parse_noise

SIZE = (200, 100)
GREY = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)


def _face(x: float, y: float, score: float = 0.9) -> Detection:
    """Return a face whose eyes are 20 pixels apart, with its upper left corner at pixel x, y."""
    points = np.array([[x + 10, y + 10], [x + 30, y + 10], [x + 20, y + 20], [x + 20, y + 30]]) / SIZE
    return Detection(score, (x / SIZE[0], y / SIZE[1], 40 / SIZE[0], 40 / SIZE[1]), points.astype(np.float32))


class _Oracle:
    """A detector that finds a face moved right by what the mean of some pixels says, more with point sampling."""

    def __init__(self, lost_by_area: Sequence[int] = ()) -> None:
        self.calls: dict[str, int] = {"point": 0, "area": 0}
        self.lost_by_area = lost_by_area

    def __call__(self, image: Bytes, sampling: Sampling) -> dict[str, list[Detection]]:
        call = self.calls[sampling]
        self.calls[sampling] += 1
        if sampling == "area" and call in self.lost_by_area:
            return {"blend": [], "hard": []}
        moved = float(image[:2, :2].mean()) - 128
        gain = {"point": 1.0, "area": 0.25}[sampling]
        return {mode: [_face(50 + moved * gain * factor, 30)] for mode, factor in (("blend", 1), ("hard", 2))}


def test_a_detector_that_moves_with_the_noise_has_its_deviation() -> None:
    record = measure("a.jpg", GREY, (4.0,), 400, _Oracle())
    jitter = NoiseJitter((4.0,), 400)
    jitter.add(record)
    summary = jitter.summary()
    assert summary is not None
    found = summary["by_sigma"]["4.0"]
    # The mean of twelve bytes deviates by sigma / √12, eyes are 20 pixels apart, and only x moves.
    assert found["point"]["blend"]["value"] == pytest.approx(4 / 12**0.5 / 20, rel=0.1)
    assert found["point"]["hard"]["value"] == pytest.approx(2 * found["point"]["blend"]["value"], rel=1e-4)
    assert found["area_to_point"]["value"] == pytest.approx(0.25, rel=1e-4)
    assert found["area_to_plain"]["value"] == pytest.approx(0.125, rel=1e-4)


def test_noise_depends_on_the_name_alone() -> None:
    assert measure("a.jpg", GREY, (2.0,), 5, _Oracle()) == measure("a.jpg", GREY, (2.0,), 5, _Oracle())
    assert measure("a.jpg", GREY, (2.0,), 5, _Oracle()) != measure("b.jpg", GREY, (2.0,), 5, _Oracle())


def test_copies_in_which_one_way_loses_the_face_count_for_none() -> None:
    record = measure("a.jpg", GREY, (2.0,), 5, _Oracle(lost_by_area=(1, 3)))
    assert record is not None
    *_, summands, copies = record["sums"]["2.0"]
    assert copies == 3
    assert summands == 2 * 4


def test_an_image_without_faces_adds_nothing() -> None:
    assert measure("a.jpg", GREY, (2.0,), 5, lambda *_: {"blend": [], "hard": []}) is None
    jitter = NoiseJitter((2.0,), 5)
    jitter.add(None)
    assert jitter.summary() is None


def test_scores_are_of_the_faces_that_both_find() -> None:
    def find(_: Bytes, sampling: Sampling) -> dict[str, list[Detection]]:
        faces = [_face(50, 30, 0.9 if sampling == "point" else 0.8)]
        if sampling == "point":
            faces.append(_face(120, 30, 0.6))
        return {"blend": faces, "hard": faces}

    jitter = NoiseJitter((2.0,), 5)
    jitter.add(measure("a.jpg", GREY, (2.0,), 5, find))
    summary = jitter.summary()
    assert summary is not None
    assert (summary["faces"], summary["found_by_area"]) == (2, 1)
    assert summary["scores"] == {"area": 0.8, "point": 0.9}


@pytest.mark.parametrize(("text", "expected"), [("0", ()), ("4", (4.0,)), ("2,4,8", (2.0, 4.0, 8.0))])
def test_lists_of_deviations(text: str, expected: tuple[float, ...]) -> None:
    assert parse_noise(text) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "4,4", "0,4", "200", "nan"])
def test_lists_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_noise(text)
