from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdkgen.detection.types import Roi
from sdkgen.errors import ImageError
from sdkgen.parity.inputs import photo_inputs, photographs, random_inputs, variations
from sdkgen.spec.registry import load_model, model_names

FRONT = load_model("blazeface-front").input
LANDMARK = load_model("face-landmark").input


@pytest.mark.parametrize("model", model_names())
def test_noise_fills_the_models_range_and_is_the_same_every_time(model: str) -> None:
    to = load_model(model).input
    first, second = random_inputs(to), random_inputs(to)
    for one, other in zip(first, second, strict=True):
        assert one.values.shape == (1, to.height, to.width, 3)
        assert to.minimum <= one.values.min() < one.values.max() <= to.maximum
        np.testing.assert_array_equal(one.values, other.values)
    assert not np.array_equal(first[0].values, random_inputs(to, seed=1)[0].values)


def test_each_variation_is_another_picture() -> None:
    photo = photographs()["astronaut"]
    made = dict(variations(photo))
    assert len(made) == 13
    np.testing.assert_array_equal(made["as it is"], photo)
    np.testing.assert_array_equal(made["mirrored"][:, ::-1], photo)
    assert made["dark"].mean() < 0.5 * photo.mean()
    assert made["bright"].mean() > 1.1 * photo.mean()
    assert made["in a wide frame"].shape[1] > photo.shape[1]
    assert made["in a tall frame"].shape[0] > photo.shape[0]
    assert len({picture.tobytes() for picture in made.values()}) == 13


def test_photographs_keep_their_size_and_fit_the_input() -> None:
    inputs = list(photo_inputs(photographs(), FRONT))
    assert {source.values.shape for source in inputs} == {(1, 128, 128, 3)}
    assert (inputs[0].name, inputs[0].width, inputs[0].height) == ("astronaut, as it is", 256, 256)


def test_crops_are_what_was_located() -> None:
    inputs = list(photo_inputs(photographs(), LANDMARK, lambda _: [Roi((90, 100), (100, 100))] * 2))
    assert len(inputs) == 26
    assert inputs[1].name == "astronaut, as it is, face 2"
    assert {(source.width, source.height) for source in inputs} == {(192, 192)}
    assert list(photo_inputs(photographs(), LANDMARK, lambda _: [])) == []


def test_own_photographs_are_added(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), (1, 2, 3)).save(tmp_path / "b.jpg")
    Image.new("RGB", (8, 6), (1, 2, 3)).save(tmp_path / "a.webp")
    (tmp_path / "notes.txt").write_text("not an image")
    assert list(photographs(tmp_path)) == ["astronaut", "a.webp", "b.jpg"]


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ImageError, match="no images"):
            photographs(folder)
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ImageError, match=r"cut\.jpg"):
        photographs(tmp_path)
