"""``sdkgen weights``: fetch and verify released weights."""

from __future__ import annotations

from pathlib import Path

import typer

from sdkgen import console
from sdkgen.errors import UsageError
from sdkgen.spec.registry import load_model, model_names


def register(app: typer.Typer) -> None:
    """Add ``weights fetch``."""
    group = typer.Typer(help="Fetch and verify the released weights.", no_args_is_help=True)
    group.command("fetch")(fetch_weights)
    app.add_typer(group, name="weights")


def fetch_weights(
    models: list[str] | None = typer.Argument(None, metavar="[MODEL…]", help="Models; all of them if none is named."),
    source: Path | None = typer.Option(None, "--from", help="Take this file instead of fetching one."),
    force: bool = typer.Option(False, "--force", help="Fetch again even if the cache has the file."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Put the released weights into the cache, verified by sha256."""
    from sdkgen.weights import fetch

    if source is not None and len(models or ()) != 1:
        raise UsageError("--from takes exactly one model", hint="Name the model that the file belongs to.")
    specs = (
        [load_model(name) for name in models] if models else [s for s in map(load_model, model_names()) if s.trained]
    )
    fetched = [(spec, fetch.fetch(spec, source, force=force)) for spec in specs]
    if json:
        rows = [{"model": spec.name, "path": str(path), "sha256": spec.weights.sha256} for spec, path in fetched]
        console.print_json(rows)
        return
    for spec, path in fetched:
        console.out.print(f"{spec.name}  {console.safe(path)}", soft_wrap=True)
