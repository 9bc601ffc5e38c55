"""The paper's baseline and its own layout: the shapes that it prints, and weights that a seed determines."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sdkgen import network
from sdkgen.errors import WeightsError
from sdkgen.network.mobilenet_ssd import InvertedResidual, MobileNetSsd
from sdkgen.spec.registry import load_model

UNTRAINED = ("mobilenetv2-ssd", "blazeface-paper")


def _sizes(module: nn.Module) -> dict[nn.Conv2d, tuple[int, int]]:
    """Return each convolution's output height and width for the model's input."""
    found: dict[nn.Conv2d, tuple[int, int]] = {}

    def note(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        found[layer] = (output.shape[2], output.shape[3])

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(note)
    module(torch.zeros(1, 3, 128, 128))
    return found


@pytest.mark.parametrize("name", UNTRAINED)
def test_outputs_are_those_of_blazeface_front(name: str) -> None:
    module = network.load(load_model(name))
    boxes, scores = module(torch.rand(1, 3, 128, 128) * 2 - 1)
    assert (boxes.shape, scores.shape) == ((1, 896, 16), (1, 896, 1))
    assert load_model(name).detector.grids == load_model("blazeface-front").detector.grids


@pytest.mark.parametrize("name", UNTRAINED)
def test_the_seed_determines_the_weights(name: str) -> None:
    first, second = (network.load(load_model(name)).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(bool(value.std() > 0) for value in first.values())


@pytest.mark.parametrize("name", UNTRAINED)
def test_there_are_no_released_weights(name: str) -> None:
    spec = load_model(name)
    assert not spec.trained
    with pytest.raises(WeightsError, match="untrained"):
        _ = spec.released


def test_mobilenet_has_the_stages_of_its_paper_s_table_2() -> None:
    module = network.build(load_model("mobilenetv2-ssd"))
    assert isinstance(module, MobileNetSsd)
    blocks = [block for block in module.blocks if isinstance(block, InvertedResidual)]
    assert [block.project.out_channels for block in blocks] == [16] + [24] * 2 + [32] * 3 + [64] * 4 + [96] * 3
    assert [block.stride for block in blocks] == [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1]
    assert [block.width for block in blocks[:4]] == [32, 96, 144, 144]
    assert [block.residual for block in blocks[:3]] == [False, False, True]


def test_mobilenet_s_heads_look_at_the_widened_features() -> None:
    module = network.load(load_model("mobilenetv2-ssd"))
    assert isinstance(module, MobileNetSsd)
    features = module.features(torch.zeros(1, 3, 128, 128))
    assert [tuple(feature.shape[1:]) for feature in features] == [(192, 16, 16), (576, 8, 8)]


def test_multiply_adds_are_those_that_the_documentation_states() -> None:
    counted = {}
    for name in UNTRAINED:
        sizes = _sizes(network.load(load_model(name)))
        counted[name] = sum(layer.weight.numel() * height * width for layer, (height, width) in sizes.items()) / 1e6
    assert counted == {
        "mobilenetv2-ssd": pytest.approx(77.5, abs=0.05),
        "blazeface-paper": pytest.approx(34.1, abs=0.05),
    }


def test_the_paper_s_layout_is_its_table_4() -> None:
    sizes = _sizes(network.build(load_model("blazeface-paper")))
    found = [(*layer.weight.shape[2:], layer.in_channels, layer.out_channels, *size) for layer, size in sizes.items()]
    single = [
        (24, 24, 64), (24, 24, 64), (24, 48, 32), (48, 48, 32), (48, 48, 32),
    ]  # fmt: skip
    double = [(48, 16), (96, 16), (96, 16), (96, 8), (96, 8), (96, 8)]
    expected = [(5, 5, 3, 24, 64, 64)]
    for inputs, outputs, side in single:
        expected += [(5, 5, inputs, inputs, side, side), (1, 1, inputs, outputs, side, side)]
    for inputs, side in double:
        expected += [(5, 5, inputs, inputs, side, side), (1, 1, inputs, 24, side, side)]
        expected += [(5, 5, 24, 24, side, side), (1, 1, 24, 96, side, side)]
    assert found[: len(expected)] == expected
    assert len(found) == len(expected) + 4


def test_layers_are_in_the_order_of_the_file_that_is_made() -> None:
    module = network.build(load_model("mobilenetv2-ssd"))
    shapes = [tuple(layer.weight.shape[:2]) for layer in module.released_order() if isinstance(layer, nn.Conv2d)]
    assert shapes[-4:] == [(32, 192), (96, 576), (2, 192), (6, 576)]
