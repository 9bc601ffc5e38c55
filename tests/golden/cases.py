"""The cases of the golden vectors: real photographs through the released networks, and hard cases made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sdkgen.detection.anchors import anchors
from sdkgen.detection.pixels import Colours, Format, Matrix
from sdkgen.detection.preprocess import Rotation
from sdkgen.detection.types import Options, RawOutputs, Roi, Sampling
from sdkgen.spec.model import ModelSpec
from tests import photographs

Run = Callable[[photographs.Bytes], RawOutputs]


@dataclass(frozen=True)
class PostprocessCase:
    """Raw outputs and options that a decoder is given; ``source`` names the files, which cases may share."""

    name: str
    source: str
    outputs: RawOutputs
    options: Options
    width: int
    height: int


@dataclass(frozen=True)
class PreprocessCase:
    """A pixel buffer that a sampler is given."""

    name: str
    format: Format
    rotation: Rotation
    mirrored: bool
    width: int
    height: int
    full_range: bool = True
    padding: int = 0
    """Bytes after each row's last sample."""
    chroma_step: int = 1
    """Bytes from one chroma sample of i420 to the next."""
    matrix: Matrix = "bt601"
    sampling: Sampling = "point"
    pattern: bool = False
    """Whether the planes hold the pattern of ``buffers.pattern`` instead of a photograph: none is committed then."""

    @property
    def colours(self) -> Colours:
        """What Y, U and V mean."""
        return Colours(self.matrix, self.full_range)


def _area(
    name: str,
    pixels: Format,
    rotation: Rotation,
    mirrored: bool,
    size: tuple[int, int],
    *,
    full_range: bool = True,
    padding: int = 0,
    chroma_step: int = 1,
    matrix: Matrix = "bt601",
    sampling: Sampling = "area",
) -> PreprocessCase:
    """Return a case with a pattern, averaged over areas."""
    return PreprocessCase(
        name, pixels, rotation, mirrored, *size, full_range, padding, chroma_step, matrix, sampling, True
    )


PREPROCESS = (
    PreprocessCase("rgba", "rgba", 0, False, 96, 72),
    PreprocessCase("bgra-rotated-90-odd-padded", "bgra", 90, False, 67, 45, padding=12),
    PreprocessCase("rgba-rotated-180-mirrored-odd", "rgba", 180, True, 45, 67),
    PreprocessCase("bgra-rotated-270-mirrored-large", "bgra", 270, True, 160, 90, padding=64),
    PreprocessCase("nv12-video-mirrored", "nv12", 0, True, 96, 54, full_range=False, padding=32),
    PreprocessCase("nv12-full-rotated-90-mirrored-odd", "nv12", 90, True, 65, 47, padding=7),
    PreprocessCase("i420-full-rotated-270-odd-strides", "i420", 270, False, 63, 85, padding=5, chroma_step=2),
    PreprocessCase("i420-video-rotated-180", "i420", 180, False, 80, 60, full_range=False),
    _area("nv12-video-bt709", "nv12", 0, False, (96, 54), full_range=False, matrix="bt709", sampling="point"),
    _area("nv12-full-bt2020-rotated-90", "nv12", 90, False, (65, 47), matrix="bt2020", sampling="point"),
    _area("i420-full-bt709-mirrored", "i420", 0, True, (63, 85), padding=3, matrix="bt709", sampling="point"),
    _area("i420-video-bt2020", "i420", 0, False, (96, 54), full_range=False, matrix="bt2020", sampling="point"),
    _area("area-rgba", "rgba", 0, False, (640, 360)),
    _area("area-bgra-mirrored-odd-stride", "bgra", 0, True, (401, 203), padding=5),
    _area("area-bgra-rotated-90-odd-padded", "bgra", 90, False, (321, 243), padding=12),
    _area("area-rgba-rotated-180-mirrored-odd", "rgba", 180, True, (245, 367)),
    _area("area-bgra-rotated-270-mirrored", "bgra", 270, True, (1280, 720), padding=64),
    _area("area-nv12-video-rotated-90-mirrored-odd", "nv12", 90, True, (635, 477), full_range=False, padding=7),
    _area("area-nv12-full-bt709-rotated-180", "nv12", 180, False, (1920, 1080), matrix="bt709"),
    _area("area-i420-full-rotated-270-odd-strides", "i420", 270, False, (263, 385), padding=5, chroma_step=2),
    _area("area-i420-video-bt2020-odd", "i420", 0, False, (1281, 719), full_range=False, matrix="bt2020"),
    _area("area-rgba-one-column", "rgba", 0, False, (1, 200)),
    _area("area-nv12-tiny", "nv12", 0, False, (3, 2)),
    _area("area-rgba-just-not-averaged", "rgba", 0, False, (192, 100)),
    _area("area-rgba-just-averaged", "rgba", 180, False, (193, 100)),
    _area("area-bgra-huge", "bgra", 90, False, (8001, 31)),
    _area("area-nv12-huge", "nv12", 0, True, (12003, 9), full_range=False, padding=3, matrix="bt709"),
    _area("area-rgba-as-wide-as-averages-go", "rgba", 0, False, (32768, 3)),
    _area("area-rgba-wider-than-averages-go", "rgba", 0, False, (32769, 3)),
)


def _square(x: float, y: float, side: float, degrees: float) -> Roi:
    return Roi((x, y), (side, side), degrees)


@dataclass(frozen=True)
class WarpCase:
    """A pixel buffer, and the region of its upright image, in pixels, that becomes the model's input."""

    buffer: PreprocessCase
    roi: Roi


WARP = (
    WarpCase(PreprocessCase("warp-rgba", "rgba", 0, False, 96, 72), _square(46, 34.5, 41, 12)),
    WarpCase(PreprocessCase("warp-rgba-level", "rgba", 0, False, 96, 72), _square(48.25, 35.5, 52.5, 0)),
    WarpCase(
        PreprocessCase("warp-bgra-rotated-90-mirrored-odd-padded", "bgra", 90, True, 67, 45, padding=12),
        _square(21, 36, 33.3, -25),
    ),
    WarpCase(PreprocessCase("warp-rgba-rotated-180-odd", "rgba", 180, False, 45, 67), _square(22, 30, 30, 95)),
    WarpCase(
        PreprocessCase("warp-bgra-rotated-270-mirrored-large", "bgra", 270, True, 160, 90, padding=64),
        _square(45, 80, 62, -172),
    ),
    WarpCase(
        PreprocessCase("warp-nv12-video-mirrored", "nv12", 0, True, 96, 54, full_range=False, padding=32),
        _square(47, 26, 40, 8),
    ),
    WarpCase(
        PreprocessCase("warp-nv12-full-rotated-90-odd", "nv12", 90, False, 65, 47, padding=7),
        _square(23, 31, 36, -40),
    ),
    WarpCase(
        PreprocessCase(
            "warp-i420-full-rotated-270-mirrored-odd-strides", "i420", 270, True, 63, 85, padding=5, chroma_step=2
        ),
        _square(41, 30, 44, 33),
    ),
    WarpCase(
        PreprocessCase("warp-i420-video-rotated-180", "i420", 180, False, 80, 60, full_range=False),
        _square(40, 30, 35, 0),
    ),
    # Partly outside: there the nearest edge's texels stand in.
    WarpCase(PreprocessCase("warp-rgba-partly-outside", "rgba", 0, False, 96, 72), _square(8, 60, 50, 15)),
    WarpCase(
        PreprocessCase("warp-nv12-partly-outside-mirrored", "nv12", 0, True, 96, 54, full_range=False, padding=3),
        _square(90, 5, 40, -20),
    ),
    WarpCase(
        PreprocessCase("warp-i420-partly-outside-rotated-90", "i420", 90, False, 63, 45, padding=5, chroma_step=2),
        _square(44, 62, 38, 0),
    ),
    WarpCase(
        PreprocessCase("warp-bgra-larger-than-image", "bgra", 0, False, 48, 36, padding=4), _square(24, 18, 90, 5)
    ),
    WarpCase(
        _area("warp-nv12-video-bt709", "nv12", 0, False, (96, 54), full_range=False, matrix="bt709", sampling="point"),
        _square(47, 26, 40, 8),
    ),
    WarpCase(
        _area("warp-i420-full-bt2020", "i420", 90, True, (63, 85), matrix="bt2020", sampling="point"),
        _square(41, 30, 44, 33),
    ),
    WarpCase(_area("warp-area-rgba", "rgba", 0, False, (640, 480)), _square(320, 240, 400, 12)),
    WarpCase(_area("warp-area-rgba-just-not-averaged", "rgba", 0, True, (400, 300)), _square(200, 150, 288, 0)),
    WarpCase(
        _area("warp-area-bgra-rotated-90-mirrored-odd-padded", "bgra", 90, True, (701, 533), padding=12),
        _square(260, 350, 610, -25),
    ),
    WarpCase(
        _area(
            "warp-area-nv12-video-bt709-rotated-180-partly-outside",
            "nv12",
            180,
            False,
            (1280, 720),
            full_range=False,
            matrix="bt709",
        ),
        _square(1100, 500, 700, 40),
    ),
    WarpCase(
        _area(
            "warp-area-i420-full-bt2020-rotated-270-mirrored-odd-strides",
            "i420",
            270,
            True,
            (1001, 803),
            padding=5,
            chroma_step=2,
            matrix="bt2020",
        ),
        _square(400, 500, 1000, 33),
    ),
    WarpCase(_area("warp-area-bgra-larger-than-image", "bgra", 0, False, (503, 401)), _square(250, 200, 900, 5)),
)


def postprocess_cases(spec: ModelSpec, run: Run) -> Iterator[PostprocessCase]:
    """Yield the cases of one detector; ``run`` gives its raw outputs for a photograph."""
    own = Options.of(spec.detector)
    large = spec.anchor_count > 1000  # its files are large: fewer cases
    photos = {
        "astronaut": photographs.astronaut(),
        "group": photographs.group(),
        "turned": photographs.turned(35),
        "no-face": photographs.rocket(),
    }
    for source, photo in photos.items():
        if large and source in ("turned", "no-face"):
            continue
        height, width = photo.shape[:2]
        outputs = run(photo)
        yield PostprocessCase(source, source, outputs, own, width, height)
        if source == "group":
            two = Options.of(spec.detector, maximum_faces=2)
            yield PostprocessCase("maximum-faces", source, outputs, two, width, height)
        if source == "astronaut":
            low = Options.of(spec.detector, minimum_score=0.1, blending_iou=0.5)
            yield PostprocessCase("low-threshold", source, outputs, low, width, height)
    overlaps = _overlaps(spec)
    yield PostprocessCase("overlaps", "overlaps", overlaps, own, 640, 480)
    if not large:
        half = Options.of(spec.detector, minimum_score=0.5, blending_iou=0.5)
        yield PostprocessCase("ties", "ties", _ties(spec), half, 512, 512)
    yield PostprocessCase("not-finite", "not-finite", _not_finite(spec), own, 640, 480)


class _Outputs:
    """Outputs in the making: no face anywhere but where ``put`` puts one."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        boxes, scores = spec.outputs
        self.boxes = np.zeros(boxes.shape, np.float32)
        self.scores = np.full(scores.shape, -50, np.float32)

    def put(self, anchor: int, box: tuple[float, float, float, float], logit: float) -> None:
        """Let ``anchor`` see a face: ``box`` is centre x, y, width, height relative to the input."""
        x, y, width, height = box
        points = [(x + width * dx, y + height * dy) for dx, dy in _FACE]
        centre = anchors(self._spec)[anchor].astype(np.float64)
        numbers = np.concatenate([np.array([x, y]) - centre, [width, height], (np.array(points) - centre).ravel()])
        self.boxes[0, anchor] = numbers * self._spec.detector.box_scale
        self.scores[0, anchor, 0] = logit

    def done(self) -> RawOutputs:
        boxes, scores = self._spec.outputs
        return {boxes.name: self.boxes, scores.name: self.scores}


_FACE = ((-0.25, -0.125), (0.25, -0.125), (0.0, 0.0625), (0.0, 0.25), (-0.5, 0.0), (0.5, 0.0))
"""Where the keypoints of a made face lie, relative to its centre and size."""


def _overlaps(spec: ModelSpec) -> RawOutputs:
    """Fifty boxes about one face, twelve about a second one near it, and one alone."""
    made, random = _Outputs(spec), np.random.default_rng(4)
    order: list[int] = random.permutation(spec.anchor_count)[:63].tolist()
    for index, anchor in enumerate(order):
        x, y, size = (0.4, 0.45, 0.3) if index < 50 else (0.62, 0.5, 0.25) if index < 62 else (0.15, 0.8, 0.1)
        dx, dy, grow = random.normal(0, 0.02, 3)
        made.put(anchor, (x + dx, y + dy, size * (1 + grow), size * (1 - grow)), float(random.uniform(1.0, 6.0)))
    return made.done()


def _ties(spec: ModelSpec) -> RawOutputs:
    """Equal scores, a score equal to the threshold (0.5), and an overlap equal to the limit (0.5).

    All numbers are sums of a few powers of two, so that every runtime computes the same.
    """
    made = _Outputs(spec)
    # Three in a row with one score: the first overlaps the second, the second both. The first anchor wins.
    for anchor, x in ((40, 0.25), (41, 0.3125), (300, 0.375)):
        made.put(anchor, (x, 0.25, 0.25, 0.25), 2.0)
    # Apart, with the same score: they come out in the order of their anchors.
    made.put(200, (0.75, 0.25, 0.125, 0.125), 1.5)
    made.put(100, (0.75, 0.5, 0.125, 0.125), 1.5)
    # One is half of the other: an overlap of exactly 0.5 is not above 0.5, so both stay.
    made.put(500, (0.25, 0.75, 0.25, 0.25), 1.25)
    made.put(501, (0.25, 0.6875, 0.25, 0.125), 1.0)
    # The sigmoid of 0 is the threshold: it stays. The one just below it does not.
    made.put(700, (0.75, 0.75, 0.125, 0.125), 0.0)
    made.put(702, (0.5, 0.75, 0.125, 0.125), -0.0625)
    return made.done()


def _not_finite(spec: ModelSpec) -> RawOutputs:
    """NaN and infinite logits and box numbers, and boxes without area or inside out, among good ones."""
    made = _Outputs(spec)
    at = iter(range(10, spec.anchor_count, spec.anchor_count // 20))
    made.put(next(at), (0.25, 0.25, 0.25, 0.25), float("inf"))  # clipped: the best
    made.put(next(at), (0.75, 0.25, 0.25, 0.25), float("nan"))  # dropped
    made.put(next(at), (0.75, 0.25, 0.125, 0.25), float("-inf"))  # below the threshold
    good = next(at)
    made.put(good, (0.75, 0.75, 0.25, 0.25), 3.0)
    # Degenerate boxes that score higher than the good one in the same place: each takes only itself.
    made.put(next(at), (0.75, 0.75, 0.0, 0.25), 5.0)
    made.put(next(at), (0.75, 0.75, 0.0, 0.0), 4.0)
    made.put(next(at), (0.75, 0.75, -0.25, 0.25), 6.0)  # dropped
    made.put(next(at), (0.75, 0.75, 0.25, -0.25), 6.0)  # dropped
    for number, value in ((0, np.nan), (3, np.nan), (9, np.nan), (1, np.inf), (2, np.inf), (15, -np.inf)):
        anchor = next(at)
        made.put(anchor, (0.5, 0.5, 0.25, 0.25), 7.0)
        made.boxes[0, anchor, number] = value  # dropped
    made.put(next(at), (0.5, 0.5, 0.125, 0.125), 2.0)  # so this one is seen
    return made.done()
