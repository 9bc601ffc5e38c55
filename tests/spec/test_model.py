from __future__ import annotations

from pathlib import Path

import pytest

from sdkgen import resources
from sdkgen.errors import SpecError, UsageError
from sdkgen.spec.base import read_toml
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.registry import load_model, model_names

FRONT = resources.path("models") / "blazeface-front.toml"


@pytest.mark.parametrize("name", model_names())
def test_every_model_is_valid(name: str) -> None:
    spec = load_model(name)
    assert spec.name == name
    assert all(output.shape[0] == 1 for output in spec.outputs)


@pytest.mark.parametrize(
    ("model", "anchors"), [("blazeface-front", 896), ("blazeface-back", 896), ("blazeface-full-range", 2304)]
)
def test_anchor_count(model: str, anchors: int) -> None:
    assert load_model(model).anchor_count == anchors


@pytest.mark.parametrize(
    ("old", "new", "cited"),
    [
        ("box_scale = 128.0", "box_scale = -1.0", "detection.box_scale"),
        ("box_scale = 128.0", 'box_scale = "128"', "detection.box_scale"),
        ("box_scale = 128.0", "box_scal = 128.0", "detection.box_scal"),
        ("width = 128", "width = 96", ""),
        ('fit = "letterbox"', 'fit = "crop"', "input.fit"),
        ("schema = 1", "schema = 2", "schema"),
        ("minimum = -1.0", "minimum = 2.0", ""),
        ('sha256 = "3bc1', 'sha256 = "XYZ1', "weights.released.sha256"),
        ("schema = 1", "schema = ", "TOML"),
    ],
)
def test_a_fault_cites_file_and_key(tmp_path: Path, old: str, new: str, cited: str) -> None:
    text = FRONT.read_text()
    assert old in text
    path = tmp_path / "faulty.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(SpecError) as caught:
        read_toml(path, ModelSpec)
    assert str(path) in caught.value.context
    assert cited in f"{caught.value.context} {caught.value.message}"
    assert caught.value.hint


def test_unknown_model_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean blazeface-back"):
        load_model("blazeface-bakc")


def test_only_detectors_detect() -> None:
    with pytest.raises(UsageError, match="does not detect faces"):
        _ = load_model("face-landmark").detector
    with pytest.raises(UsageError, match="gives no landmarks"):
        _ = load_model("blazeface-front").landmarker
