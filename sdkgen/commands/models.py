"""``sdkgen models``: what models there are."""

from __future__ import annotations

from pathlib import Path

import typer

from sdkgen import console
from sdkgen.errors import OutputError
from sdkgen.spec.registry import load_model, model_names


def register(app: typer.Typer) -> None:
    """Add ``models list``, ``models show`` and ``models new``."""
    group = typer.Typer(help="List the models, show one, or describe one of your own.", no_args_is_help=True)
    group.command("list")(list_models)
    group.command("show")(show_model)
    group.command("new")(new_model)
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


def new_model(
    target: Path = typer.Argument(metavar="FILE.toml", help="The spec to write."),
    source: Path = typer.Option(..., "--from", metavar="MODEL.tflite", help="The model's file."),
    like: str = typer.Option("blazeface-front", "--like", help="The model whose thresholds and names are the start."),
    force: bool = typer.Option(False, "--force", help="Replace a file that is there."),
) -> None:
    """Write the spec of a model of your own: what its file says, and what is for you to check."""
    from sdkgen.files import whole_file
    from sdkgen.spec.new import propose
    from sdkgen.spec.own import read_spec

    if target.exists() and not force:
        hint = "Replace it with --force, or choose another name."
        raise OutputError("there is a file already; it stays as it is", context=str(target), hint=hint)
    text = propose(source, target, load_model(like))
    with whole_file(target) as file:
        file.write_text(text, encoding="utf-8")
    spec = read_spec(target)
    size, points = f"{spec.input.width} × {spec.input.height}", len(spec.detector.keypoints)
    about = f"{size}, {spec.anchor_count} anchors, {points} keypoints"
    console.out.print(f"{console.safe(target)}: {about}", soft_wrap=True)
    console.note(f"Check what is marked CHECK, then: sdkgen parity --spec {target}, sdkgen build --spec {target}")


def show_model(name: str = typer.Argument(help="A model's name.")) -> None:
    """Print everything that describes one model, as JSON."""
    console.print_json(load_model(name).model_dump(mode="json", by_alias=True))
