"""What ML Drift, the GPU accelerator of LiteRT 2, takes.

Source: the ``IsSupported`` of each parser and ``GetOpsToReplaceWithOptions`` in LiteRT's
ml_drift_delegate/tflite/model_builder.cc, with operation_parser.cc, in the path that the accelerators take by default
(``use_ir_model`` is off). docs/lint.md names the version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sdkgen.convert.lint import common
from sdkgen.convert.lint.checks import (
    IMAGE_RANK,
    Check,
    Doubt,
    activation,
    check_constant_input,
    check_first,
    check_first_two,
    count,
    is_broadcastable,
    operand,
    refuse,
    text,
    value,
    values,
)
from sdkgen.convert.lint.ml_drift_layers import (
    check_attention,
    check_convolution,
    check_depthwise,
    check_dequantize,
    check_embedding,
    check_fully_connected,
    check_group_or_layer_norm,
    check_lstm,
    check_matmul,
    check_pool,
    check_prelu,
    check_quantize,
    check_rms_norm,
    check_transposed_convolution,
)
from sdkgen.convert.lint.ml_drift_shapes import (
    check_argmax,
    check_broadcast,
    check_concatenate,
    check_cumsum,
    check_gather,
    check_one_hot,
    check_pack,
    check_pad,
    check_reduce,
    check_select,
    check_slice,
    check_split,
    check_strided_slice,
    check_top_k,
    check_transpose,
    check_unpack,
    check_update_slice,
)
from sdkgen.tflite.graph import Operation, Tensor

NAME = "ML Drift"


SOURCE = "ml_drift_delegate/tflite/model_builder.cc"


WITNESS = "2.3.0"
"""The version of LiteRT whose accelerator the tests ask; where it and the source differ, its answer counts."""


@dataclass(frozen=True)
class Kernel:
    """How the delegate checks an operation: the highest version, its own checks, and whether the common ones apply."""

    parser: str
    check: Check
    version: int | None = None
    common: bool = True
    enhanced_broadcast: bool = False


def judge(operation: Operation) -> str:
    """Return the delegate's parser for the operation, in ``SOURCE``.

    Raises ``Refusal`` if the delegate refuses the operation, ``Doubt`` if the file alone does not tell.
    """
    if operation.kind == "DENSIFY":
        refuse("sparse-weights", "the weights are stored sparse, and unpacking them (DENSIFY) has no kernel")
    kernel = KERNELS.get(operation.name) or KERNELS.get(operation.kind)
    if kernel is None or (operation.kind in ("CUSTOM", "STABLEHLO_COMPOSITE") and operation.name not in KERNELS):
        if operation.kind.startswith("operator "):
            raise Doubt(f"the schema of the installed LiteRT does not know {operation.kind}")
        refuse("no-kernel", f"{operation.name} has no kernel for the GPU")
    if kernel.version is not None and operation.version > kernel.version:
        message = f"{operation.name} is taken up to version {kernel.version}, this is version {operation.version}"
        refuse("operation-version", message)
    if kernel.common:
        common.check(operation, enhanced_broadcast=kernel.enhanced_broadcast)
    kernel.check(operation)
    _check_tensors(operation)
    return kernel.parser


def _check_tensors(operation: Operation) -> None:
    takes, makes = _types(operation)
    makes |= _TYPES_SET_AT_LOAD if operation.kind in ("DEQUANTIZE", "ONE_HOT") else set()
    for tensors, allowed in ((operation.present, takes), (operation.outputs, makes)):
        for tensor in tensors:
            if tensor.rank > IMAGE_RANK:
                refuse("tensor-rank", f"a tensor has {tensor.rank} axes")
            if not tensor.constant and tensor.type not in allowed:
                refuse("tensor-type", f"a tensor is {tensor.type}")
    if operation.kind in _NOT_IN_HALF and any(tensor.type == "float16" for tensor in operation.computed):
        refuse("tensor-type", "a computed tensor is float16, which the runtime cannot prepare")


def _types(operation: Operation) -> tuple[set[str], set[str]]:
    """Return which types computed operands and results may have."""
    kind = operation.kind
    takes = {"float32", "float16", "bool", "int2", "int4", "int8", "uint8"}
    makes = {"float32", "float16", "int8", "uint8"}
    if kind == "ARG_MAX":
        takes, makes = takes | _SIGNED, {"int32"}
    if kind in ("REDUCE_ALL", "REDUCE_ANY"):
        takes = makes = {"bool"}
    if kind in ("EMBEDDING_LOOKUP", "ONE_HOT", "DYNAMIC_UPDATE_SLICE"):
        takes |= {"int32"}
    if kind in _COMPARISONS:
        takes |= _SIGNED | _UNSIGNED
        makes |= {"bool"}
    if kind in _LOGICAL:
        takes = makes = {"bool", *_SIGNED}
    if kind == "TOPK_V2":
        makes |= {"int32"}
    if kind in _IN_BFLOAT16:
        takes, makes = takes | {"bfloat16"}, makes | {"bfloat16"}
    if kind in _IN_INTEGERS:
        takes, makes = takes | _SIGNED, makes | _SIGNED
    if kind in _IN_ANY_TYPE:
        every = _SIGNED | _UNSIGNED | {"bool", "bfloat16"}
        takes, makes = takes | every, makes | every
    return takes, makes


_TYPES_SET_AT_LOAD = {"int16", "int32", "int64", "uint32", "bool", "float64", "bfloat16"}
"""What a file may say of results whose type the runtime sets itself when it prepares the graph."""


_NOT_IN_HALF = frozenset(
    "ABS BATCH_MATMUL CEIL DEPTH_TO_SPACE FLOOR_DIV FLOOR_MOD LOG MEAN POW QUANTIZE REDUCE_MAX REDUCE_MIN REDUCE_PROD "
    "RSQRT SPLIT SQRT SQUARE SUM".split()
)
"""Operations that LiteRT's own kernels lack in float16: it prepares the graph on them before it delegates."""


_SIGNED = {"int8", "int16", "int32"}


_UNSIGNED = {"uint8", "uint16", "uint32"}


_COMPARISONS = frozenset("GREATER GREATER_EQUAL LESS LESS_EQUAL EQUAL NOT_EQUAL".split())


_LOGICAL = frozenset("LOGICAL_AND LOGICAL_OR LOGICAL_NOT BITWISE_XOR".split())
_IN_BFLOAT16 = frozenset(
    "ABS ADD ATAN2 STABLEHLO_CBRT CEIL STABLEHLO_CLAMP CONV_2D COS DIV EXP FLOOR GATHER LOG LOGISTIC MAXIMUM MINIMUM "
    "MUL NEG POW ROUND RSQRT SIGN SIN SQRT SUB TANH".split()
)


_IN_INTEGERS = frozenset(
    "ABS ADD ATAN2 COS DIV FLOOR_DIV FLOOR_MOD MAXIMUM MINIMUM MUL NEG REDUCE_MAX REDUCE_MIN REDUCE_PROD RIGHT_SHIFT "
    "SIGN SIN STABLEHLO_CLAMP SUB SUM STABLEHLO_REMAINDER TILE STABLEHLO_SHIFT_LEFT".split()
)


_IN_ANY_TYPE = frozenset(
    "STABLEHLO_BROADCAST_IN_DIM BITCAST CAST CONCATENATION DYNAMIC_UPDATE_SLICE GATHER PACK PAD PADV2 RESHAPE "
    "REVERSE_V2 SELECT SELECT_V2 SLICE STRIDED_SLICE TRANSPOSE".split()
)


def _cast(operation: Operation) -> None:
    count(operation, computed=1, constant=0, results=1)
    check_first(operation)


def _clamp(operation: Operation) -> None:
    values(operation, 0, 1, 2, results=True)


def _unary(operation: Operation) -> None:
    count(operation, computed=1, constant=0, results=1)
    check_first(operation)


def _binary(operation: Operation) -> None:
    for tensor in operation.outputs:
        value(tensor)
    if len(operation.computed) == 2 and len(operation.inputs) == 2:
        first, second = operand(operation, 0), operand(operation, 1)
        if first.index == second.index:
            if operation.kind not in ("MUL", "ADD", "ADD_N"):
                refuse("same-operand", "both operands are the same tensor")
        elif first.rank != second.rank:
            if not is_broadcastable(first.shape, second.shape):
                refuse("operand-shapes", f"{text(first.shape)} and {text(second.shape)} cannot be combined")
            if not all(0 < tensor.rank <= IMAGE_RANK for tensor in (first, second, *operation.outputs)):
                refuse("tensor-rank", "an operand to be broadcast has no axis or more than four")
        values(operation, 0, 1)
    else:
        count(operation, computed=1, constant=1, results=1)
        _constant_operand(operation.constants[0])
    if operation.kind in ("ADD", "MUL", "SUB", "DIV"):
        activation(operation)


def _constant_operand(tensor: Tensor) -> None:
    if tensor.sparse:
        refuse("sparse-weights", "the constant operand is stored sparse")
    quantized = tensor.type in ("int8", "uint8", "int4") and tensor.scales > 0 and not tensor.blockwise
    if tensor.size == 1:
        if tensor.type not in ("float32", "float16", "int32") and not quantized:
            refuse("weights-type", f"the constant operand is a single {tensor.type}")
    elif (tensor.type in ("float32", "float16") or quantized) and tensor.rank > IMAGE_RANK:
        refuse("tensor-rank", f"the constant operand has {tensor.rank} axes")


def _two_values(operation: Operation) -> None:
    check_first_two(operation)
    if operation.computed[0].index == operation.computed[1].index:
        refuse("same-operand", "both operands are the same tensor")


def _pixel_shuffle(operation: Operation) -> None:
    check_constant_input(operation)
    check_first(operation)


def _composite(check: Check) -> Check:
    """Return a check that ends in doubt: on these the runtime crashed, whatever else was in the graph."""

    def judge_composite(operation: Operation) -> None:
        check(operation)
        raise Doubt(f"LiteRT {WITNESS} has a kernel for {operation.name}, and has been seen to crash on it")

    return judge_composite


def _own_parser(operation: Operation) -> None:
    raise Doubt(f"LiteRT has a kernel for {operation.name}, whose conditions are not known here")


def _kernels() -> dict[str, Kernel]:
    unary = "ABS CEIL COS ELU EXP FLOOR GELU LOG LOGICAL_NOT LOGISTIC NEG ROUND RSQRT SIGN SIN SQRT SQUARE TANH"
    binary = (
        "ADD ADD_N ATAN2 BITWISE_XOR DIV EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND "
        "LOGICAL_OR MAXIMUM MINIMUM MUL NOT_EQUAL POW RIGHT_SHIFT STABLEHLO_SHIFT_LEFT SQUARED_DIFFERENCE SUB"
    )
    versions = {"ABS": 5, "FLOOR_DIV": 3, "MAXIMUM": 4, "MINIMUM": 4, "MUL": 8, "ADD": 6, "ADD_N": 6, "GELU": 3}
    kernels = {
        name: Kernel("ElementwiseOperationParser", check, versions.get(name, 2), enhanced_broadcast=True)
        for names, check in ((unary, _unary), (binary, _binary))
        for name in names.split()
    }

    def add(
        names: str, parser: str, check: Callable[[Operation], None], version: int | None = None, **more: bool
    ) -> None:
        kernels.update((name, Kernel(parser, check, version, **more)) for name in names.split())

    add("ARG_MAX", "ArgMaxOperationParser", check_argmax, common=False)
    add("BATCH_MATMUL", "BatchedMatMulOperationParser", check_matmul)
    add("BITCAST", "BitcastOperationParser", check_first)
    add("STABLEHLO_BROADCAST_IN_DIM", "BroadcastInDimOperationParser", check_broadcast)
    add("CAST", "CastOperationParser", _cast, common=False)
    add("STABLEHLO_CBRT", "CbrtOperationParser", check_first)
    add("STABLEHLO_CLAMP", "ClampOperationsParser", _clamp)
    add("CONCATENATION", "ConcatenationOperationParser", check_concatenate, 6)
    add("CONV_2D", "Conv2DOperationParser", check_convolution, 6)
    add("CUMSUM", "CumsumOperationParser", check_cumsum, 1)
    add("DEPTHWISE_CONV_2D", "DepthwiseConvolutionOperationParser", check_depthwise, 6)
    add("DEPTH_TO_SPACE", "DepthToSpaceOperationParser", check_first)
    add("DEQUANTIZE", "DequantizeOperationParser", check_dequantize, 3)
    add("DYNAMIC_UPDATE_SLICE", "DynamicUpdateSliceOperationParser", check_update_slice)
    add("EMBEDDING_LOOKUP", "EmbeddingLookupOperationParser", check_embedding)
    add("FULLY_CONNECTED", "FullyConnectedOperationParser", check_fully_connected, 14)
    add("GATHER", "GatherOperationParser", check_gather)
    add("HARD_SWISH", "HardSwishOperationParser", check_first)
    add("LSTM", "LSTMOperationParser", check_lstm, 4)
    add("ONE_HOT", "OneHotOperationParser", check_one_hot, 1, common=False)
    add("PACK", "PackOperationParser", check_pack)
    add("PRELU", "PReLUOperationParser", check_prelu, 1, common=False)
    add("PAD PADV2 MIRROR_PAD", "PadOperationParser", check_pad, 5)
    add("AVERAGE_POOL_2D MAX_POOL_2D", "Pooling2DOperationParser", check_pool, 2)
    add("MaxPoolingWithArgmax2D", "Pooling2DOperationParser", check_pool, 1)
    add("MEAN SUM REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD", "ReduceOperationParser", check_reduce)
    add("QUANTIZE", "QuantizeOperationParser", check_quantize, 2)
    add("RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 LEAKY_RELU", "ReLUOperationParser", _unary, 2)
    add("STABLEHLO_REMAINDER", "RemainderOperationParser", check_first_two)
    add("Resampler", "ResamplerOperationParser", _two_values, 1)
    add("RESHAPE", "ReshapeOperationParser", check_first, 1)
    add("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", "Resize2DOperationParser", check_first, 3)
    add("REVERSE_V2", "ReverseOperationParser", check_reduce)
    add("SELECT SELECT_V2", "SelectV2OperationParser", check_select, 1, common=False)
    add("SLICE", "SliceOperationParser", check_slice, 8, common=False)
    add("SOFTMAX", "SoftmaxOperationParser", _unary, 4)
    add("SPACE_TO_DEPTH", "SpaceToDepthOperationParser", _unary, 2)
    add("SPLIT", "SplitOperationParser", partial(check_split, source=1, places=0))
    add("SPLIT_V", "SplitVOperationParser", partial(check_split, source=0, places=2))
    add("STRIDED_SLICE", "StridedSliceOperationParser", check_strided_slice, 2, common=False)
    add("TILE", "TileOperationParser", check_first)
    add("TOPK_V2", "TopKOperationParser", check_top_k, 1)
    add("TRANSPOSE", "TransposeOperationParser", check_transpose, 9)
    add("TRANSPOSE_CONV", "TransposeConvBuiltinOperationParser", partial(check_transposed_convolution, source=2), 3)
    add(
        "Convolution2DTransposeBias",
        "TransposeConvCustomOperationParser",
        partial(check_transposed_convolution, source=0),
        1,
    )
    add("UNPACK", "UnpackOperationParser", check_unpack, common=False)
    add("MaxUnpooling2D", "Unpooling2DOperationParser", _two_values, 1)
    add("custom_call.PixelShuffle", "PixelShuffleParser", _pixel_shuffle, 1, common=False)
    for name, parser, check in (
        ("odml.group_norm", "CompositeGroupNormParser, CompositeLayerNormParser", check_group_or_layer_norm),
        ("odml.rms_norm", "CompositeRmsNormParser", check_rms_norm),
        ("odml.scaled_dot_product_attention", "CompositeSdpaParser", check_attention),
    ):
        add(name, parser, _composite(check), common=False)
    add(
        "AlignmentPointsToTransformMatrix KeepIfMax2D Landmarks2TransformMatrix Landmarks2TransformMatrixV2 "
        "RoIToTransformMatrix TransformLandmarks TransformTensor TransformTensorBilinear moe odml.cache_update "
        "odml.qkv_norm_rope odml.rope odml.runtime_bmm odml.sdpa_transposed odml.short_conv_step odml.swiglu "
        "custom_call.GroupNorm "
        "custom_call.LayerNorm custom_call.RmsNorm custom_call.absolute_positional_embedding "
        "custom_call.rotary_positional_embedding",
        "CustomOperationParserFactory",
        _own_parser,
        common=False,
    )
    return kernels


KERNELS = _kernels()
"""Operations that ML Drift has parsers for, by their name in the schema, or that of a custom operation or composite."""
