"""What the importer refuses: one typed error each, that says what, where and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdkgen.errors import ConvertError
from sdkgen.network.imported import import_graph
from sdkgen.tflite import flatbuffer
from tests.convert.tiny import Tiny, convolution


def _refusal(path: Path) -> ConvertError:
    with pytest.raises(ConvertError) as caught:
        import_graph(path)
    assert caught.value.context == str(path)
    assert caught.value.hint
    return caught.value


def _chain(*names: str, custom: bytes | None = None) -> Tiny:
    tiny = Tiny()
    tensors = [tiny.tensor((1, 4, 4, 8), name=f"t{number}") for number in range(len(names) + 1)]
    for number, name in enumerate(names):
        tiny.operation(name, [tensors[number]], [tensors[number + 1]])
        if name == "CUSTOM":
            tiny.model.operatorCodes[-1].customCode = custom
    tiny.between(tensors[:1], tensors[-1:])
    return tiny


def test_all_that_is_not_known_is_named_with_place_and_count(tmp_path: Path) -> None:
    names = ["ABS", "RELU", "ABS", "SIN", "ABS", "ABS"]
    error = _refusal(_chain(*names).write(tmp_path / "m.tflite"))
    assert error.reference == "unknown-operation"
    assert error.message == (
        "not known: 4 × ABS (operation 0, 't1', operation 2, 't3', operation 4, 't5' and 1 more); "
        "1 × SIN (operation 3, 't4')"
    )


def test_forms_that_are_not_known_are_named_together(tmp_path: Path) -> None:
    tiny = Tiny()
    x, kernel = tiny.tensor((1, 4, 4, 8), name="x"), tiny.tensor((8, 1, 1, 8), name="k")
    y, z = tiny.tensor((1, 4, 4, 8), name="y"), tiny.tensor((1, 4, 4, 8), name="z")
    bias = tiny.constant(np.zeros(8, np.float32))
    tiny.operation("CONV_2D", [x, kernel, bias], [y], strideH=1, strideW=1)
    tiny.operation("ADD", [y, x], [z], fusedActivationFunction=4)
    tiny.between([x, kernel], [z])
    error = _refusal(tiny.write(tmp_path / "m.tflite"))
    assert error.message == (
        "not known: 1 × CONV_2D whose operand 1 is computed (operation 0, 'y'); "
        "1 × ADD with the fused activation 4 (operation 1, 'z')"
    )


def test_custom_operations(tmp_path: Path) -> None:
    error = _refusal(_chain("RELU", "CUSTOM", custom=b"Foo").write(tmp_path / "m.tflite"))
    assert (error.reference, "1 × the custom operation Foo" in error.message) == ("custom-operation", True)


def test_control_flow(tmp_path: Path) -> None:
    tiny = _chain("WHILE")
    tiny.model.subgraphs.append(tiny.graph)
    assert _refusal(tiny.write(tmp_path / "m.tflite")).reference == "control-flow"


def test_several_subgraphs(tmp_path: Path) -> None:
    tiny = convolution()
    tiny.model.subgraphs.append(tiny.graph)
    assert _refusal(tiny.write(tmp_path / "m.tflite")).reference == "several-subgraphs"


def test_several_signatures(tmp_path: Path) -> None:
    tiny = convolution()
    tiny.model.signatureDefs = []
    for key in (b"detect", b"train"):
        signature = tiny.schema.SignatureDefT()
        signature.signatureKey, signature.inputs, signature.outputs = key, [], []
        tiny.model.signatureDefs.append(signature)
    error = _refusal(tiny.write(tmp_path / "m.tflite"))
    assert (error.reference, "(detect, train)" in error.message) == ("several-signatures", True)


def test_integers(tmp_path: Path) -> None:
    tiny = convolution()
    tiny.graph.tensors[0].type = tiny.schema.TensorType.INT8
    assert _refusal(tiny.write(tmp_path / "m.tflite")).reference == "not-float"


def test_nothing_to_compute(tmp_path: Path) -> None:
    tiny = Tiny()
    tiny.between([x := tiny.tensor((1, 4))], [x])
    assert _refusal(tiny.write(tmp_path / "m.tflite")).reference == "empty-model"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:1000], "truncated"),
        (lambda _: b"", "TFL3"),
        (lambda _: b"<!doctype html><title>404</title>", "TFL3"),
        (lambda _: b"PK\3\4TFL4" + b"\0" * 64, "TFL3"),
        (lambda data: data[:4] + b"TFL3" + b"\xff" * 64, "damaged"),
    ],
)
def test_damaged_files_and_other_files_of_that_name(tmp_path: Path, damage: Any, words: str) -> None:
    path = convolution().write(tmp_path / "m.tflite")
    path.write_bytes(damage(path.read_bytes()))
    error = _refusal(path)
    assert error.reference == "bad-tflite"
    assert words in error.message


def _reshape(tiny: Tiny, index: int, shape: tuple[int, ...]) -> None:
    tiny.graph.tensors[index].shape = np.array(shape, np.int32)


@pytest.mark.parametrize(
    ("index", "shape", "words"),
    [
        (0, (1, 4, 4, 4), "the weights of operation 0"),
        (0, (0, 0, 0, 0), "shape"),
        (0, (1 << 15, 1 << 15, 4, 3), "shape"),
        (1, (1, 4, 4, 15), "makes (1, 4, 4, 16), and declares (1, 4, 4, 15)"),
        (1, (1, 4, 1 << 30, 1 << 30), "shape"),
        (2, (16,), "makes (1, 4, 4, 16), and declares (16,)"),
        (3, (16, 3, 3, 4), "elements"),
        (3, (1 << 20, 3, 3, 1 << 20), "elements"),
        (4, (15,), "elements"),
    ],
)
def test_shapes_that_contradict_each_other(tmp_path: Path, index: int, shape: tuple[int, ...], words: str) -> None:
    tiny = convolution()
    _reshape(tiny, index, shape)
    error = _refusal(tiny.write(tmp_path / "m.tflite"))
    assert error.reference == "bad-tflite"
    assert words in error.message


def test_a_batch_left_open_is_the_shape_beside_it(tmp_path: Path) -> None:
    tiny = convolution()
    for index in (0, 1, 2):
        tiny.graph.tensors[index].shapeSignature = np.array([-1, *tiny.graph.tensors[index].shape[1:]], np.int32)
    graph = import_graph(tiny.write(tmp_path / "m.tflite"))
    assert graph.inputs[0][1] == (1, 4, 4, 3)


def test_what_nothing_computes_is_a_contradiction(tmp_path: Path) -> None:
    tiny = convolution()
    tiny.graph.operators.reverse()
    error = _refusal(tiny.write(tmp_path / "m.tflite"))
    assert "reads a tensor that nothing has computed" in error.message


def test_constants_behind_the_flatbuffer_are_read(tmp_path: Path) -> None:
    inside = convolution()
    expected = import_graph(inside.write(tmp_path / "inside.tflite")).module.state_dict()
    path = put_constants_behind(convolution().model, tmp_path / "behind.tflite")
    found = import_graph(path).module.state_dict()
    assert list(found) == list(expected)
    assert all((found[name] == expected[name]).all() for name in found)


def put_constants_behind(model: Any, path: Path) -> Path:
    """Write ``model`` with its constants behind the flatbuffer, as files of 2 GB and more have them."""
    contents = [None if b.data is None else np.asarray(b.data, np.uint8).tobytes() for b in model.buffers]
    for _ in range(2):  # offsets do not change the flatbuffer's length once they are not zero
        start = len(flatbuffer.write(model)) if model.buffers[-1].data is None else 1 << 20
        for buffer, content in zip(model.buffers, contents, strict=True):
            if content is not None:
                start = -(-start // 16) * 16
                buffer.data, buffer.offset, buffer.size = None, start, len(content)
                start += len(content)
    data = bytearray(flatbuffer.write(model))
    for buffer, content in zip(model.buffers, contents, strict=True):
        if content is not None:
            data += bytes(buffer.offset - len(data)) + content
    path.write_bytes(data)
    return path
