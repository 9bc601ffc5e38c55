"""Whether anything became slower than in a baseline, for CI: ``sdkgen report --check``."""

from __future__ import annotations

from sdkgen import console
from sdkgen.bench.report.compare import Change, changes, missing
from sdkgen.bench.report.model import Report
from sdkgen.errors import UsageError


def find_regressions(report: Report, baseline: Report, allowed: float) -> list[Change]:
    """Return the cells that became slower by more than ``allowed``, and say which, and what could not be compared.

    Raises ``UsageError`` if the two have no cell in common.
    """
    found = changes(report, baseline)
    if not found:
        raise UsageError(
            "the baseline has no cell in common with this report",
            hint="Compare runs of the same device, model and backend.",
            reference="nothing-to-compare",
        )
    for cell in missing(report, baseline):
        console.warn(f"not measured this time: {cell.name}")
    slower = [one for one in found if one.regressed(allowed)]
    for one in slower:
        low, high = one.ratio.low or 0.0, one.ratio.high or 0.0
        console.err.print(
            f"[bold red]slower[/] {console.safe(one.cell.name)}: {one.before.median:.3f} → {one.cell.median:.3f} ms, "
            f"ratio {one.ratio.value:.3f} (95 % {low:.3f}–{high:.3f}), allowed {1 + allowed:.3f}",
            soft_wrap=True,
        )
    unsure = [one for one in found if one.ratio.low is None]
    for one in unsure:
        console.warn(f"too few sessions to tell: {one.cell.name}")
    if not slower:
        console.note(f"No significant regression in {len(found) - len(unsure)} cells")
    return slower
