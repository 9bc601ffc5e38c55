"""Anchors: the points that box numbers are relative to."""

from __future__ import annotations

from functools import cache

import numpy as np

from sdkgen.detection.types import Array
from sdkgen.spec.model import ModelSpec


def anchors(spec: ModelSpec) -> Array:
    """Return the anchors' centres (N, 2), x and y relative to the input, of a detector.

    Grid by grid, row by row, cell by cell; a cell's anchors all lie in its centre. Their size is fixed at 1, so it
    plays no part in decoding.
    """
    grids = tuple(
        (spec.input.height // grid.stride, spec.input.width // grid.stride, grid.per_cell)
        for grid in spec.detector.grids
    )
    return _anchors(grids)


@cache
def _anchors(grids: tuple[tuple[int, int, int], ...]) -> Array:
    layers = []
    for rows, columns, per_cell in grids:
        y, x = np.mgrid[0:rows, 0:columns]
        centres = np.stack([(x + 0.5) / columns, (y + 0.5) / rows], axis=-1).reshape(-1, 2)
        layers.append(np.repeat(centres, per_cell, axis=0))
    made = np.concatenate(layers).astype(np.float32)
    made.flags.writeable = False
    return made
