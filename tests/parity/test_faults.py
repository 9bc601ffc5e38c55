"""Faults that real ports have had, planted one at a time: parity must see each, and name the output it is seen in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdkgen.artifact import Precision
from sdkgen.backends.base import Backend
from sdkgen.backends.onnx import OnnxBackend
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.detection.layout import JOINED, join
from sdkgen.detection.types import Array, RawOutputs
from sdkgen.network import load
from sdkgen.parity.compare import Reference, Subject, compare, reference
from sdkgen.parity.inputs import Input, photographs
from sdkgen.parity.run import inputs_of
from sdkgen.spec.registry import load_model

pytestmark = pytest.mark.network

SPEC = load_model("blazeface-front")


@dataclass
class Faulty:
    """A backend whose input or outputs are tampered with."""

    inner: Backend
    tamper: Callable[[Array], Array] = field(default=lambda image: image)
    spoil: Callable[[RawOutputs], RawOutputs] = field(default=lambda outputs: outputs)
    name: str = "faulty"

    def run(self, image: Array) -> RawOutputs:
        return self.spoil(self.inner.run(self.tamper(image)))

    def close(self) -> None:
        self.inner.close()


@pytest.fixture(scope="module")
def network() -> Any:
    return load(SPEC)


@pytest.fixture(scope="module")
def inputs() -> list[Input]:
    every = inputs_of(SPEC, photographs(), SPEC)
    return every[:4] + every[-2:-1]  # noise, and the photograph as it is, shifted, and in a wide frame


@pytest.fixture(scope="module")
def references(network: Any, inputs: list[Input]) -> list[Reference]:
    return [reference("torch", TorchBackend(network, SPEC), inputs)]


def failures(
    backend: Backend, references: Sequence[Reference], inputs: Sequence[Input], precision: Precision = "fp16"
) -> list[str]:
    # Core ML in half has the widest limits of all: what fails there fails everywhere.
    subject = Subject("coreml", precision, "standard", "coreml")
    (comparison,) = compare(subject, backend, references, inputs, SPEC)
    return list(comparison.failures)


def as_float32(values: Any) -> Array:
    return np.asarray(values, np.float32)


def half_pixel(image: Array) -> Array:
    """Sample half a pixel off, as resizing with pixel centres does."""
    across: Any = np.pad(image, ((0, 0), (0, 0), (0, 1), (0, 0)), mode="edge")
    across = (across[:, :, 1:] + across[:, :, :-1]) / 2
    down = np.pad(across, ((0, 0), (0, 1), (0, 0), (0, 0)), mode="edge")
    return as_float32((down[:, 1:] + down[:, :-1]) / 2)


INPUT_FAULTS: dict[str, Callable[[Array], Array]] = {
    "half-pixel shift": half_pixel,
    "values in 0 to 1": lambda image: as_float32((image + 1) / 2),
    "swapped channels": lambda image: image[..., ::-1],
    "mirrored": lambda image: image[:, :, ::-1],
    "rows and columns exchanged": lambda image: image.swapaxes(1, 2),
}


def test_float32_limits_see_a_scale_of_256(network: Any, references: list[Reference], inputs: list[Input]) -> None:
    backend = Faulty(TorchBackend(network, SPEC), tamper=lambda image: as_float32((image + 1) * (255 / 256) - 1))
    assert any("tensor 'scores'" in failure for failure in failures(backend, references, inputs, "fp32"))


@pytest.mark.parametrize("fault", INPUT_FAULTS)
def test_wrong_input_is_seen(fault: str, network: Any, references: list[Reference], inputs: list[Input]) -> None:
    backend = Faulty(TorchBackend(network, SPEC), tamper=INPUT_FAULTS[fault])
    found = failures(backend, references, inputs)
    assert any("tensor 'boxes'" in failure or "tensor 'scores'" in failure for failure in found), found


def other_order(outputs: RawOutputs) -> RawOutputs:
    """Put each cell's first anchors before all second ones, as a channel-first reshape does."""
    order = np.arange(896)
    order[:512] = np.arange(512).reshape(256, 2).T.ravel()
    order[512:] = 512 + np.arange(384).reshape(64, 6).T.ravel()
    return {name: values[:, order] for name, values in outputs.items()}


def columns_first(outputs: RawOutputs) -> RawOutputs:
    order = np.arange(896)
    order[:512] = np.arange(512).reshape(16, 16, 2).swapaxes(0, 1).ravel()
    return {name: values[:, order] for name, values in outputs.items()}


def flipped(outputs: RawOutputs) -> RawOutputs:
    boxes = outputs["boxes"].copy()
    boxes[..., 1] *= -1
    return {**outputs, "boxes": boxes}


def not_a_number(outputs: RawOutputs) -> RawOutputs:
    scores = outputs["scores"].copy()
    scores[0, 77] = np.nan
    return {**outputs, "scores": scores}


OUTPUT_FAULTS: dict[str, tuple[Callable[[RawOutputs], RawOutputs], str]] = {
    "anchors of a cell apart": (other_order, "tensor 'boxes'"),
    "anchors by columns": (columns_first, "tensor 'boxes'"),
    "flipped sign of y": (flipped, "tensor 'boxes'"),
    "x and y exchanged": (
        lambda outputs: {**outputs, "boxes": outputs["boxes"].reshape(1, 896, 8, 2)[..., ::-1].reshape(1, 896, 16)},
        "tensor 'boxes'",
    ),
    "probabilities instead of logits": (
        lambda outputs: {**outputs, "scores": as_float32(1 / (1 + np.exp(-outputs["scores"].clip(-50, 50))))},
        "tensor 'scores'",
    ),
    "not a number": (
        not_a_number,
        "is allowed) at row 77",
    ),
}


@pytest.mark.parametrize("fault", OUTPUT_FAULTS)
def test_wrong_outputs_are_named(fault: str, network: Any, references: list[Reference], inputs: list[Input]) -> None:
    spoil, words = OUTPUT_FAULTS[fault]
    found = failures(Faulty(TorchBackend(network, SPEC), spoil=spoil), references, inputs)
    assert any(words in failure for failure in found), found
    assert all(
        failure.startswith("blazeface-front, coreml fp16 standard on coreml, against torch: ") for failure in found
    )


def test_a_joined_output_that_is_wrong_is_named_by_its_part(
    network: Any, references: list[Reference], inputs: list[Input]
) -> None:
    def spoil(outputs: RawOutputs) -> RawOutputs:
        joined = join(outputs, SPEC)
        joined[..., :16] = joined[:, ::-1, :16]
        return {JOINED: joined}

    found = failures(Faulty(TorchBackend(network, SPEC), spoil=spoil), references, inputs)
    named = {failure.split("tensor ")[1].split(" differs")[0] for failure in found if "tensor" in failure}
    assert named == {"'boxes'"}


def pad_on_the_other_side(network: Any) -> None:
    network.stem[0].pads = network.stem[0].pads[::-1]


def replicate_instead_of_zeros(network: Any) -> None:
    layer = network.stages[0][0].depthwise
    layer.padding_mode = "replicate"


def forget_the_padding(network: Any) -> None:
    """Compute the convolution without its border, and fill the border with zeros to keep the shape."""
    from torch.nn import functional

    layer = network.stages[1][1].depthwise
    layer.padding = (0, 0)
    layer.register_forward_hook(lambda _module, _inputs, y: functional.pad(y, (1, 1, 1, 1)))


def transpose_a_kernel(network: Any) -> None:
    stem = network.stem[0].weight
    stem.copy_(stem.transpose(2, 3).clone())


def transpose_a_matrix(network: Any) -> None:
    matrix = network.stages[-1][-1].pointwise.weight
    matrix.copy_(matrix.transpose(0, 1).clone())


def flip_a_bias(network: Any) -> None:
    network.score_heads[0].bias.neg_()


def flip_a_kernel(network: Any) -> None:
    network.stages[0][1].depthwise.weight[3].neg_()


NETWORK_FAULTS = {
    fault.__name__: fault
    for fault in (
        pad_on_the_other_side,
        replicate_instead_of_zeros,
        forget_the_padding,
        transpose_a_kernel,
        transpose_a_matrix,
        flip_a_bias,
        flip_a_kernel,
    )
}


@pytest.mark.parametrize("fault", NETWORK_FAULTS)
def test_wrong_network_is_seen(fault: str, network: Any, references: list[Reference], inputs: list[Input]) -> None:
    broken = copy.deepcopy(network)
    NETWORK_FAULTS[fault](broken)
    found = failures(TorchBackend(broken, SPEC), references, inputs)
    assert any("tensor '" in failure for failure in found), found


def test_the_network_itself_passes(network: Any, references: list[Reference], inputs: list[Input]) -> None:
    assert failures(TorchBackend(network, SPEC), references, inputs, "fp32") == []


@pytest.mark.slow
def test_a_fault_is_seen_through_a_converted_artifact(
    tmp_path: Path, network: Any, references: list[Reference], inputs: list[Input]
) -> None:
    from sdkgen.convert import onnx

    found = {}
    for name, fault in (("sound", None), ("broken", transpose_a_kernel)):
        module = copy.deepcopy(network)
        if fault is not None:
            fault(module)
        onnx.convert(module, SPEC, tmp_path / f"{name}.onnx", precision="fp16", layout="standard")
        found[name] = failures(OnnxBackend(tmp_path / f"{name}.onnx"), references, inputs)
    assert found["sound"] == []
    assert any("tensor 'boxes'" in failure for failure in found["broken"])
