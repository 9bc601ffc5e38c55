from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdkgen.errors import ConvertError
from sdkgen.tflite import flatbuffer
from tests.convert.tiny import Tiny, convolution


def test_what_is_written_reads_back_equal(tmp_path: Path) -> None:
    tiny = convolution()
    model = flatbuffer.read(tiny.write(tmp_path / "m.tflite"))
    names = [flatbuffer.operation(model, operator) for operator in model.subgraphs[0].operators]
    assert names == ["CONV_2D", "RELU"]
    weights = flatbuffer.constant(model, model.subgraphs[0], 3)
    assert weights is not None
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, flatbuffer.constant(tiny.model, tiny.graph, 3))


def test_the_data_of_buffers_is_aligned() -> None:
    tiny = Tiny()
    marks = [np.full(size, 0x5A5A0000 + size, np.int32) for size in (1, 3, 5, 7, 2)]
    for mark in marks:
        tiny.constant(mark)
    data = flatbuffer.write(tiny.between([], []))
    assert [data.index(mark.tobytes()) % 16 for mark in marks] == [0] * len(marks)


def test_the_same_model_gives_the_same_bytes() -> None:
    assert flatbuffer.write(convolution().model) == flatbuffer.write(convolution().model)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:40], "truncated or damaged"),
        (lambda _: b"\0" * 200, "not a .tflite file"),
        (lambda data: data[:4] + b"TFL3" + b"\xff" * 64, "truncated or damaged"),
        (lambda _: b"", "not a .tflite file"),
    ],
)
def test_a_damaged_file_is_an_error_of_ours(tmp_path: Path, damage: object, words: str) -> None:
    path = convolution().write(tmp_path / "m.tflite")
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ConvertError, match=words) as caught:
        flatbuffer.read(path)
    assert caught.value.context == str(path)


def test_a_missing_file_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="No such file"):
        flatbuffer.read(tmp_path / "none.tflite")


def test_sparse_and_computed_tensors_are_no_constants() -> None:
    tiny = convolution()
    assert flatbuffer.constant(tiny.model, tiny.graph, 0) is None
    tiny.graph.tensors[3].sparsity = tiny.schema.SparsityParametersT()
    assert flatbuffer.constant(tiny.model, tiny.graph, 3) is None
