"""Which operations of a .tflite file the GPU delegates take.

There are two: the legacy delegate (TensorFlow Lite 2.x, LiteRT 1.x: OpenCL and OpenGL) and ML Drift (LiteRT 2.x:
OpenCL, WebGPU over Vulkan, or Metal). Their rules are those of their sources, in ``legacy`` and ``ml_drift``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sdkgen.convert.lint import legacy, ml_drift
from sdkgen.convert.lint.checks import Doubt, Refusal
from sdkgen.convert.lint.other_value import find_other_value
from sdkgen.convert.lint.partition import place
from sdkgen.convert.lint.report import Finding, GraphVerdict, LintReport, OperationVerdict, Verdict
from sdkgen.convert.lint.rules import RULES
from sdkgen.errors import ConvertError
from sdkgen.tflite.graph import Graph, Operation, Tensor, read

LEGACY, ML_DRIFT = legacy.NAME, ml_drift.NAME
TARGETS = (LEGACY, ML_DRIFT)

_SOURCES = {LEGACY: legacy.SOURCE, ML_DRIFT: ml_drift.SOURCE}

_CONTRADICTIONS = (ArithmeticError, AttributeError, IndexError, TypeError, ValueError)
"""What a rule stumbles on in a file whose shapes are not those of its operations."""

_SHAPING_OPERANDS: dict[str, tuple[int, ...]] = {
    "ARG_MAX": (1,), "ARG_MIN": (1,), "BATCH_TO_SPACE_ND": (1, 2), "BROADCAST_TO": (1,), "EXPAND_DIMS": (1,),
    "FILL": (0,), "MEAN": (1,), "MIRROR_PAD": (1,), "ONE_HOT": (1,), "PAD": (1,), "PADV2": (1,), "RANGE": (0, 1, 2),
    "REDUCE_ALL": (1,), "REDUCE_ANY": (1,), "REDUCE_MAX": (1,), "REDUCE_MIN": (1,), "REDUCE_PROD": (1,),
    "RESHAPE": (1,), "RESIZE_BILINEAR": (1,), "RESIZE_NEAREST_NEIGHBOR": (1,), "SLICE": (1, 2),
    "SPACE_TO_BATCH_ND": (1, 2), "SPLIT": (0,), "SPLIT_V": (1, 2), "STRIDED_SLICE": (1, 2, 3), "SUM": (1,),
    "TILE": (1,), "TOPK_V2": (1,), "TRANSPOSE": (1,), "TRANSPOSE_CONV": (0,),
}  # fmt: skip
"""The operands that decide the shape of the result; the runtime sizes its tensors while it runs if one is computed."""

_SHAPES_KNOWN_AT_LOAD = frozenset(("SHAPE", "RANK"))
_DATA_DECIDE_THE_SHAPE = frozenset(("WHERE", "UNIQUE", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"))


def lint(path: Path) -> LintReport:
    """Return the verdict on a .tflite file.

    Raises ``ConvertError`` if it cannot be read, or holds no operation.
    """
    graphs = read(path)
    if not any(graph.operations for graph in graphs):
        hint = "Nothing in it could run anywhere. Give the file that a converter made."
        raise ConvertError("the model holds no operation", context=str(path), hint=hint, reference="empty-model")
    verdicts = tuple(_judge_graph(graph) for graph in graphs if graph.operations)
    return LintReport(path=str(path), format="tflite", targets=TARGETS, required=TARGETS, graphs=verdicts)


def _judge_graph(graph: Graph) -> GraphVerdict:
    producers = {tensor.index: operation for operation in graph.operations for tensor in operation.outputs}
    consumers: dict[int, list[Operation]] = {}
    for operation in graph.operations:
        for tensor in operation.present:
            consumers.setdefault(tensor.index, []).append(operation)
    operations = tuple(
        OperationVerdict(
            index=operation.index,
            name=operation.name,
            version=operation.version,
            output=operation.outputs[0].name if operation.outputs else "",
            findings=tuple(_judge(operation, consumers, producers)),
            inputs=operation.reads,
            outputs=tuple(tensor.index for tensor in operation.outputs),
        )
        for operation in graph.operations
    )
    unpackings = [(o.index, tuple(tensor.index for tensor in o.outputs)) for o in graph.folded]
    return GraphVerdict(
        name=graph.name or f"subgraph {graph.index}",
        signatures=graph.signatures,
        operations=operations,
        placements=tuple(place(operations, target, unpackings=unpackings) for target in TARGETS),
    )


def _judge(
    operation: Operation, consumers: dict[int, list[Operation]], producers: dict[int, Operation]
) -> Iterator[Finding]:
    for target in TARGETS:
        try:
            if what := _computed_shape(operation, producers):
                raise Refusal("computed-shape", what)
            if target == LEGACY:
                legacy.judge(operation, consumers, producers)
            else:
                ml_drift.judge(operation)
        except Refusal as refusal:
            yield _finding(target, refusal.rule, str(refusal), "refuses", operation)
        except _CONTRADICTIONS:
            message = "its operands, results and options contradict each other"
            yield _finding(target, "contradictory", message, "refuses", operation)
        except Doubt as doubt:
            yield _finding(target, "unknown", str(doubt), "unknown", operation)
        else:
            if target == ML_DRIFT and (what := _find_other_value(operation)):
                yield _finding(target, "other-value", what, "computes another value", operation)


def _find_other_value(operation: Operation) -> str:
    try:
        return find_other_value(operation)
    except _CONTRADICTIONS:
        return ""  # which has been said


def _finding(target: str, rule: str, message: str, verdict: Verdict, operation: Operation) -> Finding:
    kernels = ml_drift.KERNELS if target == ML_DRIFT else legacy.KERNELS
    kernel = kernels.get(operation.name)
    source = f"{_SOURCES[target]}: {kernel.parser}" if kernel else f"{_SOURCES[target]}: NewOperationParser"
    if rule in ("computed-shape", "other-value"):
        source = f"LiteRT {ml_drift.WITNESS}, asked"
    fix = RULES[rule].fix
    return Finding(target=target, rule=rule, message=message, fix=fix, verdict=verdict, source=source)


def _computed_shape(operation: Operation, producers: dict[int, Operation]) -> str:
    if operation.kind in _DATA_DECIDE_THE_SHAPE:
        return "the shape of the result depends on the data"
    for slot in _SHAPING_OPERANDS.get(operation.kind, ()):
        tensor = operation.inputs[slot] if slot < len(operation.inputs) else None
        if tensor is not None and not tensor.constant and not _is_known_at_load(tensor, producers):
            return "what decides the shape of the result is computed"
    return ""


def _is_known_at_load(tensor: Tensor, producers: dict[int, Operation]) -> bool:
    maker = producers.get(tensor.index)
    return maker is not None and maker.kind in _SHAPES_KNOWN_AT_LOAD
