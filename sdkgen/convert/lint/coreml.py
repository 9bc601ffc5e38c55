"""Which compute units can take the operations of an .mlpackage.

Apple publishes no table of this. What is published, and written down here: an ML Program is typed, operations on
float32 run on the CPU or the GPU, and the Neural Engine computes in float16 alone (coremltools' guide, "Typed
Execution"); no tensor may have more than five axes (coremltools issue 1723); the GPU runs programs through Metal
Performance Shaders Graph, whose operations are public, so an operation that has no counterpart there stays on the CPU.
For the Neural Engine there are only observations (github.com/hollance/neural-engine), so it is judged but not
required. On a Mac, ``MLComputePlan`` says what one device with one version of the system does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from sdkgen.backends.mil.package import Operation, read
from sdkgen.convert.lint.report import Finding, LintReport, OperationVerdict

GPU, NEURAL_ENGINE = "GPU", "Neural Engine"
TARGETS = (GPU, NEURAL_ENGINE)

_MAXIMUM_RANK = 5
_LARGEST_WINDOW = 13
_LARGEST_POOL_STRIDE = 2
_PADDED_AXES = 2

_ELEMENTWISE = (
    "abs", "add", "cast", "ceil", "clip", "clamped_relu", "cos", "elu", "equal", "erf", "exp", "exp2", "floor",
    "floor_div", "gelu", "greater", "greater_equal", "hard_swish", "inverse", "leaky_relu", "less", "less_equal",
    "linear_activation", "log", "logical_and", "logical_not", "logical_or", "maximum", "minimum", "mod", "mul",
    "not_equal", "pow", "prelu", "real_div", "relu", "relu6", "round", "rsqrt", "scaled_tanh", "select", "sigmoid",
    "sigmoid_hard", "sign", "silu", "sin", "softplus", "softsign", "sqrt", "square", "sub", "tanh", "threshold",
    "thresholded_relu",
)  # fmt: skip
_OTHERS = (
    "argsort", "avg_pool", "batch_norm", "batch_to_space", "band_part", "concat", "conv", "conv_transpose", "crop",
    "cumsum", "depth_to_space", "einsum", "expand_dims", "fill", "flatten2d", "gather", "gather_along_axis",
    "gather_nd", "instance_norm", "l2_norm", "l2_pool", "layer_norm", "linear", "local_response_norm", "matmul",
    "max_pool", "one_hot", "pad", "pixel_shuffle", "pixel_unshuffle", "range_1d", "reduce_argmax", "reduce_argmin",
    "reduce_l1_norm", "reduce_l2_norm", "reduce_log_sum", "reduce_log_sum_exp", "reduce_max", "reduce_mean",
    "reduce_min", "reduce_prod", "reduce_sum", "reduce_sum_square", "resample", "reshape", "resize_bilinear",
    "resize_nearest_neighbor", "reverse", "scatter", "scatter_nd", "slice_by_index", "slice_by_size",
    "sliding_windows", "softmax", "space_to_batch", "space_to_depth", "split", "squeeze", "stack", "tile", "topk",
    "transpose", "upsample_bilinear", "upsample_nearest_neighbor",
)  # fmt: skip
_ON_GPU = frozenset((*_ELEMENTWISE, *_OTHERS))
"""Operations of MIL for iOS 16 that Metal Performance Shaders Graph has, under the same or another name."""

Rule = Callable[[Operation], Iterator[Finding]]


def lint(path: Path) -> LintReport:
    """Return the verdict on an .mlpackage folder: the GPU is required, the Neural Engine reported.

    Raises ``BackendError`` if it cannot be read.
    """
    verdicts = tuple(
        OperationVerdict(
            index=index,
            name=operation.type,
            version=None,
            output=", ".join(operation.outputs),
            findings=tuple(judge(operation)),
        )
        for index, operation in enumerate(read(path).operations)
    )
    return LintReport(path=str(path), format="coreml", targets=TARGETS, required=(GPU,), operations=verdicts)


def judge(operation: Operation) -> Iterator[Finding]:
    """Yield what keeps a compute unit from taking the operation."""
    if operation.type.startswith("constexpr_"):
        return  # unpacked once, when the model is loaded
    if operation.type not in _ON_GPU:
        yield from _on_both(
            "cpu-only",
            f"{operation.type} has no counterpart in Metal Performance Shaders Graph, so the CPU computes it",
            "Express it in operations of docs/coreml.md, or keep it out of the graph and compute it in the app.",
        )
        return
    if any(len(shape) > _MAXIMUM_RANK for shape in operation.shapes):
        yield from _on_both(
            "tensor-rank",
            f"a result has more than {_MAXIMUM_RANK} axes, which Core ML refuses altogether",
            "Keep tensors at batch, channels, height, width; move one axis at a time.",
        )
    if any(0 in shape for shape in operation.shapes):
        yield from _on_both(
            "dynamic-shape", "a result's shape is not fixed", "Convert with a fixed batch and a fixed size."
        )
    if np.dtype(np.float32) in operation.dtypes:
        yield Finding(
            target=NEURAL_ENGINE,
            rule="float32",
            message="the program declares float32, and the Neural Engine computes in float16",
            fix="At the outputs this is meant: apps read float32. Elsewhere build with --precision fp16.",
        )
    if operation.type in _RULES:
        yield from _RULES[operation.type](operation)


def _on_both(rule: str, message: str, fix: str) -> Iterator[Finding]:
    for target in TARGETS:
        yield Finding(target=target, rule=rule, message=message, fix=fix)


def _pad(operation: Operation) -> Iterator[Finding]:
    amounts = operation.inputs.get("pad")
    mode = operation.inputs.get("mode", "constant")
    outer = amounts[: -2 * _PADDED_AXES] if isinstance(amounts, np.ndarray) else ()
    if mode != "constant" and np.any(outer):
        yield from _on_both(
            "pad-axes",
            f"padding of mode {mode} reaches beyond the last {_PADDED_AXES} axes",
            "Pad other axes with a constant.",
        )


def _pool(operation: Operation) -> Iterator[Finding]:
    limits = {"kernel_sizes": _LARGEST_WINDOW, "strides": _LARGEST_POOL_STRIDE}
    values = ((operation.inputs.get(name), limit) for name, limit in limits.items())
    if any(isinstance(value, np.ndarray) and value.max() > limit for value, limit in values):
        yield Finding(
            target=NEURAL_ENGINE,
            rule="pool-window",
            message=f"the Neural Engine has been seen to refuse windows beyond {_LARGEST_WINDOW} "
            f"and strides beyond {_LARGEST_POOL_STRIDE}",
            fix="Pool in several steps.",
        )


_RULES: dict[str, Rule] = {"avg_pool": _pool, "l2_pool": _pool, "max_pool": _pool, "pad": _pad}
