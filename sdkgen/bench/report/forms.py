"""A report, or the paper's tables, as the text of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal, TypeAlias

from sdkgen import console
from sdkgen.bench.report.html import page
from sdkgen.bench.report.model import Report
from sdkgen.bench.report.text import Extra, as_csv, comparison_tables, markdown, markdown_section
from sdkgen.bench.results.store import Store
from sdkgen.errors import UsageError

Form: TypeAlias = Literal["markdown", "csv", "json", "html"]


def render_report(report: Report, store: Store, form: Form, extras: Sequence[Extra]) -> str:
    """Return the report with ``extras`` below it, where the form has room for them."""
    extras = [*comparison_tables(report), *extras]
    if form == "html":
        return page(report, store, extras)
    if form == "json":
        return console.as_json(report.model_dump(mode="json")) + "\n"
    if form == "csv":
        return as_csv(report)
    return markdown(report) + "".join(f"\n{markdown_section(one)}" for one in extras)


def render_tables(tables: Sequence[Extra], report: Report, store: Store | None, form: Form) -> str:
    """Return the tables alone; as a page, below the report.

    Raises ``UsageError`` for a form that cannot hold them.
    """
    if form == "json":
        return console.as_json([asdict(one) for one in tables]) + "\n"
    if form == "html" and store is not None:
        return page(report, store, [*comparison_tables(report), *tables])
    if form in ("csv", "html"):
        what = "three tables make no one CSV" if form == "csv" else "the page needs a store of results"
        raise UsageError(what, hint="Choose --format markdown or json with --paper.")
    return "\n".join(markdown_section(one) for one in tables)
