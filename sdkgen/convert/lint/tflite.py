"""Which operations of a .tflite file the GPU delegates take.

There are two: the legacy delegate (TensorFlow Lite 2.x, LiteRT 1.x: OpenCL and OpenGL) and ML Drift (LiteRT 2.x:
OpenCL, WebGPU over Vulkan or Metal). Their rules are in their sources: the parsers in
``tflite/delegates/gpu/common/model_builder.cc`` with ``tflite/tools/versioning/gpu_compatibility.cc``, and
``ml_drift_delegate/tflite/support``, of LiteRT. What those accept for float graphs is written down here, as limits of
the version and as checks of the operands; where builds differ, the stricter one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import gt, lt
from pathlib import Path
from typing import Any

from sdkgen.convert import flatbuffer
from sdkgen.convert.lint.report import Finding, LintReport, OperationVerdict

LEGACY, ML_DRIFT = "legacy delegate", "ML Drift"
TARGETS = (LEGACY, ML_DRIFT)

_MAXIMUM_RANK = 4

_VERSIONS: dict[str, tuple[int, int]] = {
    "ABS": (2, 5),
    "ADD": (2, 6),
    "AVERAGE_POOL_2D": (2, 2),
    "CAST": (7, 7),
    "CONCATENATION": (2, 6),
    "CONV_2D": (6, 6),
    "DEPTHWISE_CONV_2D": (6, 6),
    "DEPTH_TO_SPACE": (2, 2),
    "DEQUANTIZE": (3, 3),
    "DENSIFY": (1, 0),
    "DIV": (2, 2),
    "EXP": (2, 2),
    "FULLY_CONNECTED": (9, 14),
    "HARD_SWISH": (1, 1),
    "LEAKY_RELU": (2, 2),
    "LOGISTIC": (2, 2),
    "MAXIMUM": (2, 4),
    "MAX_POOL_2D": (2, 2),
    "MEAN": (2, 2),
    "MINIMUM": (2, 4),
    "MIRROR_PAD": (2, 5),
    "MUL": (3, 8),
    "NEG": (2, 2),
    "PAD": (2, 5),
    "PADV2": (2, 5),
    "PRELU": (1, 1),
    "RELU": (2, 2),
    "RELU6": (2, 2),
    "RELU_N1_TO_1": (2, 2),
    "RESHAPE": (1, 1),
    "RESIZE_BILINEAR": (3, 3),
    "RESIZE_NEAREST_NEIGHBOR": (3, 3),
    "RSQRT": (2, 2),
    "SLICE": (2, 8),
    "SOFTMAX": (2, 4),
    "SPACE_TO_DEPTH": (2, 2),
    "SPLIT": (1, 1),
    "SPLIT_V": (1, 1),
    "SQRT": (2, 2),
    "SQUARE": (2, 2),
    "STRIDED_SLICE": (4, 2),
    "SUB": (2, 3),
    "SUM": (2, 2),
    "TANH": (2, 2),
    "TRANSPOSE": (4, 9),
    "TRANSPOSE_CONV": (3, 3),
}
"""The highest version of each operation that the legacy delegate and ML Drift take; 0: none at all."""

_TYPES = {"float32", "float16", "int32", "int8", "uint8", "bool"}


@dataclass(frozen=True)
class Operation:
    """An operation with what a rule looks at; a tensor behind the DEQUANTIZE of a constant counts as constant."""

    model: Any
    graph: Any
    operator: Any
    name: str
    version: int
    constants: frozenset[int]

    def operand(self, slot: int) -> int | None:
        """Return the tensor's index, or None where the operand is left out."""
        inputs = [] if self.operator.inputs is None else self.operator.inputs
        return int(inputs[slot]) if slot < len(inputs) and inputs[slot] >= 0 else None

    def shape(self, slot: int) -> tuple[int, ...]:
        """Return the shape of an operand."""
        index = self.operand(slot)
        return () if index is None else flatbuffer.shape(self.graph.tensors[index])

    def is_constant(self, slot: int) -> bool:
        """Whether an operand is known when the file is loaded."""
        return self.operand(slot) in self.constants

    def tensors(self) -> list[Any]:
        """Return the tensors that the operation reads and writes."""
        indices = flatbuffer.present(self.operator.inputs) + flatbuffer.present(self.operator.outputs)
        return [self.graph.tensors[index] for index in indices]


Rule = Callable[[Operation], Iterator[Finding]]


def lint(path: Path) -> LintReport:
    """Return the verdict on a .tflite file.

    Raises ``ConvertError`` if it cannot be read.
    """
    model = flatbuffer.read(path)
    verdicts: list[OperationVerdict] = []
    for graph in model.subgraphs:
        constants = _constants(model, graph)
        for operator in graph.operators:
            name = flatbuffer.operation(model, operator)
            if name == "DEQUANTIZE" and int(operator.outputs[0]) in constants:
                continue  # both delegates fold it when they load the file
            version = model.operatorCodes[operator.opcodeIndex].version
            operation = Operation(model, graph, operator, name, version, constants)
            verdicts.append(
                OperationVerdict(
                    index=len(verdicts),
                    name=operation.name,
                    version=version,
                    output=_name(graph, operator),
                    findings=tuple(judge(operation)),
                )
            )
    return LintReport(path=str(path), format="tflite", targets=TARGETS, required=TARGETS, operations=tuple(verdicts))


def judge(operation: Operation) -> Iterator[Finding]:
    """Yield what keeps a delegate from taking the operation."""
    if operation.name not in _VERSIONS:
        yield from _on_both(
            "unknown-operation",
            f"{operation.name} is not among the operations that both GPU delegates are known to take",
            "Express it in operations of docs/lint.md, or keep it out of the graph and compute it in the app.",
        )
        return
    for target, limit in zip(TARGETS, _VERSIONS[operation.name], strict=True):
        if limit == 0:
            yield from _RETIRED[operation.name](target)
        elif operation.version > limit:
            yield Finding(
                target=target,
                rule="operation-version",
                message=f"{operation.name} is taken up to version {limit}, this is version {operation.version}",
                fix="Convert with float inputs and plain options; newer versions stand for types and forms GPUs lack.",
            )
    yield from _tensors(operation)
    if operation.name in _RULES:
        yield from _RULES[operation.name](operation)


def _on_both(rule: str, message: str, fix: str) -> Iterator[Finding]:
    for target in TARGETS:
        yield Finding(target=target, rule=rule, message=message, fix=fix)


def _densify(target: str) -> Iterator[Finding]:
    yield Finding(
        target=target,
        rule="sparse-weights",
        message="the weights are stored sparse, and unpacking them (DENSIFY) has no kernel here: "
        "compiling for the GPU alone fails, else every convolution that waits for it stays on the CPU",
        fix="Use a model with dense weights (blazeface-full-range is the dense form of full_range_sparse).",
    )


_RETIRED: dict[str, Callable[[str], Iterator[Finding]]] = {"DENSIFY": _densify}
"""Why a delegate takes no version of an operation that the other one takes."""


def _tensors(operation: Operation) -> Iterator[Finding]:
    """Check what holds for the tensors of every operation."""
    tensors = operation.tensors()
    if any(len(flatbuffer.shape(t)) > _MAXIMUM_RANK for t in tensors):
        yield from _on_both(
            "tensor-rank",
            f"a tensor has more than {_MAXIMUM_RANK} axes",
            "Keep tensors at batch, height, width, channels; move one axis at a time.",
        )
    if kinds := sorted({flatbuffer.type_name(t) for t in tensors} - _TYPES):
        yield from _on_both(
            "tensor-type", f"a tensor is {', '.join(kinds)}", "Convert with 32-bit integers and floats."
        )
    if any(t.shapeSignature is not None and min(t.shapeSignature, default=0) < 0 for t in tensors):
        yield from _on_both("dynamic-shape", "a tensor's shape is not fixed", "Convert with a fixed batch and size.")


def _on_legacy(rule: str, message: str, fix: str) -> Iterator[Finding]:
    yield Finding(target=LEGACY, rule=rule, message=message, fix=fix)


def _add(operation: Operation) -> Iterator[Finding]:
    first, second = operation.shape(0), operation.shape(1)
    if len(first) > 1 and len(second) > 1 and len(first) != len(second):
        yield from _on_legacy(
            "operand-ranks",
            f"the operands have {len(first)} and {len(second)} axes",
            "Give both the same number of axes.",
        )


def _multiply(operation: Operation) -> Iterator[Finding]:
    yield from _add(operation)
    first, second = operation.shape(0), operation.shape(1)
    if len(first) == len(second) and any(map(lt, first, second)) and any(map(gt, first, second)):
        yield from _on_legacy(
            "operand-shapes",
            f"neither operand is as large as the other on every axis: {first} and {second}",
            "Bring one operand to the shape of the result first.",
        )


def _softmax(operation: Operation) -> Iterator[Finding]:
    options = operation.operator.builtinOptions
    if options is not None and options.beta != 1:
        yield from _on_legacy("softmax-beta", f"beta is {options.beta:g}", "Scale the input, and leave beta at 1.")


def _mirror_pad(operation: Operation) -> Iterator[Finding]:
    yield from _pad(operation)
    options = operation.operator.builtinOptions
    if options is not None and options.mode != flatbuffer.schema().MirrorPadMode.REFLECT:
        yield from _on_legacy("mirror-mode", "it mirrors the edge too (SYMMETRIC)", "Pad by reflection.")


def _reduce(operation: Operation) -> Iterator[Finding]:
    if not operation.is_constant(1):
        yield from _on_legacy("reduced-axes", "the axes are computed", "Use constant axes.")


def _pad(operation: Operation) -> Iterator[Finding]:
    shape = operation.shape(1)
    if not operation.is_constant(1) or shape not in ((4, 2), (3, 2)):
        yield from _on_both(
            "paddings",
            f"the paddings are no constant of 4 × 2 or 3 × 2 numbers, but {' × '.join(map(str, shape)) or 'a scalar'}",
            "Pad with constants, and all axes of the tensor at once.",
        )


def _transpose(operation: Operation) -> Iterator[Finding]:
    if not operation.is_constant(1):
        yield from _on_both("permutation", "the permutation is computed", "Use a constant permutation.")


def _cast(operation: Operation) -> Iterator[Finding]:
    types = [flatbuffer.type_name(tensor) for tensor in operation.tensors()]
    if not {"float32", "int32", "bool", "float16"} >= set(types):
        yield from _on_legacy(
            "cast-type",
            f"the legacy delegate casts between float, int32 and bool only, not from {types[0]} to {types[-1]}",
            "Use LiteRT 2 (sdkgen build --runtime litert), or a model that takes floats.",
        )


def _resize(operation: Operation) -> Iterator[Finding]:
    options = operation.operator.builtinOptions
    if options is not None and options.alignCorners and options.halfPixelCenters:
        yield from _on_both(
            "resize-corners",
            "align_corners and half_pixel_centers exclude each other",
            "Resize with half_pixel_centers alone (torch: align_corners=False).",
        )


def _prelu(operation: Operation) -> Iterator[Finding]:
    alpha, values = operation.shape(1), operation.shape(0)
    a_channel = alpha[-1:] == values[-1:] and all(side == 1 for side in alpha[:-1])
    if not operation.is_constant(1) or not (a_channel or alpha == values[1:]):
        yield from _on_both(
            "prelu-alpha",
            f"alpha is no constant with one number a channel or one an element, but of shape {alpha}",
            "Use a constant alpha of one axis, the channels.",
        )


def _convolution(operation: Operation) -> Iterator[Finding]:
    if len(operation.shape(0)) != _MAXIMUM_RANK:
        yield from _on_both("convolution-input", "the input has not four axes", "Give it as 1 × H × W × C.")
    if operation.operand(2) is not None and not operation.is_constant(2):
        yield from _on_both("convolution-bias", "the bias is computed", "Use a constant bias.")


def _strided_slice(operation: Operation) -> Iterator[Finding]:
    options = operation.operator.builtinOptions
    if options is not None and (options.ellipsisMask or options.newAxisMask or options.shrinkAxisMask):
        yield from _on_both("slice-masks", "the slice adds or drops axes", "Slice, then reshape.")
    yield from _slice_rank(operation)


def _slice_rank(operation: Operation) -> Iterator[Finding]:
    if len(operation.shape(0)) not in (3, _MAXIMUM_RANK):
        yield from _on_both("slice-rank", "the input has neither three nor four axes", "Reshape it first.")


def _dequantize(operation: Operation) -> Iterator[Finding]:
    if operation.tensors()[0].type == flatbuffer.schema().TensorType.INT16:
        yield from _on_both("dequantize-int16", "it unpacks 16-bit integers", "Use float16 or int8.")


_RULES: dict[str, Rule] = {
    "CAST": _cast,
    "ADD": _add,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "DEQUANTIZE": _dequantize,
    "MEAN": _reduce,
    "MIRROR_PAD": _mirror_pad,
    "MUL": _multiply,
    "PAD": _pad,
    "PADV2": _pad,
    "PRELU": _prelu,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "SLICE": _slice_rank,
    "SOFTMAX": _softmax,
    "STRIDED_SLICE": _strided_slice,
    "SUM": _reduce,
    "TRANSPOSE": _transpose,
}


def _constants(model: Any, graph: Any) -> frozenset[int]:
    """Return the tensors that are known when the file is loaded: stored, or unpacked from stored ones."""
    stored = {i for i, t in enumerate(graph.tensors) if model.buffers[t.buffer].data is not None}
    for operator in graph.operators:
        if flatbuffer.operation(model, operator) in ("DEQUANTIZE", "DENSIFY") and int(operator.inputs[0]) in stored:
            stored.add(int(operator.outputs[0]))
    return frozenset(stored)


def _name(graph: Any, operator: Any) -> str:
    outputs = flatbuffer.present(operator.outputs)
    return str((graph.tensors[outputs[0]].name or b"").decode(errors="replace")) if outputs else ""
