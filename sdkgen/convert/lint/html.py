"""The lint report as a page that stands alone: the graph in its order, with the operations that cut it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from sdkgen import pages
from sdkgen.convert.lint.report import GraphVerdict, LintReport, OperationVerdict
from sdkgen.files import whole_file


def write_html(report: LintReport, target: Path) -> None:
    """Write the report as HTML that needs nothing from elsewhere; raises ``OutputError``."""
    with whole_file(target) as work:
        page = pages.template("lint", runs=runs, mark=mark).render(report=report, groups=report.grouped())
        work.write_text(page, encoding="utf-8")


def runs(graph: GraphVerdict, targets: tuple[str, ...]) -> list[list[OperationVerdict]]:
    """Return the operations in order, in stretches that all targets answer alike."""

    def answers(operation: OperationVerdict) -> tuple[str, ...]:
        return tuple(mark(operation, target) for target in targets)

    def stretches() -> Iterator[list[OperationVerdict]]:
        for _, operations in groupby(graph.operations, key=answers):
            yield list(operations)

    return list(stretches())


def mark(operation: OperationVerdict, target: str) -> str:
    """Return the answer for one target, told from "takes" where another value comes out."""
    answer: str = operation.answer(target)
    wrong = any(f.target == target and f.verdict == "computes another value" for f in operation.findings)
    return "wrong" if answer == "takes" and wrong else answer
