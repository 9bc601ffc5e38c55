"""The committed vectors agree with the reference, with the released networks, and with what their files may weigh."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from sdkgen.detection.layout import JOINED, join
from sdkgen.detection.pipeline import faces
from sdkgen.detection.pixels import Matrix, Plane
from sdkgen.detection.preprocess import Rotation
from sdkgen.detection.types import Array, Options, Sampling
from sdkgen.spec.registry import load_model
from tests.golden import generate
from tests.golden.buffers import pattern
from tests.golden.cases import PREPROCESS, WARP, postprocess_cases

VECTORS = sorted(generate.FOLDER.glob("*/*.json"))


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def _floats(folder: Path, entry: dict[str, Any]) -> Array:
    values = np.frombuffer((folder / entry["file"]).read_bytes(), "<f4")
    return values.reshape(entry["shape"]).astype(np.float32)


def _of_kind(kind: str) -> list[Any]:
    return [pytest.param(p, id=f"{p.parent.name}-{p.stem}") for p in VECTORS if _load(p)["kind"] == kind]


@pytest.mark.parametrize("path", _of_kind("postprocess"))
def test_reference_makes_the_committed_faces(path: Path) -> None:
    case = _load(path)
    outputs = {name: _floats(path.parent, entry) for name, entry in case["outputs"].items()}
    options = Options(**case["options"])
    found = faces(outputs, load_model(case["model"]), case["image"]["width"], case["image"]["height"], options)
    assert len(found) == len(case["faces"])
    for face, expected in zip(found, case["faces"], strict=True):
        assert face.score == pytest.approx(expected["score"], abs=1e-6)
        assert face.box == pytest.approx(expected["box"], abs=1e-6)
        np.testing.assert_allclose(face.keypoints, expected["keypoints"], atol=1e-6)


@pytest.mark.parametrize("path", _of_kind("preprocess"))
def test_reference_makes_the_committed_input(path: Path) -> None:
    described = _load(path)
    (case,) = (case for case in PREPROCESS if case.name == described["case"])
    made = generate.model_input(case, _buffer(path, described), load_model(described["model"]).input)
    kept = made[0, described["rows"]] if "rows" in described else made
    np.testing.assert_allclose(kept, _floats(path.parent, described["input"]), atol=1e-6)


def test_inputs_cover_formats_orientations_ranges_and_matrices_with_and_without_areas() -> None:
    assert {case.name for case in PREPROCESS} == {p.stem for p in VECTORS if _load(p)["kind"] == "preprocess"}
    for sampling in get_args(Sampling):
        cases = [case for case in PREPROCESS if case.sampling == sampling]
        assert {case.format for case in cases} == {"rgba", "bgra", "nv12", "i420"}
        assert {(case.matrix, case.full_range) for case in PREPROCESS if case.format in ("nv12", "i420")} == {
            (matrix, full) for matrix in get_args(Matrix) for full in (False, True)
        }
    turns = {(case.rotation, case.mirrored) for case in PREPROCESS if case.sampling == "area"}
    assert turns == {(rotation, mirrored) for rotation in get_args(Rotation) for mirrored in (False, True)}


@pytest.mark.parametrize("path", _of_kind("warp"))
def test_reference_makes_the_committed_warp(path: Path) -> None:
    described = _load(path)
    (case,) = (case for case in WARP if case.buffer.name == described["case"])
    made = generate.warped(case, _buffer(path, described), load_model(described["model"]).input)
    np.testing.assert_allclose(made[0, described["rows"]], _floats(path.parent, described["input"]), atol=2e-4)


def test_warps_cover_formats_rotations_and_mirrors() -> None:
    buffers = [case.buffer for case in WARP]
    assert {case.buffer.name for case in WARP} == {p.stem for p in VECTORS if _load(p)["kind"] == "warp"}
    assert {one.format for one in buffers} == {"rgba", "bgra", "nv12", "i420"}
    assert {(one.rotation, one.mirrored) for one in buffers} >= {(0, True), (90, True), (180, False), (270, True)}
    assert any(one.padding and one.width % 2 and one.height % 2 for one in buffers)


def _buffer(path: Path, described: dict[str, Any]) -> list[Plane]:
    planes = described["pixels"]["planes"]
    return [
        Plane(
            (path.parent / p["file"]).read_bytes()
            if "file" in p
            else pattern(p["bytes"], p["row_stride"], p["pattern"]),
            p["row_stride"],
            p["pixel_stride"],
        )
        for p in planes
    ]


@pytest.mark.network
@pytest.mark.parametrize("model", generate.MODELS)
def test_released_networks_give_the_committed_outputs(model: str) -> None:
    spec = load_model(model)
    cases = list(postprocess_cases(spec, generate.released(spec)))
    assert {case.name for case in cases} == {
        p.stem for p in VECTORS if p.parent.name == model and _load(p)["kind"] == "postprocess"
    }
    for case in cases:
        committed = _load(generate.FOLDER / model / f"{case.name}.json")
        kept = _floats(generate.FOLDER / model, committed["outputs"][JOINED])
        np.testing.assert_allclose(join(case.outputs, spec), kept, atol=1e-3, err_msg=f"{model} {case.name}")


def test_every_file_is_used() -> None:
    used = {generate.FOLDER / p.parent.name / file for p in VECTORS for file in _files(_load(p))}
    assert {p for p in generate.FOLDER.glob("*/*") if p.suffix in (".f32", ".u8")} == used


def test_vectors_stay_small() -> None:
    assert sum(p.stat().st_size for p in generate.FOLDER.rglob("*") if p.is_file()) <= 7 * 2**20


def _files(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["file"]] if "file" in value else []
        return own + [file for inner in value.values() for file in _files(inner)]
    return [file for inner in value for file in _files(inner)] if isinstance(value, list) else []
