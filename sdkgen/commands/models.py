"""``sdkgen models``: what models there are."""

from __future__ import annotations

import typer

from sdkgen import console
from sdkgen.spec.registry import load_model, model_names

app = typer.Typer(help="List the models, or show one.", no_args_is_help=True)


@app.command("list")
def list_models(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """List the models this version knows."""
    specs = [load_model(name) for name in model_names()]
    if json:
        console.print_json(
            [spec.model_dump(mode="json", by_alias=True, exclude={"network", "parity"}) for spec in specs]
        )
        return
    from rich.table import Table

    table = Table("model", "input", "anchors", "weights", "what it is for", box=None, header_style="bold")
    for spec in specs:
        size = f"{spec.input.width} × {spec.input.height}"
        table.add_row(spec.name, size, str(spec.anchor_count or "–"), f"{spec.weights.bytes:,} B", spec.summary)
    console.out.print(table)


@app.command("show")
def show_model(name: str = typer.Argument(help="A model's name.")) -> None:
    """Print everything that describes one model, as JSON."""
    console.print_json(load_model(name).model_dump(mode="json", by_alias=True))
