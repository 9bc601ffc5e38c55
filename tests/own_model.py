"""A model as a user might bring it: a BlazeFace at 160 × 160 with four keypoints, exported as a .tflite file."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from sdkgen.convert import tflite
from sdkgen.formats import Layout
from sdkgen.network import build
from sdkgen.network.layers import seeded
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.registry import load_model

SIDE, ANCHORS, POINTS = 160, 20 * 20 * 2 + 10 * 10 * 6, 4


def own_spec() -> ModelSpec:
    """Return what the network was trained as; the file says less."""
    front = load_model("blazeface-front")
    outputs = tuple(
        output.model_copy(update={"shape": (1, ANCHORS, width)})
        for output, width in zip(front.outputs, (4 + 2 * POINTS, 1), strict=True)
    )
    detection = front.detector.model_copy(update={"keypoints": front.detector.keypoints[:POINTS], "box_scale": 160.0})
    size = front.input.model_copy(update={"width": SIDE, "height": SIDE})
    return front.model_copy(update={"name": "own", "input": size, "outputs": outputs, "detection": detection})


def make_own(path: Path, layout: Layout = "standard") -> nn.Module:
    """Write the file, its weights in float32 and from a seed, and return the network that it holds."""
    spec = own_spec()
    network = seeded(build(spec), 7).eval().requires_grad_(False)
    tflite.convert(network, spec, path, precision="fp32", layout=layout)
    return network
