"""What must be known about figures of few sessions, said below every table that holds some."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sdkgen.bench.report.model import CellReport, Report
from sdkgen.bench.results import statistics

SURE_PAIRS = 20
"""With so many pairs an interval of ratios holds the truth as often as it says."""


def footnote(report: Report) -> str:
    """Return what must be known about intervals of so few sessions as some cells have; empty if none has."""
    if all(cell.low is None or len(cell.session_medians) >= statistics.SURE_SESSIONS for cell in report.cells):
        return ""
    return (
        f"With fewer than {statistics.SURE_SESSIONS} sessions the interval is their range, which holds the true median "
        "in 75 % of all cases with three, and in 88 % with four."
    )


def few_sessions_note(cells: Iterable[CellReport]) -> str:
    """Return which figures are of fewer sessions than an interval of 95 % takes; empty if none are."""
    few = {f"{one.name} ({one.sessions})": None for one in cells if _is_of_few(one)}
    if not few:
        return ""
    return f"Of fewer than {statistics.SURE_SESSIONS} sessions, and so less sure than they look: {'; '.join(few)}."


def pairs_note(counts: Sequence[int]) -> str:
    """Return what must be known about intervals over so few pairs as there are; empty if there are enough."""
    known = [count for count in counts if count >= statistics.FEWEST_SESSIONS]
    if not known or min(known) >= SURE_PAIRS:
        return ""
    return (
        "An interval over few pairs holds the true ratio less often than 95 %: where noise is normal, in 75 % of all "
        "cases with three pairs, 88 % with five, 93 % with ten."
    )


def _is_of_few(cell: CellReport) -> bool:
    return cell.median is not None and cell.sessions < statistics.SURE_SESSIONS
