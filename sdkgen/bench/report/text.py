"""A report as a terminal table, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from sdkgen import console
from sdkgen.bench.report.model import CellReport, Report, told_apart
from sdkgen.bench.report.notes import footnote, pairs_note
from sdkgen.bench.results.store import RunSummary, Store


@dataclass(frozen=True)
class Extra:
    """A further table below the report: a comparison, or published figures."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


_UNLIMITED = 400

HEADINGS = (
    "device", "from", "model", "backend", "median ms", "95 % interval", "p95", "run only", "cold init", "warm init",
    "first run", "MiB", "on backend", "sessions", "verdicts",
)  # fmt: skip


def print_table(report: Report, extras: Sequence[Extra] = ()) -> None:
    """Print the report, and further tables below it, on standard output; the devices' text is escaped."""
    _print(HEADINGS, rows(report.cells))
    if note := footnote(report):
        console.out.print(f"[dim]{note}[/]", soft_wrap=True)
    for extra in (*comparison_tables(report), *extras):
        print_rows(extra.headings, extra.rows, title=extra.title, note=extra.note)


def comparison_tables(report: Report) -> list[Extra]:
    """Return a table of each of the report's rows beside the baseline of its run; none if no run has one."""
    found = report.comparisons
    if not found:
        return []
    headings = ("device", "backend", "row", "baseline", "baseline ms", "ms", "ratio", "95 % interval", "pairs")
    lines = [
        (
            one.device,
            one.backend,
            one.model + (f", {one.run}" if len(report.runs) > 1 else ""),
            one.baseline,
            number(one.baseline_median),
            number(one.median),
            number(one.ratio, 3),
            f"{number(one.low, 3)}–{number(one.high, 3)}" if one.low is not None else "–",
            str(one.pairs),
        )
        for one in found
    ]
    note = "Ratio: of sessions that took turns; above 1 is slower than the baseline. "
    return [Extra("Beside the baseline", headings, lines, note + pairs_note([one.pairs for one in found]))]


def print_runs(store: Store) -> None:
    """Print a line for each run that the store holds."""
    summaries = store.summaries()
    headings = ("run", "started", "ended", "stored", "sessions × runs", "models", "devices", "host")
    lines = []
    for one in store.runs():
        held = summaries.get(one.id, RunSummary())
        asked = f"{one.settings.get('sessions')} × {one.settings.get('runs')}"
        host = str(one.host.get("name") or one.host.get("machine") or "–")
        ended = one.ended or "interrupted, or goes on"
        lines.append(
            (one.id, one.started, ended, str(held.sessions), asked, _listed(held.models), _listed(held.devices), host)
        )
    _print(headings, lines)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str, note: str = "") -> None:
    """Print a table with a title above it and a note below, if there is one; all text is escaped."""
    console.out.print(f"\n[bold]{console.safe(title)}[/]", soft_wrap=True)
    _print(headings, rows)
    if note:
        console.out.print(f"[dim]{console.safe(note)}[/]", soft_wrap=True)


def _print(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    for one in rows:
        table.add_row(*(console.safe(text) for text in one))
    # Where no terminal sets a width, nothing is wrapped: a script reads lines.
    out = console.out if console.out.is_terminal else Console(file=console.out.file, width=_UNLIMITED, highlight=False)
    out.print(table)


def rows(cells: Sequence[CellReport]) -> list[tuple[str, ...]]:
    """Return the cells' figures as text, in the order of ``HEADINGS``; beside the backend, what tells cells apart."""
    told = told_apart(cells, "serial_hash", "provenance", "model", "way")
    return [_row(cell, cell.way + more) for cell, more in zip(cells, told, strict=True)]


def _row(cell: CellReport, way: str) -> tuple[str, ...]:
    interval = f"{number(cell.low)}–{number(cell.high)}" if cell.low is not None else "–"
    ops = f"{cell.delegated}/{cell.ops} ops" if cell.ops is not None and cell.delegated is not None else "–"
    done = f"{cell.sessions}/{cell.sessions + cell.failed}"
    verdicts = ", ".join(cell.verdicts) or "fine"
    if cell.median is None and cell.errors:
        verdicts = cell.errors[-1].partition(":")[0]
    return (
        cell.device,
        cell.provenance,
        cell.model,
        way,
        number(cell.median),
        interval,
        number(cell.p95),
        number(cell.completion),
        number(cell.cold_init),
        number(cell.warm_init),
        number(cell.first),
        number(cell.memory_mib, 0),
        ops,
        done,
        verdicts,
    )


def number(value: float | None, digits: int = 2) -> str:
    """Return a figure as text, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def markdown(report: Report) -> str:
    """Return the report as a Markdown table, with the runs that it is made of."""
    return markdown_table(HEADINGS, rows(report.cells)) + (
        "\nTimes in milliseconds: median of session medians over write, run and read-back. "
        f"Runs: {', '.join(report.runs)}.{f' {note}' if (note := footnote(report)) else ''}\n"
    )


def markdown_section(table: Extra) -> str:
    """Return a further table with its title and note as Markdown."""
    return f"### {table.title}\n\n{markdown_table(table.headings, table.rows)}\n{table.note}\n"


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; text that would end a cell or begin markup is escaped."""
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    lines += [f"| {' | '.join(_plain(text) for text in one)} |" for one in rows]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    for character in "\\`*_[]|":
        shown = shown.replace(character, f"\\{character}")
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_csv(report: Report) -> str:
    """Return the report as CSV with full precision; a cell that a spreadsheet would take for a formula gets a quote."""
    fields = [
        name for name in CellReport.model_fields if name not in ("session_medians", "reference_medians", "errors")
    ]
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(fields)
    for cell in report.cells:
        values = cell.model_dump(mode="json")
        writer.writerow([_harmless(values[name]) for name in fields])
    return made.getvalue()


def _harmless(value: object) -> object:
    if isinstance(value, list):
        value = "; ".join(str(part) for part in value)
    if isinstance(value, str):
        value = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in value)
        return f"'{value}" if value[:1] in ("=", "+", "-", "@") else value
    return "" if value is None else value
