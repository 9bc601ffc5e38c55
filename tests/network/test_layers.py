from __future__ import annotations

import numpy as np
import pytest

from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.detection.preprocess import letterboxed
from sdkgen.network import load
from sdkgen.network.activations import LARGEST_HALF, find_excess
from sdkgen.spec.registry import load_model, model_names
from tests.photographs import astronaut

UNTRAINED = [name for name in model_names() if not load_model(name).trained]


@pytest.mark.parametrize("name", UNTRAINED)
def test_seeded_outputs_are_of_the_size_of_trained_ones(name: str) -> None:
    """Logits of thousands would make half of the limits that parity and the self-test have meaningless."""
    spec = load_model(name)
    outputs = TorchBackend(load(spec), spec).run(letterboxed(astronaut(), spec.input))
    assert 2 < outputs["scores"].std() < 20
    assert 2 < outputs["boxes"].std() < 30
    assert max(np.abs(values).max() for values in outputs.values()) < 200


def test_the_first_layer_that_exceeds_a_limit_is_named() -> None:
    spec = load_model("blazeface-front")
    network, image = load(spec), letterboxed(astronaut(), spec.input)
    assert find_excess(network, image, LARGEST_HALF) is None
    network.get_parameter("stages.0.1.pointwise.weight").data *= 1e5
    found = find_excess(network, image, LARGEST_HALF)
    assert found is not None
    assert found[0] == "stages.0.1.pointwise"
    assert found[1] > LARGEST_HALF
    network.get_parameter("stages.0.0.depthwise.weight").data *= np.nan
    found = find_excess(network, image, LARGEST_HALF)
    assert found is not None
    assert found[0] == "stages.0.0.depthwise"
