"""Whether anything became slower, for CI: a gate that passes only what it has judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sdkgen import console
from sdkgen.bench.report.compare import Change, changes, missing
from sdkgen.bench.report.model import Report
from sdkgen.bench.report.spread import Spreads
from sdkgen.bench.results.statistics import FEWEST_SESSIONS, Interval
from sdkgen.errors import UsageError

Answer: TypeAlias = Literal["fine", "slower", "not judged"]

WIDEST = 2.5
"""How wide an interval may be, either way, in limits: a slowdown of so many limits is found in every other case."""
FINEST = 0.01
"""A limit below this is judged as finely as this one: no interval is narrow enough for a limit of nothing."""


@dataclass(frozen=True)
class Judgement:
    """What is to be said about one cell, and why."""

    name: str
    answer: Answer
    why: str = ""


def judge(name: str, ratio: Interval | None, allowed: float, count: int, remedy: str) -> Judgement:
    """Judge a cell by its ratio to the baseline, which comes from ``count`` sessions or pairs.

    It is slower if the ratio is above what is ``allowed`` and its 95 % interval above one. It is not judged if there is
    no interval, or if that is wider, either way, than ``WIDEST`` limits: then a slowdown that matters could go
    unseen. ``remedy`` is what makes an interval narrower.
    """
    if ratio is None:
        return Judgement(name, "not judged", "not measured, or failed: see its errors")
    if ratio.low is None or ratio.high is None:
        return Judgement(name, "not judged", f"{count} sessions; an interval needs {FEWEST_SESSIONS}")
    said = f"ratio {ratio.value:.3f} (95 % {ratio.low:.3f}–{ratio.high:.3f}), allowed {1 + allowed:.3f}"
    if ratio.value > 1 + allowed and ratio.low > 1:
        return Judgement(name, "slower", said)
    finest = (ratio.high - ratio.low) / 2 / ratio.value / WIDEST
    if finest > max(allowed, FINEST):
        return Judgement(name, "not judged", f"{said}: cannot judge below {finest:.1%}. {remedy}")
    return Judgement(name, "fine", said)


def judge_run(report: Report, allowed: float, expected: int) -> list[Judgement]:
    """Judge a run that has a baseline; ``expected`` is how many comparisons were asked for."""
    remedy = "Measure more --sessions, or let the device rest."
    found = [
        judge(
            one.name,
            Interval(one.ratio, one.low, one.high) if one.ratio is not None else None,
            allowed,
            one.pairs,
            remedy,
        )
        for one in report.comparisons
    ]
    absent = expected - len(found)
    return found + [Judgement("a device that was not measured", "not judged", "see its errors")] * absent


def judge_runs_apart(report: Report, baseline: Report, allowed: float, spreads: Spreads) -> list[Judgement]:
    """Judge every cell of a baseline that was measured in another run.

    Raises ``UsageError`` if the two have no cell in common.
    """
    found = changes(report, baseline, spreads)
    if not found:
        raise UsageError(
            "the baseline has no cell in common with this report",
            hint="Compare runs of the same device, model and backend.",
            reference="nothing-to-compare",
        )
    absent = [Judgement(cell.name, "not judged", "not measured this time") for cell in missing(report, baseline)]
    measured = {cell.key for cell in baseline.cells if cell.session_medians}
    failed = [
        Judgement(c.name, "not judged", "failed in the baseline") for c in baseline.cells if c.key not in measured
    ]
    return [_judge_change(one, allowed) for one in found] + absent + failed


def _judge_change(one: Change, allowed: float) -> Judgement:
    remedy = "Compare in one run (sdkgen bench --baseline)"
    if not one.spread.freedom:
        remedy += ", or measure the baseline some times more: how runs differ here is assumed, not known"
    count = min(len(one.cell.session_medians), len(one.before.session_medians))
    return judge(one.cell.name, one.ratio, allowed, count, f"{remedy}.")


def pass_gate(judgements: Sequence[Judgement], *, allow_missing: bool) -> bool:
    """Print what was found, and return whether everything was judged and nothing is slower.

    With ``allow_missing`` what could not be judged is named and let pass; but something must have been judged.
    """
    slower = [one for one in judgements if one.answer == "slower"]
    unknown = [one for one in judgements if one.answer == "not judged"]
    judged = len(judgements) - len(unknown)
    for one in slower:
        console.err.print(f"[bold red]slower[/] {console.safe(one.name)}: {one.why}", soft_wrap=True)
    for one in unknown:
        console.warn(f"not judged: {one.name}: {one.why}")
    if not judged:
        console.warn("the gate does not pass: nothing was judged")
    elif unknown and not allow_missing:
        console.warn(f"the gate does not pass: {len(unknown)} of {len(judgements)} cells were not judged")
        console.note("With --allow-missing, cells that cannot be judged do not keep it from passing")
    elif not slower:
        left = f", {len(unknown)} not judged" if unknown else ""
        console.note(f"No significant regression in {judged} cell{'s' if judged > 1 else ''}{left}")
    return judged > 0 and not slower and (allow_missing or not unknown)
