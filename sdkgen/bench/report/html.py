"""A report as one self-contained page: no address outside it, and everything a device said is text, never markup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sdkgen import pages, resources
from sdkgen.bench.report.model import CellReport, Report, totals
from sdkgen.bench.report.text import HEADINGS, Extra, footnote, rows
from sdkgen.bench.results.store import Store, StoredSession
from sdkgen.bench.runs.bench import temperature

_SORT_FIELDS = (
    "device", "provenance", "model", "backend", "median", "low", "p95", "completion", "cold_init", "warm_init", "first",
    "memory_mib", "delegated", "sessions", "verdicts",
)  # fmt: skip
"""What each of ``HEADINGS`` is sorted by."""

_NUMERIC = _SORT_FIELDS[_SORT_FIELDS.index("median") : _SORT_FIELDS.index("verdicts")]


@dataclass(frozen=True)
class _Row:
    values: Sequence[str]
    keys: Sequence[str]
    numeric: Sequence[bool]


def page(report: Report, store: Store, extras: Sequence[Extra] = ()) -> str:
    """Return the page. The samples come from the ``store`` that the report was built from."""
    from markupsafe import Markup

    folder = resources.path("templates") / "report"
    sessions = store.sessions(report.runs)
    data = [_cell(cell, sessions) for cell in report.cells]
    return pages.template("report").render(
        title="Latency by device",
        runs=[_visible(run) for run in report.runs],
        started=report.started,
        versions=", ".join(f"{name} {version}" for name, version in sorted(report.versions.items())),
        note=footnote(report),
        headings=HEADINGS,
        numeric=[field in _NUMERIC for field in _SORT_FIELDS],
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
    keys = [getattr(cell, field) for field in _SORT_FIELDS]
    return _Row(
        [_visible(text) for text in texts],
        [", ".join(key) if isinstance(key, tuple) else "" if key is None else _visible(str(key)) for key in keys],
        [field in _NUMERIC for field in _SORT_FIELDS],
    )


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _cell(cell: CellReport, sessions: Sequence[StoredSession]) -> dict[str, object]:
    mine = [session for session in sessions if _key(session) == (*cell.key, cell.artifact_sha256)]
    good = [session for session in mine if session.status == "complete" and session.recording.samples]
    return {
        "name": _visible(cell.name),
        "errors": [_visible(error) for error in cell.errors],
        "sessions": [
            {"number": index, "started": session.started[11:19], "heat": _heat(session), "samples": _samples(session)}
            for index, session in enumerate(good)
        ],
    }


def _key(one: StoredSession) -> tuple[str, ...]:
    paced = f"{one.paced:g}" if one.paced else ""
    first = (one.identity.serial_hash, one.provenance, one.model, one.backend, str(one.threads))
    return (*first, one.precision, one.runner, paced, one.artifact_sha256)


def _samples(session: StoredSession) -> list[tuple[float, float, float | None]]:
    """Return per sample: milliseconds since the first, write to read-back, and the run alone; in milliseconds."""
    return [
        (round(s.at_ns / 1e6, 3), round(total, 5), None if s.run_ns is None else round(s.run_ns / 1e6, 5))
        for s, total in zip(session.recording.samples, totals(session), strict=True)
    ]


def _heat(session: StoredSession) -> str:
    before = temperature(session.health_before) if session.health_before else None
    after = temperature(session.health_after) if session.health_after else None
    return f", {before:.0f} → {after:.0f} °C" if before is not None and after is not None else ""
