"""The self-test as ``build`` runs it: sound artifacts pass with room to spare, and each kind of fault is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sdkgen import convert
from sdkgen.artifact import Artifact, Format, Layout, Precision
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.detection.layout import join
from sdkgen.detection.types import Array, RawOutputs
from sdkgen.errors import ConvertError, WeightsError
from sdkgen.network import load
from sdkgen.render import check, selftest
from sdkgen.render.check import check_start
from sdkgen.spec.registry import load_model, model_names
from tests.weights.files import enlarge_first_layer, write_changed

FRONT = load_model("blazeface-front")
QUICK = ("blazeface-front", "blazeface-paper")


def golden_of(name: str) -> bytes:
    spec = load_model(name)
    return selftest.landmarks(spec) if spec.landmarks else selftest.selftest(spec)


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
@pytest.mark.parametrize("form", ["tflite", "coreml", "coreai", "onnx"])
@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in model_names()])
def test_every_model_could_start_in_every_format(name: str, form: Format, precision: Precision) -> None:
    if form == "coreai":
        pytest.importorskip("coreai_torch", reason="needs the extra coreai", exc_type=ImportError)
    check_start(convert.convert(load_model(name), form, precision=precision), load_model(name), golden_of(name))


@pytest.mark.parametrize("layout", ["joined", "standard"])
def test_either_layout_and_bytes_are_compared(layout: Layout) -> None:
    golden = golden_of(FRONT.name)
    check_start(convert.convert(FRONT, "tflite", layout=layout), FRONT, golden)
    check_start(convert.convert(FRONT, "tflite", layout=layout, input_type="bytes"), FRONT, golden)


class Tampered:
    """The network, whose joined output is changed before it is handed out."""

    name = "tampered"

    def __init__(self, change: Callable[[Array], None]) -> None:
        self.change = change
        self.network = TorchBackend(load(FRONT), FRONT)

    def run(self, image: Array) -> RawOutputs:
        output = join(self.network.run(image), FRONT).copy()
        self.change(output)
        return {"predictions": output}

    def close(self) -> None:
        self.network.close()


def put(column: int, value: float) -> Callable[[Array], None]:
    """Add ``value`` to a column of the best anchor, as the golden input has it."""
    best = int(selftest.read(golden_of(FRONT.name)).rows[0])

    def change(output: Array) -> None:
        output[0, best, column] += value

    return change


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        (16, 0.51, r"a logit is off by 0\.51 \(0\.5 is allowed\)"),
        (16, np.nan, "a logit is off by inf"),
        (3, 2.57, r"a coordinate by 0\.0201 of the input's side \(0\.02 is allowed\)"),
        (9, -np.inf, "a coordinate by inf"),
    ],
)
def test_what_is_off_by_more_than_the_sdk_allows_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, column: int, value: float, what: str
) -> None:
    monkeypatch.setattr(check, "open_artifact", lambda *_, **__: Tampered(put(column, value)))
    with pytest.raises(ConvertError, match=what) as caught:
        check_start(stand_in(tmp_path, "fp32"), FRONT, golden_of(FRONT.name))
    assert caught.value.reference == "fails-self-test"


@pytest.mark.parametrize(("column", "value"), [(16, -0.49), (3, 2.55)])
def test_what_the_sdk_allows_passes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, column: int, value: float) -> None:
    monkeypatch.setattr(check, "open_artifact", lambda *_, **__: Tampered(put(column, value)))
    check_start(stand_in(tmp_path, "fp16"), FRONT, golden_of(FRONT.name))


def stand_in(tmp_path: Path, precision: Precision) -> Artifact:
    """Return an artifact that nothing opens, with the record of a real one."""
    real = convert.convert(FRONT, "tflite")
    return replace(real, path=tmp_path, record=real.record.model_copy(update={"precision": precision}))


def test_overflow_in_half_names_the_layer(tmp_path: Path) -> None:
    weights = write_changed(tmp_path / "own.tflite", enlarge_first_layer)
    golden = selftest.selftest(FRONT, weights, trust=True)
    half, single = (
        convert.convert(FRONT, "coreml", precision=precision, weights=weights, trust=True)
        for precision in ("fp16", "fp32")
    )
    check_start(single, FRONT, golden, weights, trust=True)
    with pytest.raises(ConvertError, match=r"inf .*; stages\.0\.\S+ gives [0-9,]+, and half ends at 65,504") as caught:
        check_start(half, FRONT, golden, weights, trust=True)
    assert "--precision fp32" in caught.value.hint


def test_weights_that_overflow_float32_too_are_refused(tmp_path: Path) -> None:
    def enlarge(layers: list[list[Array]]) -> None:
        for constants in layers[:12]:
            constants[0][:] *= 1e4

    weights = write_changed(tmp_path / "own.tflite", enlarge)
    with pytest.raises(WeightsError, match="gives NaN or infinity") as caught:
        selftest.selftest(FRONT, weights, trust=True)
    assert caught.value.reference == "outputs-not-finite"
