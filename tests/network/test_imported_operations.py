"""Each operation that the importer knows, in each form that a file can give it, computes what LiteRT computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdkgen.errors import ConvertError
from sdkgen.network.imported import OPERATIONS, import_graph
from tests.convert.lint import cases
from tests.convert.tiny import Tiny
from tests.network.importing import difference, run_imported, run_reference_apart

CLOSE = 1e-5
TYPED = {"bad-tflite", "unknown-operation", "not-float", "custom-operation"}
NAMES = sorted(set(OPERATIONS) - {"DEQUANTIZE", "DENSIFY"})


def _agree(path: Path) -> bool:
    """Tell whether both run the file; then they must agree."""
    try:
        graph = import_graph(path)
    except ConvertError as error:
        if error.reference not in TYPED:
            raise
        return False
    told = run_reference_apart(path)
    if told is None:
        return False  # LiteRT knows no such form, and the importer is free to give it a meaning
    inputs, expected = told
    for wanted, found in zip(expected, run_imported(graph, inputs), strict=True):
        assert difference(found, wanted) < CLOSE
    return True


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_computes_what_litert_computes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(cases.taken(name).data)
    assert _agree(path)


@pytest.mark.parametrize("name", NAMES)
def test_what_changes_a_file_changes_both_or_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.tflite"
    for case in cases.broken(name):
        path.write_bytes(case.data)
        try:
            _agree(path)
        except AssertionError as error:
            raise AssertionError(f"{case}: {error}") from error


def _numbers(*shape: int) -> Any:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def _one(name: str, operands: list[Any], *results: tuple[int, ...], **options: Any) -> Tiny:
    """Return a file with one operation: an operand is a shape if it is computed, an array if it is stored."""
    tiny = Tiny()
    given = [tiny.tensor(o) if isinstance(o, tuple) else tiny.constant(np.asarray(o)) for o in operands]
    made = [tiny.tensor(shape) for shape in results]
    tiny.operation(name, given, made, **options)
    tiny.between([i for i, o in zip(given, operands, strict=True) if isinstance(o, tuple)], made)
    return tiny


def _ints(*values: int) -> Any:
    return np.array(values, np.int32)


WINDOWS = [
    (name, side, kernel, stride, padding)
    for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "TRANSPOSE_CONV")
    for side, kernel, stride in ((8, 3, 1), (8, 3, 2), (7, 3, 2), (9, 5, 2), (7, 4, 3), (8, 2, 2), (5, 5, 5), (6, 1, 2))
    for padding in (0, 1)
]


@pytest.mark.parametrize(("name", "side", "kernel", "stride", "padding"), WINDOWS)
def test_windows_of_every_padding(tmp_path: Path, name: str, side: int, kernel: int, stride: int, padding: int) -> None:
    common = {"padding": padding, "strideH": stride, "strideW": stride}
    image = (1, side, side + 2, 4)
    out = (1, *(-(-n // stride) if padding == 0 else (n - kernel) // stride + 1 for n in (side, side + 2)))
    if name == "CONV_2D":
        tiny = _one(name, [image, _numbers(6, kernel, kernel, 4), _numbers(6)], (*out, 6), **common)
    elif name == "DEPTHWISE_CONV_2D":
        weights = _numbers(1, kernel, kernel, 8)
        tiny = _one(name, [image, weights, _numbers(8)], (*out, 8), depthMultiplier=2, **common)
    elif name == "TRANSPOSE_CONV":
        sides = [n * stride if padding == 0 else (n - 1) * stride + kernel for n in (side, side + 2)]
        weights = _numbers(6, kernel, kernel, 4)
        tiny = _one(name, [_ints(1, *sides, 6), weights, image], (1, *sides, 6), **common)
    else:
        tiny = _one(name, [image], (*out, 4), filterHeight=kernel, filterWidth=kernel, **common)
    assert _agree(tiny.write(tmp_path / "m.tflite"))


@pytest.mark.parametrize("name", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
@pytest.mark.parametrize("size", [(8, 8), (4, 8), (7, 3), (2, 11), (1, 1), (12, 16)])
@pytest.mark.parametrize(("corners", "centres"), [(False, False), (True, False), (False, True)])
def test_every_way_to_resize(tmp_path: Path, name: str, size: tuple[int, int], *, corners: bool, centres: bool) -> None:
    options = {"alignCorners": corners, "halfPixelCenters": centres}
    tiny = _one(name, [(1, 4, 8, 3), _ints(*size)], (1, *size, 3), **options)
    assert _agree(tiny.write(tmp_path / "m.tflite"))


@pytest.mark.parametrize(
    ("shape", "axes"), [((1, 4, 6, 8), (1, 2)), ((1, 4, 6, 8), (3,)), ((1, 4, 6, 8), (-1, 1)), ((2, 5), (0,))]
)
@pytest.mark.parametrize("keep", [True, False])
def test_means_over_any_axes_behind_a_layer(
    tmp_path: Path, shape: tuple[int, ...], axes: tuple[int, ...], *, keep: bool
) -> None:
    tiny = Tiny()
    gone = {axis % len(shape) for axis in axes}
    left = tuple(1 if i in gone else n for i, n in enumerate(shape) if keep or i not in gone)
    x, y, z = tiny.tensor(shape), tiny.tensor(shape), tiny.tensor(left)
    tiny.operation("TANH", [x], [y])
    tiny.operation("MEAN", [y, tiny.constant(_ints(*axes))], [z], keepDims=keep)
    tiny.between([x], [z])
    assert _agree(tiny.write(tmp_path / "m.tflite"))


@pytest.mark.parametrize("shape", [(8,), (1, 1, 8), (6, 8), (4, 6, 8), (1, 4, 6, 1), (1,), ()])
@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL"])
def test_constants_of_any_shape_are_broadcast_in_tflites_order(
    tmp_path: Path, name: str, shape: tuple[int, ...]
) -> None:
    tiny = _one(name, [(1, 4, 6, 8), _numbers(*shape)], (1, 4, 6, 8), fusedActivationFunction=1)
    assert _agree(tiny.write(tmp_path / "m.tflite"))


def test_reshapes_slices_and_transposes_see_tflites_order(tmp_path: Path) -> None:
    tiny = Tiny()
    x = tiny.tensor((1, 4, 6, 8))
    flat, cut, turned, back = (tiny.tensor(s) for s in ((1, 24, 8), (1, 24, 4), (1, 4, 24), (1, 4, 3, 8)))
    tiny.operation("RESHAPE", [x, tiny.constant(_ints(1, 24, 8))], [flat])
    tiny.operation(
        "STRIDED_SLICE",
        [flat, *(tiny.constant(_ints(*n)) for n in ((0, 0, 1), (0, 0, -1), (1, 1, 2)))],
        [cut],
        beginMask=3,
        endMask=7,
    )
    tiny.operation("TRANSPOSE", [cut, tiny.constant(_ints(0, 2, 1))], [turned])
    tiny.operation("RESHAPE", [turned, tiny.constant(_ints(1, 4, 3, 8))], [back])
    weights, bias, y = tiny.constant(_numbers(2, 3, 3, 8)), tiny.constant(_numbers(2)), tiny.tensor((1, 4, 3, 2))
    tiny.operation("CONV_2D", [back, weights, bias], [y], strideH=1, strideW=1)
    tiny.between([x], [y])
    assert _agree(tiny.write(tmp_path / "m.tflite"))


def test_a_shrunk_axis_is_dropped(tmp_path: Path) -> None:
    operands = [(1, 4, 6, 8), _ints(0, 2, 0, 0), _ints(1, 3, 6, 8), _ints(1, 1, 2, 1)]
    tiny = _one("STRIDED_SLICE", operands, (1, 3, 8), shrinkAxisMask=2)
    assert _agree(tiny.write(tmp_path / "m.tflite"))
