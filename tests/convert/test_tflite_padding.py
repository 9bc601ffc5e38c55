from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from sdkgen import network
from sdkgen.convert.tflite import padding
from sdkgen.network.blazeface import BlazeFace
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
@pytest.mark.parametrize("kind", ["stage", "lean"])
def test_wider_networks_compute_the_same(name: str, kind: str) -> None:
    spec, net = load_model(name), growing(name)
    module = seeded(network.build(spec), 3).eval()
    for bias in (p for n, p in module.named_parameters() if n.endswith("bias")):
        torch.nn.init.normal_(bias, generator=torch.Generator().manual_seed(bias.numel()))
    side = spec.input.width
    widths = padding.stage_widths(net) if kind == "stage" else padding.lean_widths(net, side)
    wide = padding.widened(module, spec, widths)
    x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        for mine, theirs in zip(wide(x), module(x), strict=True):
            scale = float(theirs.abs().max())
            torch.testing.assert_close(mine, theirs, atol=1e-5 * scale, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_lean_widths_cost_least_and_pad_least_often(name: str) -> None:
    net, side = growing(name), load_model(name).input.width
    lean = padding.lean_widths(net, side)
    others = [padding.released_widths(net), padding.stage_widths(net)]
    assert padding.cost(net, lean, side) <= min(padding.cost(net, widths, side) for widths in others)
    assert paddings(lean) <= paddings(others[0])


def test_front_has_eleven_paddings_as_released_four_leanly_and_three_with_one_a_stage() -> None:
    net = growing("blazeface-front")
    widths = [padding.released_widths(net), padding.lean_widths(net, 128), padding.stage_widths(net)]
    assert [paddings(w) for w in widths] == [11, 4, 3]


def test_where_nothing_is_saved_nothing_is_widened() -> None:
    for name in ("blazeface-back", "face-landmark"):
        net = growing(name)
        assert padding.lean_widths(net, load_model(name).input.width) == padding.released_widths(net)


def test_the_cost_counts_multiplications_as_the_network_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(padding, "TILE", 1)
    spec, net = load_model("blazeface-front"), growing("blazeface-front")
    module = network.build(spec).eval()
    assert isinstance(module, BlazeFace)
    total = 0

    def count(layer: torch.nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(layer, torch.nn.Conv2d)
        total += output.numel() * layer.weight[0].numel()

    heads = {id(head) for group in (module.box_heads, module.score_heads) for head in group}
    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d) and id(layer) not in heads:
            layer.register_forward_hook(count)
    with torch.no_grad():
        module(torch.zeros(1, 3, 128, 128))
    padded = sum(
        (64 >> stage) ** 2 * channels
        for stage, grown in enumerate([(28,), (32, 36, 42), (48, 56, 64, 72, 80, 88), (96,)])
        for channels in grown
    )
    widths = padding.released_widths(net)
    assert (
        padding.cost(net, widths, 128)
        == total + padding.MULTIPLICATIONS_A_PADDED_ELEMENT * padded + 11 * padding.MULTIPLICATIONS_A_PADDING
    )
