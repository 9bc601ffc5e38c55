"""``sdkgen lint``: will every operation of a model file run on the GPU?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sdkgen import console

if TYPE_CHECKING:
    from sdkgen.convert.lint import LintReport

_NAMED = 3
"""How many operations of a group are named before the rest is only counted."""


def register(app: typer.Typer) -> None:
    """Add ``lint``."""
    app.command("lint")(lint)


def lint(
    file: Path = typer.Argument(metavar="FILE", help="A .tflite file or an .mlpackage folder."),
    json: bool = typer.Option(False, "--json", help="Print JSON, operation by operation."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="List every operation, not only those that fall back."),
) -> None:
    """Say of each operation whether the GPU takes it, and if not, why and what to do. Exit 1 if one falls back."""
    from sdkgen.convert.lint import lint as judge

    report = judge(file)
    if json:
        summary = {"passed": report.passed, **report.model_dump(mode="json")}
        console.print_json(summary)
    else:
        _print(report, verbose)
    if not report.passed:
        raise typer.Exit(1)


def _print(report: LintReport, verbose: bool) -> None:
    if verbose:
        _print_operations(report)
    for target in report.targets:
        taken, total = report.counts(target)
        colour = "green" if taken == total else "red" if target in report.required else "yellow"
        console.out.print(f"{target}: [{colour}]{taken} of {total} operations[/{colour}]")
    for finding, name, operations in report.grouped():
        places = [console.safe(o.output or f"operation {o.index}") for o in operations[:_NAMED]]
        more = f" and {len(operations) - _NAMED} more" if len(operations) > _NAMED else ""
        what = f"[bold]{len(operations)} × {console.safe(name)}[/bold]"
        console.out.print(
            f"\n{what} fall back on {finding.target} [dim]({finding.rule})[/dim]\n"
            f"  why: {console.safe(finding.message)}\n"
            f"  at:  {', '.join(places)}{more}\n"
            f"  fix: {console.safe(finding.fix)}",
            soft_wrap=True,
        )


def _print_operations(report: LintReport) -> None:
    from rich.table import Table

    table = Table("", "operation", "version", "computes", *report.targets, box=None, header_style="bold")
    for operation in report.operations:
        marks = ["yes" if operation.runs_on(target) else "[red]no[/red]" for target in report.targets]
        version = str(operation.version or "")
        told = (console.safe(operation.name), version, console.safe(operation.output))
        table.add_row(str(operation.index), *told, *marks)
    console.out.print(table)
    console.out.print()
