from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdkgen.errors import BackendError, MissingExtraError, RuntimeMissingError
from sdkgen.parity import run as parity_run
from sdkgen.parity.compare import Reference, Subject, _tensor_row, compare
from sdkgen.parity.inputs import Input
from sdkgen.parity.report import Comparison, Skipped
from sdkgen.parity.run import run, subjects
from sdkgen.parity.tensors import TensorDifference
from sdkgen.spec.registry import load_model

FRONT = load_model("blazeface-front")


def test_every_artifact_on_every_runtime() -> None:
    chosen = list(subjects(["litert", "coreml"], ["fp16", "fp32"]))
    assert len(chosen) == len(set(chosen)) == 8
    assert {(s.format, s.runtime) for s in chosen} == {("tflite", "litert"), ("coreml", "coreml")}
    assert {s.layout for s in chosen} == {"joined", "standard"}


def test_core_ai_has_one_layout() -> None:
    chosen = list(subjects(["coreai"], ["fp16", "fp32"]))
    assert [(s.format, s.precision, s.layout) for s in chosen] == [
        ("coreai", "fp16", "joined"),
        ("coreai", "fp32", "joined"),
    ]


def test_bytes_go_into_tflite_files_only() -> None:
    chosen = list(subjects(["litert", "onnx", "litert-gpu"], ["fp16"], input_type="bytes"))
    assert [(s.runtime, s.input_type, s.layout) for s in chosen] == [
        ("litert", "bytes", "joined"),
        ("litert-gpu", "bytes", "joined"),
    ]


def test_compressed_weights_are_measured_not_judged() -> None:
    (extra,) = [s for s in subjects(["litert", "coreml"], ["fp16"], 8) if s.detail]
    assert extra == Subject("coreml", "fp16", "joined", "coreml", "8-bit weights", judged=False)


class Refusing:
    def __init__(self, *_: object, **__: object) -> None:
        raise RuntimeMissingError("no adapters found")


def _no_backend(*_: object, **__: object) -> Refusing:
    return Refusing()


@pytest.fixture
def no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity_run, "open_artifact", _no_backend)
    empty = Reference("torch", [])
    monkeypatch.setattr(parity_run, "references", lambda *_: [empty])


@pytest.mark.usefixtures("no_runtime")
def test_a_runtime_that_is_missing_is_said_once() -> None:
    chosen = list(subjects(["litert-gpu"], ["fp16", "fp32"]))
    ticks: list[int] = []
    results = list(
        run(FRONT, chosen, [], lambda *_, **__: Path("x"), optional=["litert-gpu"], done=lambda: ticks.append(1))
    )
    assert results == [Skipped(runtime="litert-gpu", why="no adapters found")]
    assert len(ticks) == 4


@pytest.mark.usefixtures("no_runtime")
def test_a_package_that_is_missing_is_said_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*_: object, **__: object) -> Refusing:
        raise MissingExtraError("onnxruntime")

    monkeypatch.setattr(parity_run, "open_artifact", without)
    chosen = list(subjects(["onnx"], ["fp16"]))
    results = list(run(FRONT, chosen, [], lambda *_, **__: Path("x"), optional=["onnx"]))
    assert [result.why for result in results if isinstance(result, Skipped)] == [
        "the package onnxruntime is not installed"
    ]


@pytest.mark.parametrize(
    ("runtime", "name"),
    [("litert", "x.tflite"), ("onnx", "x.onnx"), ("coreml", "x.mlpackage"), ("coreai", "x.aimodel")],
)
def test_an_artifact_that_no_runtime_reads_is_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, name: str
) -> None:
    monkeypatch.setattr(parity_run, "references", lambda *_: [Reference("torch", [])])
    (tmp_path / name).write_bytes(b"no model")
    chosen = list(subjects([runtime], ["fp16"]))
    with pytest.raises(BackendError) as caught:
        list(run(FRONT, chosen, [], lambda *_, **__: tmp_path / name, optional=[runtime]))
    assert not isinstance(caught.value, RuntimeMissingError)


@pytest.mark.usefixtures("no_runtime")
def test_a_runtime_that_was_asked_for_must_run() -> None:
    with pytest.raises(BackendError, match="no adapters"):
        list(run(FRONT, list(subjects(["litert-gpu"], ["fp16"])), [], lambda *_, **__: Path("x")))


def test_limits_follow_the_arithmetic() -> None:
    outputs = {o.name: np.zeros(o.shape, np.float32) for o in FRONT.outputs}

    class Zeros:
        name = "zeros"

        def run(self, _: object) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
            return outputs

        def close(self) -> None: ...

    def limit(runtime: str, precision: str) -> Comparison:
        subject = Subject("any", precision, "standard", runtime)  # type: ignore[arg-type]
        noise = Input("noise", np.zeros((1, 128, 128, 3), np.float32))
        return compare(subject, Zeros(), [Reference("torch", [outputs])], [noise], FRONT)[0]

    assert FRONT.parity.gpu is not None
    assert FRONT.parity.coreai is not None
    tight, wide = FRONT.parity.fp32.tensor, FRONT.parity.fp16.tensor
    found = {(r, p): limit(r, p).limits for r in ("litert", "coreml", "coreai", "litert-gpu") for p in ("fp16", "fp32")}
    assert {key: value.tensor for key, value in found.items() if value} == {
        ("litert", "fp16"): tight,  # the released weights are half already, and the arithmetic is not
        ("litert", "fp32"): tight,
        ("coreml", "fp16"): wide,
        ("coreml", "fp32"): tight,
        ("coreai", "fp16"): FRONT.parity.coreai.tensor,
        ("coreai", "fp32"): tight,
        ("litert-gpu", "fp16"): FRONT.parity.gpu.tensor,
        ("litert-gpu", "fp32"): tight,
    }


def test_differences_are_shares_of_the_inputs_own_range() -> None:
    calm = TensorDifference("scores", 0.2, 0.1, 7, -5.0, 5.0)
    wild = TensorDifference("scores", 1.0, 0.1, 9, -500.0, 500.0)
    row = _tensor_row([(calm, "photo"), (wild, "frame")])
    assert row.maximum == pytest.approx(0.02)
    assert row.mean == pytest.approx(0.01)
    assert (row.row, row.input) == (7, "photo")


def test_a_single_number_is_measured_by_its_range_over_all_inputs() -> None:
    one = TensorDifference("presence", 0.1, 0.1, 0, 30.0, 30.0)
    other = TensorDifference("presence", 0.2, 0.2, 0, -10.0, -10.0)
    assert _tensor_row([(one, "photo"), (other, "noise")]).maximum == pytest.approx(0.005)
    assert _tensor_row([(one, "photo")]).maximum == pytest.approx(0.1)
