"""One report beside another, or beside what was published; and whether anything became slower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from sdkgen.bench.report.model import CellReport, Report, build_report, choose_runs, told_apart
from sdkgen.bench.report.notes import few_sessions_note
from sdkgen.bench.report.spread import Spreads
from sdkgen.bench.report.text import Extra, number
from sdkgen.bench.results import statistics
from sdkgen.bench.results.store import Store
from sdkgen.errors import UsageError, nearest
from sdkgen.spec.published import PublishedSpec, published


@dataclass(frozen=True)
class Change:
    """A cell in two reports: how it changed, as current / baseline."""

    cell: CellReport
    before: CellReport
    ratio: statistics.Interval
    spread: statistics.RunSpread
    by_reference: bool
    """Whether both medians were taken relative to the reference workload."""


def changes(current: Report, baseline: Report, spreads: Spreads) -> list[Change]:
    """Return the cells that both reports have figures for.

    The ratio is that of the medians relative to the reference workload, where both runs timed it in every session: what
    slows the whole device down cancels out of it. Its interval holds the ``spreads`` from run to run. Where the
    baseline has more than one artifact, the same one is before; or else the one that came last.
    """
    before: dict[tuple[str, ...], CellReport] = {}
    for cell in baseline.cells:
        if cell.session_medians:
            before[cell.key] = before[*cell.key, cell.artifact_sha256] = cell
    found = []
    for cell in current.cells:
        other = before.get((*cell.key, cell.artifact_sha256), before.get(cell.key))
        if cell.session_medians and other is not None:
            found.append(_change(cell, other, spreads))
    return found


def _change(cell: CellReport, before: CellReport, spreads: Spreads) -> Change:
    now, then = cell.to_reference, before.to_reference
    by_reference = now is not None and then is not None
    spread = spreads.of(cell, to_reference=by_reference)
    figures = (now, then) if now is not None and then is not None else (cell.session_medians, before.session_medians)
    return Change(cell, before, statistics.ratio_between_runs(*figures, spread), spread, by_reference)


def missing(current: Report, baseline: Report) -> list[CellReport]:
    """Return the cells that the baseline has figures for, and the current report has not."""
    have = {cell.key for cell in current.cells if cell.session_medians}
    return [cell for cell in baseline.cells if cell.session_medians and cell.key not in have]


def read_report(path: Path) -> Report:
    """Return a report that ``--format json`` wrote; raises ``UsageError`` if the file is none."""
    try:
        return Report.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(
            "this is no report", context=str(path), hint="Write one with: sdkgen report --format json --out FILE.",
            reference="bad-baseline",
        ) from error  # fmt: skip


def read_baseline(store: Store, text: str) -> Report:
    """Return the report that ``text`` names: a file that ``--format json`` wrote, or runs of the store."""
    if Path(text).is_file():
        return read_report(Path(text))
    return build_report(store, [one.id for one in choose_runs(store, text)])


def compare_with(report: Report, store: Store, text: str) -> Extra:
    """Return the report beside what ``text`` names: see ``read_baseline``, or published figures.

    Those are ``published``, or ``published:NAME`` for one table of devices/published/ by its name.
    """
    if text == "published" or text.startswith("published:"):
        tables = _tables(text.partition(":")[2])
        headings, rows = published_table(report, tables)
        note = " ".join(f"{one.source.reference}, {one.source.table}: {one.note}" for one in tables)
        note += f" {few_sessions_note(report.cells)}"
        return Extra("Beside published figures, in ms", headings, rows, note)
    found = changes(report, read_baseline(store, text), Spreads(store))
    note = CHANGE_NOTE + few_sessions_note([one.cell for one in found] + [one.before for one in found])
    note = note if found else "The two have no cell in common."
    return Extra(f"Beside {text}", CHANGE_HEADINGS, [change_row(one) for one in found], note)


CHANGE_HEADINGS = ("cell", "from", "before ms", "now ms", "ratio", "95 % interval", "run to run", "artifact")
CHANGE_NOTE = (
    "Ratio: now / before; above 1 is slower; with ÷ reference, of medians relative to the reference workload. The "
    "interval holds what runs differ by: estimated from the store, or assumed. "
)


def change_row(change: Change) -> tuple[str, ...]:
    """Return a change as text, in the order of ``CHANGE_HEADINGS``."""
    ratio = change.ratio
    interval = f"{ratio.low:.3f}–{ratio.high:.3f}" if ratio.low is not None and ratio.high is not None else "–"
    artifacts = dict.fromkeys((change.before.artifact_sha256[:8], change.cell.artifact_sha256[:8]))
    spread = f"{change.spread.deviation:.1%}{'' if change.spread.freedom else ' assumed'}"
    spread += " ÷ reference" if change.by_reference else ""
    figures = (number(change.before.median), number(change.cell.median), f"{ratio.value:.3f}", interval, spread)
    cell = change.cell
    name = f"{cell.model} on {cell.way}, {cell.precision}, {cell.runner} of {cell.device}"
    return (name, cell.provenance, *figures, " → ".join(artifacts))


def _tables(name: str) -> list[PublishedSpec]:
    known = {one.name: one for one in published() if one.latency}
    if name and name not in known:
        raise UsageError(f"no published table {name!r}", hint=nearest(name, known), reference="unknown-table")
    return [known[name]] if name else [one for one in known.values() if one.listed]


def published_table(report: Report, tables: Sequence[PublishedSpec]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and rows of a table like the paper's: a row a device, figures of the GPU (or the NPU) in ms.

    Every column says where its figures come from. A measured device that a publication names shares its row; where
    there are several of its model, each figure says whose it is.
    """
    networks = list(dict.fromkeys(figure.column for one in tables for figure in one.latency))
    measured = [cell for cell in report.cells if cell.backend == "gpu" and cell.median is not None]
    told = told_apart(measured, "model", "provenance")
    columns = [(f"{cell.model}, GPU{more}", cell.provenance) for cell, more in zip(measured, told, strict=True)]
    ours = list(dict.fromkeys(columns))
    headings = (
        "device",
        *(f"{network}, published" for network in networks),
        *(f"{what}, {provenance}" for what, provenance in ours),
        "source",
    )
    lines: dict[str, dict[str | tuple[str, str], str]] = {}
    sources: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for one in tables:
        for figure in one.latency:
            line = lines.setdefault(figure.device, {})
            text = f"{figure.milliseconds:g}"
            # Of the GPUs of one device, or its runs: each figure stands there.
            line[figure.column] = f"{line[figure.column]}, {text}" if figure.column in line else text
            sources.setdefault(figure.device, []).append(f"{one.source.reference}, {one.source.table}")
            names |= dict.fromkeys(figure.device_models, figure.device)
    places = [names.get(cell.device_model or "") if cell.provenance == "measured" else None for cell in measured]
    for cell, column, known in zip(measured, columns, places, strict=True):
        twins = {one.serial_hash for one, place in zip(measured, places, strict=True) if known and place == known}
        text = number(cell.median) + (f" #{cell.serial_hash[:4]}" if len(twins) > 1 else "")
        device = known or cell.device
        line = lines.setdefault(device, {})
        line[column] = f"{line[column]}, {text}" if column in line else text
        sources.setdefault(device, []).append(f"{cell.provenance}, {', '.join(report.runs)}")
    keys: tuple[str | tuple[str, str], ...] = (*networks, *ours)
    rows = [
        (device, *(figures.get(key, "–") for key in keys), "; ".join(dict.fromkeys(sources[device])))
        for device, figures in lines.items()
    ]
    return headings, rows
