"""The Core ML backend: what it feeds, and the real runtime through a stand-in for coremltools' ``MLModel``."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdkgen import convert
from sdkgen.backends.coreml import CoreMlBackend
from sdkgen.backends.mil.package import read
from sdkgen.detection.preprocess import letterboxed
from sdkgen.errors import BackendError
from sdkgen.spec.registry import load_model
from tests.photographs import astronaut

SPEC = load_model("blazeface-front")
IMAGE = letterboxed(astronaut(), SPEC.input)


def package(*, image_input: bool = True) -> Path:
    return convert.convert(SPEC, "coreml", precision="fp16", image_input=image_input).path


class FakeModel:
    """Stands in for ``coremltools.models.MLModel`` on a Mac."""

    made: list[FakeModel]
    fault: Exception | None = None

    def __init__(self, path: str, compute_units: object) -> None:
        self.path, self.units = path, compute_units
        self.fed: list[dict[str, Any]] = []
        FakeModel.made.append(self)

    def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:
        if self.fault:
            raise self.fault
        self.fed.append(inputs)
        return {"predictions": np.zeros((1, 896, 17), np.float64)}


class Units(enum.Enum):
    ALL = 1
    CPU_AND_GPU = 2


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> type[FakeModel]:
    read(package())  # converted, and the protobuf schema found, before coremltools is replaced
    package(image_input=False)
    module = ModuleType("coremltools")
    module.models = SimpleNamespace(MLModel=FakeModel)  # type: ignore[attr-defined]
    module.ComputeUnit = Units  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "coremltools", module)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(FakeModel, "made", [], raising=False)
    monkeypatch.setattr(FakeModel, "fault", None)
    return FakeModel


def test_a_mac_uses_core_ml_and_feeds_whole_bytes(mac: type[FakeModel]) -> None:
    backend = CoreMlBackend(package(), SPEC, compute_units="CPU_AND_GPU")
    outputs = backend.run(IMAGE)
    (model,) = mac.made
    assert backend.runtime == "native"
    assert (model.path, model.units) == (str(package()), Units.CPU_AND_GPU)
    (fed,) = model.fed
    assert isinstance(fed["image"], Image.Image)
    assert (fed["image"].mode, fed["image"].size) == ("RGB", (128, 128))
    expected = np.rint((IMAGE[0] - SPEC.input.minimum) / SPEC.input.scale)
    np.testing.assert_array_equal(np.asarray(fed["image"]), expected)
    assert {name: (str(value.dtype), value.shape) for name, value in outputs.items()} == {
        "predictions": ("float32", (1, 896, 17)),
    }


def test_a_mac_feeds_arrays_as_planes(mac: type[FakeModel]) -> None:
    CoreMlBackend(package(image_input=False), SPEC).run(IMAGE)
    np.testing.assert_array_equal(mac.made[0].fed[0]["image"], IMAGE.transpose(0, 3, 1, 2))


def test_faults_of_core_ml_are_explained(mac: type[FakeModel], monkeypatch: pytest.MonkeyPatch) -> None:
    backend = CoreMlBackend(package(), SPEC)
    monkeypatch.setattr(mac, "fault", RuntimeError("no plan"))
    with pytest.raises(BackendError, match="no plan"):
        backend.run(IMAGE)


def test_a_mac_can_be_told_to_evaluate(mac: type[FakeModel]) -> None:
    assert CoreMlBackend(package(), SPEC, runtime="evaluator").runtime == "evaluator"
    assert not mac.made


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML runs here")
def test_elsewhere_the_evaluator_runs() -> None:
    backend = CoreMlBackend(package(), SPEC)
    assert backend.runtime == "evaluator"
    outputs = backend.run(IMAGE)
    assert list(outputs) == ["predictions"]
    backend.close()


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML runs here")
def test_core_ml_asked_for_elsewhere_says_where_it_runs() -> None:
    backend = CoreMlBackend(package(), SPEC, runtime="native")
    with pytest.raises(BackendError, match="Core ML cannot run") as caught:
        backend.run(IMAGE)
    assert "macOS" in caught.value.hint


def test_image_and_array_packages_agree() -> None:
    """Both inputs stand for the same picture; float16 rounds them at different places."""
    image, array = (
        CoreMlBackend(package(image_input=kind), SPEC, arithmetic="fp32", runtime="evaluator").run(IMAGE)
        for kind in (True, False)
    )
    for name in image:
        assert np.abs(image[name] - array[name]).max() <= 0.01 * np.ptp(array[name])


def test_package_of_another_model_is_refused() -> None:
    with pytest.raises(BackendError, match=r"\(1, 3, 256, 256\)"):
        CoreMlBackend(package(), load_model("blazeface-back"), runtime="evaluator")
