"""The whole pipeline beside MediaPipe 0.10.21's own FaceMesh: the same faces, and landmarks in the same places."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.composites import portraits
from tests import photographs
from tests.conftest import Run
from tests.peers import packages
from tests.toolchains import require
from tests.tracking.sequences import Placed, frame, path

pytestmark = [pytest.mark.peers, pytest.mark.network, pytest.mark.slow]

LIMIT = 0.01
"""How far a landmark may be from FaceMesh's, in x, y or z, as a share of the image."""

Points = NDArray[np.float64]


def _hopper() -> photographs.Bytes:
    return np.asarray(portraits()[1].image)


STILLS: dict[str, Callable[[], photographs.Bytes]] = {
    "astronaut": photographs.astronaut,
    "hopper": _hopper,
    "turned": lambda: photographs.turned(30),
    "turned-back": lambda: photographs.turned(-25),
    "mirrored": lambda: np.ascontiguousarray(photographs.astronaut()[:, ::-1]),
    "hopper-small": lambda: np.asarray(Image.fromarray(_hopper()).resize((205, 240), Image.Resampling.BICUBIC)),
    "wide": lambda: np.ascontiguousarray(photographs.astronaut()[20:308]),
    # The region of the face reaches beyond the image: only a replicated border gives what FaceMesh gives.
    "cut-left": lambda: np.ascontiguousarray(photographs.astronaut()[60:300, 185:400]),
    "cut-below": lambda: np.ascontiguousarray(photographs.astronaut()[0:165, 100:300]),
    "cut-right": lambda: np.ascontiguousarray(photographs.astronaut()[20:200, 100:255]),
}
FRAMES = 20


@dataclass(frozen=True)
class Peer:
    """Where the images are, and what FaceMesh found in them."""

    stills: dict[str, Path]
    video: list[Path]
    found: dict[str, list[Points]]
    followed: list[list[Points]]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Peer:
    folder = tmp_path_factory.mktemp("peers")
    stills = {name: folder / f"{name}.png" for name in (*STILLS, "group")}
    for name, file in stills.items():
        Image.fromarray((STILLS | {"group": photographs.group})[name]()).save(file)
    video = [folder / f"frame-{index:02d}.png" for index in range(FRAMES)]
    for file, one in zip(video, path(FRAMES, Placed(180, 160), Placed(280, 200, 160, 25)), strict=True):
        Image.fromarray(frame([one])).save(file)
    given = {
        "stills": [{"image": str(file), "faces": 5 if name == "group" else 1} for name, file in stills.items()],
        "video": [str(file) for file in video],
    }
    try:
        packages.command()
    except subprocess.CalledProcessError as error:
        require("MediaPipe 0.10.21", None, f"it cannot be installed here ({error})")
        raise
    answer = packages.ask(given, folder)
    faces = [[np.array(face) for face in some] for some in answer["stills"]]
    followed = [[np.array(face) for face in some] for some in answer["video"]]
    return Peer(stills, video, dict(zip(stills, faces, strict=True)), followed)


def _track(run: Run, *arguments: object) -> list[dict[str, Any]]:
    # FaceMesh has its own sampling, and is to be compared with that.
    done = run("track", *arguments, "--sampling", "point", "--json")
    assert done.returncode == 0, done.stderr
    records: list[dict[str, Any]] = json.loads(done.stdout)
    return records


def _points(record: dict[str, Any]) -> list[Points]:
    return [np.array(face["landmarks"]) for face in record["faces"]]


def _furthest(found: Points, known: Points) -> float:
    return float(np.abs(found - known).max())


@pytest.mark.parametrize("name", STILLS)
def test_landmarks_of_a_photograph(run: Run, peer: Peer, name: str) -> None:
    (record,) = _track(run, peer.stills[name])
    (found,), (known,) = _points(record), peer.found[name]
    assert found.shape == known.shape == (468, 3)
    furthest = _furthest(found, known)
    print(f"{name}: furthest landmark {furthest:.5f} of the image")  # noqa: T201
    assert furthest <= LIMIT


def test_landmarks_of_a_group(run: Run, peer: Peer) -> None:
    (record,) = _track(run, peer.stills["group"], "--max-faces", 5)
    found, known = _points(record), peer.found["group"]
    assert len(found) == len(known) == 3  # two of the five are too small for either
    nearest = [min(_furthest(one, other) for other in known) for one in found]
    print(f"group: furthest landmark {max(nearest):.5f} of the image")  # noqa: T201
    assert max(nearest) <= LIMIT


def test_landmarks_of_a_followed_face(run: Run, peer: Peer) -> None:
    records = _track(run, *peer.video)
    assert [record["detector_ran"] for record in records] == [True] + [False] * (FRAMES - 1)
    furthest = [
        _furthest(found, known)
        for record, faces in zip(records, peer.followed, strict=True)
        for found, known in zip(_points(record), faces, strict=True)
    ]
    assert len(furthest) == FRAMES
    print(f"followed through {FRAMES} frames: furthest landmark {max(furthest):.5f} of the image")  # noqa: T201
    assert max(furthest) <= LIMIT


def test_another_face_would_be_told(peer: Peer) -> None:
    """The limit is narrow enough: a face of the same size in a neighbouring place is not within it."""
    moved = peer.followed[0][0]
    assert min(_furthest(moved, later[0]) for later in peer.followed[2:]) > LIMIT
