"""The whole evaluation, around a backend that answers at once."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdkgen.detection.types import Array, RawOutputs
from sdkgen.errors import BackendError, ImageError
from sdkgen.evaluate.dataset import open_dataset
from sdkgen.evaluate.evaluation import evaluate
from sdkgen.evaluate.journal import Journal
from sdkgen.evaluate.measure import Measurer
from sdkgen.evaluate.settings import Settings
from sdkgen.evaluate.types import DataSet
from sdkgen.spec.registry import load_model

FRONT = load_model("blazeface-front")
BOX = 40
"""Pixels of the one face in each image of 128 × 128, whose place the image's colour tells."""


class _Oracle:
    """A backend that reads a face's place from the brightest spot of the input."""

    name = "oracle"

    def __init__(self, fail_after: int | None = None) -> None:
        self.calls = 0
        self.fail_after = fail_after

    def run(self, image: Array) -> RawOutputs:
        self.calls += 1
        if self.fail_after is not None and self.calls > self.fail_after:
            raise BackendError("stop")
        boxes = np.zeros((1, 896, 16), np.float32)
        scores = np.full((1, 896, 1), -50, np.float32)
        bright = np.argwhere(image[0, :, :, 0] > 0.9)
        if len(bright):
            y, x = bright.mean(axis=0)
            # Anchor 0 lies in the centre of the first cell, at (4, 4).
            shape = [x - 4, y - 4, BOX, BOX]
            points = [(-8, -6), (8, -6), (0, 2), (0, 10), (-16, 0), (16, 0)]
            boxes[0, 0] = np.array(shape + [v for dx, dy in points for v in (x - 4 + dx, y - 4 + dy)])
            scores[0, 0] = 5
        return {"boxes": boxes, "scores": scores}

    def close(self) -> None:
        pass


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Make twelve labelled images with one face each, and three that cannot be used."""
    rows = ["image,x,y,width,height,right_eye_x,right_eye_y,left_eye_x,left_eye_y"]
    for index in range(12):
        pixels = np.zeros((128, 128, 3), np.uint8)
        x, y = 40 + 4 * index, 50 + 2 * index
        pixels[y - 3 : y + 4, x - 3 : x + 4] = 255
        Image.fromarray(pixels).save(tmp_path / f"{index:02d}.png")
        eyes = f"{x - 8},{y - 6},{x + 8},{y - 6}"
        rows.append(f"{index:02d}.png,{x - BOX // 2},{y - BOX // 2},{BOX},{BOX},{eyes}")
    (tmp_path / "bad.png").write_bytes(b"no image")
    (tmp_path / "cut.png").write_bytes((tmp_path / "00.png").read_bytes()[:60])
    rows += [f"{name},1,1,9,9,,,," for name in ("bad.png", "cut.png", "gone.png")]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path / "labels.csv"


def _open(labels: Path) -> DataSet:
    return open_dataset(labels, None, None, FRONT.detector.keypoints)


def _run(labels: Path, oracle: _Oracle, workers: int = 1, **settings: Any) -> dict[str, Any]:
    chosen = Settings(**settings)
    with Journal("test") as journal:
        return evaluate(
            _open(labels), FRONT, chosen, journal, partial(Measurer, FRONT, oracle, chosen), workers=workers
        )


@pytest.mark.usefixtures("empty_cache")
def test_figures_of_a_detector_that_knows(data: Path) -> None:
    report = _run(data, _Oracle())
    assert report["images"] == 12
    assert report["precision"]["ap50"] == report["precision"]["ap50_95"] == 1.0
    assert report["precision"]["at_own_threshold"] == {"score": 0.5, "precision": 1.0, "recall": 1.0}
    assert report["keypoints"]["median"] < 1e-5
    assert report["keypoints"]["median_by_keypoint"]["nose_tip"] is None
    assert report["jitter"]["blend"]["value"] < 1e-5
    assert report["jitter"]["pictures"] == 12
    assert report["unreadable"]["counts"] == {"unreadable image": 2, "missing image": 1}


@pytest.mark.usefixtures("empty_cache")
def test_the_own_threshold_s_figures_are_of_what_ships(data: Path) -> None:
    """The curve's lowest score, here above that of every detection, is another matter."""
    precision = _run(data, _Oracle(), views=0, minimum_score=0.999)["precision"]
    assert precision["detections"] == 0
    assert precision["at_own_threshold"] == {"score": 0.5, "precision": 1.0, "recall": 1.0}


@pytest.mark.usefixtures("empty_cache")
def test_the_report_is_the_same_however_many_workers_there_are(data: Path) -> None:
    reports = [_run(data, _Oracle(), workers) for workers in (1, 3)]
    for report in reports:
        del report["timing"]
    assert json.dumps(reports[0]) == json.dumps(reports[1])


@pytest.mark.usefixtures("empty_cache")
def test_an_error_in_a_worker_is_the_error_of_the_evaluation(data: Path) -> None:
    with pytest.raises(BackendError, match="stop"):
        _run(data, _Oracle(fail_after=3), workers=2, views=0)


class _Killed(_Oracle):
    """A backend that the system kills, as it does when memory runs out."""

    def run(self, image: Array) -> RawOutputs:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().run(image)


@pytest.mark.usefixtures("empty_cache")
def test_a_worker_that_is_killed_is_told_of(data: Path) -> None:
    with pytest.raises(ImageError, match="was killed") as caught:
        _run(data, _Killed(), workers=2)
    assert "--jobs" in caught.value.hint


@pytest.mark.usefixtures("empty_cache")
def test_an_interrupted_evaluation_goes_on_where_it_was(data: Path) -> None:
    whole = _run(data, _Oracle(), views=0)
    with pytest.raises(BackendError):
        _run(data, _Oracle(fail_after=7), workers=1, views=0)
    again = _Oracle()
    resumed = _run(data, again, views=0)
    assert again.calls == 5
    assert resumed["timing"]["images_resumed"] == 7
    for report in (whole, resumed):
        del report["timing"]
    assert resumed == whole


@pytest.mark.usefixtures("empty_cache")
def test_an_image_that_changed_meanwhile_is_measured_again(data: Path) -> None:
    with pytest.raises(BackendError):
        _run(data, _Oracle(fail_after=7), workers=1, views=0)
    Image.new("RGB", (128, 128)).save(data.parent / "03.png")
    again = _Oracle()
    assert _run(data, again, views=0)["precision"]["at_own_threshold"]["recall"] == pytest.approx(11 / 12)
    assert again.calls == 9


def test_a_damaged_journal_is_used_up_to_the_damage(data: Path, empty_cache: Path) -> None:
    with pytest.raises(BackendError):
        _run(data, _Oracle(fail_after=7), workers=1, views=0)
    journal = empty_cache / "evaluations" / "test.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    again = _Oracle()
    assert _run(data, again, views=0)["precision"]["ap50"] == 1.0
    assert again.calls == 6
    assert not journal.exists()


@pytest.mark.usefixtures("empty_cache")
def test_smaller_faces_than_asked_for_are_not_judged(data: Path) -> None:
    report = _run(data, _Oracle(), minimum_area=0.2)
    assert report["precision"]["faces"] == 0
    assert report["precision"]["faces_ignored"] == 12
    assert (report["precision"]["ap50"], report["keypoints"], report["jitter"]) == (None, None, None)


@pytest.mark.usefixtures("empty_cache")
def test_jitter_is_measured_on_pictures_spread_over_the_set(data: Path) -> None:
    report = _run(data, _Oracle(), views=3, jitter_pictures=5)
    # Every third of 15 images, of which the last one, the 13th, cannot be read.
    assert (report["jitter"]["pictures"], report["jitter"]["views"]) == (4, 12)


@pytest.mark.usefixtures("empty_cache")
def test_noise_jitter_takes_pictures_at_a_width_of_their_own(data: Path) -> None:
    report = _run(data, _Oracle(), views=0, jitter_pictures=5, noise=(2.0, 8.0), noise_copies=3, width=256)
    assert report["jitter"] is None
    noise = report["noise"]
    assert (noise["pictures"], noise["faces"], noise["found_by_area"]) == (4, 4, 4)
    assert list(noise["by_sigma"]) == ["2.0", "8.0"]
    assert all(found["copies_of_faces"] == 12 for found in noise["by_sigma"].values())
    # The spot's middle stays where it is; at twice the width area sampling is another way.
    for found in noise["by_sigma"].values():
        assert all(found[way][mode]["value"] < 0.05 for way in ("area", "point") for mode in ("blend", "hard"))


@pytest.mark.usefixtures("empty_cache")
def test_images_alone_give_jitter_alone(data: Path) -> None:
    data.unlink()
    report = _run(data.parent, _Oracle())
    assert (report["precision"], report["keypoints"]) == (None, None)
    assert report["jitter"]["pictures"] == 12


@pytest.mark.usefixtures("empty_cache")
def test_images_of_one_pixel_and_of_far_too_many(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), "white").save(tmp_path / "one.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "vast.png")
    report = _run(tmp_path, _Oracle())
    assert report["images"] == 1
    assert report["unreadable"]["counts"] == {"unreadable image": 1}
    assert report["jitter"] is None


@pytest.mark.usefixtures("empty_cache")
def test_no_readable_image_at_all_is_an_error(data: Path) -> None:
    for path in data.parent.glob("*.png"):
        path.unlink()
    with pytest.raises(ImageError, match="none of the 15 images") as caught:
        _run(data, _Oracle())
    assert "--images" in caught.value.hint
