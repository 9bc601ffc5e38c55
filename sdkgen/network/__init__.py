"""Torch modules that are faithful to the released graphs."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from torch import nn

from sdkgen.errors import ConvertError, UsageError, WeightsError
from sdkgen.network.blazeface import BlazeFace
from sdkgen.network.landmark import FaceLandmark
from sdkgen.network.layers import seeded
from sdkgen.network.mobilenet_ssd import MobileNetSsd
from sdkgen.spec.model import ModelSpec, UntrainedSpec
from sdkgen.weights import fetch, released, state


def build(spec: ModelSpec) -> BlazeFace | FaceLandmark | MobileNetSsd:
    """Return the model's network, untrained.

    Raises ``UsageError`` for a model whose network is the graph of its file.
    """
    network = spec.network
    if network.family == "graph":
        raise UsageError(f"{spec.name} has no layers without its file", hint="Load it with its weights.")
    if network.family == "landmark":
        return FaceLandmark(network, spec.landmarker.count, spec.input.width)
    if network.family == "mobilenet-ssd":
        return MobileNetSsd(network, spec.detector)
    return BlazeFace(network, spec.detector)


def load(spec: ModelSpec, weights: Path | None = None, *, trust: bool = False) -> nn.Module:
    """Return the model's network in evaluation mode, with the weights of a .tflite, .safetensors or torch file.

    Without ``weights`` the released ones are taken from the cache, fetched on first use; a model that has no public
    weights gets those that its seed determines. A given file must be the released one unless ``trust`` says that the
    user trained it; in either case it must hold the same network.

    Raises ``WeightsError`` if the file is damaged, another network (the message names what differs), has a number that
    is not finite (it names the layer), or is not released.
    """
    path = weights or fetch.path_of(spec)
    module = _seeded(spec) if path is None else _read(spec, path)
    if path is not None:
        state.check_finite(module.state_dict(), str(path))
    if weights is not None and not trust:
        fetch.verify(spec, weights)
    return module.eval().requires_grad_(False)


def _seeded(spec: ModelSpec) -> nn.Module:
    return seeded(build(spec), cast(UntrainedSpec, spec.weights).seed)


def _read(spec: ModelSpec, path: Path) -> nn.Module:
    """Return the network with the weights at ``path``: in this project's own layers where the file has the same ones.

    A file with other layers, or the same in another order, is taken as it is if its inputs and outputs are the model's.
    """
    if spec.network.family == "graph":
        return _import(spec, path)
    module = build(spec)
    if path.suffix in state.STATE_SUFFIXES:
        fetch.read(path)
        module.load_state_dict(state.read_state(module, path))
        return module
    try:
        module.load_state_dict(state.state_dict(module, released.read(path), str(path)))
    except WeightsError as error:
        if error.reference != "other-network":
            raise
        try:
            return _import(spec, path)
        except ConvertError:
            raise error from None
    return module


def _import(spec: ModelSpec, path: Path) -> nn.Module:
    from sdkgen.network.imported import import_graph
    from sdkgen.network.imported.standard import StandardGraph

    return StandardGraph(import_graph(path), spec)
