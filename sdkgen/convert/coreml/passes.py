"""Graph passes that coremltools lacks."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np

from sdkgen.convert.coreml.tools import coremltools

_AFTER = "common::fuse_pad_conv"
_SPATIAL = 2


def pipeline(*, store_halves: bool = False) -> Any:
    """Return coremltools' default pass pipeline with ``fuse_pad_into_conv`` in it, and ``store_halves`` if asked for.

    It serves one conversion only: with ``compute_precision`` float32 coremltools removes a pass from the one it gets.
    """
    ct = coremltools()
    _register()
    passes = copy.deepcopy(ct.PassPipeline.DEFAULT)
    passes.insert_pass(passes.passes.index(_AFTER) + 1, "common::fuse_pad_into_conv")
    if store_halves:
        # Last: a pass that folds constants would undo it.
        passes.append_pass("common::store_halves")
    return passes


@cache
def _register() -> None:
    """Register ``fuse_pad_into_conv`` and ``store_halves``.

    The first makes a convolution pad for itself where zeros were padded to its input before: TensorFlow's SAME padding
    at stride 2 is asymmetric, which torch's convolution cannot say and Core ML's can. The second keeps float32 kernels
    that are float16 numbers as such in the file; Core ML widens them when it loads the model.
    """
    from coremltools.converters.mil.mil import Builder as mb  # noqa: N813  (the name every MIL source uses)
    from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
    from coremltools.converters.mil.mil.passes.helper import block_context_manager
    from coremltools.converters.mil.mil.passes.pass_registry import register_pass

    @block_context_manager  # type: ignore[untyped-decorator]
    def fuse(block: Any) -> None:
        for conv in list(block.operations):
            if (
                conv.op_type != "conv"
                or not _is_zero_spatial_pad(conv.x.op)
                or conv.pad_type.val not in ("valid", "custom")
            ):
                continue
            pad = conv.x.op
            own = list(conv.pad.val) if conv.pad_type.val == "custom" else [0] * (2 * _SPATIAL)
            before = [int(n) for n in pad.pad.val[-2 * _SPATIAL :]]
            fused = mb.conv(
                x=pad.x, weight=conv.weight, bias=conv.bias, strides=conv.strides, dilations=conv.dilations,
                groups=conv.groups, pad_type="custom", pad=[int(a + b) for a, b in zip(own, before, strict=True)],
                name=conv.name, before_op=conv,
            )  # fmt: skip
            block.replace_uses_of_var_after_op(anchor_op=conv, old_var=conv.outputs[0], new_var=fused)
            block.remove_ops([conv])
            if not pad.outputs[0].child_ops:
                block.remove_ops([pad])

    @register_pass(namespace="common")
    class fuse_pad_into_conv(AbstractGraphPass):  # type: ignore[misc]  # noqa: N801
        """Fold zero padding of height and width into the convolutions that read it."""

        def apply(self, prog: Any) -> None:
            for function in prog.functions.values():
                fuse(function)

    @block_context_manager  # type: ignore[untyped-decorator]
    def store(block: Any) -> None:
        kernels = {conv.weight.name: conv.weight for conv in block.operations if conv.op_type == "conv"}
        for kernel in kernels.values():
            if kernel.op is None or kernel.op.op_type != "const" or not _is_exact_in_half(kernel.val):
                continue
            widened = mb.constexpr_cast(
                source_val=kernel.val.astype(np.float16), output_dtype="fp32", before_op=kernel.op,
                name=f"{kernel.name}_widened",
            )  # fmt: skip
            block.replace_uses_of_var_after_op(anchor_op=kernel.op, old_var=kernel, new_var=widened, force_replace=True)
            block.remove_ops([kernel.op])

    @register_pass(namespace="common")
    class store_halves(AbstractGraphPass):  # type: ignore[misc]  # noqa: N801
        """Store the kernels of convolutions in half where that loses nothing."""

        def apply(self, prog: Any) -> None:
            for function in prog.functions.values():
                store(function)


def _is_exact_in_half(value: Any) -> bool:
    """Tell whether ``value`` is an array of float32 numbers each of which float16 has too."""
    if not isinstance(value, np.ndarray) or value.dtype != np.float32:
        return False
    with np.errstate(over="ignore"):
        return np.array_equal(value.astype(np.float16).astype(np.float32), value)


def _is_zero_spatial_pad(op: Any) -> bool:
    """Tell whether ``op`` pads height and width of (N, C, H, W), and nothing else, with zeros."""
    if op is None or op.op_type != "pad" or op.mode.val != "constant" or op.constant_val.val != 0:
        return False
    return op.pad.val is not None and op.x.rank == _SPATIAL + 2 and not any(op.pad.val[: -2 * _SPATIAL])
