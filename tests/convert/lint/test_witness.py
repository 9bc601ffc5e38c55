"""LiteRT's GPU accelerator is asked about a file for every operation and rule: it has to say what the rules say."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from sdkgen.convert.lint import Finding, LintReport, lint
from sdkgen.convert.lint.ml_drift import KERNELS, NAME
from sdkgen.convert.lint.rules import RULES
from sdkgen.convert.lint.witness import Answer, Witness, witness
from tests.convert.lint import cases
from tests.convert.lint.cases import Case

_EVERY = 9
"""Of the derived files, one in this many is asked about beside those that were written down; a sweep asks all."""

_TYPES_SET_AT_LOAD = ("DEQUANTIZE", "EMBEDDING_LOOKUP", "ONE_HOT")
"""Their results' types are set by the runtime, whatever the file says."""

_NOT_IN_THE_RUNTIME = frozenset(("STABLEHLO_CBRT", "STABLEHLO_CLAMP", "STABLEHLO_REMAINDER"))
"""Operations that LiteRT's Python package does not load, though its accelerator has kernels for them."""

_NOT_ON_THE_CPU = frozenset("LSTM MaxUnpooling2D Resampler custom_call.PixelShuffle".split())
"""Operations that the GPU runs and the CPU does not, in these files or at all."""

WITHOUT_A_FILE = frozenset(("STABLEHLO_BROADCAST_IN_DIM",))
"""Operations of the table for which no file is made here: LiteRT's Python package does not load it."""

WITHOUT_A_WITNESS = frozenset(
    # Of the legacy delegate, which runs on phones alone, of Core ML and of Core AI.
    "batch cast-type comparison dequantize-int16 core-ml-rank cpu-only flexible-shape float32 nested-block pad-axes "
    "pool-window core-ai-rank core-ai-shape core-ai-unknown "
    # Of operations without a file here, or of models that are in public packages.
    "norm sparse-weights "
    # Of files that the CPU refuses too, by its own checks, so that the GPU's answer says nothing.
    "computed-shape concatenation-axis contradictory convolution-shapes lookup top-k "
    "weights-format weights-shape weights-type".split()
)
"""Rules of which ``cases`` holds no file that the CPU runs and the GPU refuses."""


def answers_of_the_rules(case: Case, folder: Path) -> LintReport:
    path = folder / "case.tflite"
    path.write_bytes(case.data)
    return lint(path)


def compare(asked: Iterable[Case], folder: Path, runtime: Witness) -> Iterator[tuple[Case, LintReport, Answer, str]]:
    """Yield each file that LiteRT can run at all, with both answers, and what is wrong between them."""
    for case in asked:
        report = answers_of_the_rules(case, folder)
        answer = runtime.ask(case.data, seconds=60)
        if answer.is_loadable or case.operation in _NOT_ON_THE_CPU:
            yield case, report, answer, disagreement(case, report, answer)


def disagreement(case: Case, report: LintReport, answer: Answer) -> str:
    (operation,) = report.operations
    verdict = operation.answer(NAME)
    findings = [finding for finding in operation.findings if finding.target == NAME]
    if verdict != "unknown" and (verdict == "takes") != answer.is_whole:
        said = "; ".join(finding.message for finding in findings)
        return f"{case}: the rules say {verdict} ({said}), the runtime {answer.reason or 'runs it'}"
    warned = any(finding.verdict == "computes another value" for finding in findings)
    if answer.is_whole and is_comparable(case) and answer.is_another_value != warned:
        return f"{case}: the results differ by {answer.facts['difference']}, and the rules say {warned}"
    return ""


def is_comparable(case: Case) -> bool:
    """Whether the CPU's results are the right ones, and not too coarse to compare."""
    coarse = any(word in case.change for word in ("int8", "uint8", "scale"))
    left_out_by_the_cpu = case.change == "fusedActivationFunction 4"
    counted_otherwise = case.operation == "MaxPoolingWithArgmax2D"  # the places that its second result names
    set_at_load = case.operation in _TYPES_SET_AT_LOAD
    return not (coarse or left_out_by_the_cpu or counted_otherwise or set_at_load)


def every_case() -> list[Case]:
    return [case for name in cases.MAKERS for case in (cases.taken(name), *cases.broken(name))]


def a_slice() -> list[Case]:
    chosen = []
    for number, case in enumerate(every_case()):
        written_down = case.change == "taken" or case.change in cases.SPECIAL.get(case.operation, {})
        if written_down or number % _EVERY == 0:
            chosen.append(case)
    return chosen


def test_every_operation_of_the_table_has_a_file() -> None:
    known = {name for name, kernel in KERNELS.items() if kernel.parser != "CustomOperationParserFactory"}
    assert known - set(cases.MAKERS) - set(cases.CRASHING) == WITHOUT_A_FILE
    assert set(cases.MAKERS) <= known


def test_every_rule_is_asked_for(tmp_path: Path) -> None:
    seen = {f.rule for c in every_case() for o in answers_of_the_rules(c, tmp_path).operations for f in o.findings}
    assert set(RULES) - WITHOUT_A_WITNESS <= seen


@pytest.mark.vulkan
def test_rules_and_runtime_agree(tmp_path: Path) -> None:
    with witness() as runtime:
        compared = list(compare(a_slice(), tmp_path, runtime))
    assert [wrong for *_, wrong in compared if wrong] == []
    whole = {case.operation for case, _, answer, _ in compared if case.change == "taken" and answer.is_whole}
    refused_at_all = {"RELU_0_TO_1", "BITWISE_XOR"}  # parsers without a rule that lets anything through
    assert whole == set(cases.MAKERS) - _NOT_IN_THE_RUNTIME - refused_at_all


@pytest.mark.sweep
def test_rules_and_runtime_agree_on_every_file(tmp_path: Path) -> None:
    with witness() as runtime:
        compared = list(compare(every_case(), tmp_path, runtime))
    assert [wrong for *_, wrong in compared if wrong] == []
    refused = {f.rule for _, report, answer, _ in compared if not answer.is_whole for f in rules_of(report)}
    other = {f.rule for _, report, answer, _ in compared if answer.is_another_value for f in rules_of(report)}
    whole = sum(answer.is_whole for _, _, answer, _ in compared)
    sys.stdout.write(f"\n{len(compared)} hand-made files, {whole} of which run whole\n")
    assert (refused | other) == set(RULES) - WITHOUT_A_WITNESS


def rules_of(report: LintReport) -> list[Finding]:
    return [finding for operation in report.operations for finding in operation.findings if finding.target == NAME]


@pytest.mark.vulkan
def test_of_a_graph_with_a_computed_shape_the_runtime_delegates_nothing() -> None:
    with witness() as runtime:
        for name in ("RESHAPE", "TILE", "MEAN"):
            case = next(case for case in cases.broken(name) if case.change == "operand 1 computed")
            assert runtime.ask(case.data, run=False).reason == "Failed to modify graph with delegate", name


@pytest.mark.vulkan
def test_of_composites_that_crash_the_runtime_nothing_is_promised(tmp_path: Path) -> None:
    with witness() as runtime:
        for name in cases.CRASHING:
            case = cases.taken(name)
            assert runtime.ask(case.data).reason.endswith("SIGSEGV"), name
            assert answers_of_the_rules(case, tmp_path).graphs[0].operations[0].answer(NAME) == "unknown"


@pytest.mark.vulkan
def test_a_process_that_crashes_or_hangs_is_an_answer() -> None:
    with witness() as runtime:
        damaged = runtime.ask(b"\x10\0\0\0TFL3" + b"\xff" * 80)
        assert not damaged.is_loadable
        late = runtime.ask(cases.taken("CONV_2D").data, seconds=0)
        assert "no answer within 0 s" in late.reason
        assert runtime.ask(cases.taken("CONV_2D").data).is_whole
