"""Which compute units take the operations of a package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdkgen import convert
from sdkgen.backends.mil.package import Operation, Ref, read
from sdkgen.convert.lint import lint
from sdkgen.convert.lint.coreml import GPU, NEURAL_ENGINE, judge
from sdkgen.errors import BackendError
from sdkgen.spec.registry import load_model
from tests.backends.mil_programs import Body, save


@pytest.mark.parametrize("name", ["blazeface-front", "blazeface-full-range", "face-landmark"])
def test_what_we_build_runs_on_the_gpu(name: str) -> None:
    report = lint(convert.convert(load_model(name), "coreml").path)
    assert report.passed
    assert report.counts(GPU) == (len(report.operations), len(report.operations))
    elsewhere = [operation for operation in report.operations if not operation.runs_on(NEURAL_ENGINE)]
    assert {operation.name for operation in elsewhere} == {"cast"}
    assert len(elsewhere) == len(read(Path(report.path)).outputs)


def test_float32_stays_off_the_neural_engine() -> None:
    report = lint(convert.convert(load_model("blazeface-front"), "coreml", precision="fp32").path)
    assert report.passed
    assert report.counts(NEURAL_ENGINE)[0] == 0
    assert {finding.rule for finding, _, _ in report.grouped()} == {"float32"}


FAULTS: dict[str, Body] = {
    "cpu-only": lambda mb, x: mb.non_zero(x=x),
    "pad-axes": lambda mb, x: mb.pad(x=x, pad=[1, 1, 0, 0, 0, 0], mode="reflect"),
}


@pytest.mark.parametrize("rule", FAULTS)
def test_what_falls_back_is_found_and_explained(rule: str, tmp_path: Path) -> None:
    report = lint(save(tmp_path, (1, 2, 5, 5), FAULTS[rule]))
    assert not report.passed
    findings = [f for o in report.falling_back for f in o.findings if f.target == GPU]
    assert {finding.rule for finding in findings} == {rule}
    assert all(finding.message and finding.fix for finding in findings)


@pytest.mark.parametrize(("rule", "shape"), [("tensor-rank", (1, 2, 1, 5, 1, 5)), ("dynamic-shape", (1, 0, 5))])
def test_shapes_that_coremltools_would_not_write_are_found(rule: str, shape: tuple[int, ...]) -> None:
    operation = Operation("relu", {"x": Ref("x")}, ("y",), (np.dtype(np.float16),), (shape,))
    assert {(finding.rule, finding.target) for finding in judge(operation)} == {(rule, GPU), (rule, NEURAL_ENGINE)}


def test_large_pool_is_reported_but_passes(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        return mb.max_pool(x=x, kernel_sizes=[3, 3], strides=[3, 3], pad_type="valid")

    report = lint(save(tmp_path, (1, 2, 9, 9), body, half=True))
    assert report.passed
    assert "pool-window" in {finding.rule for finding, _, _ in report.grouped()}


def test_damaged_package_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.mlpackage").mkdir()
    with pytest.raises(BackendError):
        lint(tmp_path / "x.mlpackage")
