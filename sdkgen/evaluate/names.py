"""What data sets call the keypoints that models know."""

from __future__ import annotations

from collections.abc import Sequence

_ALIASES = {
    "nose_tip": ("nose",),
    "mouth_center": ("mouth", "mouth_centre"),
    "right_ear_tragion": ("right_ear",),
    "left_ear_tragion": ("left_ear",),
}


def keypoint_columns(found: Sequence[str], wanted: Sequence[str]) -> list[int | None]:
    """Return, for each keypoint of the model, its position among the data set's names, or None if it has none."""
    positions = {name.strip().lower().replace(" ", "_").replace("-", "_"): at for at, name in enumerate(found)}
    return [
        next((positions[name] for name in (want, *_ALIASES.get(want, ())) if name in positions), None)
        for want in wanted
    ]
