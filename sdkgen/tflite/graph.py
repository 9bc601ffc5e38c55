"""A .tflite file as checks and the importer see it: operations with typed operands, constants and computed tensors.

It is read without unpacking the weights, and every index and length is checked against the file, which is not trusted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdkgen.errors import ConvertError
from sdkgen.tflite import flatbuffer

_BITS = {"int2": 2, "int4": 4, "uint4": 4}
_LARGEST_COUNT = 1 << 24
_NAMED = 3
"""How many graphs or signatures an error names."""

Named = tuple[str, tuple[int, ...]]
"""An input or output: its name and its shape."""


class DamagedError(Exception):
    """The file contradicts itself."""


@dataclass(frozen=True)
class Tensor:
    """A tensor. ``scales`` counts its quantisation scales, 0 if it has none; ``signature`` may hold −1, ``shape`` not.

    ``table`` is the schema's own object, for what is asked of few tensors: scales and sparsity.
    """

    index: int
    name: str
    type: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    constant: bool
    variable: bool = False
    sparse: bool = False
    scales: int = 0
    blockwise: bool = False
    data: memoryview = field(default=memoryview(b""), repr=False, compare=False)
    table: Any = field(default=None, repr=False, compare=False)

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def has_all_its_data(self) -> bool:
        """Whether a constant's data are as long as its type and shape say."""
        bits = _BITS.get(self.type) or 8 * np.dtype(_numpy_type(self.type)).itemsize
        return len(self.data) == (self.size * bits + 7) // 8

    def integers(self) -> list[int]:
        """Return the values of a constant of 32-bit integers, as many as there are."""
        return [int(n) for n in np.frombuffer(self.data[: len(self.data) // 4 * 4], "<i4")]


@dataclass(frozen=True)
class Operation:
    """An operation: ``name`` is its name in the schema, or that of a custom operation or a composite.

    ``reads`` are the tensors that it names in the file; where one of them is an unpacked float16 constant, ``inputs``
    has the constant itself.
    """

    index: int
    name: str
    kind: str
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Any
    custom_options: bytes
    reads: tuple[int, ...]

    def option(self, name: str) -> Any:
        """Return a field of the options table; 0 where the file has no such table, as the runtime takes it then."""
        return 0 if self.options is None else getattr(self.options, name, 0)

    @property
    def present(self) -> list[Tensor]:
        """The operands that are not left out."""
        return [tensor for tensor in self.inputs if tensor is not None]

    @property
    def computed(self) -> list[Tensor]:
        """The operands that are known only while the graph runs."""
        return [tensor for tensor in self.present if not tensor.constant]

    @property
    def constants(self) -> list[Tensor]:
        """The operands that are stored in the file."""
        return [tensor for tensor in self.present if tensor.constant]

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """The attributes of a composite or the options of a custom operation, where they are a FlexBuffer map."""
        from flatbuffers import flexbuffers

        stored = self.custom_options if self.kind == "CUSTOM" else self.option("compositeAttributes")
        raw = bytes(stored) if isinstance(stored, (bytes, np.ndarray)) else b""
        try:
            value = flexbuffers.Loads(bytearray(raw)) if raw else {}
        except Exception:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Graph:
    """A subgraph: its operations in the order in which they run, without the unpacking of constants (see ``read``)."""

    index: int
    name: str
    signatures: tuple[str, ...]
    tensors: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    folded: tuple[Operation, ...]

    def named(self, indices: tuple[int, ...]) -> tuple[Named, ...]:
        """Return the names and shapes of tensors, such as the inputs or outputs."""
        return tuple((self.tensors[index].name, self.tensors[index].shape) for index in indices)


def only(graphs: Sequence[Graph], path: Path) -> Graph:
    """Return a file's one graph.

    Raises ``ConvertError``: ``several-subgraphs``, ``several-signatures``, or ``empty-model``.
    """
    signatures = [name for one in graphs for name in one.signatures]
    if len(graphs) > 1:
        names = ", ".join(one.name or f"number {one.index}" for one in graphs[:_NAMED])
        raise ConvertError(
            f"the file holds {len(graphs)} graphs ({names}{' …' if len(graphs) > _NAMED else ''}), not one",
            context=str(path),
            hint="Export the detector alone, as one function.",
            reference="several-subgraphs",
        )
    if len(signatures) > 1:
        raise ConvertError(
            f"the file has {len(signatures)} signatures ({', '.join(signatures[:_NAMED])}), not one",
            context=str(path),
            hint="Export the detector's own function alone.",
            reference="several-signatures",
        )
    if not graphs or not graphs[0].operations:
        hint = "Nothing in it computes anything. Give the file that a converter made."
        raise ConvertError("the model holds no operation", context=str(path), hint=hint, reference="empty-model")
    return graphs[0]


def read(path: Path) -> list[Graph]:
    """Return the subgraphs of the file.

    A DEQUANTIZE of float16 constants (16-bit weights) is no operation: both delegates read through it when they load
    the file, so that what follows sees the constant. ``Graph.folded`` counts them.

    Raises ``ConvertError`` if the file is missing, no .tflite file, or damaged.
    """
    data = flatbuffer.read_bytes(path)
    try:
        return list(_Reader(data).graphs())
    except (DamagedError, *flatbuffer.DAMAGE, UnicodeDecodeError) as error:
        raise flatbuffer.unreadable(path, f"it is truncated or damaged ({error or type(error).__name__})") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._classes = flatbuffer.schema()
        self._operators = flatbuffer.names("BuiltinOperator")
        self._types = flatbuffer.names("TensorType")
        self._data = memoryview(data)
        self._model = self._classes.Model.GetRootAs(data, 0)
        self._buffers = self._count(self._model.BuffersLength())
        codes = [self._model.OperatorCodes(i) for i in range(self._count(self._model.OperatorCodesLength()))]
        self._codes = [self._code(code) for code in codes]

    def graphs(self) -> Iterator[Graph]:
        names: dict[int, list[str]] = {}
        for i in range(self._count(self._model.SignatureDefsLength())):
            signature = self._model.SignatureDefs(i)
            names.setdefault(signature.SubgraphIndex(), []).append(_text(signature.SignatureKey()))
        for i in range(self._count(self._model.SubgraphsLength())):
            yield self._graph(i, self._model.Subgraphs(i), tuple(names.get(i, ())))

    def _graph(self, index: int, graph: Any, signatures: tuple[str, ...]) -> Graph:
        tensors = [self._tensor(i, graph.Tensors(i)) for i in range(self._count(graph.TensorsLength()))]
        operations: list[Operation] = []
        unpackings: list[Operation] = []
        folded: dict[int, Tensor] = {}
        for i in range(self._count(graph.OperatorsLength())):
            operation = self._operation(i, graph.Operators(i), tensors, folded)
            source = operation.inputs[0] if operation.inputs else None
            if operation.name == "DEQUANTIZE" and source and source.constant and source.type == "float16":
                folded.update({output.index: source for output in operation.outputs})
                unpackings.append(operation)
            else:
                operations.append(operation)
        inputs, outputs = self._indices(graph, "Inputs"), self._indices(graph, "Outputs")
        if any(not 0 <= i < len(tensors) for i in (*inputs, *outputs)):
            raise DamagedError("an input or output of the graph is no tensor of it")
        name = _text(graph.Name())
        parts = tuple(tensors), tuple(operations), inputs, outputs, tuple(unpackings)
        return Graph(index, name, signatures, *parts)

    def _operation(self, index: int, operator: Any, tensors: list[Tensor], folded: dict[int, Tensor]) -> Operation:
        code = operator.OpcodeIndex()
        if not 0 <= code < len(self._codes):
            raise DamagedError(f"operation {index} has no operator code")
        inputs, outputs = self._indices(operator, "Inputs"), self._indices(operator, "Outputs")
        if any(i >= len(tensors) for i in inputs) or any(not 0 <= i < len(tensors) for i in outputs):
            raise DamagedError(f"operation {index} names a tensor that does not exist")
        kind, name, version = self._codes[code]
        options = self._options(operator)
        if kind == "STABLEHLO_COMPOSITE" and options is not None:
            name = _text(options.name)
        custom = operator.CustomOptionsAsNumpy()
        return Operation(
            index=index,
            name=name,
            kind=kind,
            version=version,
            inputs=tuple(None if i < 0 else folded.get(i, tensors[i]) for i in inputs),
            outputs=tuple(tensors[i] for i in outputs),
            options=options,
            custom_options=b"" if isinstance(custom, int) else custom.tobytes(),
            reads=tuple(i for i in inputs if i >= 0),
        )

    def _options(self, operator: Any) -> Any:
        for suffix in ("", "2"):
            kind = getattr(operator, f"BuiltinOptions{suffix}Type")()
            table = getattr(operator, f"BuiltinOptions{suffix}")()
            if kind and table is not None:
                return getattr(self._classes, f"BuiltinOptions{suffix}Creator")(kind, table)
        return None

    def _code(self, code: Any) -> tuple[str, str, int]:
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = self._operators.get(number, f"operator {number}")
        return kind, (_text(code.CustomCode()) if kind == "CUSTOM" else kind), int(code.Version())

    def _tensor(self, index: int, tensor: Any) -> Tensor:
        if (kind := self._types.get(tensor.Type())) is None:
            raise DamagedError(f"tensor {index} is of type {tensor.Type()}, which the schema does not know")
        buffer = tensor.Buffer()
        if buffer >= max(self._buffers, 1):
            raise DamagedError(f"tensor {index} has no buffer")
        shape, signature = self._indices(tensor, "Shape"), self._indices(tensor, "ShapeSignature")
        if any(n < 0 for n in shape):
            raise DamagedError(f"tensor {index} has the shape {shape}")
        data = self._buffer(buffer) if 0 < buffer < self._buffers else None
        quantization = tensor.Quantization()
        scales = 0 if quantization is None else self._count(quantization.ScaleLength())
        detail = 0 if quantization is None else quantization.DetailsType()
        return Tensor(
            index=index,
            name=_text(tensor.Name()),
            type=kind.lower(),
            shape=shape,
            signature=signature,
            constant=data is not None and not tensor.IsVariable(),
            variable=bool(tensor.IsVariable()),
            sparse=tensor.Sparsity() is not None,
            scales=scales,
            blockwise=detail == getattr(self._classes.QuantizationDetails, "BlockwiseQuantization", -1),
            data=memoryview(b"") if data is None else data,
            table=tensor,
        )

    def _buffer(self, index: int) -> memoryview | None:
        """Return the data of a buffer, None if it has none: a tensor of no elements is a constant without data."""
        buffer = self._model.Buffers(index)
        # 0 and 1 mean that the data are inside; files of 2 GB and more have them behind the flatbuffer.
        if buffer.Offset() > 1:
            data = self._data[buffer.Offset() : buffer.Offset() + buffer.Size()]
            if len(data) != buffer.Size():
                raise DamagedError(f"buffer {index} lies beyond the end of the file")
            return data
        array = buffer.DataAsNumpy()
        return None if isinstance(array, int) else memoryview(array.tobytes() if array.size < 64 else array.data)

    def _indices(self, table: Any, name: str) -> tuple[int, ...]:
        array: NDArray[np.int32] | int = getattr(table, f"{name}AsNumpy")()
        return () if isinstance(array, int) else tuple(array.tolist())

    def _count(self, count: int) -> int:
        """Return the length of a vector of tables or numbers, each of which takes four bytes of the file at least."""
        if not 0 <= count <= min(len(self._data) // 4, _LARGEST_COUNT):
            raise DamagedError(f"a vector of {count} elements in a file of {len(self._data)} bytes")
        return count


def _text(name: bytes | str | None) -> str:
    return name if isinstance(name, str) else (name or b"").decode(errors="replace")


def _numpy_type(name: str) -> str:
    return {"bfloat16": "uint16", "string": "uint8", "resource": "uint8", "variant": "uint8"}.get(name, name)
