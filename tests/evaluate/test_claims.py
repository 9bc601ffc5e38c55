"""What is claimed of the released models, on photographs whose faces' places are known exactly."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import composites
from sdkgen.backends.base import Backend
from sdkgen.backends.opening import RUNTIMES, open_artifact
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.convert import convert
from sdkgen.evaluate.dataset import open_dataset
from sdkgen.evaluate.evaluation import evaluate
from sdkgen.evaluate.journal import Journal
from sdkgen.evaluate.measure import Measurer
from sdkgen.evaluate.settings import Settings
from sdkgen.network import load
from sdkgen.spec.registry import load_model

pytestmark = [pytest.mark.slow, pytest.mark.network]


@pytest.fixture(scope="module")
def selfies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compose 64 pictures with one large face each."""
    pytest.importorskip("matplotlib")
    return composites.write(tmp_path_factory.mktemp("selfies"), 64, sides=composites.SELFIES)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compose 60 pictures with one to three smaller faces each."""
    pytest.importorskip("matplotlib")
    return composites.write(tmp_path_factory.mktemp("scenes"), 60)


def _open(model: str, runtime: str) -> Callable[[], Backend]:
    spec = load_model(model)
    if runtime == "torch":
        network = load(spec)
        return lambda: TorchBackend(network, spec)
    artifact = convert(spec, RUNTIMES[runtime])
    return lambda: open_artifact(runtime, artifact.path, spec)


def _evaluate(labels: Path, model: str, runtime: str, *, against: str | None = None, **chosen: Any) -> dict[str, Any]:
    spec, settings = load_model(model), Settings(**chosen)
    with contextlib.ExitStack() as stack:
        opened = [_open(model, name)() for name in (runtime, against) if name]
        for backend in opened:
            stack.callback(backend.close)
        journal = stack.enter_context(Journal(f"test-{model}-{runtime}", fresh=True))
        data = open_dataset(labels, None, None, spec.detector.keypoints)
        return evaluate(
            data, spec, settings, journal, lambda: Measurer(spec, opened[0], settings, *opened[1:]), workers=1
        )


@pytest.mark.parametrize(("model", "area"), [("blazeface-front", 0.20), ("blazeface-back", 0.05)])
def test_blending_jitters_less_than_plain_nms(selfies: Path, model: str, area: float) -> None:
    jitter = _evaluate(selfies, model, "litert", minimum_area=area)["jitter"]
    assert jitter["views"] >= 500
    assert jitter["faces_lost"] == 0
    assert jitter["reduction"]["low"] > 0.05
    assert jitter["blend"]["high"] < jitter["hard"]["low"]
    assert 0.01 < jitter["blend"]["value"] < 0.08


@pytest.mark.parametrize(
    ("model", "ap", "error"),
    [("blazeface-front", 0.88, 0.14), ("blazeface-back", 0.95, 0.14), ("blazeface-full-range", 0.95, 0.14)],
)
def test_faces_and_keypoints_are_where_they_were_put(scenes: Path, model: str, ap: float, error: float) -> None:
    report = _evaluate(scenes, model, "litert", views=0)
    assert report["precision"]["ap50"] > ap
    assert report["keypoints"]["median"] < error
    assert report["precision"]["faces"] >= 60


@pytest.mark.parametrize(("runtime", "most"), [("litert", 1e-3), ("onnx", 0.03)])
def test_keypoints_of_artifacts_are_those_of_torch(scenes: Path, runtime: str, most: float) -> None:
    against = _evaluate(scenes, "blazeface-front", runtime, against="torch", views=0)["against"]
    assert against["matched"] == against["faces"] == against["found"]
    assert against["maximum"] < most
