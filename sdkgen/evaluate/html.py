"""The evaluation as a page that stands alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sdkgen import pages
from sdkgen.files import whole_file


def write_html(report: dict[str, Any], target: Path) -> None:
    """Write ``report`` as HTML that needs nothing from elsewhere; raises ``OutputError``."""
    with whole_file(target) as work:
        work.write_text(pages.template("eval", percent=percent).render(report), encoding="utf-8")


def percent(share: float | None, digits: int = 2) -> str:
    """Return a share as a percentage, and a dash for none."""
    return "–" if share is None else f"{share * 100:.{digits}f} %"
