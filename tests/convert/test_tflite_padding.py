from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

from sdkgen import network
from sdkgen.convert.tflite import padding
from sdkgen.network.layers import seeded
from sdkgen.spec.model import BlazeFaceNetwork, LandmarkNetwork
from sdkgen.spec.registry import load_model

MODELS = ("blazeface-front", "blazeface-back", "blazeface-full-range", "face-landmark")


def growing(name: str) -> BlazeFaceNetwork | LandmarkNetwork:
    spec = load_model(name).network
    assert isinstance(spec, (BlazeFaceNetwork, LandmarkNetwork))
    return spec


def paddings(widths: padding.Widths) -> int:
    return sum(after > before for before, after in pairwise(widths))


@pytest.mark.parametrize("name", MODELS)
def test_widths_grow_where_the_resolution_changes_only(name: str) -> None:
    net = growing(name)
    widths = padding.stage_widths(net)
    for block, (before, after) in zip(padding.blocks(net), pairwise(widths), strict=True):
        assert block.stride == 2 or before == after
    assert widths[-1] == padding.released_widths(net)[-1]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("choose", [padding.stage_widths, padding.sliced_widths])
def test_wider_networks_compute_the_same(name: str, choose: Callable[[padding.Growing], padding.Widths]) -> None:
    spec = load_model(name)
    widths = choose(growing(name))
    module = seeded(network.build(spec), 3).eval()
    for bias in (p for n, p in module.named_parameters() if n.endswith("bias")):
        torch.nn.init.normal_(bias, generator=torch.Generator().manual_seed(bias.numel()))
    wide = padding.widened(module, spec, widths)
    x = torch.rand(1, 3, spec.input.width, spec.input.width, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        for mine, theirs in zip(wide(x), module(x), strict=True):
            scale = float(theirs.abs().max())
            torch.testing.assert_close(mine, theirs, atol=1e-5 * scale, rtol=1e-5)


def test_front_has_eleven_paddings_as_released_and_three_with_one_a_stage() -> None:
    net = growing("blazeface-front")
    widths = [padding.released_widths(net), padding.sliced_widths(net), padding.stage_widths(net)]
    assert [paddings(w) for w in widths] == [11, 11, 3]


def test_slices_are_whole_and_add_less_than_one_slice() -> None:
    for name in MODELS:
        net = growing(name)
        for sliced, released in zip(padding.sliced_widths(net), padding.released_widths(net), strict=True):
            assert sliced % padding.SLICE == 0
            assert 0 <= sliced - released < padding.SLICE


def test_a_network_that_needs_no_widening_is_returned_as_it_is() -> None:
    spec, net = load_model("blazeface-back"), growing("blazeface-back")
    module = network.build(spec)
    assert padding.widened(module, spec, padding.sliced_widths(net)) is module
