"""HTML reports: pages that stand alone, in which everything that was not written here is escaped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sdkgen import resources

if TYPE_CHECKING:
    import jinja2


def template(name: str, **filters: Callable[..., Any]) -> jinja2.Template:
    """Return the template of the report ``name``, a folder of templates/."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.path("templates") / name),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment.get_template("report.html.j2")
