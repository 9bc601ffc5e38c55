"""Sampling is made of shortcuts: whole rows and columns, planes, float32. They give what the plain arithmetic gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from sdkgen.detection import preprocess
from sdkgen.detection.types import Roi
from sdkgen.spec.model import InputSpec
from sdkgen.spec.registry import load_model

Bytes = NDArray[np.uint8]


def plainly(image: Bytes, roi: Roi, to: InputSpec, outside: tuple[int, int, int] | None) -> NDArray[np.float64]:
    """Return (height, width, 3) values: four texels a pixel, ``outside`` or the nearest edge's beyond the image."""
    across = (np.arange(to.width) / to.width - 0.5) * roi.size[0]
    down = (np.arange(to.height) / to.height - 0.5)[:, None] * roi.size[1]
    angle = math.radians(roi.rotation_degrees)
    x = roi.center[0] + across * math.cos(angle) - down * math.sin(angle)
    y = roi.center[1] + across * math.sin(angle) + down * math.cos(angle)
    height, width = image.shape[:2]
    total: NDArray[np.float64] = np.zeros((to.height, to.width, 3))
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column, row = (np.floor(v).astype(np.int64) + d for v, d in ((x, dx), (y, dy)))
        share = (1 - np.abs(x - column)) * (1 - np.abs(y - row))
        texels = image[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)].astype(np.float64)
        if outside is not None:
            texels[(column < 0) | (column >= width) | (row < 0) | (row >= height)] = outside
        total += texels * share[..., None]
    return total


def drawn(draw: np.random.Generator) -> tuple[Bytes, Roi]:
    height, width = (int(extent) for extent in draw.integers(1, 300, 2))
    image = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
    center = (float(draw.uniform(-50, 300)), float(draw.uniform(-50, 300)))
    size = (float(draw.uniform(1, 500)), float(draw.uniform(1, 500)))
    return image, Roi(center, size, float(draw.choice([0.0, draw.uniform(-180, 180)])))


@pytest.mark.parametrize("outside", [(0, 0, 0), (16, 128, 128)])
def test_level_regions(outside: tuple[int, int, int]) -> None:
    spec = load_model("blazeface-front").input
    draw = np.random.default_rng(7)
    for _ in range(30):
        image, roi = drawn(draw)
        level = Roi(roi.center, roi.size)
        found = preprocess._laid_level(image, level, spec, outside)
        np.testing.assert_allclose(found, plainly(image, level, spec, outside), rtol=0, atol=1e-9)


def test_turned_regions() -> None:
    spec = load_model("face-landmark").input
    draw = np.random.default_rng(8)
    for index in range(30):
        image, roi = drawn(draw)
        view = np.rot90(image, index % 4)[:, :: 1 - 2 * (index % 2)]  # as `upright` gives them: not in memory's order
        found = np.stack(list(preprocess._laid(view, roi, spec)), axis=-1)
        np.testing.assert_allclose(found, plainly(view, roi, spec, None), rtol=0, atol=0.05)


def test_a_large_photograph() -> None:
    spec = load_model("face-landmark").input
    image = np.random.default_rng(9).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    roi = Roi((3700.3, 2800.6), (500, 500), 33)
    found = np.stack(list(preprocess._laid(image, roi, spec)), axis=-1)
    np.testing.assert_allclose(found, plainly(image, roi, spec, None), rtol=0, atol=0.1)


@pytest.mark.parametrize("far", [1e8, 1e30, 1e300])
def test_a_region_beyond_all_measure_is_finite(far: float) -> None:
    spec = load_model("face-landmark").input
    image = np.full((20, 30, 3), 51, np.uint8)
    for roi in (Roi((far, 10), (3 * far, 3 * far), 20), Roi((15, 10), (far, far), 20), Roi((-far, -far), (1, 1))):
        np.testing.assert_allclose(preprocess.cropped(image, roi, spec), 0.2, atol=1e-5)
        np.testing.assert_allclose(preprocess.cropped(np.rot90(image), roi, spec), 0.2, atol=1e-5)
