"""From a released graph's layers to a torch state dict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sdkgen.errors import WeightsError
from sdkgen.weights.released import Layer, ReleasedGraph

if TYPE_CHECKING:
    from torch import Tensor, nn


STATE_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
"""Files that hold a state dict, and no graph."""

_NAMED = 3
"""How many parameters an error names."""


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


def read_state(network: nn.Module, path: Path) -> dict[str, Tensor]:
    """Return the state dict in a .safetensors file, or one that torch wrote, of which nothing is run.

    Raises ``WeightsError`` if it cannot be read, or names every parameter in which it is another network's.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise what they please: pickle's, zip's and their own errors
        raise WeightsError(
            f"the weights cannot be read: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}",
            context=str(path),
            hint="Give a .tflite or .safetensors file, or a state dict: torch.save(network.state_dict(), FILE).",
            reference="damaged-weights",
        ) from error
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise _other(str(path), "it is no state dict of tensors")
    own = network.state_dict()
    faults = [f"{name} is missing" for name in own if name not in found]
    faults += [f"{name} is not the model's" for name in found if name not in own]
    faults += [
        f"{name} is {tuple(found[name].shape)}, the model's {tuple(value.shape)}"
        for name, value in own.items()
        if name in found and found[name].shape != value.shape
    ]
    if faults:
        more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        raise _other(str(path), "; ".join(faults[:_NAMED]) + more)
    return {name: value.float() for name, value in found.items()}


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
