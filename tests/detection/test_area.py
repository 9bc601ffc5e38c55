"""Averages over areas: against plain arithmetic, and the noise that they take away."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from sdkgen.detection import area
from sdkgen.detection.preprocess import cropped, letterboxed, upright
from sdkgen.detection.roi import letterbox
from sdkgen.detection.types import Roi
from sdkgen.spec.model import InputSpec

Bytes = NDArray[np.uint8]


def inputs(width: int, height: int) -> InputSpec:
    return InputSpec(name="image", width=width, height=height, minimum=0, maximum=255, fit="letterbox")


def noise(height: int, width: int, seed: int = 1) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def shares(extent: int, count: int, texels: Fraction) -> NDArray[np.float64]:
    """Return the exact share of each texel in each pixel (count, extent); zeros for one outside."""
    made = np.zeros((count, extent))
    for pixel in range(count):
        middle = Fraction(extent, 2) + (pixel - Fraction(count, 2)) * texels + Fraction(1, 2)
        if not 0 <= middle < extent:
            continue
        for texel in range(extent):
            made[pixel, texel] = max(
                Fraction(0), min(middle + texels / 2, Fraction(texel + 1)) - max(middle - texels / 2, Fraction(texel))
            )
        made[pixel] /= made[pixel].sum()
    return made


@pytest.mark.parametrize("size", [(40, 33), (97, 41), (31, 131), (200, 13), (1, 90), (700, 2)])
def test_pixels_are_the_means_of_their_areas(size: tuple[int, int]) -> None:
    width, height = size
    image, to = noise(height, width), inputs(20, 16)
    texels = max(Fraction(width, to.width), Fraction(height, to.height))
    rows, columns = shares(height, to.height, texels), shares(width, to.width, texels)
    expected = np.einsum("ry,cx,yxk->rck", rows, columns, image.astype(np.float64))
    found = letterboxed(image, to, "area")[0]
    # Parts of texels are rounded so that sums fit 16 bits; noise is the worst that can be.
    np.testing.assert_allclose(found, expected, rtol=0, atol=2)
    assert np.abs(found - expected).mean() < 0.5


def test_pictures_that_are_hardly_reduced_are_sampled_as_ever() -> None:
    for width in (1, 5, 20, 29, 30):
        image = noise(width, width)
        assert letterboxed(image, inputs(20, 20), "area").tobytes() == letterboxed(image, inputs(20, 20)).tobytes()
    image = noise(31, 31)
    assert letterboxed(image, inputs(20, 20), "area").tobytes() != letterboxed(image, inputs(20, 20)).tobytes()
    assert not area.is_averaged(257 * 20, 20)


def test_areas_lie_around_the_points() -> None:
    # A ramp's mean is its value in the middle, where point sampling looks.
    ramp = np.repeat(np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 200, axis=0), 3, axis=2)
    found, points = (letterboxed(ramp, inputs(25, 25), sampling)[0, :, 1:-1] for sampling in ("area", "point"))
    np.testing.assert_allclose(found[:, :-1], points[:, :-1], atol=0.51)


@pytest.mark.parametrize("size", [(640, 360), (123, 457), (401, 401)])
def test_turned_pictures_are_averaged_like_level_ones(size: tuple[int, int]) -> None:
    image, to = noise(size[1], size[0]), inputs(32, 32)
    for rotation in (0, 90, 180, 270):
        view = upright(image, rotation, rotation > 90)
        copy = np.ascontiguousarray(view)
        assert letterboxed(view, to, "area").tobytes() == letterboxed(copy, to, "area").tobytes()


def test_bars_stay_black_and_edges_are_not_darkened() -> None:
    white = np.full((90, 160, 3), 255, np.uint8)
    made = letterboxed(white, inputs(16, 16), "area")[0]
    point = letterboxed(white, inputs(16, 16))[0]
    assert set(np.unique(made)) == {0.0, 255.0}
    rows = np.flatnonzero(made[:, 8, 0])
    assert set(rows) <= set(np.flatnonzero(point[:, 8, 0]))
    assert len(rows) == 9


@pytest.mark.parametrize("extent", [193, 640, 1281, 4032, 12000, 32768])
def test_sums_fit_sixteen_bits(extent: int) -> None:
    found = area.areas(extent, 128, extent, 128)
    assert found.extents.max() <= 257
    assert (np.diff(found.ends, axis=-1) >= 0).all()
    assert (found.ends[1:, 0] == found.ends[:-1, 1]).all()


def test_noise_is_averaged_away() -> None:
    draw = np.random.default_rng(5)
    image = draw.normal(128, 8, (720, 1280, 3)).clip(0, 255).astype(np.uint8)
    inside = slice(30, 90)
    by_area, by_point = (letterboxed(image, inputs(128, 128), s)[0, inside].std() for s in ("area", "point"))
    assert by_area < by_point / 6


@pytest.mark.parametrize("side", [30.5, 47, 64, 333])
def test_crops_are_sampled_from_blocks(side: float) -> None:
    image, to = noise(151, 203), inputs(20, 20)
    roi = Roi((90.3, 70.7), (side, side), 23)
    block = area.reduction(roi, 20, 20)
    assert block == int(side / 20 + 0.5)
    rows, columns = -(-image.shape[0] // block), -(-image.shape[1] // block)
    blocks = np.array(
        [
            [
                np.floor(image[y * block : (y + 1) * block, x * block : (x + 1) * block].mean(axis=(0, 1)) + 0.5)
                for x in range(columns)
            ]
            for y in range(rows)
        ]
    ).astype(np.uint8)
    shift = (block - 1) / 2
    among = Roi(((90.3 - shift) / block, (70.7 - shift) / block), (side / block, side / block), 23)
    np.testing.assert_allclose(cropped(image, roi, to, "area"), cropped(blocks, among, to), atol=0.05)


def test_crops_that_are_hardly_reduced_are_sampled_as_ever() -> None:
    image, to = noise(100, 100), inputs(20, 20)
    roi = Roi((50, 50), (30, 30), 10)
    assert cropped(image, roi, to, "area").tobytes() == cropped(image, roi, to).tobytes()


def test_a_crop_shows_the_same_place_either_way() -> None:
    ramp = np.repeat(np.repeat(np.arange(240, dtype=np.uint8)[None, :, None], 240, axis=0), 3, axis=2)
    roi = Roi((120, 120), (160, 160), 30)
    by_area, by_point = (cropped(ramp, roi, inputs(20, 20), sampling) for sampling in ("area", "point"))
    np.testing.assert_allclose(by_area, by_point, atol=0.6)


@pytest.mark.parametrize("far", [1e8, 1e30, 1e300])
def test_a_region_beyond_all_measure_is_finite(far: float) -> None:
    image = np.full((20, 30, 3), 51, np.uint8)
    for roi in (Roi((far, 10), (3 * far, 3 * far), 20), Roi((15, 10), (far, far), 20), Roi((-far, -far), (1, 1))):
        np.testing.assert_allclose(cropped(image, roi, inputs(16, 16), "area"), 51, atol=1e-5)


def test_a_letterbox_is_the_same_region_either_way() -> None:
    assert letterbox(1280, 720, inputs(128, 128)) == Roi((640, 360), (1280, 1280))
