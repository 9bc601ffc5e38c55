"""``sdkgen lint``: will every operation of a model file run on the GPU?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sdkgen import console
from sdkgen.commands import SPEC
from sdkgen.errors import UsageError

if TYPE_CHECKING:
    from sdkgen.convert.lint import LintReport
    from sdkgen.convert.lint.report import GraphVerdict, Testimony

_NAMED = 3
"""How many operations of a group are named before the rest is only counted."""

_VERBS = {"refuses": "refuses", "unknown": "may or may not take", "computes another value": "computes another value of"}
_COLOURS = {"refuses": "red", "unknown": "yellow", "computes another value": "magenta"}


def register(app: typer.Typer) -> None:
    """Add ``lint``."""
    app.command("lint")(lint)


def lint(
    file: Path | None = typer.Argument(
        None, metavar="[FILE]", help="A .tflite file, an .mlpackage or an .aimodel folder."
    ),
    spec_file: Path | None = SPEC,
    run: bool = typer.Option(False, "--run", help="Ask LiteRT's GPU accelerator too; needs a Vulkan driver."),
    strict: bool = typer.Option(False, "--strict", help="Exit 1 also for what is not known."),
    html: Path | None = typer.Option(None, "--html", metavar="PAGE", help="Write the graph with its cuts as a page."),
    json: bool = typer.Option(False, "--json", help="Print JSON, operation by operation."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="List every operation, not only those that fall back."),
) -> None:
    """Say of each operation whether the GPU takes it, and if not, why and what to do. Exit 1 if one falls back."""
    from sdkgen.convert.lint import lint as judge

    if spec_file is not None and file is None:
        file = _convert(spec_file)
    elif file is None or spec_file is not None:
        raise UsageError("give a file, or a model with --spec", hint="One of the two, not both.")
    report = judge(file)
    if run:
        report = _ask(report, file)
    if html is not None:
        from sdkgen.convert.lint.html import write_html

        write_html(report, html)
    if json:
        summary = {"passed": report.passed, "certain": report.is_certain, **report.model_dump(mode="json")}
        console.print_json(summary)
    else:
        _print(report, verbose)
    if not report.is_certain:
        console.warn("whether some operations stay on the GPU is not known; --strict makes that a failure")
    if not report.passed or (strict and not report.is_certain):
        raise typer.Exit(1)


def _convert(spec_file: Path) -> Path:
    """Return the .tflite file that build makes of the user's model."""
    from sdkgen.convert import convert
    from sdkgen.spec.registry import add_model, load_model

    return convert(load_model(add_model(spec_file)), "tflite").path


def _ask(report: LintReport, file: Path) -> LintReport:
    if report.format != "tflite":
        raise UsageError(
            "--run asks LiteRT, which runs .tflite files",
            context=str(file),
            hint="Of Apple's formats, a Mac or a phone has the answer; what they compute tells sdkgen parity.",
            reference="not-for-this-format",
        )
    from sdkgen.convert.lint.witness import testify, witness

    with console.status("Asking LiteRT's GPU accelerator"), witness() as asked:
        return testify(report, file.read_bytes(), asked)


def _print(report: LintReport, verbose: bool) -> None:
    for graph in report.graphs:
        if len(report.graphs) > 1:
            entries = f" ({', '.join(graph.signatures)})" if graph.signatures else ""
            console.out.print(f"[bold]{console.safe(graph.name + entries)}[/bold]")
        _print_placements(report, graph)
        if graph.dtypes:
            _print_counts(graph)
        if verbose:
            _print_operations(report, graph)
    if report.testimony is not None:
        _print_testimony(report.testimony)
    for finding, name, operations in report.grouped():
        places = [console.safe(o.output or f"operation {o.index}") for o in operations[:_NAMED]]
        more = f" and {len(operations) - _NAMED} more" if len(operations) > _NAMED else ""
        names = name if "×" in name else f"{len(operations)} × {name}"
        what = f"[bold]{console.safe(names)}[/bold]"
        verb = f"[{_COLOURS[finding.verdict]}]{_VERBS[finding.verdict]}[/{_COLOURS[finding.verdict]}]"
        source = f" [dim]({console.safe(finding.source)})[/dim]" if finding.source else ""
        console.out.print(
            f"\n{finding.target} {verb} {what} [dim]({finding.rule})[/dim]\n"
            f"  why: {console.safe(finding.message)}{source}\n"
            f"  at:  {', '.join(places)}{more}\n"
            f"  fix: {console.safe(finding.fix)}",
            soft_wrap=True,
        )


def _print_placements(report: LintReport, graph: GraphVerdict) -> None:
    for place in graph.placements:
        colour = "green" if place.takes == place.total else "red" if place.target in report.required else "yellow"
        said = f"{place.target}: [{colour}]{place.takes} of {place.total} operations[/{colour}]"
        if place.unknown:
            said += f", {place.unknown} not known"
        if place.cuts:
            cuts = ", ".join(f"{count} × {console.safe(name)}" for name, count in place.cuts.items())
            parts = "one part" if place.partitions == 1 else f"{place.partitions} parts"
            verb = "may run" if place.unknown else "run"
            said += f"; {place.runs} {verb} there, the graph falls into {parts}, cut by {cuts}"
        console.out.print(said, soft_wrap=True)


def _print_counts(graph: GraphVerdict) -> None:
    names = Counter(operation.name for operation in graph.operations)
    for title, counts in (("operations", dict(names.most_common())), ("results in", graph.dtypes)):
        listed = ", ".join(f"{count} × {console.safe(name)}" for name, count in counts.items())
        console.out.print(f"{title}: {listed}", soft_wrap=True)


def _print_testimony(said: Testimony) -> None:
    where = f"{said.runtime} ({console.safe(said.adapter)})"
    if said.whole:
        told = "[green]runs the whole graph[/green]"
    else:
        runs = "" if said.runs is None else f"{said.runs} operations run there; "
        told = f"[red]does not run the whole graph[/red]: {runs}{console.safe(said.reason)}"
    console.out.print(f"{where} {told}", soft_wrap=True)
    if said.largest is not None:
        worst = "no number" if said.difference is None else f"{said.difference:.3g}"
        console.out.print(f"  largest difference to the CPU {worst}, largest result {said.largest:.3g}", soft_wrap=True)
    for one in said.disagreements:
        console.out.print(f"  [red]rules and runtime disagree[/red]: {console.safe(one)}", soft_wrap=True)


def _print_operations(report: LintReport, graph: GraphVerdict) -> None:
    from rich.table import Table

    table = Table("", "operation", "version", "computes", *report.targets, box=None, header_style="bold")
    for operation in graph.operations:
        answers = [operation.answer(target) for target in report.targets]
        marks = [one if one == "takes" else f"[{_COLOURS[one]}]{one}[/{_COLOURS[one]}]" for one in answers]
        version = str(operation.version or "")
        told = (console.safe(operation.name), version, console.safe(operation.output))
        table.add_row(str(operation.index), *told, *marks)
    console.out.print(table)
    console.out.print()
