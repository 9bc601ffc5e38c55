"""Public models: no "refuses" where LiteRT runs one whole, no "takes" where it does not, and little not known."""

from __future__ import annotations

import sys

import pytest

from sdkgen.convert.lint import lint
from sdkgen.convert.lint.ml_drift import NAME
from sdkgen.convert.lint.witness import testify as ask
from sdkgen.convert.lint.witness import witness
from tests.convert.lint.public import models

_MOST_UNKNOWN = 0.05


@pytest.mark.sweep
@pytest.mark.network
def test_rules_and_runtime_agree_on_public_models() -> None:
    files = models()
    wrong, unknown, whole = [], 0, 0
    with witness() as runtime:
        for path in files:
            model = path.read_bytes()
            report = lint(path)
            answer = runtime.ask(model, run=False)
            answers = {operation.answer(NAME) for operation in report.operations}
            whole += answer.is_whole
            if "unknown" in answers and "refuses" not in answers:
                unknown += 1
            elif ("refuses" not in answers) != answer.is_whole:
                wrong.append(f"{path.name}: the rules say {sorted(answers)}, the runtime {answer.reason or 'runs it'}")
            (place,) = (place for place in report.graphs[0].placements if place.target == NAME)
            if answer.refused and answer.runs != place.runs:
                wrong.append(f"{path.name}: {answer.runs} operations run on the GPU, not {place.runs}")
    sys.stdout.write(f"\n{len(files)} public models, {whole} of which run whole; {unknown} not known\n")
    assert wrong == []
    assert unknown <= _MOST_UNKNOWN * len(files)


@pytest.mark.sweep
@pytest.mark.network
def test_small_public_models_come_out_with_the_value_that_the_rules_say() -> None:
    with witness() as runtime:
        for path in models():
            if path.stat().st_size < 1 << 20:
                report = ask(lint(path), path.read_bytes(), runtime)
                assert report.testimony is not None
                assert report.testimony.disagreements == (), path.name
