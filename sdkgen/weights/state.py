"""From a released graph's layers to a torch state dict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sdkgen.errors import WeightsError
from sdkgen.weights.released import Layer, ReleasedGraph

if TYPE_CHECKING:
    from torch import Tensor, nn


class Ordered(Protocol):
    """A network that knows the order of the released graph's operations."""

    def released_order(self) -> Iterator[nn.Module]:
        """Yield the parametric layers in the order of the released graph's operations."""
        ...

    def named_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every module with its dotted name."""
        ...


def state_dict(network: Ordered, graph: ReleasedGraph, source: str) -> dict[str, Tensor]:
    """Return the state dict that gives ``network`` the constants of ``graph``.

    Raises ``WeightsError`` that names the first layer whose kind or shape differs: then it is another network.
    """
    import torch

    names = {module: name for name, module in network.named_modules()}
    leaves = list(network.released_order())
    state: dict[str, Tensor] = {}
    if (found := _kinds(graph.layers)) != (wanted := Counter(_kind(leaf) for leaf in leaves)):
        raise _other(source, f"it has {_listed(found)}, the model has {_listed(wanted)}")
    for position, (leaf, layer) in enumerate(zip(leaves, graph.layers, strict=True)):
        expected = {f"{names[leaf]}.{key}": tuple(value.shape) for key, value in leaf.named_parameters()}
        if (count := len(layer.constants)) != len(expected):
            what = f"layer {position} has {count} constants, {names[leaf]} has {len(expected)} parameters"
            raise _other(source, what)
        for (name, shape), array in zip(expected.items(), _to_torch(layer), strict=True):
            if layer.kind != _kind(leaf) or array.shape != shape:
                raise _other(source, f"layer {position} is {layer.kind} {array.shape}, {name} is {_kind(leaf)} {shape}")
            state[name] = torch.from_numpy(array)
    return state


def check_finite(state: Mapping[str, Tensor], source: str) -> None:
    """Raise ``WeightsError`` that names the first layer with a number that is NaN or infinite."""
    for name, values in state.items():
        wrong = (~values.isfinite()).nonzero()
        if not len(wrong):
            continue
        place = wrong[0].tolist()
        raise WeightsError(
            f"{len(wrong)} of {values.numel():,} numbers of {name} are not finite: {values[tuple(place)]} at {place}",
            context=source,
            hint="Train or export the weights again; a network with such numbers computes nothing else.",
            reference="weights-not-finite",
        )


def _to_torch(layer: Layer) -> tuple[NDArray[np.float32], ...]:
    """Turn TFLite's layouts into torch's: OHWI to OIHW, 1HWC to C1HW, PReLU's (1, 1, C) to (C,)."""
    first, *rest = layer.constants
    if layer.kind == "CONV_2D":
        first = first.transpose(0, 3, 1, 2)
    elif layer.kind == "DEPTHWISE_CONV_2D":
        first = first.transpose(3, 0, 1, 2)
    else:
        first = first.reshape(-1)
    return tuple(np.ascontiguousarray(array) for array in (first, *rest))


def _kind(leaf: nn.Module) -> str:
    from torch import nn

    if isinstance(leaf, nn.Conv2d):
        return "DEPTHWISE_CONV_2D" if leaf.groups > 1 else "CONV_2D"
    return "PRELU"


def _kinds(layers: tuple[Layer, ...]) -> Counter[str]:
    return Counter(layer.kind for layer in layers)


def _listed(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "no layers"


def _other(source: str, what: str) -> WeightsError:
    return WeightsError(
        f"the file holds another network: {what}",
        context=source,
        hint="Give the file that belongs to the model, or choose the model with --model.",
        reference="other-network",
    )
