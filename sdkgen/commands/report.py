"""``sdkgen report``: tables of what was measured, and of what became slower."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import typer

from sdkgen import console
from sdkgen.commands import given, need, parse_share
from sdkgen.errors import SdkgenError, UsageError

Format: TypeAlias = Literal["table", "markdown", "csv", "json", "html"]

# By option: what is said with it, and the options that would be ignored beside it.
_NOT_WITH = {
    "into": ("a file is stored, and nothing reported",
             ("runs", "run", "form", "compare", "check", "max_regression", "allow_missing", "out", "paper",
              "evaluations")),
    "runs": ("the list of runs is a table of all of them",
             ("run", "form", "compare", "check", "max_regression", "allow_missing", "out", "paper", "evaluations")),
    "paper": ("the paper's tables are compared with nothing else",
              ("compare", "check", "max_regression", "allow_missing")),
}  # fmt: skip
_ONLY_WITH = {"max_regression": "check", "allow_missing": "check", "evaluations": "paper"}


def register(app: typer.Typer) -> None:
    """Add ``report``."""
    app.command("report")(report)


def report(
    context: typer.Context,
    run: str = typer.Option("latest", "--run", help="A run's id or its beginning, latest, or all."),
    form: Format | None = typer.Option(
        None, "--format", "-f", help="How to write it.", show_default="table, or markdown with --out"
    ),
    compare: str | None = typer.Option(None, "--compare", help="A run, a JSON report, or published."),
    check: str | None = typer.Option(None, "--check", help="A run or a JSON report to be no slower than."),
    max_regression: str = typer.Option("5%", "--max-regression", help="How much slower is allowed with --check."),
    allow_missing: bool = typer.Option(False, "--allow-missing", help="With --check: pass what cannot be judged."),
    out: Path | None = typer.Option(None, "--out", "-o", help="Write to this file."),
    store: str | None = typer.Option(None, "--store", help="Where results are: a path or a database URL."),
    into: Path | None = typer.Option(None, "--import", help="Store the sessions of a file that a failed bench left."),
    runs: bool = typer.Option(False, "--runs", help="List the runs instead."),
    paper: bool = typer.Option(False, "--paper", help="The BlazeFace paper's Tables 1 to 3, beside what was measured."),
    evaluations: list[Path] = typer.Option([], "--evaluation", help="With --paper: what sdkgen eval --json printed."),
) -> None:
    """Report what was measured: medians with intervals, initialisation, memory, verdicts.

    With --check, exits 0 only if every cell of the baseline was judged and none is slower: by more than allowed, and by
    its 95 % interval.
    """
    from sdkgen.bench.report.check import judge_runs_apart, pass_gate
    from sdkgen.bench.report.compare import compare_with, read_baseline
    from sdkgen.bench.report.forms import render_report
    from sdkgen.bench.report.model import build_report, choose_runs
    from sdkgen.bench.report.spread import Spreads
    from sdkgen.bench.report.text import print_runs, print_table
    from sdkgen.bench.results.keeper import import_file
    from sdkgen.bench.results.store import Store

    allowed = parse_share(max_regression)
    _refuse_what_would_be_ignored(context)
    if form == "table" and out is not None:
        raise UsageError("a table is drawn for a terminal", hint="Leave out --out, or choose another --format.")
    if compare and form in ("csv", "json"):
        raise UsageError(f"{form} holds no comparison", hint="Choose --format table, markdown or html with --compare.")
    form = form or ("markdown" if out else "table")
    if paper:
        _paper(store, run, evaluations, form, out)
        return
    if into is not None:
        opened = Store(store)
        console.note(f"{import_file(opened, into)} sessions were new; the file may go: {into}")
        return
    with_store = Store(store, create=False)
    if runs:
        print_runs(with_store)
        return
    chosen = choose_runs(with_store, run)
    made = build_report(with_store, [one.id for one in chosen])
    if unended := [one.id for one in chosen if one.ended is None]:
        console.note(f"Shown is what is stored of runs that did not come to an end, or go on: {', '.join(unended)}")
    extras = [compare_with(made, with_store, compare)] if compare else []
    if form == "table":
        print_table(made, extras)
    else:
        _put(render_report(made, with_store, form, extras), out)
    if check is not None:
        found = judge_runs_apart(made, read_baseline(with_store, check), allowed, Spreads(with_store))
        if not pass_gate(found, allow_missing=allow_missing):
            raise typer.Exit(1)


def _refuse_what_would_be_ignored(context: typer.Context) -> None:
    """Raise ``UsageError`` if an option was given that another one keeps from having any effect."""
    found = given(context)
    for option, (what, others) in _NOT_WITH.items():
        if option in found and (ignored := [found[name] for name in others if name in found]):
            raise UsageError(what, hint=f"Leave out {', '.join(ignored)}, or {found[option]}.")
    need(context, _ONLY_WITH)


def _paper(store: str | None, run: str, evaluations: list[Path], form: Format, out: Path | None) -> None:
    """Write the paper's tables; measured columns are empty where there are no runs and no evaluations."""
    from sdkgen.bench.report.forms import render_tables
    from sdkgen.bench.report.model import Report, build_report, choose_runs
    from sdkgen.bench.report.notes import few_sessions_note
    from sdkgen.bench.report.text import Extra, print_rows
    from sdkgen.bench.results.store import Store
    from sdkgen.evaluate.paper import Latency, paper_tables, read_evaluation
    from sdkgen.spec.published import published

    made = Report(runs=(), started="", versions={}, cells=())
    opened: Store | None = None
    try:
        opened = Store(store, create=False)
        made = build_report(opened, [one.id for one in choose_runs(opened, run)])
    except SdkgenError as error:
        if error.reference not in ("no-store", "no-runs"):
            raise
    latencies = [
        Latency(cell.device, cell.device_model, cell.model, cell.median, cell.provenance)
        for cell in made.cells
        if cell.backend == "gpu" and cell.median is not None
    ]
    found = paper_tables(published(), latencies, [read_evaluation(path) for path in evaluations])
    few = few_sessions_note(cell for cell in made.cells if cell.backend == "gpu")
    tables = [Extra(one.title, one.headings, one.rows, f"{one.note} {few}".strip()) for one in found]
    if form != "table":
        _put(render_tables(tables, made, opened, form), out)
        return
    for table in tables:
        print_rows(table.headings, table.rows, title=table.title, note=table.note)


def _put(text: str, out: Path | None) -> None:
    """Write ``text`` to the file ``out``, whole or not at all, or to standard output."""
    from sdkgen.files import whole_file

    if out is None:
        console.out.file.write(text)
        return
    with whole_file(out) as work:
        work.write_text(text, encoding="utf-8")
    console.note(f"Wrote {out}")
