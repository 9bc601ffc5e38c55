"""The importer: the graph of a .tflite file becomes a torch module, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from torch import fx

from sdkgen.errors import ConvertError
from sdkgen.network.imported import arithmetic, layers, shapes
from sdkgen.network.imported.builder import Builder, Unsupported
from sdkgen.tflite import flatbuffer, graph
from sdkgen.tflite.graph import DamagedError, Graph, Named, Operation

OPERATIONS: Mapping[str, Callable[[Builder, Operation], None]] = MappingProxyType(
    {**arithmetic.OPERATIONS, **layers.OPERATIONS, **shapes.OPERATIONS}
)
"""What the importer knows, by its name in the schema."""

CONTROL_FLOW = frozenset(
    "IF WHILE CALL CALL_ONCE STABLEHLO_WHILE STABLEHLO_CASE STABLEHLO_COMPOSITE VAR_HANDLE READ_VARIABLE "
    "ASSIGN_VARIABLE".split()
)
"""Operations that run other graphs of the file, or keep a state from one run to the next."""

_NAMED = 3
"""How many places of an operation are named before the rest is only counted."""


@dataclass(frozen=True)
class ImportedGraph:
    """A file's network. Inputs and outputs are told by name and shape, in TFLite's order of axes (1, H, W, C).

    ``module`` takes inputs of four axes as torch has them, (1, C, H, W), and gives a tuple of outputs as the file does.
    """

    module: fx.GraphModule
    inputs: tuple[Named, ...]
    outputs: tuple[Named, ...]
    operations: tuple[str, ...]


def import_graph(path: Path) -> ImportedGraph:
    """Return the network in the .tflite file at ``path``, its weights in float32.

    Raises ``ConvertError``: ``bad-tflite`` for a file that is none or is damaged, ``empty-model``,
    ``several-subgraphs``, ``several-signatures``, ``not-float`` inputs, ``control-flow``, ``custom-operation`` and
    ``unknown-operation``; the last names every operation that is not known, where it is and how many there are.
    """
    graphs = graph.read(path)
    flows = [operation for one in graphs for operation in one.operations if operation.kind in CONTROL_FLOW]
    if flows:
        raise _refusal([(operation, operation.name) for operation in flows], path)
    whole = graph.only(graphs, path)
    _check_inputs(whole, path)
    if found := list(_unknown(whole)):
        raise _refusal(found, path)
    try:
        builder = Builder(whole)
        refused = list(_build(builder, whole))
        if refused:
            raise _refusal(refused, path)
        module = builder.finish()
    except (DamagedError, RecursionError) as error:
        raise flatbuffer.unreadable(path, f"it contradicts itself: {error}") from error
    kinds = tuple(operation.kind for operation in whole.operations)
    return ImportedGraph(module, whole.named(whole.inputs), whole.named(whole.outputs), kinds)


def _check_inputs(whole: Graph, path: Path) -> None:
    for index in whole.inputs:
        if (tensor := whole.tensors[index]).type != "float32":
            raise ConvertError(
                f"the input {tensor.name!r} is {tensor.type}, not float32",
                context=str(path),
                hint="Export the network with inputs and arithmetic in float32; weights may be in half or in int8.",
                reference="not-float",
            )


def _unknown(whole: Graph) -> Iterator[tuple[Operation, str]]:
    for operation in whole.operations:
        if operation.kind == "CUSTOM":
            yield operation, f"the custom operation {operation.name}"
        elif operation.kind not in OPERATIONS:
            yield operation, operation.name


def _build(builder: Builder, whole: Graph) -> Iterator[tuple[Operation, str]]:
    """Add every operation, and yield those whose form is not known with what it is."""
    for operation in whole.operations:
        try:
            if not builder.fold(operation):
                OPERATIONS[operation.kind](builder, operation)
        except Unsupported as error:
            yield operation, f"{operation.name} {error}"
            builder.stand_in(operation)


def _refusal(found: list[tuple[Operation, str]], path: Path) -> ConvertError:
    """Return the error that names what is not known, with its place and count."""
    places: dict[str, list[Operation]] = {}
    for operation, what in found:
        places.setdefault(what, []).append(operation)
    parts = []
    for what, operations in places.items():
        named = ", ".join(_place(operation) for operation in operations[:_NAMED])
        more = f" and {len(operations) - _NAMED} more" if len(operations) > _NAMED else ""
        parts.append(f"{len(operations)} × {what} ({named}{more})")
    kinds = {operation.kind for operation, _ in found}
    if kinds & CONTROL_FLOW:
        reference, hint = "control-flow", "Export the network without loops, branches and state: one graph of layers."
    elif "CUSTOM" in kinds:
        reference, hint = "custom-operation", "Custom operations run only where their code is. Export without them."
    else:
        known = ", ".join(sorted(OPERATIONS))
        reference, hint = "unknown-operation", f"Export the network in float32, of these operations: {known}."
    return ConvertError(f"not known: {'; '.join(parts)}", context=str(path), hint=hint, reference=reference)


def _place(operation: Operation) -> str:
    name = operation.outputs[0].name if operation.outputs else ""
    return f"operation {operation.index}" + (f", {name!r}" if name else "")
