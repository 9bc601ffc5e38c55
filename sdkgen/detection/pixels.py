"""Camera and app pixel buffers: packed and planar formats with strides, unpacked to one array of texels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Format: TypeAlias = Literal["rgba", "bgra", "nv12", "i420"]
Matrix: TypeAlias = Literal["bt601", "bt709", "bt2020"]
Bytes: TypeAlias = NDArray[np.uint8]


class Factors(NamedTuple):
    """How much of U and V goes into each colour, all three on the scale of full range; green's are subtracted."""

    red_v: float
    green_u: float
    green_v: float
    blue_u: float


FACTORS: dict[Matrix, Factors] = {
    "bt601": Factors(1.402, 0.344136, 0.714136, 1.772),
    "bt709": Factors(1.5748, 0.187324, 0.468124, 1.8556),
    "bt2020": Factors(1.4746, 0.164553, 0.571353, 1.8814),
}
"""From ITU-R BT.601, BT.709 and BT.2020 (its form with non-constant luminance)."""


@dataclass(frozen=True)
class Colours:
    """What Y, U and V bytes mean: the matrix, and whether they use all values.

    Video range has Y in 16 to 235, and U and V in 16 to 240.
    """

    matrix: Matrix = "bt601"
    full_range: bool = True

    @property
    def black(self) -> int:
        """Y of black."""
        return 0 if self.full_range else 16

    @property
    def factors(self) -> Factors:
        """The matrix's numbers."""
        return FACTORS[self.matrix]


@dataclass(frozen=True)
class Plane:
    """One plane's bytes; a row begins every ``row_stride`` bytes, a sample every ``pixel_stride``."""

    data: bytes
    row_stride: int
    pixel_stride: int

    def samples(self, height: int, width: int, offset: int = 0) -> Bytes:
        """Return the samples (height, width) that begin ``offset`` bytes into each row, as a view.

        The last row may end with its last sample, before the stride is full, as Android's do. Raises ``ValueError``
        where the bytes do not suffice.
        """
        last = offset + (height - 1) * self.row_stride + (width - 1) * self.pixel_stride
        if last >= len(self.data):
            raise ValueError(f"a plane of {len(self.data)} bytes is too short: the last sample is at {last}")
        strides = (self.row_stride, self.pixel_stride)
        flat = np.frombuffer(self.data, np.uint8)
        return np.lib.stride_tricks.as_strided(flat[offset:], (height, width), strides, writeable=False)


def rgb(pixel_format: Format, planes: Sequence[Plane], height: int, width: int) -> Bytes:
    """Return (H, W, 3) RGB of a packed "rgba" or "bgra" buffer; alpha is ignored."""
    order = {"rgba": (0, 1, 2), "bgra": (2, 1, 0)}[pixel_format]
    return np.stack([planes[0].samples(height, width, channel) for channel in order], axis=-1)


def yuv(pixel_format: Format, planes: Sequence[Plane], height: int, width: int) -> Bytes:
    """Return (H, W, 3) Y, U, V of an "nv12" or "i420" buffer, each chroma sample repeated for its 2 × 2 texels.

    "nv12" has two planes, Y and interleaved U V (iOS 420v and 420f); "i420" has three with any strides (Android's
    YUV_420_888, of which NV12 and NV21 are cases too). Odd sizes round the chroma planes up.
    """
    rows, columns = (height + 1) // 2, (width + 1) // 2
    if pixel_format == "nv12":
        chroma = [planes[1].samples(rows, columns, offset) for offset in (0, 1)]
    else:
        chroma = [plane.samples(rows, columns) for plane in planes[1:]]
    repeated = [plane.repeat(2, axis=0).repeat(2, axis=1)[:height, :width] for plane in chroma]
    return np.stack([planes[0].samples(height, width), *repeated], axis=-1)
