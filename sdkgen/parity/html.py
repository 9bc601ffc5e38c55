"""The parity report as a page that stands alone."""

from __future__ import annotations

from pathlib import Path

from sdkgen import pages
from sdkgen.files import whole_file
from sdkgen.parity.report import ParityReport


def write_html(result: ParityReport, target: Path) -> None:
    """Write ``result`` as HTML that needs nothing from elsewhere; raises ``OutputError``."""
    with whole_file(target) as work:
        work.write_text(pages.template("parity", share=share).render(report=result), encoding="utf-8")


def share(value: float | None, limit: float) -> str:
    """Return how much of what is allowed a difference takes, as a width for a bar: 0 to 100 %, at least 1 %."""
    return "0" if value is None else f"{min(100.0, max(1.0, 100 * value / limit)):.0f}"
