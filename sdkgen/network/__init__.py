"""Torch modules that are faithful to the released graphs."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from sdkgen.network.blazeface import BlazeFace
from sdkgen.network.landmark import FaceLandmark
from sdkgen.network.layers import seeded
from sdkgen.network.mobilenet_ssd import MobileNetSsd
from sdkgen.spec.model import ModelSpec, UntrainedSpec
from sdkgen.weights import released, state


def build(spec: ModelSpec) -> BlazeFace | FaceLandmark | MobileNetSsd:
    """Return the model's network, untrained."""
    network = spec.network
    if network.family == "landmark":
        return FaceLandmark(network, spec.landmarker.count, spec.input.width)
    if network.family == "mobilenet-ssd":
        return MobileNetSsd(network, spec.detector)
    return BlazeFace(network, spec.detector)


def load(spec: ModelSpec, weights: Path | None) -> nn.Module:
    """Return the model's network in evaluation mode with the weights of the .tflite file ``weights``.

    Without a file, a model that has no public weights gets those that its seed determines.

    Raises ``WeightsError`` if the file is damaged, or holds another network (the message names what differs).
    """
    module = build(spec)
    if weights is not None:
        module.load_state_dict(state.state_dict(module, released.read(weights), str(weights)))
    elif isinstance(spec.weights, UntrainedSpec):
        seeded(module, spec.weights.seed)
    else:
        raise ValueError(f"{spec.name} has released weights: give their file")
    return module.eval().requires_grad_(False)
