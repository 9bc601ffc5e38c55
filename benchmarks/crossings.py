"""How often a track's number passes from one person to another, where people cross.

    python -m benchmarks.crossings [--sequences N] [--seed N]

Composes sequences of 60 frames of 480 × 360 pixels, a seed a sequence, from the portraits of ``benchmarks.composites``:
two people pass each other, the larger in front; two meet and turn back; a third stands by; and one passes another while
only one face is asked for. A tracked face is the person's whose eyes, nose and mouth it has, to within half the
distance between the eyes.

Printed: identity switches, where a number is another person's than when it was last seen to be somebody's; the frames
in which a number is not its first person's; numbers beyond one a person; and the share of the people, frame by frame,
who have a number. Those hidden count too, so that it cannot be 1, and with one face wanted it cannot exceed a half.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.composites import Placement, draw_background, portraits
from benchmarks.track import RATE, open_model
from sdkgen.detection.preprocess import Bytes
from sdkgen.spec.registry import LANDMARKER
from sdkgen.tracking.tracker import FaceTracker, TrackedFace

SIZE = (480, 360)
FRAMES = 60
KINDS = ("pass", "meet", "three", "one wanted")
HEAD = (0.8, 1.0, 0.85)
"""A head without what is behind it: what hides somebody is another's face, and not the wall around it."""


@dataclass
class Tally:
    """What is counted over the sequences of one kind."""

    sequences: int = 0
    switches: int = 0
    wrong: int = 0
    renewed: int = 0
    people: int = 0
    followed: int = 0


def compose(kind: str, seed: int) -> Iterator[tuple[Bytes, list[Placement]]]:
    """Yield frames (H, W, 3) and where each person is in them, always in the same order."""
    random = np.random.default_rng([KINDS.index(kind), seed])
    scene = draw_background(random, SIZE)
    sides = np.sort(random.uniform(0.16, 0.32, 2))[:: random.choice([-1, 1])] * SIZE[1]
    middle = SIZE[1] * random.uniform(0.45, 0.55)
    offset = random.uniform(-0.4, 0.4) * sides.min()
    ends = np.array([[0.15, 0.85], [0.85, 0.15]]) * SIZE[0]
    who = random.permutation(2)
    people = [
        Placement(
            replace(portraits()[who[index]], head=HEAD),
            (float(ends[index][0]), middle + (offset if index else 0)),
            float(sides[index]),
            float(random.uniform(-12, 12)),
            bool(random.integers(2)),
            float(random.uniform(0.8, 1.1)),
        )
        for index in range(2)
    ]
    depth = random.uniform(0.5, 1.0)  # how far into each other those go who meet
    standing = replace(
        people[0], center=(SIZE[0] * random.uniform(0.4, 0.6), middle), side=float(sides.min() * 0.9), degrees=0.0
    )
    shake = random.normal(0, 0.4, (FRAMES, 2))
    for index in range(FRAMES):
        t = index / (FRAMES - 1)
        way = t if kind != "meet" else depth * 0.5 * (1 - abs(2 * t - 1))
        now = [
            replace(one, center=(float(x0 + way * (x1 - x0) + shake[index][0]), one.center[1] + shake[index][1]))
            for one, (x0, x1) in zip(people, ends, strict=True)
        ]
        if kind == "three":
            now.append(standing)
        picture = scene.copy()
        for one in sorted(now, key=lambda one: one.side):
            one.paste(picture)
        yield np.asarray(picture), now


def count(kind: str, seed: int, tracker: FaceTracker, tally: Tally) -> None:
    """Follow one sequence, and add what happens to ``tally``."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for index, (picture, placements) in enumerate(compose(kind, seed)):
        found = match(tracker.update(picture, index / RATE).faces, placements)
        for number, person in found.items():
            tally.switches += last.get(number, person) != person
            tally.wrong += first.setdefault(number, person) != person
            last[number] = person
        tally.people += len(placements)
        tally.followed += len(set(found.values()))
    tally.sequences += 1
    tally.renewed += max(0, len(first) - tracker.maximum_faces)


def match(faces: Sequence[TrackedFace], placements: Sequence[Placement]) -> dict[int, int]:
    """Return which person each track's face is, by the track's number, where it is one."""
    found: dict[int, int] = {}
    for face in faces:
        points = face.keypoints[:4] * SIZE
        distances = []
        for one in placements:
            known = one.keypoints()[:4]
            distances.append(np.linalg.norm(points - known, axis=1).mean() / np.linalg.norm(known[0] - known[1]))
        if min(distances) < 0.5:
            found[face.track] = int(np.argmin(distances))
    return found


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=40, help="of each kind [40]")
    parser.add_argument("--seed", type=int, default=0, help="of the first sequence")
    chosen = parser.parse_args()
    detector, landmarker = open_model("blazeface-front"), open_model(LANDMARKER)
    print(f"{'':12s} sequences  switches  frames under another's number  further numbers  people with a number")
    for kind in KINDS:
        tally = Tally()
        for seed in range(chosen.seed, chosen.seed + chosen.sequences):
            wanted = {"three": 3, "one wanted": 1}.get(kind, 2)
            count(kind, seed, FaceTracker(detector, landmarker, wanted), tally)
        counted = f"{tally.sequences:9d} {tally.switches:9d} {tally.wrong:30d} {tally.renewed:16d}"
        print(f"{kind:12s} {counted} {tally.followed / tally.people:20.1%}", flush=True)


if __name__ == "__main__":
    _main()
