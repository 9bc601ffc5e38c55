"""Nothing is said of Core AI's compute units but what Apple publishes."""

from __future__ import annotations

import pytest

from sdkgen.backends.coreai import Operation
from sdkgen.commands.lint import _print
from sdkgen.convert.lint import lint
from sdkgen.convert.lint.coreai import GPU, NEURAL_ENGINE, judge


def operation(dtype: str = "float16", shape: tuple[int | None, ...] = (1, 24, 64, 64)) -> Operation:
    return Operation("conv2d", (0, 1), (2,), (dtype,), (shape,), has_blocks=False)


@pytest.mark.parametrize(
    ("subject", "rules"),
    [
        (operation(), {(GPU, "core-ai-unknown", "unknown"), (NEURAL_ENGINE, "core-ai-unknown", "unknown")}),
        (operation("float32"), {(GPU, "core-ai-unknown", "unknown"), (NEURAL_ENGINE, "float32", "refuses")}),
        (
            operation(shape=(1, 2, 3, 4, 5, 6)),
            {(GPU, "core-ai-unknown", "unknown"), (NEURAL_ENGINE, "core-ai-rank", "refuses")},
        ),
        (
            operation(shape=(1, None, 3)),
            {(GPU, "core-ai-unknown", "unknown"), (NEURAL_ENGINE, "core-ai-shape", "refuses")},
        ),
    ],
)
def test_what_is_known_and_no_more(subject: Operation, rules: set[tuple[str, str, str]]) -> None:
    found = list(judge(subject))
    assert {(finding.target, finding.rule, finding.verdict) for finding in found} == rules
    assert all(bool(finding.source) == (finding.verdict == "refuses") for finding in found)


def test_an_asset_is_listed_with_counts_and_types_and_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("coreai_torch", reason="needs the extra coreai", exc_type=ImportError)
    from sdkgen.convert import convert
    from sdkgen.spec.registry import load_model

    report = lint(convert(load_model("blazeface-front"), "coreai").path)
    (graph,) = report.graphs
    assert (graph.name, graph.dtypes) == ("main", {"float16": 140, "float32": 1})
    assert report.passed
    assert not report.is_certain
    assert report.counts(GPU) == (0, 141)
    assert {o.answer(NEURAL_ENGINE) for o in report.operations} == {"unknown", "refuses"}
    _print(report, verbose=False)
    said = capsys.readouterr().out
    assert "operations: 51 × decomposable.broadcasting_add, 35 × conv2d, 28 × pad" in said
    assert "results in: 140 × float16, 1 × float32" in said
    assert "GPU may or may not take" in said
