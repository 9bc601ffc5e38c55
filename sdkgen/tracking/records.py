"""What is said of tracked frames: a record each, and a table of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sdkgen import console
from sdkgen.tracking.tracker import TrackedFace, TrackedFrame


def describe(frame: TrackedFrame, names: Sequence[str]) -> dict[str, Any]:
    """Return a frame as JSON has it; ``names`` are those of the keypoints."""
    faces = [_face(face, names) for face in frame.faces]
    return {"faces": faces, "lost": list(frame.lost), "detector_ran": frame.detector_ran}


def _face(face: TrackedFace, names: Sequence[str]) -> dict[str, Any]:
    points = zip(names, face.keypoints.tolist(), strict=True)
    return {
        "track": face.track,
        "state": face.state,
        "age": face.age,
        "score": face.score,
        "presence": face.presence,
        "box": dict(zip(("x", "y", "width", "height"), face.box, strict=True)),
        "keypoints": [{"name": name, "x": x, "y": y} for name, (x, y) in points],
        "landmarks": face.landmarks.tolist(),
        "roll_degrees": face.roll_degrees,
    }


@dataclass
class _Seen:
    first: str
    frames: int = 0
    presence: float = 0.0
    last: str = ""
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


@dataclass
class Tally:
    """What the table says of all frames."""

    frames: int = 0
    detector_runs: int = 0
    tracks: dict[int, _Seen] = field(default_factory=dict)

    def add(self, name: str, frame: TrackedFrame) -> None:
        """Count a frame, called ``name`` in the table."""
        self.frames += 1
        self.detector_runs += frame.detector_ran
        for face in frame.faces:
            seen = self.tracks.setdefault(face.track, _Seen(name))
            seen.frames += 1
            seen.presence += face.presence
            seen.last, seen.box = name, face.box

    def print(self) -> None:
        """Print a row a track, and how many frames there were; nothing without a frame."""
        if not self.frames:
            return
        rows = []
        for number, seen in sorted(self.tracks.items()):
            first, last = console.safe(seen.first), console.safe(seen.last)
            presence, box = f"{seen.presence / seen.frames:.3f}", " ".join(f"{value:.3f}" for value in seen.box)
            rows.append((str(number), first, last, str(seen.frames), presence, box))
        console.print_table(("track", "first", "last", "frames", "presence", "last at"), rows, left=6)
        console.out.print(f"{self.frames} frames, {len(self.tracks)} tracks, the detector ran in {self.detector_runs}")
