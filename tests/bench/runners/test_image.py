"""The runner's sampling of frames, held to the golden vectors: compiled as a library and called from here.

Its frames are upright RGB, so the packed formats' cases are turned upright first.
"""

from __future__ import annotations

import ctypes
import importlib.util
import math
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from sdkgen import resources
from sdkgen.detection import pixels
from sdkgen.detection.preprocess import cropped, letterboxed, upright
from sdkgen.detection.types import Array, Roi, Sampling
from sdkgen.spec.model import InputSpec
from sdkgen.spec.registry import load_model
from tests.golden.buffers import planes
from tests.golden.cases import PREPROCESS, WARP, PreprocessCase, WarpCase
from tests.toolchains import require

pytestmark = pytest.mark.slow

Bytes = NDArray[np.uint8]
BLACK, NEAREST = range(2)
FRONT, LANDMARKS = load_model("blazeface-front").input, load_model("face-landmark").input
PACKED = [case for case in PREPROCESS if case.format in ("rgba", "bgra")]


class _Image(ctypes.Structure):
    _fields_ = (("width", ctypes.c_int), ("height", ctypes.c_int), ("pixels", ctypes.c_void_p))


class _Region(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_double) for name in ("x", "y", "width", "height", "radians"))


class _Input(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("minimum", ctypes.c_double),
        ("maximum", ctypes.c_double),
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    require("ziglang", importlib.util.find_spec("ziglang"), "pip install 'sdkgen[bench]'")
    folder, runner = tmp_path_factory.mktemp("image"), resources.path("devices") / "runner"
    stub = folder / "stub.c"
    stub.write_text(
        '#include "record.h"\n#include <stdlib.h>\n'
        "void record_fail(enum ExitCode code, const char *reference, const char *format, ...)"
        " { (void)code, (void)reference, (void)format; abort(); }\n"
    )
    made = folder / "image.so"
    flags = [
        "-std=c11",
        "-D_GNU_SOURCE",
        "-O2",
        "-shared",
        "-fPIC",
        "-fsanitize=undefined",
        "-fsanitize-trap=undefined",
    ]
    sources = [*(str(runner / name) for name in ("image.c", "area.c")), str(stub), f"-I{runner}", "-lm"]
    subprocess.run([sys.executable, "-m", "ziglang", "cc", *flags, *sources, "-o", str(made)], check=True)
    loaded = ctypes.CDLL(str(made))
    loaded.image_letterbox.restype = _Region
    loaded.image_sample.restype = None
    return loaded


def sample(
    library: ctypes.CDLL, image: Bytes, roi: Roi | None, to: InputSpec, sampling: Sampling, *, as_bytes: bool = False
) -> Array:
    """Return what the runner makes of an image, (height, width, 3), in its letterbox where there is no region."""
    image = np.ascontiguousarray(image)
    seen = _Image(image.shape[1], image.shape[0], image.ctypes.data)
    into = _Input(to.width, to.height, to.minimum, to.maximum)
    region = (
        library.image_letterbox(ctypes.byref(seen), ctypes.byref(into))
        if roi is None
        else _Region(*roi.center, *roi.size, math.radians(roi.rotation_degrees))
    )
    made = np.full((to.height, to.width, 3), 77, np.uint8 if as_bytes else np.float32)
    edge = BLACK if roi is None else NEAREST
    library.image_sample(
        ctypes.byref(seen),
        region,
        ctypes.byref(into),
        edge,
        get_args(Sampling).index(sampling),
        made.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_bool(as_bytes),
    )
    return to.from_bytes(made) if as_bytes else made


def frame(case: PreprocessCase) -> Bytes:
    return upright(pixels.rgb(case.format, planes(case), case.height, case.width), case.rotation, case.mirrored)


@pytest.mark.parametrize("case", PACKED, ids=lambda case: case.name)
def test_letterboxes_are_those_of_the_reference(library: ctypes.CDLL, case: PreprocessCase) -> None:
    image = frame(case)
    expected = letterboxed(image, FRONT, case.sampling)[0]
    found = sample(library, image, None, FRONT, case.sampling)
    np.testing.assert_allclose(found, expected, rtol=0, atol=FRONT.scale / 10)
    in_bytes = sample(library, image, None, FRONT, case.sampling, as_bytes=True)
    np.testing.assert_allclose(in_bytes, expected, rtol=0, atol=FRONT.scale * 0.6)


@pytest.mark.parametrize("case", [c for c in WARP if c.buffer.format in ("rgba", "bgra")], ids=lambda c: c.buffer.name)
def test_crops_are_those_of_the_reference(library: ctypes.CDLL, case: WarpCase) -> None:
    image = frame(case.buffer)
    expected = cropped(image, case.roi, LANDMARKS, case.buffer.sampling)[0]
    found = sample(library, image, case.roi, LANDMARKS, case.buffer.sampling)
    np.testing.assert_allclose(found, expected, rtol=0, atol=LANDMARKS.scale / 5)


def test_any_size_is_sampled_like_the_reference(library: ctypes.CDLL) -> None:
    draw = np.random.default_rng(3)
    for _ in range(40):
        height, width = (int(extent) for extent in draw.integers(1, 700, 2))
        image = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
        expected = letterboxed(image, FRONT, "area")[0]
        np.testing.assert_allclose(sample(library, image, None, FRONT, "area"), expected, rtol=0, atol=FRONT.scale / 10)
        centre = (float(draw.uniform(-50, 700)), float(draw.uniform(-50, 700)))
        side = float(draw.uniform(1, 1500))
        roi = Roi(centre, (side, side), float(draw.uniform(-180, 180)))
        found, crop = sample(library, image, roi, LANDMARKS, "area"), cropped(image, roi, LANDMARKS, "area")[0]
        np.testing.assert_allclose(found, crop, rtol=0, atol=LANDMARKS.scale / 5)
