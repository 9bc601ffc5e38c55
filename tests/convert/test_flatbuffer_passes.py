from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from sdkgen.convert import flatbuffer_passes
from sdkgen.convert.tflite import describe
from sdkgen.errors import ConvertError
from sdkgen.tflite import flatbuffer
from tests.convert.tiny import Tiny, convolution, run

IMAGE = np.random.default_rng(1).normal(size=(1, 4, 4, 3)).astype(np.float32)


def names(model: object) -> list[str]:
    return [tensor.name.decode() for tensor in model.subgraphs[0].tensors]  # type: ignore[attr-defined]


def test_weights_in_half_are_the_rounded_weights() -> None:
    tiny, rounded = convolution(), convolution()
    for index in (3, 4):
        buffer = rounded.model.buffers[rounded.graph.tensors[index].buffer]
        half = np.frombuffer(buffer.data.tobytes(), np.float32).astype(np.float16)
        buffer.data = np.frombuffer(half.astype(np.float32).tobytes(), np.uint8)
    before = run(tiny.model, IMAGE)
    flatbuffer_passes.store_in_half(tiny.model)
    np.testing.assert_allclose(run(tiny.model, IMAGE), run(rounded.model, IMAGE), atol=1e-6)
    assert np.abs(run(tiny.model, IMAGE) - before).max() > 1e-6


def test_every_float_is_stored_in_half_biases_too_and_integers_stay_as_they_are() -> None:
    tiny = convolution()
    shape = tiny.constant(np.ones(512, np.int32))
    tiny.operation("RESHAPE", [2, shape], [tiny.tensor((1, 256))])
    flatbuffer_passes.store_in_half(tiny.model)
    kinds = [flatbuffer.operation(tiny.model, operator) for operator in tiny.graph.operators]
    assert kinds == ["DEQUANTIZE", "DEQUANTIZE", "CONV_2D", "RELU", "RESHAPE"]
    unpacked = flatbuffer.constant_dequantizes(tiny.model, tiny.graph)
    stored = [flatbuffer.constant(tiny.model, tiny.graph, operator.inputs[0]) for operator in unpacked]
    assert [constant.dtype for constant in stored if constant is not None] == [np.float16, np.float16]
    kept = flatbuffer.constant(tiny.model, tiny.graph, shape)
    assert kept is not None
    assert kept.dtype == np.int32


def test_a_constant_that_two_operations_read_is_stored_once() -> None:
    tiny = convolution()
    tiny.operation("CONV_2D", [0, 3, 4], [tiny.tensor((1, 4, 4, 16))], strideW=1, strideH=1)
    flatbuffer_passes.store_in_half(tiny.model)
    assert sum(1 for _ in flatbuffer.constant_dequantizes(tiny.model, tiny.graph)) == 2


def test_a_weight_too_large_for_half_is_refused() -> None:
    tiny = convolution()
    tiny.graph.tensors[3].buffer = tiny.graph.tensors[tiny.constant(np.full((16, 3, 3, 3), 1e6, np.float32))].buffer
    with pytest.raises(ConvertError, match="float16") as caught:
        flatbuffer_passes.store_in_half(tiny.model)
    assert "--precision fp32" in caught.value.hint


def test_an_alpha_a_channel_gets_one_axis_and_others_keep_theirs() -> None:
    tiny = Tiny()
    x, y, z = (tiny.tensor((1, 4, 4, 3)) for _ in range(3))
    channels = np.array([0.5, -1, 2], np.float32)
    each = np.random.default_rng(2).normal(size=(4, 4, 3)).astype(np.float32)
    tiny.operation("PRELU", [x, tiny.constant(channels.reshape(1, 1, 3))], [y])
    tiny.operation("PRELU", [y, tiny.constant(each)], [z])
    model = tiny.between([x], [z])
    before = run(model, IMAGE)
    flatbuffer_passes.flatten_alphas(model)
    alphas = [flatbuffer.shape(tiny.graph.tensors[operator.inputs[1]]) for operator in tiny.graph.operators]
    assert alphas == [(3,), (4, 4, 3)]
    np.testing.assert_array_equal(run(model, IMAGE), before)


def test_compact_drops_what_nobody_reads_and_keeps_the_function() -> None:
    tiny = convolution()
    tiny.constant(np.ones(1000, np.float32))
    copy = tiny.constant(np.ones(3, np.float32))
    assert copy
    twin = tiny.model.buffers[tiny.graph.tensors[3].buffer]
    tiny.model.buffers.append(twin)
    tiny.operation("CONV_2D", [0, 3, 4], [tiny.tensor((1, 4, 4, 16))], strideW=1, strideH=1)
    before = run(tiny.model, IMAGE)
    flatbuffer_passes.compact(tiny.model, "a description")
    assert len(tiny.model.buffers) == 3
    assert len(tiny.graph.tensors) == 6
    assert tiny.model.description == b"a description"
    np.testing.assert_array_equal(run(tiny.model, IMAGE), before)


def test_tensors_that_outlive_others_come_first() -> None:
    """Up to LiteRT 2.2 XNNPACK takes ten times the memory for the order in which operations meet them."""
    tiny = Tiny()
    trunk = [tiny.tensor((1, 4, 4, 3)) for _ in range(4)]
    branches = []
    for x, y in itertools.pairwise(trunk):
        branches.append([tiny.tensor((1, 4, 4, 3)) for _ in range(2)])
        for here, there in itertools.pairwise([x, *branches[-1]]):
            tiny.operation("PRELU", [here, tiny.constant(np.ones(3, np.float32))], [there])
        tiny.operation("ADD", [x, branches[-1][-1]], [y])
    model = tiny.between(trunk[:1], trunk[-1:])
    labels = {index: f"trunk {place}" for place, index in enumerate(trunk)}
    labels |= {index: f"branch {place}" for place, pair in enumerate(branches) for index in pair}
    for index, tensor in enumerate(tiny.graph.tensors):
        tensor.name = labels.get(index, "alpha").encode()
    before = run(model, IMAGE)
    flatbuffer_passes.store_in_half(model)
    flatbuffer_passes.compact(model, "what it is")
    computed = [name for name in names(model) if name.startswith(("trunk", "branch"))]
    assert computed == [
        *("trunk 2", "trunk 1", "trunk 0"),
        *("trunk 3", "branch 2", "branch 2", "branch 1", "branch 1", "branch 0", "branch 0"),
    ]
    np.testing.assert_array_equal(run(model, IMAGE), before)


def test_equal_constants_share_a_buffer() -> None:
    tiny = Tiny()
    x, y, z = (tiny.tensor((1, 4, 4, 3)) for _ in range(3))
    for source, target in ((x, y), (y, z)):
        tiny.operation("ADD", [source, tiny.constant(np.ones((1, 1, 1, 3), np.float32))], [target])
    model = tiny.between([x], [z])
    flatbuffer_passes.compact(model, "")
    assert len(model.buffers) == 2
    np.testing.assert_allclose(run(model, IMAGE), IMAGE + 2, atol=1e-6)


def test_names_say_what_computes_a_tensor(tmp_path: Path) -> None:
    tiny = convolution()
    flatbuffer_passes.store_in_half(tiny.model)
    flatbuffer_passes.rename(tiny.model, ["image"], ["features"])
    assert names(tiny.model) == ["image", "conv_2d_0", "features", "conv_2d_0/weights", "conv_2d_0/bias", "", ""]
    (signature,) = tiny.model.signatureDefs
    assert [entry.name for entry in signature.inputs] == [b"image"]
    assert [(entry.name, entry.tensorIndex) for entry in signature.outputs] == [(b"features", 2)]
    ops, inputs, outputs = describe(tiny.write(tmp_path / "m.tflite"))
    assert ops == {"CONV_2D": 1, "RELU": 1}
    assert [(r.name, r.shape, r.dtype) for r in (*inputs, *outputs)] == [
        ("image", (1, 4, 4, 3), "float32"),
        ("features", (1, 4, 4, 16), "float32"),
    ]


def test_another_number_of_outputs_is_an_error() -> None:
    with pytest.raises(ConvertError, match="1 outputs, not 2"):
        flatbuffer_passes.rename(convolution().model, ["image"], ["boxes", "scores"])


def test_attached_metadata_replaces_older_of_its_name() -> None:
    tiny = convolution()
    for data in (b"old", b"new"):
        flatbuffer_passes.attach(tiny.model, "NOTE", data)
    model = flatbuffer.parse(flatbuffer.write(tiny.model), Path("m"))
    assert [(e.name, bytes(model.buffers[e.buffer].data)) for e in model.metadata] == [(b"NOTE", b"new")]


@pytest.mark.parametrize(("minimum", "kinds"), [(-1.0, ["CAST", "MUL", "ADD"]), (0.0, ["CAST", "MUL"])])
def test_bytes_give_what_their_floats_give(minimum: float, kinds: list[str]) -> None:
    tiny, scale = convolution(), (1 - minimum) / 255
    pixels = np.random.default_rng(3).integers(0, 256, (1, 4, 4, 3), np.uint8)
    wanted = run(tiny.model, pixels * np.float32(scale) + np.float32(minimum))
    flatbuffer_passes.take_bytes(tiny.model, scale, minimum)
    operators = tiny.graph.operators
    assert [flatbuffer.operation(tiny.model, operator) for operator in operators[: len(kinds)]] == kinds
    assert flatbuffer.type_name(tiny.graph.tensors[tiny.graph.inputs[0]]) == "uint8"
    np.testing.assert_allclose(run(tiny.model, pixels), wanted, atol=1e-5)
