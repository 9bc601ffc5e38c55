"""The evaluation as a page that stands alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sdkgen import resources
from sdkgen.files import whole_file


def write_html(report: dict[str, Any], target: Path) -> None:
    """Write ``report`` as HTML that needs nothing from elsewhere; raises ``OutputError``."""
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.path("templates") / "eval"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["percent"] = percent
    with whole_file(target) as work:
        work.write_text(templates.get_template("report.html.j2").render(report), encoding="utf-8")


def percent(share: float | None, digits: int = 2) -> str:
    """Return a share as a percentage, and a dash for none."""
    return "–" if share is None else f"{share * 100:.{digits}f} %"
