"""Reads an .mlpackage: its ML Program (protobuf) with the constants from its weight file, without coremltools' runtime.

Source of the format: the protobuf schema that coremltools carries (Model.proto, MIL.proto), and its weight storage:
a file header, then blobs of 64 bytes of metadata and data aligned to 64 bytes.
"""

from __future__ import annotations

import importlib.util
import json
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sdkgen.artifact import TensorRecord
from sdkgen.errors import BackendError, MissingExtraError

_ALIAS = "_sdkgen_coreml_proto"
_BLOB = struct.Struct("<IIQQ")
_BLOB_MARK = 0xDEADBEEF

_DTYPES: dict[int, Any] = {
    1: np.bool_, 10: np.float16, 11: np.float32, 12: np.float64,
    21: np.int8, 22: np.int16, 23: np.int32, 24: np.int64,
    31: np.uint8, 32: np.uint16, 33: np.uint32, 34: np.uint64,
}  # fmt: skip
"""MIL's DataType to NumPy's; the types of fewer bits than a byte do not occur for iOS 16."""

_STRING = 2
_ARRAY_DTYPES = {65552: "float16", 65568: "float32", 65600: "float64", 131104: "int32"}


@dataclass(frozen=True)
class Ref:
    """The value of that name, which an operation or an input of the program yields."""

    name: str


Argument: TypeAlias = Ref | NDArray[Any] | str | tuple["Argument", ...]
"""An operation's input: a value computed before, a constant array (rank 0 for a number), a string, or several."""


@dataclass(frozen=True)
class Operation:
    """One operation that is not a constant. ``outputs`` are names, ``dtypes`` their NumPy types."""

    type: str
    inputs: Mapping[str, Argument]
    outputs: tuple[str, ...]
    dtypes: tuple[np.dtype[Any], ...]
    shapes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Program:
    """The main function of a package. An image input has the dtype "image" and the shape (1, 3, H, W)."""

    opset: str
    inputs: tuple[TensorRecord, ...]
    outputs: tuple[TensorRecord, ...]
    operations: tuple[Operation, ...]
    metadata: Mapping[str, str]


def read(path: Path) -> Program:
    """Return the program of the .mlpackage folder ``path``.

    Raises ``BackendError`` if it is damaged or holds no ML Program, ``MissingExtraError`` without coremltools.
    """
    model, folder = load(path)
    with _explain_damage(path):
        return _program(model, folder)


def load(path: Path) -> tuple[Any, Path]:
    """Return the protobuf ``Model`` of the .mlpackage folder ``path``, and the folder that its file lies in.

    Raises ``BackendError`` if it is damaged or holds no ML Program, ``MissingExtraError`` without coremltools.
    """
    schema = _schema()
    with _explain_damage(path):
        manifest = json.loads((path / "Manifest.json").read_text(encoding="utf-8"))
        entry = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
        file = (path / "Data" / entry).resolve()
        if not file.is_relative_to(path.resolve()):
            raise ValueError("its manifest points outside it")
        model = schema.Model.FromString(file.read_bytes())
        if model.WhichOneof("Type") != "mlProgram":
            raise ValueError("it holds no ML Program")
        return model, file.parent


@contextmanager
def _explain_damage(path: Path) -> Iterator[None]:
    from google.protobuf.message import DecodeError

    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, IndexError, struct.error, DecodeError) as error:
        raise BackendError(
            f"not a readable Core ML package: {error}",
            context=str(path),
            hint="Build it again; an .mlpackage is a folder with Manifest.json and Data/.",
            reference="bad-artifact",
        ) from error


def _schema() -> ModuleType:
    """Return coremltools' generated ``Model_pb2`` without importing coremltools itself, which would import torch."""
    if "coremltools.proto" in sys.modules:
        return import_module("coremltools.proto.Model_pb2")
    if _ALIAS not in sys.modules:
        found = importlib.util.find_spec("coremltools")
        if found is None or not found.submodule_search_locations:
            raise MissingExtraError("coremltools")
        folder = Path(found.submodule_search_locations[0]) / "proto"
        spec = importlib.util.spec_from_file_location(
            _ALIAS, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None:
            raise MissingExtraError("coremltools")
        package = importlib.util.module_from_spec(spec)
        sys.modules[_ALIAS] = package
        spec.loader.exec_module(package)
    return import_module(f"{_ALIAS}.Model_pb2")


def _program(model: Any, folder: Path) -> Program:
    function = model.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    reader = _Reader(folder.parent)
    return Program(
        opset=function.opset,
        inputs=tuple(_record(feature) for feature in model.description.input),
        outputs=tuple(_record(feature) for feature in model.description.output),
        operations=tuple(reader.operations(block)),
        metadata=dict(model.description.metadata.userDefined),
    )


def _record(feature: Any) -> TensorRecord:
    kind = feature.type.WhichOneof("Type")
    if kind == "imageType":
        image = feature.type.imageType
        shape, dtype = (1, 3, image.height, image.width), "image"
    elif kind == "multiArrayType":
        array = feature.type.multiArrayType
        shape, dtype = tuple(array.shape), _ARRAY_DTYPES[array.dataType]
    else:
        raise ValueError(f"the feature {feature.name} is a {kind}")
    return TensorRecord(name=feature.name, shape=shape, dtype=dtype, description=feature.shortDescription)


class _Reader:
    """Turns protobuf operations into ``Operation``s, with constants in the place of references to them."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._constants: dict[str, Argument] = {}
        self._blobs: dict[str, bytes] = {}

    def operations(self, block: Any) -> Iterator[Operation]:
        for op in block.operations:
            if op.type == "const":
                self._constants[op.outputs[0].name] = self._value(op.attributes["val"])
                continue
            if op.blocks:
                raise ValueError(f"the operation {op.type} has nested blocks")
            arguments = {name: self._argument(argument) for name, argument in op.inputs.items()}
            # Operations on constants alone (constexpr_…) keep their arguments among the attributes.
            arguments |= {name: self._value(value) for name, value in op.attributes.items() if name != "name"}
            types = [output.type.tensorType for output in op.outputs]
            yield Operation(
                type=op.type,
                inputs=arguments,
                outputs=tuple(output.name for output in op.outputs),
                dtypes=tuple(np.dtype(_DTYPES[kind.dataType]) for kind in types),
                shapes=tuple(tuple(d.constant.size for d in kind.dimensions) for kind in types),
            )

    def _argument(self, argument: Any) -> Argument:
        parts: list[Argument] = []
        for binding in argument.arguments:
            if binding.WhichOneof("binding") == "name":
                parts.append(self._constants.get(binding.name, Ref(binding.name)))
            else:
                parts.append(self._value(binding.value))
        return parts[0] if len(parts) == 1 else tuple(parts)

    def _value(self, value: Any) -> Argument:
        kind = value.type.tensorType
        shape = tuple(dimension.constant.size for dimension in kind.dimensions)
        if value.WhichOneof("value") == "blobFileValue":
            dtype = np.dtype(_DTYPES[kind.dataType])
            data = self._blob(value.blobFileValue.fileName, value.blobFileValue.offset)
            return np.frombuffer(data, dtype).reshape(shape)
        tensor = value.immediateValue.tensor
        field = tensor.WhichOneof("value")
        values: Any = getattr(tensor, field).values if field else []
        if kind.dataType == _STRING:
            return str(values[0])
        dtype = np.dtype(_DTYPES[kind.dataType])
        if field == "bytes":
            return np.frombuffer(values, dtype).reshape(shape)
        return np.array(values, dtype).reshape(shape)

    def _blob(self, name: str, offset: int) -> bytes:
        """Return the bytes of the blob whose metadata is at ``offset`` of the weight file ``name``."""
        if name not in self._blobs:
            file = (self._data / name.removeprefix("@model_path/")).resolve()
            inside = (self._data / "com.apple.CoreML" / name.removeprefix("@model_path/")).resolve()
            file = inside if inside.exists() else file
            if not file.is_relative_to(self._data.resolve()):
                raise ValueError("its program points outside it")
            self._blobs[name] = file.read_bytes()
        data = self._blobs[name]
        mark, _, size, start = _BLOB.unpack_from(data, offset)
        if mark != _BLOB_MARK or start + size > len(data):
            raise ValueError(f"its weight file is damaged at byte {offset}")
        return data[start : start + size]
