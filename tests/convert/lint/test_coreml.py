"""Which compute units take the operations of a package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sdkgen import convert
from sdkgen.backends.mil.package import read
from sdkgen.convert.lint import LintReport, lint
from sdkgen.convert.lint.coreml import GPU, NEURAL_ENGINE, judge
from sdkgen.convert.lint.program import Operation
from sdkgen.errors import BackendError
from sdkgen.spec.registry import load_model
from tests.backends.mil_programs import Body, save


def rules(report: LintReport, target: str, verdict: str = "refuses") -> set[str]:
    found = [finding for operation in report.operations for finding in operation.findings]
    return {finding.rule for finding in found if (finding.target, finding.verdict) == (target, verdict)}


@pytest.mark.parametrize("name", ["blazeface-front", "blazeface-full-range", "face-landmark"])
def test_what_we_build_runs_on_the_gpu(name: str) -> None:
    report = lint(convert.convert(load_model(name), "coreml").path)
    assert report.passed
    assert report.is_certain
    assert report.counts(GPU) == (len(report.operations), len(report.operations))
    elsewhere = [operation for operation in report.operations if not operation.runs_on(NEURAL_ENGINE)]
    assert {operation.name for operation in elsewhere} == {"cast"}
    assert len(elsewhere) == len(read(Path(report.path)).outputs)


def test_float32_stays_off_the_neural_engine() -> None:
    report = lint(convert.convert(load_model("blazeface-front"), "coreml", precision="fp32").path)
    assert report.passed
    assert report.counts(NEURAL_ENGINE)[0] == 0
    ((finding, _, operations),) = report.grouped()
    assert (finding.rule, len(operations)) == ("float32", len(report.operations))


FAULTS: dict[str, Body] = {
    "pad-axes": lambda mb, x: mb.pad(x=x, pad=[1, 1, 0, 0, 0, 0], mode="reflect"),
}


@pytest.mark.parametrize("rule", FAULTS)
def test_what_falls_back_is_found_and_explained(rule: str, tmp_path: Path) -> None:
    report = lint(save(tmp_path, (1, 2, 5, 5), FAULTS[rule]))
    assert not report.passed
    assert rules(report, GPU) == {rule}
    assert all(f.message and f.fix and f.source for o in report.operations for f in o.findings)


def test_what_a_later_system_added_is_not_known(tmp_path: Path) -> None:
    report = lint(save(tmp_path, (1, 2, 5, 5), lambda mb, x: mb.non_zero(x=x)))
    assert report.passed
    assert not report.is_certain
    assert rules(report, GPU, "unknown") == {"unknown"}
    assert any("iOS 17" in finding.message for finding, _, _ in report.grouped())


def made(kind: str, shape: tuple[int | None, ...]) -> set[tuple[str, str, str]]:
    operation = Operation(kind, ("y",), ("x",), is_float32=False, shapes=(shape,), values={})
    return {(finding.rule, finding.target, finding.verdict) for finding in judge(operation)}


def test_operations_and_shapes_that_coremltools_would_not_write_here_are_judged() -> None:
    assert made("relu", (1, 2, 1, 5, 1, 5)) == {("core-ml-rank", t, "refuses") for t in (GPU, NEURAL_ENGINE)}
    assert made("classify", (1,)) == {("cpu-only", t, "refuses") for t in (GPU, NEURAL_ENGINE)}
    assert made("an_operation_of_the_future", (1,)) == {("unknown", t, "unknown") for t in (GPU, NEURAL_ENGINE)}
    assert made("constexpr_lut_to_dense", (1,)) == set()


def test_a_shape_in_a_range_runs_on_the_gpu_and_perhaps_on_the_neural_engine() -> None:
    assert made("relu", (None, 3, 8, 8)) == {("flexible-shape", NEURAL_ENGINE, "unknown")}


def test_large_pool_is_reported_but_passes(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        return mb.max_pool(x=x, kernel_sizes=[3, 3], strides=[3, 3], pad_type="valid")

    report = lint(save(tmp_path, (1, 2, 9, 9), body, half=True))
    assert report.passed
    assert "pool-window" in rules(report, NEURAL_ENGINE)


@pytest.mark.filterwarnings("ignore")
def test_every_function_is_judged_and_weights_of_four_bits_are_read(tmp_path: Path) -> None:
    import coremltools as ct
    import numpy as np
    from coremltools.converters.mil import Builder
    from coremltools.optimize.coreml import OpPalettizerConfig, OptimizationConfig, palettize_weights

    def body(x: Any) -> Any:
        weights = np.random.default_rng(3).normal(size=(64, 64)).astype(np.float32)
        return Builder.relu(x=Builder.linear(x=x, weight=weights), name="y")

    program = Builder.program(input_specs=[Builder.TensorSpec((1, 64))], opset_version=ct.target.iOS18)(body)
    model = ct.convert(program, convert_to="mlprogram", minimum_deployment_target=ct.target.iOS18)
    config = OptimizationConfig(global_config=OpPalettizerConfig(mode="uniform", nbits=4, weight_threshold=0))
    for name, package in (("plain", model), ("packed", palettize_weights(model, config))):
        package.save(str(tmp_path / f"{name}.mlpackage"))
    functions = ct.utils.MultiFunctionDescriptor()
    functions.add_function(str(tmp_path / "plain.mlpackage"), "main", "a")
    functions.add_function(str(tmp_path / "packed.mlpackage"), "main", "b")
    functions.default_function_name = "a"
    ct.utils.save_multifunction(functions, str(tmp_path / "both.mlpackage"))

    packed = lint(tmp_path / "packed.mlpackage")
    assert "constexpr_lut_to_dense" in [operation.name for operation in packed.operations]
    assert packed.passed
    both = lint(tmp_path / "both.mlpackage")
    assert [graph.name for graph in both.graphs] == ["a", "b"]
    assert all(graph.placements[0].takes == graph.placements[0].total > 0 for graph in both.graphs)


def test_damaged_package_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.mlpackage").mkdir()
    with pytest.raises(BackendError):
        lint(tmp_path / "x.mlpackage")
