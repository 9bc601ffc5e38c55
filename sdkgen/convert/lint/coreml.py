"""Which compute units can take the operations of an .mlpackage.

Apple publishes no table of this. What is published, and written down here: an ML Program is typed, operations on
float32 run on the CPU or the GPU, and the Neural Engine computes in float16 alone (coremltools' guide, "Typed
Execution"); no tensor may have more than five axes (coremltools issue 1723); shapes in a range keep a program off the
Neural Engine, enumerated ones need not (the guide, "Flexible Input Shapes"); the GPU runs programs through Metal
Performance Shaders Graph, whose operations are documented (the class MPSGraph, iOS 14 to 26), so that an operation
that has no counterpart there stays on the CPU. For the Neural Engine there are only observations
(github.com/hollance/neural-engine), so it is judged but not required. On a Mac, ``MLComputePlan`` says what one device
with one version of the system does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from sdkgen.convert.lint.partition import place
from sdkgen.convert.lint.program import Function, Operation, read
from sdkgen.convert.lint.report import Finding, GraphVerdict, LintReport, OperationVerdict, Verdict
from sdkgen.convert.lint.rules import RULES
from sdkgen.errors import ConvertError

GPU, NEURAL_ENGINE = "GPU", "Neural Engine"
TARGETS = (GPU, NEURAL_ENGINE)

_MAXIMUM_RANK = 5
_LARGEST_WINDOW = 13
_LARGEST_POOL_STRIDE = 2
_PADDED_AXES = 2

_ON_GPU = frozenset(
    # Elementwise, in MPSGraph's arithmetic and activation operations.
    "abs acos add asin atan atanh cast ceil clamped_relu clip cos cosh elu equal erf exp exp2 floor floor_div gelu "
    "greater greater_equal hard_swish identity inverse leaky_relu less less_equal linear_activation log logical_and "
    "logical_not logical_or logical_xor maximum minimum mod mul not_equal pow prelu real_div relu relu6 round rsqrt "
    "scaled_tanh select sigmoid sigmoid_hard sign silu sin sinh softplus softplus_parametric softsign sqrt square sub "
    "tan tanh threshold thresholded_relu "
    # Convolutions, pooling, normalisation, matrices, recurrent layers.
    "avg_pool batch_norm conv conv_quantized conv_transpose einsum gru instance_norm l2_norm l2_pool layer_norm linear "
    "local_response_norm lstm matmul max_pool rnn softmax "
    # Reductions, sorting, scans.
    "argsort cumsum reduce_argmax reduce_argmin reduce_l1_norm reduce_l2_norm reduce_log_sum reduce_log_sum_exp "
    "reduce_max reduce_mean reduce_min reduce_prod reduce_sum reduce_sum_square topk "
    # Shapes, gathering, sampling.
    "affine band_part batch_to_space concat crop depth_to_space expand_dims fill fill_like flatten2d gather "
    "gather_along_axis gather_nd one_hot pad pixel_shuffle pixel_unshuffle range_1d resample reshape reshape_like "
    "resize resize_bilinear resize_nearest_neighbor reverse reverse_sequence scatter scatter_along_axis scatter_nd "
    "shape slice_by_index slice_by_size slice_update sliding_windows space_to_batch space_to_depth split squeeze stack "
    "tile transpose upsample_bilinear upsample_nearest_neighbor "
    # Random numbers.
    "random_bernoulli random_normal random_uniform".split()
)
"""Operations of MIL that MPSGraph has by iOS 16, under the same or another name or as two or three of its own."""

_ON_LATER_GPUS = {
    "non_zero": "iOS 17 (nonZeroIndices)",
    "non_maximum_suppression": "iOS 17 (nonMaximumSuppression)",
    "scaled_dot_product_attention": "iOS 18 (scaledDotProductAttention)",
    "quantize": "iOS 16.2 (quantize)",
    "dequantize": "iOS 16.2 (dequantize)",
    "read_state": "iOS 18, where states are",
    "coreml_update_state": "iOS 18, where states are",
}
"""Operations that MPSGraph has from a later system on: what a phone does with them depends on its system."""

_ON_CPU = frozenset(
    "classify list_gather list_length list_read list_scatter list_write make_list random_categorical".split()
)
"""Operations that MPSGraph has no counterpart of."""

Rule = Callable[[Operation], Iterator[Finding]]


def lint(path: Path) -> LintReport:
    """Return the verdict on an .mlpackage folder: the GPU is required, the Neural Engine reported.

    Raises ``BackendError`` if it cannot be read, ``ConvertError`` if it holds no operation.
    """
    functions = read(path)
    if not any(function.operations for function in functions):
        hint = "Nothing in it could run anywhere. Give the package that a converter made."
        raise ConvertError("the program holds no operation", context=str(path), hint=hint, reference="empty-model")
    graphs = tuple(_judge_function(function) for function in functions)
    return LintReport(path=str(path), format="coreml", targets=TARGETS, required=(GPU,), graphs=graphs)


def _judge_function(function: Function) -> GraphVerdict:
    places: dict[str, int] = {}
    verdicts = []
    for index, operation in enumerate(function.operations):
        inputs = tuple(places[name] for name in operation.inputs if name in places)
        for name in operation.outputs:
            places.setdefault(name, len(places))
        verdicts.append(
            OperationVerdict(
                index=index,
                name=operation.type,
                version=None,
                output=", ".join(operation.outputs),
                findings=tuple(judge(operation)),
                inputs=inputs,
                outputs=tuple(places[name] for name in operation.outputs),
            )
        )
    return GraphVerdict(
        name=function.name,
        signatures=(),
        operations=tuple(verdicts),
        placements=tuple(place(verdicts, target, all_parts=True) for target in TARGETS),
    )


def judge(operation: Operation) -> Iterator[Finding]:
    """Yield what keeps a compute unit from taking the operation, or leaves open whether it does."""
    if operation.is_float32:
        yield _finding(
            NEURAL_ENGINE, "float32", "the program declares float32, and the Neural Engine computes in float16"
        )
    if operation.type.startswith("constexpr_"):
        return  # unpacked when the model is loaded, or by the kernel that reads the weights
    if operation.has_blocks:
        yield from _on_both("nested-block", f"{operation.type} has a body of its own", "unknown")
        return
    if operation.type in _ON_CPU:
        message = f"{operation.type} has no counterpart in Metal Performance Shaders Graph, so the CPU computes it"
        yield from _on_both("cpu-only", message)
        return
    if operation.type in _ON_LATER_GPUS:
        since = _ON_LATER_GPUS[operation.type]
        yield from _on_both(
            "unknown", f"Metal Performance Shaders Graph has {operation.type} from {since} on", "unknown"
        )
    elif operation.type not in _ON_GPU:
        yield from _on_both("unknown", f"nothing is known here of {operation.type}", "unknown")
    if any(len(shape) > _MAXIMUM_RANK for shape in operation.shapes):
        message = f"a result has more than {_MAXIMUM_RANK} axes, which Core ML refuses altogether"
        yield from _on_both("core-ml-rank", message)
    if any(side is None for shape in operation.shapes for side in shape):
        message = "a result's shape is not fixed: the GPU takes it; the Neural Engine may if the shapes are enumerated"
        yield _finding(NEURAL_ENGINE, "flexible-shape", message, "unknown")
    if operation.type in _RULES:
        yield from _RULES[operation.type](operation)


def _finding(target: str, rule: str, message: str, verdict: Verdict = "refuses") -> Finding:
    return Finding(
        target=target, rule=rule, message=message, fix=RULES[rule].fix, verdict=verdict, source=_SOURCES[rule]
    )


def _on_both(rule: str, message: str, verdict: Verdict = "refuses") -> Iterator[Finding]:
    for target in TARGETS:
        yield _finding(target, rule, message, verdict)


def _pad(operation: Operation) -> Iterator[Finding]:
    amounts = operation.values.get("pad", ())
    mode = operation.values.get("mode", "constant")
    if mode != "constant" and any(amounts[: -2 * _PADDED_AXES]):
        yield from _on_both("pad-axes", f"padding of mode {mode} reaches beyond the last {_PADDED_AXES} axes")


def _pool(operation: Operation) -> Iterator[Finding]:
    limits = {"kernel_sizes": _LARGEST_WINDOW, "strides": _LARGEST_POOL_STRIDE}
    values = ((operation.values.get(name, ()), limit) for name, limit in limits.items())
    if any(isinstance(number, float) and number > limit for value, limit in values for number in value):
        message = f"the Neural Engine has been seen to refuse windows beyond {_LARGEST_WINDOW} and strides beyond "
        yield _finding(NEURAL_ENGINE, "pool-window", f"{message}{_LARGEST_POOL_STRIDE}")


_SOURCES = {
    "cpu-only": "Apple's documentation of MPSGraph",
    "unknown": "Apple's documentation of MPSGraph",
    "nested-block": "Apple's documentation of MPSGraph",
    "core-ml-rank": "coremltools issue 1723",
    "flexible-shape": "coremltools' guide, Flexible Input Shapes",
    "float32": "coremltools' guide, Typed Execution",
    "pad-axes": "coremltools' MIL operations, pad",
    "pool-window": "github.com/hollance/neural-engine",
}

_RULES: dict[str, Rule] = {"avg_pool": _pool, "l2_pool": _pool, "max_pool": _pool, "pad": _pad}
