"""What a run measured and what went wrong in it, at the end of the command that ran it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sdkgen import console
from sdkgen.bench.plan import Settings
from sdkgen.bench.report.check import judge_run, pass_gate
from sdkgen.bench.report.model import build_report
from sdkgen.bench.report.text import print_table
from sdkgen.bench.results.store import Store
from sdkgen.bench.runs.bench import Problem


@dataclass(frozen=True)
class Gate:
    """What a run with a baseline has to hold: no row slower by more than ``allowed``, of so many comparisons."""

    allowed: float
    expected: int
    allow_missing: bool


def close_run(
    store: Store, run_id: str, problems: Sequence[Problem], settings: Settings, gate: Gate | None, *, json: bool
) -> bool:
    """Print the run's table or JSON, what went wrong, and what the gate says; return whether all is well.

    All is well if there are no problems (with ``allow_missing``, if the gate passes all the same), and the gate passes.
    """
    report = build_report(store, [run_id])
    judgements = judge_run(report, gate.allowed, gate.expected) if gate else []
    if json:
        more = {"problems": [_as_json(one) for one in problems], "gate": [asdict(one) for one in judgements]}
        console.print_json(report.model_dump(mode="json") | more)
    elif report.cells:
        print_table(report)
        again = f"sdkgen report --run {run_id}"
        console.note(f"Run {run_id}, {settings.passes} sessions of {settings.runs} runs; see it again: {again}")
    print_problems(problems)
    if gate is None:
        return not problems
    passed = pass_gate(judgements, allow_missing=gate.allow_missing)
    return passed and (gate.allow_missing or not problems)


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
