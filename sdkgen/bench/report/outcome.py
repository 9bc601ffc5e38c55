"""What a run measured and what went wrong in it, at the end of the command that ran it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sdkgen import console
from sdkgen.bench.plan import Settings
from sdkgen.bench.report.model import build_report
from sdkgen.bench.report.text import print_table
from sdkgen.bench.results.store import Store
from sdkgen.bench.runs.bench import Problem


def print_run(store: Store, run_id: str, problems: Sequence[Problem], settings: Settings, *, json: bool) -> None:
    """Print the run's table, or its report as JSON, and what went wrong."""
    report = build_report(store, [run_id])
    if json:
        console.print_json({**report.model_dump(mode="json"), "problems": [_as_json(one) for one in problems]})
    elif report.cells:
        print_table(report)
        again = f"sdkgen report --run {run_id}"
        console.note(f"Run {run_id}, {settings.sessions} sessions of {settings.runs} runs; see it again: {again}")
    print_problems(problems)


def print_problems(problems: Sequence[Problem]) -> None:
    """Print each problem on standard error, once for a cell on a device."""
    seen = set()
    for one in problems:
        key = (one.device, one.cell, one.error.reference)
        if key not in seen:
            console.print_error(one.error)
        seen.add(key)


def _as_json(problem: Problem) -> dict[str, Any]:
    error = problem.error
    return {
        "device": problem.device,
        "cell": problem.cell,
        "reference": error.reference,
        "message": error.message,
        "hint": error.hint,
    }
