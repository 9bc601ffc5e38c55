"""A report as one self-contained page: no address outside it, and everything a device said is text, never markup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sdkgen import pages, resources
from sdkgen.bench.report.drawing import draw_cell
from sdkgen.bench.report.model import CellReport, Report
from sdkgen.bench.report.notes import footnote
from sdkgen.bench.report.text import HEADINGS, Extra, rows
from sdkgen.bench.results.store import Store, StoredSession

_SORT_FIELDS = (
    "device", "provenance", "model", "backend", "median", "low", "p95", "completion", "cold_init", "warm_init", "first",
    "memory_mib", "delegated", "sessions", "verdicts",
)  # fmt: skip
"""What each of ``HEADINGS`` is sorted by."""

_NUMERIC = _SORT_FIELDS[_SORT_FIELDS.index("median") : _SORT_FIELDS.index("verdicts")]

_FIRST = ("device", "from", "model", "backend", "median ms", "95 % interval", "verdicts")
_ORDER = [HEADINGS.index(one) for one in (*_FIRST, *(name for name in HEADINGS if name not in _FIRST))]
"""The columns of the page: what decides whether a figure may be believed stands beside it, in sight."""


@dataclass(frozen=True)
class _Row:
    values: Sequence[str]
    keys: Sequence[str]
    numeric: Sequence[bool]


def page(report: Report, store: Store, extras: Sequence[Extra] = ()) -> str:
    """Return the page. The samples come from the ``store`` that the report was built from."""
    from markupsafe import Markup

    folder = resources.path("templates") / "report"
    sessions: dict[tuple[str, ...], list[StoredSession]] = {}
    for one in store.sessions(report.runs):
        if one.status == "complete" and len(one.series):
            sessions.setdefault(_key(one), []).append(one)
    data = [
        {"name": _visible(cell.name), "errors": [_visible(error) for error in cell.errors]}
        | draw_cell(cell, sessions.get((*cell.key, cell.artifact_sha256), []), len(report.cells))
        for cell in report.cells
    ]
    return pages.template("report").render(
        title="Latency by device",
        runs=[_visible(run) for run in report.runs],
        started=report.started,
        versions=", ".join(f"{name} {version}" for name, version in sorted(report.versions.items())),
        note=footnote(report),
        headings=[HEADINGS[at] for at in _ORDER],
        provenance=[HEADINGS[at] for at in _ORDER].index("from"),
        numeric=[_SORT_FIELDS[at] in _NUMERIC for at in _ORDER],
        rows=[_row(cell, text) for cell, text in zip(report.cells, rows(report.cells), strict=True)],
        extras=[
            Extra(one.title, one.headings, [[_visible(text) for text in line] for line in one.rows], one.note)
            for one in extras
        ],
        # Both are files of this package; the data is JSON in which nothing can end the script element.
        style=Markup((folder / "report.css").read_text(encoding="utf-8")),  # noqa: S704
        script=Markup((folder / "report.js").read_text(encoding="utf-8")),  # noqa: S704
        data=Markup(_json(data)),  # noqa: S704
    )


def _json(value: object) -> str:
    """Return JSON that is safe inside a script element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _row(cell: CellReport, texts: Sequence[str]) -> _Row:
    keys = [getattr(cell, _SORT_FIELDS[at]) for at in _ORDER]
    return _Row(
        [_visible(texts[at]) for at in _ORDER],
        [", ".join(key) if isinstance(key, tuple) else "" if key is None else _visible(str(key)) for key in keys],
        [_SORT_FIELDS[at] in _NUMERIC for at in _ORDER],
    )


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _key(one: StoredSession) -> tuple[str, ...]:
    paced = f"{one.paced:g}" if one.paced else ""
    first = (one.identity.serial_hash, one.provenance, one.model, one.backend, str(one.threads))
    return (*first, one.precision, one.runner, paced, one.artifact_sha256)
