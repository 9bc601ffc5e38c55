from __future__ import annotations

from pathlib import Path

import pytest

from sdkgen.errors import WeightsError
from sdkgen.network import load
from sdkgen.spec.registry import load_model, model_names
from tests.weights.files import put_infinity, put_nan, write_changed

FRONT = load_model("blazeface-front")


@pytest.mark.parametrize("trust", [True, False])
def test_nan_is_refused_with_its_layer_and_place(tmp_path: Path, *, trust: bool) -> None:
    weights = write_changed(tmp_path / "own.tflite", put_nan)
    with pytest.raises(WeightsError) as caught:
        load(FRONT, weights, trust=trust)
    assert caught.value.reference == "weights-not-finite"
    assert caught.value.message == "1 of 1,800 numbers of stem.0.weight are not finite: nan at [3, 0, 2, 1]"
    assert caught.value.context == str(weights)


def test_infinity_is_refused_likewise(tmp_path: Path) -> None:
    weights = write_changed(tmp_path / "own.tflite", put_infinity)
    with pytest.raises(WeightsError, match=r"of stages\.0\.0\.pointwise\.bias are not finite: -inf at \[5\]"):
        load(FRONT, weights, trust=True)


def test_changed_but_sound_numbers_load(tmp_path: Path) -> None:
    load(FRONT, write_changed(tmp_path / "own.tflite", lambda _: None), trust=True)


@pytest.mark.parametrize("name", model_names())
def test_own_and_seeded_weights_are_finite(name: str) -> None:
    load(load_model(name))
