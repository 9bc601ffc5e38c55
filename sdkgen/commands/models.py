"""``sdkgen models``: what models there are."""

from __future__ import annotations

import typer

from sdkgen import console
from sdkgen.spec.registry import load_model, model_names


def register(app: typer.Typer) -> None:
    """Add ``models list`` and ``models show``."""
    group = typer.Typer(help="List the models, or show one.", no_args_is_help=True)
    group.command("list")(list_models)
    group.command("show")(show_model)
    app.add_typer(group, name="models")


def list_models(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """List the models this version knows."""
    specs = [load_model(name) for name in model_names()]
    if json:
        hidden = {"network", "parity"}
        console.print_json([spec.model_dump(mode="json", by_alias=True, exclude=hidden) for spec in specs])
        return
    from rich.table import Table

    table = Table("model", "input", "anchors", "weights", "what it is for", box=None, header_style="bold")
    for spec in specs:
        size = f"{spec.input.width} × {spec.input.height}"
        weights = f"{spec.released.bytes:,} B" if spec.trained else "untrained"
        table.add_row(spec.name, size, str(spec.anchor_count or "–"), weights, spec.title)
    console.out.print(table)


def show_model(name: str = typer.Argument(help="A model's name.")) -> None:
    """Print everything that describes one model, as JSON."""
    console.print_json(load_model(name).model_dump(mode="json", by_alias=True))
