"""Torch modules that are faithful to the released graphs."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from sdkgen.network.blazeface import BlazeFace
from sdkgen.network.landmark import FaceLandmark
from sdkgen.spec.model import ModelSpec
from sdkgen.weights import released, state


def build(spec: ModelSpec) -> BlazeFace | FaceLandmark:
    """Return the model's network, untrained."""
    network = spec.network
    if network.family == "landmark":
        return FaceLandmark(network, spec.landmarker.count, spec.input.width)
    return BlazeFace(network, spec.detector)


def load(spec: ModelSpec, weights: Path) -> nn.Module:
    """Return the model's network in evaluation mode with the weights of the .tflite file ``weights``.

    Raises ``WeightsError`` if the file is damaged, or holds another network (the message names what differs).
    """
    module = build(spec)
    module.load_state_dict(state.state_dict(module, released.read(weights), str(weights)))
    return module.eval().requires_grad_(False)
