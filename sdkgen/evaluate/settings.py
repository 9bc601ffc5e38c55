"""What an evaluation is asked to do: all that its figures depend on, besides data set and artifact."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Nms: TypeAlias = Literal["blend", "hard"]


@dataclass(frozen=True)
class Settings:
    """How to measure.

    ``nms`` resolves ties for precision and keypoints (jitter has both). ``minimum_score`` is the lowest score that
    enters the precision curve; keypoints and jitter are those of the model's own threshold. ``minimum_area`` is the
    smallest face, as a share of the image. Jitter takes ``views`` shifted copies, by up to ``shift`` of the longer
    side, of each of about ``jitter_pictures`` pictures, spread evenly over the data set.
    """

    nms: Nms = "blend"
    minimum_score: float = 0.05
    minimum_area: float = 0.0
    views: int = 8
    jitter_pictures: int = 64
    shift: float = 0.02

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name."""
        return asdict(self)
