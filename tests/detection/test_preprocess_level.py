"""A region that is not turned is sampled by a shorter way, which must give the very same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from sdkgen.detection import preprocess
from sdkgen.detection.types import Roi
from sdkgen.spec.registry import load_model

TURNED_BY_NOTHING = 1e-300
"""Degrees that are not zero, and yet turn nothing."""


@pytest.mark.parametrize("outside", [(0, 0, 0), None, (16, 128, 128)])
def test_the_level_way_gives_the_same_numbers(outside: tuple[int, int, int] | None) -> None:
    spec = load_model("blazeface-front").input
    draw = np.random.default_rng(7)
    for _ in range(60):
        height, width = (int(extent) for extent in draw.integers(1, 300, 2))
        image = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
        center = (float(draw.uniform(-50, 300)), float(draw.uniform(-50, 300)))
        size = (float(draw.uniform(1, 500)), float(draw.uniform(1, 500)))
        level = preprocess._sample(image, Roi(center, size), spec, outside)
        general = preprocess._sample(image, Roi(center, size, TURNED_BY_NOTHING), spec, outside)
        assert np.array_equal(level, general)
