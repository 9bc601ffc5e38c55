"""What an evaluation is asked to do: all that its figures depend on, besides data set and artifact."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from sdkgen.detection.types import Sampling
from sdkgen.errors import UsageError

Nms: TypeAlias = Literal["blend", "hard"]

AREAS = {"all": 0.0, "front": 0.20, "rear": 0.05}
"""The smallest faces that the BlazeFace paper considers, as a share of the image, by the camera's side."""


@dataclass(frozen=True)
class Settings:
    """How to measure.

    ``nms`` resolves ties for precision and keypoints (jitter has both). ``minimum_score`` is the lowest score that
    enters the precision curve; keypoints and jitter are those of the model's own threshold. ``minimum_area`` is the
    smallest face, as a share of the image. Jitter takes ``views`` shifted copies, by up to ``shift`` of the longer
    side, of each of about ``jitter_pictures`` pictures, spread evenly over the data set; noise jitter takes
    ``noise_copies`` copies of the same ones for each standard deviation in ``noise``, in steps of a byte. With a
    ``width`` in pixels those two take pictures scaled to it.
    """

    nms: Nms = "blend"
    minimum_score: float = 0.05
    minimum_area: float = 0.0
    views: int = 8
    jitter_pictures: int = 64
    shift: float = 0.02
    sampling: Sampling = "area"
    width: int | None = None
    noise: tuple[float, ...] = ()
    noise_copies: int = 10

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name."""
        return asdict(self)


def parse_noise(text: str) -> tuple[float, ...]:
    """Return standard deviations, none for ``0``; raises ``UsageError`` if ``text`` has anything else."""
    if text.strip() == "0":
        return ()
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < sigma <= 128 for sigma in found) or len(set(found)) < len(found):
        raise UsageError(
            f"--noise {text!r} is no list of standard deviations",
            hint="Give different numbers above 0, at most 128, with commas between them; or 0 for none.",
        )
    return tuple(found)


def parse_area(text: str) -> float:
    """Return the smallest face as a share of the image; raises ``UsageError`` if ``text`` is none."""
    if text in AREAS:
        return AREAS[text]
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share < 1:
        raise UsageError(
            f"--min-face-area {text!r} is no share", hint="Give a number from 0 to 1, or all, front, rear."
        )
    return share
