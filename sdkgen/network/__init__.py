"""Torch modules that are faithful to the released graphs."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from torch import nn

from sdkgen.network.blazeface import BlazeFace
from sdkgen.network.landmark import FaceLandmark
from sdkgen.network.layers import seeded
from sdkgen.network.mobilenet_ssd import MobileNetSsd
from sdkgen.spec.model import ModelSpec, UntrainedSpec
from sdkgen.weights import fetch, released, state


def build(spec: ModelSpec) -> BlazeFace | FaceLandmark | MobileNetSsd:
    """Return the model's network, untrained."""
    network = spec.network
    if network.family == "landmark":
        return FaceLandmark(network, spec.landmarker.count, spec.input.width)
    if network.family == "mobilenet-ssd":
        return MobileNetSsd(network, spec.detector)
    return BlazeFace(network, spec.detector)


def load(spec: ModelSpec, weights: Path | None = None, *, trust: bool = False) -> nn.Module:
    """Return the model's network in evaluation mode, with the weights of a .tflite file.

    Without ``weights`` the released ones are taken from the cache, fetched on first use; a model that has no public
    weights gets those that its seed determines. A given file must be the released one unless ``trust`` says that the
    user trained it; in either case it must hold the same network.

    Raises ``WeightsError`` if the file is damaged, another network (the message names what differs), has a number that
    is not finite (it names the layer), or is not released.
    """
    module = build(spec)
    path = weights or fetch.path_of(spec)
    if path is None:
        seeded(module, cast(UntrainedSpec, spec.weights).seed)
    else:
        found = state.state_dict(module, released.read(path), str(path))
        state.check_finite(found, str(path))
        module.load_state_dict(found)
        if weights is not None and not trust:
            fetch.verify(spec, weights)
    return module.eval().requires_grad_(False)
