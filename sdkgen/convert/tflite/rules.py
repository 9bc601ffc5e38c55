"""What litert-torch is taught so that it keeps a network in NHWC from input to output.

litert-torch brings convolutions to NHWC, but knows no rule for constant padding, lowers max-pooling in NCHW between
two transposes, and takes PReLU apart. Each gap costs TRANSPOSE operations, or several operations for one. The three
rules here close them; they apply inside ``taught`` only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import torch
from litert_converter.mlir import ir
from litert_converter.mlir.dialects import stablehlo
from litert_torch import fx_infra
from litert_torch._convert.fx_passes.optimize_layout_transposes_pass import layout_rewrite
from litert_torch.backend import jax_bridge
from litert_torch.backend.lowerings import registry
from torch import Tensor

_PAD = torch.ops.aten.constant_pad_nd.default
_POOL = torch.ops.aten.max_pool2d.default
_PRELU = torch.ops.aten._prelu_kernel.default


@torch.library.custom_op("sdkgen::max_pool2d_nhwc", mutates_args=())
def max_pool2d_nhwc(x: Tensor, kernel: list[int], stride: list[int]) -> Tensor:
    """Max-pool (N, H, W, C) over H and W without padding."""
    pooled = torch.nn.functional.max_pool2d(x.permute(0, 3, 1, 2), kernel, stride)
    return pooled.permute(0, 2, 3, 1).contiguous()


@max_pool2d_nhwc.register_fake
def _max_pool2d_nhwc_shape(x: Tensor, kernel: list[int], stride: list[int]) -> Tensor:
    n, *sides, c = x.shape
    pooled = [(side - k) // s + 1 for side, k, s in zip(sides, kernel, stride, strict=True)]
    return x.new_empty((n, *pooled, c))


@contextmanager
def taught() -> Iterator[None]:
    """Let litert-torch know the rules while the block runs."""
    tables: tuple[tuple[dict[Any, Any], dict[Any, Any]], ...] = (
        (layout_rewrite.rewriters, {_PAD: _pad_in_nhwc, _POOL: _pool_in_nhwc}),
        (registry.global_registry.registered_ops, {max_pool2d_nhwc._opoverload: _lower_pool, _PRELU: _lower_prelu}),
        # Without its decomposition PReLU reaches the lowering in one piece.
        (fx_infra.decomp._pre_convert_decomp, {_PRELU: None}),
        (fx_infra.decomp._pre_lower_decomp, {_PRELU: None}),
    )
    before = [dict(table) for table, _ in tables]
    try:
        for table, rules in tables:
            table.update(rules)
            for key in [key for key, rule in rules.items() if rule is None]:
                del table[key]
        yield
    finally:
        for (table, _), old in zip(tables, before, strict=True):
            table.clear()
            table.update(old)


def _pad_in_nhwc(node: torch.fx.Node) -> None:
    """Permute the padding of a 4-D constant pad; torch lists it from the last axis to the first, in pairs."""
    given = list(node.args[1])  # type: ignore[arg-type]
    given += [0] * (8 - len(given))
    width, height, channels, batch = (given[i : i + 2] for i in (0, 2, 4, 6))
    node.args = (node.args[0], [*channels, *width, *height, *batch], *node.args[2:])


def _pool_in_nhwc(node: torch.fx.Node) -> None:
    """Replace a max-pool without padding or dilation by one over NHWC."""
    x, kernel, *rest = node.args
    if len(rest) > 1:
        raise NotImplementedError("max-pooling with padding, dilation or ceil_mode has no NHWC rule")
    node.args = (x, kernel, rest[0] if rest and rest[0] else kernel)
    node.target = max_pool2d_nhwc._opoverload


def _reduce_window(x: Any, kernel: Any, stride: Any) -> Any:
    return jax.lax.reduce_window(x, jnp.float32(-jnp.inf), jax.lax.max, (1, *kernel, 1), (1, *stride, 1), "VALID")


_lower_pool = jax_bridge.wrap(_reduce_window)


def _lower_prelu(_context: Any, x: Any, alpha: Any) -> Any:
    """Emit TFLite's own PRELU; it takes alpha with one axis less than ``x``."""
    kind = ir.RankedTensorType.get(alpha.type.shape[1:], alpha.type.element_type)
    return ir.Operation.create("tfl.prelu", results=[x.type], operands=[x, stablehlo.reshape(kind, alpha)]).result
