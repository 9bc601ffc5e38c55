from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from sdkgen import convert
from sdkgen.artifact import Format
from sdkgen.convert.half import check_half
from sdkgen.errors import ConvertError
from sdkgen.network import load
from sdkgen.spec.registry import load_model, model_names
from tests.weights.files import enlarge_kernel, shrink_bias, write_changed

FRONT = load_model("blazeface-front")


def network(kernel: float = 1.0, bias: list[float] | None = None, alpha: float = 0.25) -> nn.Module:
    """Return a convolution of two channels with a PReLU behind it."""
    layer = nn.Conv2d(1, 2, 1)
    layer.load_state_dict({"weight": torch.full((2, 1, 1, 1), kernel), "bias": torch.tensor(bias or [0.0, 0.0])})
    return nn.Sequential(layer, nn.PReLU(2, alpha))


@pytest.mark.parametrize("name", model_names())
def test_half_holds_every_model(name: str) -> None:
    check_half(load(load_model(name)), name)


@pytest.mark.parametrize("largest", [65_504.0, -65_504.0])
def test_the_ends_of_half_are_held(largest: float) -> None:
    check_half(network(kernel=largest, bias=[largest, 0.0]), "own.tflite")


def test_overflow_names_layer_value_and_remedy() -> None:
    with pytest.raises(ConvertError, match=r"0\.weight holds -70000, and half ends at 65,504") as caught:
        check_half(network(kernel=-7e4), "own.tflite")
    assert (caught.value.reference, caught.value.context) == ("beyond-half", "own.tflite")
    assert "--precision fp32" in caught.value.hint


@pytest.mark.parametrize(
    "bias",
    [
        [0.0, 0.0],
        [-4.5951, -4.5952],  # as detectors are often initialised: one value for all, up to what training moved it by
        [1000.3, 0.001],  # small beside its neighbour, so that nothing of the range is lost
        [4e-6, -4e-6],
    ],
)
def test_a_bias_that_keeps_its_range_passes(bias: list[float]) -> None:
    check_half(network(bias=bias), "own.tflite")


@pytest.mark.parametrize(("bias", "what"), [([1e-9, 0.0], "half makes it 0: it loses 100%"), ([8e-8, 0.0], "25%")])
def test_a_bias_that_half_flattens_is_refused(bias: list[float], what: str) -> None:
    with pytest.raises(ConvertError, match=r"0\.bias holds .*range \(1% is allowed\)") as caught:
        check_half(network(bias=bias), "own.tflite")
    assert what in caught.value.message


def test_an_alpha_is_held_to_the_same() -> None:
    with pytest.raises(ConvertError, match=r"1\.weight holds 1e-08, and half makes it 0"):
        check_half(network(alpha=1e-8), "own.tflite")


@pytest.mark.parametrize("form", ["tflite", "coreml", "onnx"])
@pytest.mark.parametrize("change", [enlarge_kernel, shrink_bias])
def test_every_converter_asks_before_it_begins(tmp_path: Path, form: Format, change: object) -> None:
    weights = write_changed(tmp_path / "own.tflite", change)  # type: ignore[arg-type]
    with pytest.raises(ConvertError, match=r"stages\.\S+ holds") as caught:
        convert.convert(FRONT, form, precision="fp16", weights=weights, trust=True)
    assert caught.value.reference == "beyond-half"
    assert caught.value.context == str(weights)
