"""The .tflite flatbuffer as Python objects: reading, writing, and finding one's way in it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdkgen.errors import ConvertError, MissingExtraError

IDENTIFIER = b"TFL3"
DAMAGE = (struct.error, IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""What the schema's classes raise in a damaged file."""

_ALIGNMENT = 16
"""What the schema asks for the data of a buffer; runtimes map the file and read tensors in place."""


def schema() -> Any:
    """Return LiteRT's schema classes.

    Raises ``MissingExtraError`` if LiteRT is not installed.
    """
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise MissingExtraError("ai-edge-litert") from error
    return schema_py_generated


def read(path: Path) -> Any:
    """Return the model (``ModelT``) in the file at ``path``.

    Raises ``ConvertError`` if the file is missing, no .tflite file, or damaged.
    """
    return parse(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of the file at ``path``.

    Raises ``ConvertError`` if the file is missing or no .tflite file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error
    return _identify(data, path)


def _identify(data: bytes, path: Path) -> bytes:
    if data[4:8] != IDENTIFIER:
        raise unreadable(path, "it is not a .tflite file (the identifier TFL3 is missing)")
    return data


def parse(data: bytes, path: Path) -> Any:
    """Return the model (``ModelT``) in ``data``; ``path`` is what errors cite."""
    _identify(data, path)
    classes = schema()
    try:
        model = classes.ModelT.InitFromObj(classes.Model.GetRootAs(data, 0))
        for buffer in model.buffers:
            _bring_inside(buffer, data)
        for graph in model.subgraphs:
            for operator in graph.operators:
                operation(model, operator)
    except DAMAGE as error:
        raise unreadable(path, "it is truncated or damaged") from error
    return model


def _bring_inside(buffer: Any, data: bytes) -> None:
    """Give a buffer whose data lie behind the flatbuffer, as those of large files do, its data."""
    if buffer.offset > 1:
        content = np.frombuffer(data, np.uint8)[buffer.offset : buffer.offset + buffer.size]
        if content.size != buffer.size:
            raise ValueError("a buffer lies beyond the end of the file")
        buffer.data, buffer.offset, buffer.size = content, 0, 0


def unreadable(path: Path, why: str) -> ConvertError:
    """Return the error for a file that cannot be read as a model."""
    hint = "Give a .tflite file, or make one: sdkgen build."
    return ConvertError(f"cannot read the model: {why}", context=str(path), hint=hint, reference="bad-tflite")


def write(model: Any) -> bytes:
    """Return ``model`` (``ModelT``) as the bytes of a .tflite file."""
    import flatbuffers

    for buffer in model.buffers:
        if buffer.data is not None:
            buffer.Pack = _aligned(buffer)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _aligned(buffer: Any) -> Any:
    """Return a replacement for ``buffer.Pack``, which would align the data to its element, a byte."""
    classes = schema()

    def pack(builder: Any) -> int:
        data = np.asarray(buffer.data, np.uint8).tobytes()
        builder.StartVector(1, len(data), _ALIGNMENT)
        builder.head = builder.Head() - len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        vector = builder.EndVector()
        classes.BufferStart(builder)
        classes.BufferAddData(builder, vector)
        return int(classes.BufferEnd(builder))

    return pack


def operation(model: Any, operator: Any) -> str:
    """Return the operation's name in the schema; for a custom operation ``CUSTOM``.

    Raises ``KeyError`` for a number that the schema does not know.
    """
    code = model.operatorCodes[operator.opcodeIndex]
    return names("BuiltinOperator")[max(code.builtinCode, code.deprecatedBuiltinCode)]


def type_name(tensor: Any) -> str:
    """Return the element type as NumPy names it (``float32``, ``int64``, …)."""
    return names("TensorType")[tensor.type].lower()


def shape(tensor: Any) -> tuple[int, ...]:
    """Return the tensor's shape; () for a scalar, and for a tensor whose rank is not known."""
    return () if tensor.shape is None else tuple(int(n) for n in tensor.shape)


def present(indices: Any) -> list[int]:
    """Return tensor indices without those of optional operands that are left out (−1)."""
    return [] if indices is None else [int(i) for i in indices if i >= 0]


def constant(model: Any, graph: Any, index: int) -> NDArray[Any] | None:
    """Return the value of a constant tensor, or None if the tensor is computed, sparse or of a type NumPy lacks."""
    tensor = graph.tensors[index]
    data = model.buffers[tensor.buffer].data
    if data is None or tensor.sparsity is not None:
        return None
    try:
        return np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.dtype(type_name(tensor))).reshape(shape(tensor))
    except (TypeError, ValueError):
        return None


def constant_dequantizes(model: Any, graph: Any) -> Iterator[Any]:
    """Yield the DEQUANTIZE operators whose input is a constant, which runtimes fold when they load the file."""
    for operator in graph.operators:
        if operation(model, operator) == "DEQUANTIZE":
            source = graph.tensors[operator.inputs[0]]
            if model.buffers[source.buffer].data is not None:
                yield operator


@cache
def names(enum: str) -> Mapping[int, str]:
    """Return the names of an enumeration of the schema by their numbers."""
    return MappingProxyType({v: name for name, v in vars(getattr(schema(), enum)).items() if isinstance(v, int)})
