from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from sdkgen.detection.pixels import Colours, Matrix, Plane, rgb, yuv
from sdkgen.detection.preprocess import Rotation, cropped, letterboxed, letterboxed_yuv, rgb_from_yuv, upright
from sdkgen.detection.roi import letterbox
from sdkgen.detection.types import Roi
from sdkgen.spec.model import InputSpec
from sdkgen.spec.registry import load_model

FRONT = load_model("blazeface-front").input


def inputs(size: int, minimum: float = 0.0, maximum: float = 255.0) -> InputSpec:
    """Make an input of ``size`` whose values are the bytes themselves."""
    return InputSpec(name="image", width=size, height=size, minimum=minimum, maximum=maximum, fit="letterbox")


def noise(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_same_size_copies_every_texel() -> None:
    image = noise(16, 16)
    np.testing.assert_array_equal(letterboxed(image, inputs(16))[0], image)


def test_corner_to_corner_without_half_pixel_shift() -> None:
    image = noise(32, 32)
    np.testing.assert_array_equal(letterboxed(image, inputs(16))[0], image[::2, ::2])


def test_interpolates_between_integer_texels() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    image[:, 1] = 100
    row = letterboxed(image, inputs(8))[0, 0, :, 0]
    # x = i / 4: rises from texel 0 to texel 1, then falls to the black beyond.
    np.testing.assert_allclose(row, [0, 25, 50, 75, 100, 75, 50, 25])


def test_letterbox_bars_are_black_which_is_the_minimum() -> None:
    image = np.full((10, 20, 3), 255, np.uint8)
    made = letterboxed(image, FRONT)[0]
    assert made.min() == -1.0
    assert made.max() == 1.0
    assert (made[:25] == -1).all()
    assert (made[-25:] == -1).all()
    assert (made[64, :120] == 1).all()
    assert letterbox(20, 10, FRONT) == Roi((10, 5), (20, 20))


def test_values_are_scaled_without_rounding() -> None:
    image = np.array([[[0, 51, 255]]], np.uint8)
    np.testing.assert_allclose(letterboxed(image, FRONT)[0, 0, 0], [-1, -0.6, 1], atol=1e-6)


@pytest.mark.parametrize("rotation", get_args(Rotation))
def test_rotates_clockwise_then_mirrors(rotation: Rotation) -> None:
    image = np.array([[[1], [2], [3]], [[4], [5], [6]]], np.uint8)
    expected = {
        0: [[1, 2, 3], [4, 5, 6]],
        90: [[4, 1], [5, 2], [6, 3]],
        180: [[6, 5, 4], [3, 2, 1]],
        270: [[3, 6], [2, 5], [1, 4]],
    }[rotation]
    np.testing.assert_array_equal(upright(image, rotation)[..., 0], expected)
    np.testing.assert_array_equal(upright(image, rotation, mirrored=True)[..., 0], np.array(expected)[:, ::-1])


def test_crop_of_everything_is_a_stretch_with_replicated_edges() -> None:
    image = np.full((10, 20, 3), 77, np.uint8)
    made = cropped(image, Roi((0, 0), (40, 40), 30), inputs(8))
    assert (made == 77).all()


def test_crop_turns_clockwise() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[32, 32:48] = 200  # a line from the centre to the right
    straight = cropped(image, Roi((32, 32), (64, 64)), inputs(64))[0, ..., 0]
    assert straight[32, 40] == pytest.approx(200)
    turned = cropped(image, Roi((32, 32), (64, 64), 90), inputs(64))[0, ..., 0]
    # Turned clockwise by 90°, the region's own "up" points right.
    assert turned[24, 32] == pytest.approx(200)
    assert turned[32, 40] == pytest.approx(0)


def test_yuv_ranges() -> None:
    full = np.array([[0, 128, 128], [255, 128, 128], [76, 85, 255]], np.float64)
    np.testing.assert_allclose(rgb_from_yuv(full, Colours()), [[0, 0, 0], [255, 255, 255], [254, 0, 0]], atol=1)
    video = np.array([[16, 128, 128], [235, 128, 128], [0, 128, 128]], np.float64)
    np.testing.assert_allclose(
        rgb_from_yuv(video, Colours(full_range=False)), [[0, 0, 0], [255, 255, 255], [0, 0, 0]], atol=1e-9
    )


@pytest.mark.parametrize("full_range", [True, False])
def test_yuv_bars_are_black(full_range: bool) -> None:
    grey = np.full((4, 16, 3), 128, np.uint8)
    made = letterboxed_yuv(grey, FRONT, Colours(full_range=full_range))[0]
    np.testing.assert_allclose(made[:40], -1, atol=1e-6)


def test_planes_with_strides_and_odd_sizes() -> None:
    luma = Plane(bytes(range(19)), row_stride=7, pixel_stride=1)  # 5 wide, 3 high, padded by 2
    blue = Plane(bytes([10, 0, 11, 0, 12, 0, 0, 20, 0, 21, 0, 22]), row_stride=7, pixel_stride=2)
    red = Plane(bytes([30, 0, 31, 0, 32, 0, 0, 40, 0, 41, 0, 42]), row_stride=7, pixel_stride=2)
    texels = yuv("i420", [luma, blue, red], 3, 5)
    assert texels[1, 4].tolist() == [11, 12, 32]
    assert texels[2, 0].tolist() == [14, 20, 40]


def test_packed_formats_order_their_channels() -> None:
    plane = Plane(bytes([1, 2, 3, 9]), 4, 4)
    assert rgb("rgba", [plane], 1, 1)[0, 0].tolist() == [1, 2, 3]
    assert rgb("bgra", [plane], 1, 1)[0, 0].tolist() == [3, 2, 1]


def test_a_short_plane_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        rgb("rgba", [Plane(bytes(14), 8, 4)], 2, 2)


@pytest.mark.parametrize("matrix", get_args(Matrix))
@pytest.mark.parametrize("full_range", [True, False])
def test_what_a_matrix_makes_of_a_colour_comes_back(matrix: Matrix, full_range: bool) -> None:
    # The standards' luma coefficients; all else follows from them.
    red_share, blue_share = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}[matrix]
    rgb_given = np.array([[200.0, 30, 90], [12, 250, 7], [0, 0, 0], [255, 255, 255]])
    luma = rgb_given @ [red_share, 1 - red_share - blue_share, blue_share]
    u = (rgb_given[:, 2] - luma) / (2 * (1 - blue_share))
    v = (rgb_given[:, 0] - luma) / (2 * (1 - red_share))
    if full_range:
        given = np.stack([luma, u + 128, v + 128], axis=-1)
    else:
        given = np.stack([luma * 219 / 255 + 16, u * 224 / 255 + 128, v * 224 / 255 + 128], axis=-1)
    np.testing.assert_allclose(rgb_from_yuv(given, Colours(matrix, full_range)), rgb_given, atol=1e-3)


def test_the_wrong_matrix_shows() -> None:
    image = np.full((8, 8, 3), (100, 90, 180), np.uint8)
    one, other = (letterboxed_yuv(image, inputs(8), Colours(matrix)) for matrix in ("bt601", "bt709"))
    assert 8 < np.abs(one - other).max() < 25
