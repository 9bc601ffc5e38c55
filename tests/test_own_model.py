"""The walk of docs/own-model.md: from a .tflite file that nobody here has seen to both SDKs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sdkgen import bundle
from sdkgen.convert import convert
from sdkgen.errors import UsageError, WeightsError
from sdkgen.images import read_image
from sdkgen.network import load
from sdkgen.network.imported.standard import StandardGraph
from sdkgen.render import selftest
from sdkgen.render.check import check_start
from sdkgen.resources import photograph
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.own import read_spec
from sdkgen.spec.registry import load_model
from sdkgen.weights import fetch
from tests.conftest import Run
from tests.own_model import ANCHORS, POINTS, SIDE, make_own


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the file."""
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def network(folder: Path) -> nn.Module:
    """Return the network that was exported."""
    return make_own(folder / "own.tflite")


@pytest.fixture(scope="module")
def spec_file(folder: Path, network: nn.Module) -> Path:
    """Return the spec that ``models new`` writes."""
    assert network is not None
    from sdkgen.spec.new import propose

    target = folder / "own.toml"
    target.write_text(propose(folder / "own.tflite", target, load_model("blazeface-front")))
    return target


@pytest.fixture(scope="module")
def spec(spec_file: Path) -> ModelSpec:
    """Return what the spec says."""
    return read_spec(spec_file)


def _image() -> Any:
    return torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (1, 3, SIDE, SIDE)).astype(np.float32))


def test_the_spec_that_is_written_fits_the_file(spec: ModelSpec) -> None:
    assert (spec.input.width, spec.anchor_count, len(spec.detector.keypoints)) == (SIDE, ANCHORS, POINTS)
    assert [(grid.stride, grid.per_cell) for grid in spec.detector.grids] == [(8, 2), (16, 6)]
    assert spec.detector.box_scale == SIDE


def test_the_imported_graph_is_the_network(spec: ModelSpec, network: nn.Module) -> None:
    imported = load(spec)
    assert isinstance(imported, StandardGraph)
    with torch.inference_mode():
        for found, expected in zip(imported(_image()), network(_image()), strict=True):
            assert found.shape == expected.shape
            assert float((found - expected).abs().max()) < 1e-4 * float(expected.max() - expected.min())


@pytest.mark.parametrize("form", ["tflite", "onnx", "coreml"])
def test_every_artifact_passes_the_self_test_that_its_sdk_would_run(spec: ModelSpec, form: Any) -> None:
    golden = selftest.selftest(spec)
    check_start(convert(spec, form, precision="fp32"), spec, golden)


def test_the_android_sdk_is_built(spec: ModelSpec, tmp_path: Path) -> None:
    out = tmp_path / "sdk"
    made = bundle.build(
        bundle.Request(spec=spec, target="android", out=out, name="Own", package="com.example.own", precision="fp32")
    )
    assert made.model == "own"
    source = next(out.rglob("Face.kt")).read_text()
    assert "mouthCenter" in source
    assert "EarTragion" not in source


def test_what_the_templates_cannot_say_is_refused(spec: ModelSpec, tmp_path: Path) -> None:
    palm = spec.model_copy(update={"subject": "palm"})
    request = bundle.Request(spec=palm, target="android", out=tmp_path / "sdk", name="Own", package="com.example.own")
    with pytest.raises(UsageError) as caught:
        bundle.build(request)
    assert caught.value.reference == "other-subject"
    assert not (tmp_path / "sdk").exists()


def test_commands_take_the_spec(spec_file: Path, run: Run) -> None:
    done = run("detect", "--spec", spec_file, "--json", photograph())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["model"] == "own"
    wrong = run("detect", "--spec", spec_file, "--model", "blazeface-front", photograph())
    assert wrong.returncode == 2
    assert "--spec is a model already" in wrong.stderr


def test_a_new_spec_does_not_replace_one(spec_file: Path, run: Run) -> None:
    before = spec_file.read_text()
    done = run("models", "new", spec_file, "--from", spec_file.with_suffix(".tflite"))
    assert done.returncode == 1
    assert "there is a file already" in done.stderr
    assert spec_file.read_text() == before


@pytest.mark.parametrize("layout", ["joined", "standard"])
def test_weights_are_taken_from_our_own_exports(layout: Any) -> None:
    """Its heads are joined, and its operations are in another order than in the released file."""
    front = load_model("blazeface-front")
    artifact = convert(front, "tflite", precision="fp32", layout=layout)
    image = torch.from_numpy(read_image(photograph())[:128, :128].transpose(2, 0, 1)[None] / np.float32(127.5) - 1)
    with pytest.raises(WeightsError, match="not the released weights"):
        load(front, artifact.path)
    with torch.inference_mode():
        for found, expected in zip(load(front, artifact.path, trust=True)(image), load(front)(image), strict=True):
            assert float((found - expected).abs().max()) < 1e-4 * float(expected.max() - expected.min())


def test_the_weights_of_an_own_spec_are_its_file(spec: ModelSpec, folder: Path) -> None:
    assert fetch.path_of(spec) == (folder / "own.tflite").resolve()
