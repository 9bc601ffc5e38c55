"""Networks that compute the same function in another shape, so that a phone dispatches fewer or cheaper kernels.

A variant is a choice of the converter with a name; which is the default is decided by measurement (docs/graphs.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from torch import nn

from sdkgen.convert.tflite import folding, padding
from sdkgen.errors import UsageError, nearest
from sdkgen.formats import DEFAULT_VARIANT
from sdkgen.spec.model import ModelSpec

Variant = Callable[[nn.Module, ModelSpec], nn.Module]
"""Takes a network and gives one that computes the same and has the same attributes."""


def pad_blocks(network: nn.Module, _spec: ModelSpec) -> nn.Module:
    """Pad channels where each block does, as the released graphs do."""
    return network


def pad_in_slices(network: nn.Module, spec: ModelSpec) -> nn.Module:
    """Pad likewise, between channels in whole slices of four, so that GPU delegates merge every PAD into an ADD."""
    return _widen(network, spec, padding.sliced_widths)


def pad_stages(network: nn.Module, spec: ModelSpec) -> nn.Module:
    """Pad channels only where the resolution changes: fewest kernels, for a quarter more multiplications in front."""
    return _widen(network, spec, padding.stage_widths)


def fold(network: nn.Module, spec: ModelSpec, *, side: int) -> nn.Module:
    """Pad in slices, and make each foldable block on a map of ``side`` or less one dense convolution."""
    return folding.fold_blocks(pad_in_slices(network, spec), spec, side)


def _widen(network: nn.Module, spec: ModelSpec, widths: Callable[[padding.Growing], padding.Widths]) -> nn.Module:
    net = padding.growing(spec)
    return padding.widened(network, spec, widths(net)) if net else network


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "block-padding": pad_blocks,
        "sliced-padding": pad_in_slices,
        "stage-padding": pad_stages,
        **{f"folded-{side}": partial(fold, side=side) for side in folding.SIDES},
    }
)
DEFAULT = DEFAULT_VARIANT


def variants_of(spec: ModelSpec) -> list[str]:
    """Return the names of the variants that differ for this model, the default first."""
    net = padding.growing(spec)
    if net is None:
        return [DEFAULT]
    # Folding up to 32 is folding up to 16 where no block that can be folded lies between the two.
    sides = folding.foldable_sides(spec)
    steps = zip((0, *folding.SIDES), folding.SIDES, strict=False)
    folded = [high for low, high in steps if any(low < side <= high for side in sides)]
    # Likewise padding: the widths may be the same in another way of padding.
    ways = {"block-padding": padding.released_widths(net), "stage-padding": padding.stage_widths(net)}
    padded = [name for name, widths in ways.items() if widths != padding.sliced_widths(net)]
    return [DEFAULT, *padded, *(f"folded-{side}" for side in folded)]


def variant(name: str | None) -> Variant:
    """Return the variant of that name, or the default.

    Raises ``UsageError`` for an unknown name.
    """
    try:
        return VARIANTS[name or DEFAULT]
    except KeyError:
        hint = nearest(str(name), VARIANTS)
        raise UsageError(f"unknown graph variant {name!r}", hint=hint, reference="unknown-variant") from None
