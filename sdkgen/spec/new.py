"""A first spec for a .tflite file: what can be read from the file, and what its author has to say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from os.path import relpath
from pathlib import Path

from sdkgen.errors import ConvertError
from sdkgen.spec.model import BOX_NUMBERS, ModelSpec
from sdkgen.tflite import graph
from sdkgen.tflite.graph import Named

Grid = tuple[int, int]
"""A grid's stride, and how many anchors each of its cells has."""

_STRIDES = (2, 4, 8, 16, 32, 64)
_PER_CELL = (1, 2, 3, 4, 5, 6, 8)
_USUAL: tuple[tuple[Grid, ...], ...] = (
    ((8, 2), (16, 6)),
    ((16, 2), (32, 6)),
    ((8, 2), (16, 2), (32, 6)),
    ((4, 1),),
)
"""The grids of the detectors that MediaPipe published, which others are most often trained after."""

_MOST_GRIDS = 3


@dataclass(frozen=True)
class Heads:
    """Where a detector's numbers are: the sources of boxes and scores, in one output if ``joined``."""

    boxes: tuple[str, ...]
    scores: tuple[str, ...]
    rows: int
    numbers: int
    joined: bool = False
    grids: tuple[Grid, ...] = ()


def propose(file: Path, target: Path, like: ModelSpec) -> str:
    """Return the TOML of a spec for the detector in ``file``, to be written to ``target``.

    What the file does not say is taken from ``like``, and a comment says so.

    Raises ``ConvertError`` if the file is no detector of the family: ``no-image-input``, or ``no-anchors``.
    """
    whole = graph.only(graph.read(file), file)
    inputs, outputs = whole.named(whole.inputs), whole.named(whole.outputs)
    height, width = _image(inputs, file)
    found = _heads(outputs, (height, width))
    grids = [found.grids] if found and found.grids else list(fitting_grids(found.rows, height, width)) if found else []
    if found is None or not grids:
        has = ", ".join(f"{name!r} {shape}" for name, shape in outputs)
        raise ConvertError(
            f"no anchors fit the outputs {has} of a {width} × {height} image",
            context=str(file),
            hint="A detector has a row an anchor: 4 box numbers, 2 a keypoint, and a score. Write the spec by hand.",
            reference="no-anchors",
        )
    return _text(file, target, like, (height, width), found, grids)


def _image(inputs: Sequence[Named], file: Path) -> tuple[int, int]:
    shapes = [shape for _, shape in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or (shapes[0][0], shapes[0][3]) != (1, 3):
        raise ConvertError(
            f"the file takes {', '.join(map(str, shapes)) or 'nothing'}, and not one RGB image (1, height, width, 3)",
            context=str(file),
            hint="Give the file of a detector.",
            reference="no-image-input",
        )
    return shapes[0][1], shapes[0][2]


def _heads(outputs: Sequence[Named], image: tuple[int, int]) -> Heads | None:
    """Return where boxes and scores are: apart by grid, apart, or in one output."""
    rows = {name: (math.prod(shape[:-1]), shape[-1]) for name, shape in outputs if len(shape) >= 2}
    boxes = [(name, *size) for name, size in rows.items() if size[1] > BOX_NUMBERS and size[1] % 2 == 0]
    for name, count, numbers in boxes:
        scores = [other for other, size in rows.items() if size == (count, 1)]
        scores += [other for other, shape in outputs if shape in ((count,), (1, count)) and other not in scores]
        if scores and count > 1:
            return Heads((name,), (scores[0],), count, numbers)
    by_grid = _by_grid(outputs, image)
    if by_grid is not None:
        return by_grid
    for name, (count, numbers) in rows.items():
        if count > 1 and numbers > BOX_NUMBERS and numbers % 2 == 1:
            return Heads((name,), (name,), count, numbers - 1, joined=True)
    return None


def _by_grid(outputs: Sequence[Named], image: tuple[int, int]) -> Heads | None:
    """Return heads that are maps: of each size one with a channel an anchor, and one with an anchor's numbers."""
    maps: dict[tuple[int, ...], list[tuple[int, str]]] = {}
    for name, shape in outputs:
        if len(shape) == 4 and shape[1] and image[0] % shape[1] == 0:
            maps.setdefault(shape[1:3], []).append((shape[3], name))
    if not maps or any(len(found) != 2 for found in maps.values()):
        return None
    grids, boxes, scores, numbers = [], [], [], set()
    for (rows, _), found in sorted(maps.items(), reverse=True):
        (anchors, score), (channels, box) = sorted(found)
        if channels % anchors:
            return None
        grids.append((image[0] // rows, anchors))
        boxes.append(box)
        scores.append(score)
        numbers.add(channels // anchors)
    if len(numbers) > 1 or min(numbers) <= BOX_NUMBERS:
        return None
    count = sum((image[0] // stride) * (image[1] // stride) * each for stride, each in grids)
    return Heads(tuple(boxes), tuple(scores), count, numbers.pop(), grids=tuple(grids))


def fitting_grids(rows: int, height: int, width: int) -> Iterator[tuple[Grid, ...]]:
    """Yield every set of up to three neighbouring grids that has ``rows`` anchors, the usual ones first."""
    strides = [stride for stride in _STRIDES if height % stride == 0 and width % stride == 0]
    fits = []
    for count in range(1, _MOST_GRIDS + 1):
        for start in range(len(strides) - count + 1):
            chosen = strides[start : start + count]
            cells = [(height // stride) * (width // stride) for stride in chosen]
            fits += [
                tuple(zip(chosen, each, strict=True))
                for each in product(_PER_CELL, repeat=count)
                if sum(n * m for n, m in zip(cells, each, strict=True)) == rows
            ]
    yield from sorted(fits, key=lambda grids: (_USUAL.index(grids) if grids in _USUAL else len(_USUAL), len(grids)))


def _text(
    file: Path, target: Path, like: ModelSpec, image: tuple[int, int], found: Heads, grids: list[tuple[Grid, ...]]
) -> str:
    name = re.sub(r"[^a-z0-9-]+", "-", target.stem.lower()).strip("-") or "model"
    height, width = image
    detector = like.detector
    points = (found.numbers - BOX_NUMBERS) // 2
    keypoints = detector.keypoints[:points] + tuple(f"point_{n + 1}" for n in range(len(detector.keypoints), points))
    first = {"boxes": "", "scores": f"\nfirst = {found.numbers}"} if found.joined else {"boxes": "", "scores": ""}
    scale = detector.box_scale * width / like.input.width
    others = "".join(f"# {_grids(one)}\n" for one in grids[1:])
    choice = (
        f"# Other grids with as many anchors; take the one that the model was trained with:\n{others}" if others else ""
    )
    tolerances = "".join(
        f"\n[parity.{kind}]\n" + "".join(f"{key} = {value!r}\n" for key, value in limits.items())
        for kind, limits in like.parity.model_dump(exclude_none=True).items()
    )
    return f"""\
# A model of your own: see docs/own-model.md. What the .tflite file says is filled in; what it cannot say is taken from
# {like.name} and marked CHECK.
schema = 1
name = "{name}"
title = "{name}"
summary = "CHECK: one sentence about what the model is for."
task = "{like.task}"
# What the model finds, in one word: face, palm, person …
subject = "{like.subject}"

[input]
name = "image"
width = {width}
height = {height}
# CHECK: the range that pixels are scaled to, −1 to 1 or 0 to 1, as in training.
minimum = {like.input.minimum!r}
maximum = {like.input.maximum!r}
# letterbox keeps the picture's proportions and fills up with black; stretch does not.
fit = "{like.input.fit}"

[[outputs]]
name = "boxes"
shape = [1, {found.rows}, {found.numbers}]
released = {_names(found.boxes)}{first["boxes"]}
meaning = "{like.outputs[0].meaning}"

[[outputs]]
name = "scores"
shape = [1, {found.rows}, 1]
released = {_names(found.scores)}{first["scores"]}
meaning = "Per anchor: the logit of the probability that it sees a {like.subject}."

[detection]
{choice}grids = {_grids(grids[0])}
# CHECK: what raw box numbers are divided by to be shares of the input; most often the input's side.
box_scale = {scale!r}
score_clip = {detector.score_clip!r}
# CHECK: the lowest score that counts.
minimum_score = {detector.minimum_score!r}
blending_iou = {detector.blending_iou!r}
# CHECK: the keypoints' names, in the order of their numbers; they become properties of the SDK.
keypoints = [{", ".join(f'"{point}"' for point in keypoints)}]

# The network is the graph in the file.
[network]
family = "graph"
{tolerances}
# CHECK: whose the weights are, and what others may do with them; every bundle says so.
[weights]
file = "{Path(relpath(file, target.parent)).as_posix()}"
licence = ""
author = ""
origin = ""
"""


def _names(names: tuple[str, ...]) -> str:
    quoted = [_quote(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"


def _quote(text: str) -> str:
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in text if ord(c) < 1 << 16)
    return f'"{escaped}"'


def _grids(grids: tuple[Grid, ...]) -> str:
    return f"[{', '.join(f'{{ stride = {stride}, per_cell = {each} }}' for stride, each in grids)}]"
