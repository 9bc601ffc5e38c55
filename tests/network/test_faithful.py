"""The torch modules against the released files run by LiteRT's built-in kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage import data, transform

from sdkgen.backends.litert import LiteRtBackend
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.detection.types import Array
from sdkgen.network import load
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.registry import load_model, model_names
from sdkgen.weights import fetch

RELEASED = [name for name in model_names() if load_model(name).trained]
TOLERANCE = 1e-4


def _released(spec: ModelSpec) -> Path:
    path = fetch.path_of(spec)
    assert path is not None
    return path


def _inputs(spec: ModelSpec) -> list[Array]:
    low, high, side = spec.input.minimum, spec.input.maximum, spec.input.width
    noise = np.random.default_rng(0).uniform(low, high, (2, side, side, 3))
    photographs = [data.astronaut(), data.astronaut()[:256, 96:352], data.coffee()]
    scaled = [transform.resize(photo / 255.0, (side, side)) * (high - low) + low for photo in photographs]
    return [np.asarray(image, np.float32)[None] for image in (*noise, *scaled)]


@pytest.mark.parametrize("name", RELEASED)
def test_network_is_faithful_to_the_released_graph(name: str) -> None:
    spec = load_model(name)
    official = LiteRtBackend(_released(spec), spec, delegates=False)
    ours = TorchBackend(load(spec), spec)
    wanted = [official.run(image) for image in _inputs(spec)]
    found = [ours.run(image) for image in _inputs(spec)]
    for output in spec.outputs:
        expected = np.stack([outputs[output.name] for outputs in wanted])
        actual = np.stack([outputs[output.name] for outputs in found])
        assert actual.shape == expected.shape == (len(wanted), *output.shape)
        assert np.ptp(expected) > 0
        assert np.abs(actual - expected).max() <= TOLERANCE * np.ptp(expected)


@pytest.mark.parametrize("name", RELEASED)
def test_fidelity_test_can_fail(name: str) -> None:
    """One weight in the middle of the network, changed, is seen: the tolerance is tight enough."""
    spec = load_model(name)
    image = _inputs(spec)[2]
    network = load(spec)
    before = TorchBackend(network, spec).run(image)
    parameters = list(network.parameters())
    parameters[len(parameters) // 2].flatten()[0] += 0.5
    after = TorchBackend(network, spec).run(image)
    assert any(np.abs(after[n] - before[n]).max() > TOLERANCE * np.ptp(before[n]) for n in before if np.ptp(before[n]))
