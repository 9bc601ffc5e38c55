"""Each operation of the evaluator, in a program that coremltools wrote, against torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from sdkgen.backends.mil.evaluator import KNOWN
from sdkgen.backends.mil.package import read
from tests.backends.mil_programs import Body, evaluate, noise, save

Image = (1, 6, 9, 10)
W = noise(8, 6, 3, 3)
B = noise(8)
DEPTHWISE = noise(6, 1, 3, 3)
GROUPED = noise(4, 3, 3, 2)
POINTWISE = noise(8, 6, 1, 1)
ALPHA = np.abs(noise(6))
OTHER = noise(*Image)


@dataclass(frozen=True)
class Case:
    """An operation as coremltools writes it, and what torch makes of the same input."""

    operation: str
    body: Body
    expected: Callable[[Tensor], Tensor | tuple[Tensor, ...]]
    shape: tuple[int, ...] = Image


def t(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(values)


def pooled(x: Tensor, pads: tuple[int, int, int, int], kernel: int = 3, stride: int = 2) -> Tensor:
    return F.max_pool2d(F.pad(x, pads, value=-torch.inf), kernel, stride)


PADDED = {"pad_type": "custom", "pad": [0, 1, 2, 3]}  # top, bottom, left, right
CUSTOM = (2, 3, 0, 1)  # the same for torch: left, right, top, bottom

QUANTIZED = np.random.default_rng(0).integers(-127, 128, (6, 9, 10)).astype(np.int8)
SCALES = np.abs(noise(6)) + np.float32(0.1)
OFFSETS = np.random.default_rng(1).integers(-9, 9, 6).astype(np.int8)
TABLE = noise(64)
INDICES = np.random.default_rng(2).integers(0, 64, (6, 9, 10)).astype(np.uint8)
PACKED = np.packbits(
    np.unpackbits(INDICES.reshape(-1, 1), axis=1, bitorder="little")[:, :6].reshape(-1), bitorder="little"
)

CASES = {
    "conv-valid": Case("conv", lambda mb, x: mb.conv(x=x, weight=W), lambda x: F.conv2d(x, t(W))),
    "conv-bias": Case("conv", lambda mb, x: mb.conv(x=x, weight=W, bias=B), lambda x: F.conv2d(x, t(W), t(B))),
    "conv-stride": Case(
        "conv", lambda mb, x: mb.conv(x=x, weight=W, strides=[2, 3]), lambda x: F.conv2d(x, t(W), stride=(2, 3))
    ),
    "conv-asymmetric-pad": Case(
        "conv",
        lambda mb, x: mb.conv(x=x, weight=W, strides=[2, 2], **PADDED),
        lambda x: F.conv2d(F.pad(x, CUSTOM), t(W), stride=2),
    ),
    "conv-same": Case(
        "conv",
        lambda mb, x: mb.conv(x=x, weight=W, strides=[2, 2], pad_type="same"),
        lambda x: F.conv2d(F.pad(x, (0, 1, 1, 1)), t(W), stride=2),
    ),
    "conv-same-lower": Case(
        "conv",
        lambda mb, x: mb.conv(x=x, weight=W, strides=[2, 2], pad_type="same_lower"),
        lambda x: F.conv2d(F.pad(x, (1, 0, 1, 1)), t(W), stride=2),
    ),
    "conv-dilation": Case(
        "conv", lambda mb, x: mb.conv(x=x, weight=W, dilations=[2, 3]), lambda x: F.conv2d(x, t(W), dilation=(2, 3))
    ),
    "conv-pointwise": Case(
        "conv", lambda mb, x: mb.conv(x=x, weight=POINTWISE, bias=B), lambda x: F.conv2d(x, t(POINTWISE), t(B))
    ),
    "conv-pointwise-stride": Case(
        "conv",
        lambda mb, x: mb.conv(x=x, weight=POINTWISE, strides=[2, 2]),
        lambda x: F.conv2d(x, t(POINTWISE), stride=2),
    ),
    "conv-groups": Case(
        "conv", lambda mb, x: mb.conv(x=x, weight=GROUPED, groups=2), lambda x: F.conv2d(x, t(GROUPED), groups=2)
    ),
    "conv-depthwise": Case(
        "conv",
        lambda mb, x: mb.conv(x=x, weight=DEPTHWISE, groups=6, **PADDED),
        lambda x: F.conv2d(F.pad(x, CUSTOM), t(DEPTHWISE), groups=6),
    ),
    "conv-depthwise-stride": Case(
        "conv",
        lambda mb, x: mb.conv(x=x, weight=DEPTHWISE, groups=6, strides=[2, 2], **PADDED),
        lambda x: F.conv2d(F.pad(x, CUSTOM), t(DEPTHWISE), groups=6, stride=2),
    ),
    "conv-depthwise-dilation": Case(
        "conv",
        lambda mb, x: mb.conv(x=x, weight=DEPTHWISE, groups=6, dilations=[2, 3]),
        lambda x: F.conv2d(x, t(DEPTHWISE), groups=6, dilation=(2, 3)),
    ),
    "max_pool": Case(
        "max_pool",
        lambda mb, x: mb.max_pool(x=x, kernel_sizes=[2, 2], strides=[2, 2], pad_type="valid"),
        lambda x: F.max_pool2d(x, 2),
    ),
    "max_pool-custom": Case(
        "max_pool",
        lambda mb, x: mb.max_pool(x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[0, 1, 1, 1]),
        lambda x: pooled(x, (1, 1, 0, 1)),
    ),
    "max_pool-same": Case(
        "max_pool",
        lambda mb, x: mb.max_pool(x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="same"),
        lambda x: pooled(x, (0, 1, 1, 1)),
    ),
    "avg_pool": Case(
        "avg_pool",
        lambda mb, x: mb.avg_pool(x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1]),
        lambda x: F.avg_pool2d(x, 3, 2, padding=1),
    ),
    "avg_pool-excluding": Case(
        "avg_pool",
        lambda mb, x: mb.avg_pool(
            x=x, kernel_sizes=[3, 3], strides=[1, 1], pad_type="custom", pad=[1] * 4, exclude_padding_from_average=True
        ),
        lambda x: F.avg_pool2d(x, 3, 1, padding=1, count_include_pad=False),
    ),
    "upsample_bilinear": Case(
        "upsample_bilinear",
        lambda mb, x: mb.upsample_bilinear(x=x, scale_factor_height=2.0, scale_factor_width=3.0, align_corners=False),
        lambda x: F.interpolate(x, scale_factor=(2, 3), mode="bilinear", align_corners=False),
    ),
    "upsample_bilinear-corners": Case(
        "upsample_bilinear",
        lambda mb, x: mb.upsample_bilinear(x=x, scale_factor_height=2.0, scale_factor_width=3.0, align_corners=True),
        lambda x: F.interpolate(x, scale_factor=(2, 3), mode="bilinear", align_corners=True),
    ),
    "resize_bilinear-smaller": Case(
        "resize_bilinear",
        lambda mb, x: mb.resize_bilinear(
            x=x, target_size_height=5, target_size_width=17, sampling_mode="UNALIGN_CORNERS"
        ),
        lambda x: F.interpolate(x, size=(5, 17), mode="bilinear", align_corners=False),
    ),
    "resize_bilinear-corners": Case(
        "resize_bilinear",
        lambda mb, x: mb.resize_bilinear(
            x=x, target_size_height=5, target_size_width=17, sampling_mode="STRICT_ALIGN_CORNERS"
        ),
        lambda x: F.interpolate(x, size=(5, 17), mode="bilinear", align_corners=True),
    ),
    "add": Case("add", lambda mb, x: mb.add(x=x, y=OTHER), lambda x: x + t(OTHER)),
    "add-broadcast": Case(
        "add", lambda mb, x: mb.add(x=x, y=ALPHA[:, None, None]), lambda x: x + t(ALPHA[:, None, None])
    ),
    "sub": Case("sub", lambda mb, x: mb.sub(x=x, y=127.5), lambda x: x - 127.5),
    "mul": Case("mul", lambda mb, x: mb.mul(x=x, y=OTHER), lambda x: x * t(OTHER)),
    "relu": Case("relu", lambda mb, x: mb.relu(x=x), F.relu),
    "relu6": Case("relu6", lambda mb, x: mb.relu6(x=mb.mul(x=x, y=5.0)), lambda x: F.relu6(5 * x)),
    "leaky_relu": Case("leaky_relu", lambda mb, x: mb.leaky_relu(x=x, alpha=0.2), lambda x: F.leaky_relu(x, 0.2)),
    "prelu": Case("prelu", lambda mb, x: mb.prelu(x=x, alpha=ALPHA), lambda x: F.prelu(x, t(ALPHA))),
    "clip": Case("clip", lambda mb, x: mb.clip(x=x, alpha=-0.5, beta=1.5), lambda x: x.clamp(-0.5, 1.5)),
    "sigmoid": Case("sigmoid", lambda mb, x: mb.sigmoid(x=mb.mul(x=x, y=60.0)), lambda x: torch.sigmoid(60 * x)),
    "pad-constant": Case(
        "pad",
        lambda mb, x: mb.pad(x=x, pad=[0, 1, 2, 0], mode="constant", constant_val=1.5),
        lambda x: F.pad(x, (2, 0, 0, 1), value=1.5),
    ),
    "pad-channels": Case(
        "pad",
        lambda mb, x: mb.pad(x=x, pad=[0, 0, 0, 4, 0, 0, 0, 0], mode="constant", constant_val=0.0),
        lambda x: F.pad(x, (0, 0, 0, 0, 0, 4)),
    ),
    "pad-reflect": Case(
        "pad", lambda mb, x: mb.pad(x=x, pad=[1, 2, 3, 0], mode="reflect"), lambda x: F.pad(x, (3, 0, 1, 2), "reflect")
    ),
    "pad-replicate": Case(
        "pad",
        lambda mb, x: mb.pad(x=x, pad=[1, 2, 3, 0], mode="replicate"),
        lambda x: F.pad(x, (3, 0, 1, 2), "replicate"),
    ),
    "concat": Case(
        "concat", lambda mb, x: mb.concat(values=[x, OTHER, x], axis=2), lambda x: torch.cat([x, t(OTHER), x], 2)
    ),
    "split-sizes": Case(
        "split", lambda mb, x: mb.split(x=x, split_sizes=[5, 1], axis=1), lambda x: torch.split(x, [5, 1], 1)
    ),
    "split-equal": Case("split", lambda mb, x: mb.split(x=x, num_splits=3, axis=1), lambda x: torch.split(x, 2, 1)),
    "reshape": Case("reshape", lambda mb, x: mb.reshape(x=x, shape=[1, -1, 15]), lambda x: x.reshape(1, -1, 15)),
    "reshape-kept": Case(
        "reshape", lambda mb, x: mb.reshape(x=x, shape=[1, 6, 10, 9]), lambda x: x.reshape(1, 6, 10, 9)
    ),
    "transpose": Case("transpose", lambda mb, x: mb.transpose(x=x, perm=[0, 2, 3, 1]), lambda x: x.permute(0, 2, 3, 1)),
    "squeeze": Case("squeeze", lambda mb, x: mb.squeeze(x=x, axes=[0]), lambda x: x.squeeze(0)),
    "expand_dims": Case("expand_dims", lambda mb, x: mb.expand_dims(x=x, axes=[0]), lambda x: x[None]),
    "cast": Case(
        "cast",
        lambda mb, x: mb.cast(x=mb.cast(x=mb.mul(x=x, y=9.0), dtype="int32"), dtype="fp32"),
        lambda x: (9 * x).int().float(),
    ),
    "constexpr_affine_dequantize": Case(
        "constexpr_affine_dequantize",
        lambda mb, x: mb.add(
            x=x,
            y=mb.constexpr_affine_dequantize(quantized_data=QUANTIZED, zero_point=OFFSETS, scale=SCALES, axis=0),
        ),
        lambda x: x + (t(QUANTIZED).float() - t(OFFSETS)[:, None, None]) * t(SCALES)[:, None, None],
    ),
    "constexpr_lut_to_dense": Case(
        "constexpr_lut_to_dense",
        lambda mb, x: mb.add(
            x=x,
            y=mb.constexpr_lut_to_dense(indices=PACKED, lut=TABLE, shape=np.array([6, 9, 10], np.uint32)),
        ),
        lambda x: x + t(TABLE[INDICES]),
    ),
    "constexpr_cast": Case(
        "constexpr_cast",
        lambda mb, x: mb.add(x=x, y=mb.constexpr_cast(source_val=OTHER.astype(np.float16), output_dtype="fp32")),
        lambda x: x + t(OTHER).half().float(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operation_computes_what_torch_does(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = save(tmp_path, case.shape, case.body)
    assert case.operation in {operation.type for operation in read(path).operations}
    x = noise(*case.shape)
    expected = case.expected(t(x))
    wanted = [part.numpy() for part in (expected if isinstance(expected, tuple) else (expected,))]
    found = evaluate(path, x)
    assert [part.shape for part in found] == [part.shape for part in wanted]
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=2e-5)


def test_every_known_operation_has_a_case() -> None:
    assert {case.operation for case in CASES.values()} == set(KNOWN)


def test_default_sampling_starts_at_the_first_pixel(tmp_path: Path) -> None:
    """torch has no such mode: pixel i of n comes from place i × source / n."""

    def body(mb: Any, x: Any) -> Any:
        return mb.resize_bilinear(x=x, target_size_height=1, target_size_width=8, sampling_mode="DEFAULT")

    ramp = np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4)
    (found,) = evaluate(save(tmp_path, ramp.shape, body), ramp)
    np.testing.assert_allclose(found.ravel(), [0, 0.5, 1, 1.5, 2, 2.5, 3, 3])
