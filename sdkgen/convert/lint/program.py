"""An .mlpackage as lint sees it: the operations of every function, with types and shapes, and without their weights.

Unlike ``backends.mil.package``, which runs a program and therefore reads all of it, this reads what iOS 17 and 18 added
too: several functions, weights of less than a byte, shapes that are not fixed, loops and branches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from sdkgen.backends.mil.package import load

_FLOAT32 = 11
_STRING = 2
_LARGEST_CONSTANT = 64

Value: TypeAlias = tuple[float, ...] | str
"""A small constant: numbers (one for a scalar), or a string."""


@dataclass(frozen=True)
class Operation:
    """An operation that is no constant. A shape has None where a side is not fixed.

    ``values`` are those of its inputs that are small constants. ``is_nested`` tells operations inside a loop or branch.
    """

    type: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    is_float32: bool
    shapes: tuple[tuple[int | None, ...], ...]
    values: dict[str, Value]
    has_blocks: bool = False
    is_nested: bool = False


@dataclass(frozen=True)
class Function:
    """A function of the program; ``opset`` is CoreML6 for iOS 16, CoreML8 for iOS 18."""

    name: str
    opset: str
    operations: tuple[Operation, ...]


def read(path: Path) -> list[Function]:
    """Return the functions of the .mlpackage folder ``path`` by name.

    Raises ``BackendError`` if it is damaged or holds no ML Program, ``MissingExtraError`` without coremltools.
    """
    model, _ = load(path)
    functions = model.mlProgram.functions
    found = []
    for name in sorted(functions):
        function = functions[name]
        operations = tuple(_operations(function.block_specializations[function.opset], {}, nested=False))
        found.append(Function(name, function.opset, operations))
    return found


def _operations(block: Any, constants: dict[str, Value], *, nested: bool) -> Iterator[Operation]:
    for op in block.operations:
        if op.type == "const":
            value = _value(op.attributes["val"]) if "val" in op.attributes else None
            if value is not None and op.outputs:
                constants[op.outputs[0].name] = value
            continue
        types = [output.type.tensorType for output in op.outputs]
        arguments = {name: list(argument.arguments) for name, argument in op.inputs.items()}
        yield Operation(
            type=op.type,
            outputs=tuple(output.name for output in op.outputs),
            inputs=tuple(
                b.name for bindings in arguments.values() for b in bindings if b.WhichOneof("binding") == "name"
            ),
            is_float32=any(kind.dataType == _FLOAT32 for kind in types),
            shapes=tuple(tuple(_side(d) for d in kind.dimensions) for kind in types),
            values=dict(_values(arguments, constants)),
            has_blocks=bool(op.blocks),
            is_nested=nested,
        )
        for inner in op.blocks:
            yield from _operations(inner, constants, nested=True)


def _side(dimension: Any) -> int | None:
    return int(dimension.constant.size) if dimension.WhichOneof("dimension") == "constant" else None


def _values(arguments: dict[str, list[Any]], constants: dict[str, Value]) -> Iterator[tuple[str, Value]]:
    for name, bindings in arguments.items():
        if len(bindings) != 1:
            continue
        (binding,) = bindings
        named = binding.WhichOneof("binding") == "name"
        value = constants.get(binding.name) if named else _value(binding.value)
        if value is not None:
            yield name, value


def _value(value: Any) -> Value | None:
    """Return a small constant; None for one in the weight file, and for what is neither numbers nor a string."""
    if value.WhichOneof("value") != "immediateValue":
        return None
    tensor = value.immediateValue.tensor
    field = tensor.WhichOneof("value")
    if field is None or field == "bytes":
        return None
    values = getattr(tensor, field).values
    if len(values) > _LARGEST_CONSTANT:
        return None
    if value.type.tensorType.dataType == _STRING:
        return str(values[0]) if values else None
    return tuple(float(number) for number in values)
