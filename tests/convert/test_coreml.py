"""Core ML packages of the released networks: what they hold, what they compute, and that they never vary."""

from __future__ import annotations

import copy
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sdkgen import convert
from sdkgen.artifact import Artifact, Layout, Precision
from sdkgen.backends.coreml import CoreMlBackend
from sdkgen.backends.mil.package import read
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.convert import coreml
from sdkgen.convert.coreml.compress import clusters
from sdkgen.convert.coreml.graph import export_graph
from sdkgen.convert.coreml.tools import coremltools
from sdkgen.detection.blend import overlap
from sdkgen.detection.layout import split
from sdkgen.detection.pipeline import detect
from sdkgen.detection.preprocess import letterboxed
from sdkgen.detection.types import Array, Detection, RawOutputs
from sdkgen.errors import ConvertError, OutputError, UsageError, WeightsError
from sdkgen.files import sha256_path, size_of
from sdkgen.network import load
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.registry import detectors, load_model, model_names
from sdkgen.weights.fetch import fetch
from tests.photographs import astronaut

DETECTORS = [name for name in detectors() if load_model(name).trained]
OTHERS = [name for name in model_names() if load_model(name).detection and name not in detectors()]
FRONT = load_model("blazeface-front")
CLOSE = 1e-4
"""Share of a tensor's range by which float32 artifacts may differ from torch."""


@cache
def network(name: str) -> nn.Module:
    return load(load_model(name))


def built(name: str, precision: Precision = "fp32", layout: Layout = "joined", **options: Any) -> Artifact:
    """Return an artifact from the user's cache, converted on first use."""
    return convert.convert(load_model(name), "coreml", precision=precision, layout=layout, **options)


def inputs(spec: ModelSpec) -> list[Array]:
    """Return a photograph and seeded noise, (1, H, W, 3) in the model's range."""
    noise = np.random.default_rng(0).uniform(spec.input.minimum, spec.input.maximum, (1, *_size(spec), 3))
    return [letterboxed(astronaut(), spec.input), noise.astype(np.float32)]


def _size(spec: ModelSpec) -> tuple[int, int]:
    return spec.input.height, spec.input.width


def assert_close(found: RawOutputs, wanted: RawOutputs, share: float) -> None:
    assert found.keys() == wanted.keys()
    for name, want in wanted.items():
        assert found[name].shape == want.shape
        assert np.abs(found[name] - want).max() <= share * max(float(np.ptp(want)), 1.0), name


@pytest.mark.parametrize(
    "name",
    [
        *DETECTORS,
        "face-landmark",
        "mobilenetv2-ssd",
        "blazeface-front as array",
        *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS),
    ],
)
def test_float32_package_computes_what_torch_does(name: str) -> None:
    name, _, kind = name.partition(" as ")
    spec = load_model(name)
    artifact = built(name, image_input=kind != "array")
    package = CoreMlBackend(artifact.path, spec, arithmetic="fp32", runtime="evaluator")
    reference = TorchBackend(network(name), spec)
    for image in inputs(spec):
        assert_close(split(package.run(image), spec), reference.run(image), CLOSE)


LAYOUTS: tuple[Layout, ...] = ("standard", "joined")


@pytest.mark.parametrize("name", ["blazeface-front", "blazeface-full-range", "face-landmark"])
def test_joined_layout_holds_the_same_numbers(name: str) -> None:
    spec = load_model(name)
    standard, joined = (
        CoreMlBackend(built(name, "fp32", layout).path, spec, arithmetic="fp32", runtime="evaluator")
        for layout in LAYOUTS
    )
    for image in inputs(spec):
        assert_close(split(joined.run(image), spec), standard.run(image), CLOSE)


@pytest.mark.parametrize("name", DETECTORS)
def test_half_precision_finds_the_same_face(name: str) -> None:
    spec = load_model(name)
    (expected,) = detect(astronaut(), TorchBackend(network(name), spec), spec)
    package = CoreMlBackend(built(name, "fp16").path, spec, arithmetic="fp16", runtime="evaluator")
    (found,) = detect(astronaut(), package, spec)
    eyes = float(np.linalg.norm(expected.keypoints[0] - expected.keypoints[1]))
    assert overlap(_corners(expected), _corners(found)[None])[0] >= 0.99
    assert np.linalg.norm(expected.keypoints - found.keypoints, axis=1).max() <= 0.01 * eyes
    assert abs(expected.score - found.score) <= 0.01


def test_half_precision_finds_the_same_landmarks() -> None:
    spec = load_model("face-landmark")
    image = letterboxed(astronaut()[20:240, 115:335], spec.input)
    package = CoreMlBackend(built(spec.name, "fp16").path, spec, arithmetic="fp16", runtime="evaluator").run(image)
    expected = TorchBackend(network(spec.name), spec).run(image)
    package, expected = split(package, spec), split(expected, spec)
    points, wanted = (outputs["landmarks"].reshape(-1, 3)[:, :2] for outputs in (package, expected))
    eyes = float(np.linalg.norm(wanted[33] - wanted[263]))
    assert np.linalg.norm(points - wanted, axis=1).max() <= 0.01 * eyes
    assert np.abs(package["presence"] - expected["presence"]).max() <= 0.1


def _corners(face: Detection) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    x, y, width, height = face.box
    return np.array([x, y, x + width, y + height])


def test_half_package_computes_in_half_and_gives_float32() -> None:
    program = read(built("blazeface-front", "fp16").path)
    assert {str(o.dtypes[0]) for o in program.operations if o.type == "conv"} == {"float16"}
    assert {record.dtype for record in program.outputs} == {"float32"}


def test_kernels_that_half_has_take_two_bytes_in_single_precision_too(tmp_path: Path) -> None:
    half, single = (built(FRONT.name, precision).record.bytes for precision in ("fp16", "fp32"))
    assert single < 1.05 * half
    other = copy.deepcopy(network(FRONT.name))
    largest = max((one for one in other.modules() if isinstance(one, nn.Conv2d)), key=lambda one: one.weight.numel())
    with torch.no_grad():
        largest.weight.view(-1)[0] = 1 + 2**-20
    coreml.convert(other, FRONT, tmp_path / "other.mlpackage", precision="fp32")
    assert size_of(tmp_path / "other.mlpackage") - single >= 2 * largest.weight.numel() - 512


def test_float32_conversion_leaves_the_next_one_alone(tmp_path: Path) -> None:
    coreml.convert(network(FRONT.name), FRONT, tmp_path / "a.mlpackage", precision="fp32")
    coreml.convert(network(FRONT.name), FRONT, tmp_path / "b.mlpackage", precision="fp16")
    assert coreml.describe(tmp_path / "b.mlpackage")[0]["cast"] == 2


def test_no_operation_is_wasted() -> None:
    """Pads at stride 2 are the convolutions' own, heads are joined, and no transpose is outside the heads."""
    ops = built("blazeface-front", "fp16").record.ops
    assert ops == {
        "add": 17,
        "cast": 2,
        "concat": 1,
        "conv": 35,
        "max_pool": 3,
        "pad": 11,  # channels, once a block that grows
        "relu": 17,
        "reshape": 2,
        "transpose": 2,
    }
    standard = built("blazeface-front", "fp16", "standard").record.ops
    assert sum(standard.values()) == sum(ops.values()) + 2


def test_package_says_what_it_is() -> None:
    artifact = built("blazeface-front", "fp16")
    (image,) = artifact.record.inputs
    assert (image.name, image.shape, image.dtype) == ("image", (1, 3, 128, 128), "image")
    assert [(o.name, o.shape, o.dtype) for o in artifact.record.outputs] == [
        ("predictions", (1, 896, 17), "float32"),
    ]
    assert all(record.description for record in (*artifact.record.inputs, *artifact.record.outputs))
    model = coremltools().models.MLModel(str(artifact.path), skip_model_load=True)
    assert model.author == FRONT.weights.author
    assert model.license == "Apache-2.0"
    assert model.version
    assert FRONT.title in model.short_description
    assert model.get_spec().specificationVersion == coremltools().target.iOS16
    assert model.user_defined_metadata["sdkgen.weights.sha256"] == FRONT.weights.sha256
    assert read(artifact.path).opset == "CoreML6"


def test_package_of_own_weights_names_them(tmp_path: Path) -> None:
    own = tmp_path / "own.tflite"
    own.write_bytes(fetch(FRONT).read_bytes() + b"own")
    artifact = convert.convert(FRONT, "coreml", weights=own, trust=True)
    model = coremltools().models.MLModel(str(artifact.path), skip_model_load=True)
    assert model.user_defined_metadata["sdkgen.weights.sha256"] == sha256_path(own) != FRONT.weights.sha256
    assert artifact.record.weights_sha256 == sha256_path(own)


def test_weights_that_change_meanwhile_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.tflite"
    own.write_bytes(released := fetch(FRONT).read_bytes() + b"not yet trained on")

    def trained_meanwhile(*given: Any, **options: Any) -> Any:
        own.write_bytes(released + b"trained on")
        return load(*given, **options)

    monkeypatch.setattr("sdkgen.network.load", trained_meanwhile)
    with pytest.raises(WeightsError, match="changed while"):
        convert.convert(FRONT, "onnx", weights=own, trust=True)


def test_array_input_is_float32() -> None:
    (image,) = built("blazeface-front", "fp16", image_input=False).record.inputs
    assert (image.shape, image.dtype) == ((1, 3, 128, 128), "float32")


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """Hash seeds differ between processes; this process has converted other things before."""
    code = (
        "import sys; from pathlib import Path\n"
        "from sdkgen.convert import coreml; from sdkgen.network import load\n"
        "from sdkgen.spec.registry import load_model\n"
        "spec = load_model('blazeface-front'); coreml.convert(load(spec), spec, Path(sys.argv[1]))\n"
    )
    hashes = set()
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.mlpackage"
        run = [sys.executable, "-W", "error", "-c", code, str(path)]
        done = subprocess.run(run, env=_with_seed(seed), capture_output=True, text=True, check=True)
        assert done.stderr == ""
        hashes.add(sha256_path(path))
    coreml.convert(network(FRONT.name), FRONT, tmp_path / "here.mlpackage")
    assert hashes == {sha256_path(tmp_path / "here.mlpackage")}


def _with_seed(seed: str) -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONHASHSEED": seed}


@pytest.mark.parametrize(
    ("bits", "score", "iou", "operation"),
    [(8, 0.01, 0.98, "constexpr_affine_dequantize"), (6, 0.03, 0.85, "constexpr_lut_to_dense")],
)
def test_compressed_weights_shrink_the_file_and_keep_the_face(
    bits: int, score: float, iou: float, operation: str
) -> None:
    plain, compressed = built("blazeface-front", "fp16"), built("blazeface-front", "fp16", weights_bits=bits)
    assert compressed.record.ops[operation] > 10
    assert size_of(compressed.path) < 0.75 * size_of(plain.path)
    (expected,), (found,) = (
        detect(astronaut(), CoreMlBackend(artifact.path, FRONT, runtime="evaluator"), FRONT)
        for artifact in (plain, compressed)
    )
    assert abs(expected.score - found.score) <= score
    assert overlap(_corners(expected), _corners(found)[None])[0] >= iou


def test_clusters_are_exact_where_the_table_suffices_and_best_where_not() -> None:
    values = np.random.default_rng(0).choice(np.arange(64, dtype=np.float32), 4000)
    table, index = clusters(values, count=64)
    np.testing.assert_array_equal(table[index], values)
    noise = np.random.default_rng(1).standard_normal(5000).astype(np.float16)
    table, index = clusters(noise.reshape(50, 100), count=64)
    assert (str(table.dtype), str(index.dtype), index.shape) == ("float16", "uint8", (5000,))
    grid = np.linspace(noise.min(), noise.max(), 64)
    evenly = np.abs(noise[:, None] - grid).min(1)
    assert np.square(table[index] - noise).mean() < np.square(evenly).mean()


def test_unknown_number_of_bits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="5 bits"):
        coreml.convert(network(FRONT.name), FRONT, tmp_path / "x.mlpackage", weights_bits=5)
    assert not list(tmp_path.iterdir())


class Preceded(nn.Module):
    """A network behind a parametric layer that does nothing, and that may answer otherwise each time."""

    def __init__(self, drift: float) -> None:
        super().__init__()
        self.unused = nn.Conv2d(3, 3, 1)
        self.inner = network("face-landmark")
        self.drift = drift

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs: tuple[torch.Tensor, ...] = self.inner(x)
        return (outputs[0] + self.drift * torch.rand(1), *outputs[1:])


def test_where_the_scale_cannot_be_folded_the_image_is_scaled() -> None:
    """The first parametric layer takes the scale, unless it is not the first to see the image."""
    spec = load_model("face-landmark")
    graph = export_graph(Preceded(0).eval(), spec, layout="joined", image_input=True)
    assert graph.scale == spec.input.scale
    assert export_graph(network("face-landmark"), spec, layout="joined", image_input=True).scale == 1


def test_a_graph_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="landmarks"):
        coreml.convert(Preceded(100).eval(), load_model("face-landmark"), tmp_path / "x.mlpackage")


def test_operation_that_core_ml_lacks_is_named(tmp_path: Path) -> None:
    class Bessel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network("face-landmark")

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            landmarks, presence = self.inner(x)
            return torch.special.bessel_j0(landmarks), presence

    with pytest.raises(ConvertError, match="bessel_j0"):
        coreml.convert(Bessel().eval(), load_model("face-landmark"), tmp_path / "x.mlpackage")
    assert not list(tmp_path.iterdir())


def test_target_inside_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        coreml.convert(network(FRONT.name), FRONT, tmp_path / "file" / "x.mlpackage")
