"""Scenes of photographed faces whose places are known exactly: a labelled data set made on the spot.

    python -m benchmarks.composites FOLDER [--count N] [--seed N] [--selfies]

Two portraits in the public domain that ship inside Python packages (Eileen Collins in scikit-image, Grace Hopper in
matplotlib) are scaled, turned, mirrored, made brighter or darker, and laid with soft edges over photographs without
faces. The keypoints of the portraits were marked by eye, to within about two pixels; ears under hair are not
labelled. A box is the square from the brows to the chin that MediaPipe's detectors are trained to give. What is done to
a portrait is done to its labels, so beyond the marking they are exact.

The labels are in COCO's format (labels.json) beside a folder images/ of JPEGs.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

KEYPOINTS = ("right_eye", "left_eye", "nose_tip", "mouth_center", "right_ear_tragion", "left_ear_tragion")
SIZE = (640, 480)
SCENES = (0.14, 0.42)
SELFIES = (0.6, 0.8)
"""The range of a box's side, as a share of the scene's shorter side; selfies have room for one face only."""

_MIRRORED = (1, 0, 2, 3, 5, 4)
_BACKGROUNDS = ("brick", "chelsea", "coffee", "grass", "gravel", "rocket")
_HEAD = (1.25, 1.5625, 1.1)
"""What is pasted: how far it reaches to either side, up and down from the box's centre, in sides of the box."""

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Portrait:
    """A photograph of one face: ``center`` and ``side`` of its box, and its keypoints (6, 2), NaN where hidden.

    ``head``: how far what is pasted reaches to either side, up and down from the centre, in sides of the box.
    """

    image: Image.Image
    center: tuple[float, float]
    side: float
    keypoints: Points
    head: tuple[float, float, float] = _HEAD

    @cached_property
    def mask(self) -> Image.Image:
        """The head with soft edges: what of the photograph is laid over a scene."""
        (x, y), side = self.center, self.side
        mask = Image.new("L", self.image.size)
        across, up, down = (reach * side for reach in self.head)
        ImageDraw.Draw(mask).ellipse((x - across, y - up, x + across, y + down), fill=255)
        edge = Image.new("L", mask.size)
        inset = round(side * 0.12)
        ImageDraw.Draw(edge).rectangle((inset, inset, mask.width - inset, mask.height - inset), fill=255)
        return ImageChops.darker(mask, edge).filter(ImageFilter.GaussianBlur(side * 0.05))


@cache
def portraits() -> tuple[Portrait, ...]:
    """Return the portraits with their labels."""
    from matplotlib import get_data_path
    from skimage import data

    nan = (math.nan, math.nan)
    collins = [(203.5, 101.5), (246.5, 103.5), (224, 126), (222, 144), nan, nan]
    hopper = [(224.5, 189), (305, 187.5), (270, 238), (268.5, 278), (179, 224), (354.5, 221)]
    with Image.open(Path(get_data_path()) / "sample_data" / "grace_hopper.jpg") as photograph:
        second = photograph.convert("RGB")
    return (
        Portrait(Image.fromarray(data.astronaut()), (225.2, 130.5), 95.3, np.array(collins, np.float64)),
        Portrait(second, (267, 237), 174.0, np.array(hopper, np.float64)),
    )


@dataclass(frozen=True)
class Placement:
    """Where a portrait goes: the centre and side of its box there, its turn in degrees clockwise, and its looks."""

    portrait: Portrait
    center: tuple[float, float]
    side: float
    degrees: float
    mirrored: bool
    gain: float

    def matrix(self) -> Points:
        """Return the map (2, 3) from the portrait's pixels to the scene's."""
        scale, angle = self.side / self.portrait.side, math.radians(self.degrees)
        turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        if self.mirrored:
            turn = turn @ np.diag([-1.0, 1.0])
        return np.column_stack([turn, np.asarray(self.center) - turn @ np.asarray(self.portrait.center)])

    def keypoints(self) -> Points:
        """Return the keypoints (6, 2) in the scene."""
        matrix = self.matrix()
        points: Points = self.portrait.keypoints @ matrix[:, :2].T + matrix[:, 2]
        return points[list(_MIRRORED)] if self.mirrored else points

    def box(self) -> tuple[float, float, float, float]:
        """Return the box in the scene: x, y, width, height."""
        return (self.center[0] - self.side / 2, self.center[1] - self.side / 2, self.side, self.side)

    def paste(self, scene: Image.Image) -> None:
        """Lay the portrait over ``scene``, with soft edges around the head."""
        full = np.vstack([self.matrix(), [0, 0, 1]])
        inverse = np.linalg.inv(full)[:2].ravel()
        data = tuple(float(value) for value in inverse)
        image = self.portrait.image.transform(scene.size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)
        mask = self.portrait.mask.transform(scene.size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
        table = [min(255, round(value * self.gain)) for value in range(256)] * 3
        scene.paste(image.point(table), mask=mask)


def scene(
    random: np.random.Generator, size: tuple[int, int] = SIZE, sides: tuple[float, float] = SCENES
) -> tuple[Image.Image, list[Placement]]:
    """Return a scene of one to three faces that keep clear of one another, and where they are."""
    picture = draw_background(random, size)
    placements: list[Placement] = []
    for _ in range(int(random.integers(1, 4)) * 4):
        side = float(random.uniform(*sides)) * min(size)
        margin = 0.6 * side
        center = tuple(float(random.uniform(margin, extent - margin)) for extent in size)
        clear = all(math.dist(center, p.center) > 1.6 * (side + p.side) for p in placements)
        if clear:
            portrait = portraits()[int(random.integers(len(portraits())))]
            degrees, gain = float(random.uniform(-25, 25)), float(random.uniform(0.7, 1.15))
            placements.append(
                Placement(portrait, (center[0], center[1]), side, degrees, bool(random.integers(2)), gain)
            )
            placements[-1].paste(picture)
    return picture, placements


def write(
    folder: Path, count: int, seed: int = 0, *, size: tuple[int, int] = SIZE, sides: tuple[float, float] = SCENES
) -> Path:
    """Write ``count`` scenes to ``folder`` and return the path of their labels; the same seed gives the same scenes."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in range(count):
        image, placements = scene(np.random.default_rng([seed, index]), size, sides)
        name = f"{index:05d}.jpg"
        image.save(folder / "images" / name, quality=92)
        images.append({"id": index + 1, "file_name": name, "width": size[0], "height": size[1]})
        for placement in placements:
            box, points = placement.box(), placement.keypoints()
            known = [bool(np.isfinite(point).all()) for point in points]
            flat = [v for (x, y), k in zip(points, known, strict=True) for v in ((x, y, 2) if k else (0, 0, 0))]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": 1,
                    "bbox": [round(value, 3) for value in box],
                    "area": round(box[2] * box[3], 3),
                    "iscrowd": 0,
                    "keypoints": [round(float(value), 3) for value in flat],
                    "num_keypoints": sum(known),
                }
            )
    categories = [{"id": 1, "name": "face", "keypoints": list(KEYPOINTS)}]
    labels = folder / "labels.json"
    labels.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return labels


def draw_background(random: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Return a photograph without faces, cut to ``size``."""
    from skimage import data

    picture = Image.fromarray(getattr(data, str(random.choice(_BACKGROUNDS)))()).convert("RGB")
    zoom = max(size[0] / picture.width, size[1] / picture.height) * float(random.uniform(1, 1.6))
    picture = picture.resize((math.ceil(picture.width * zoom), math.ceil(picture.height * zoom)))
    left = int(random.integers(picture.width - size[0] + 1))
    top = int(random.integers(picture.height - size[1] + 1))
    return picture.crop((left, top, left + size[0], top + size[1]))


def _main() -> None:
    parser = argparse.ArgumentParser(description="Make a labelled data set of composed scenes.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500, help="scenes [500]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--selfies", action="store_true", help="one face a scene, over a quarter of it")
    chosen = parser.parse_args()
    print(write(chosen.folder, chosen.count, chosen.seed, sides=SELFIES if chosen.selfies else SCENES))


if __name__ == "__main__":
    _main()
