"""One thin module a verb: parse, call, print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer

from sdkgen.errors import UsageError
from sdkgen.spec.registry import add_model

_SPEC = ("--spec", "-s")
_SPEC_HELP = "A model file of your own, instead of --model; see docs/own-model.md."
SPEC: Any = typer.Option(None, *_SPEC, metavar="FILE.toml", help=_SPEC_HELP)
SPECS: Any = typer.Option([], *_SPEC, metavar="FILE.toml", help=f"{_SPEC_HELP} May be given again.")
"""The option of every command that has --model."""


def choose_model(context: typer.Context, model: str, spec: Path | None) -> str:
    """Return the name of the model that is meant: ``model``, or that of the user's own file ``spec``.

    Raises ``UsageError`` if both are given, ``SpecError`` for a file that is wrong.
    """
    if spec is None:
        return model
    refuse(context, ["model"], "--spec is a model already")
    return add_model(spec)


def choose_models(models: Sequence[str], specs: Sequence[Path]) -> list[str]:
    """Return the names of the models that are meant, those of the user's own files last."""
    return [*models, *map(add_model, specs)]


def given(context: typer.Context) -> dict[str, str]:
    """Return the options that the command line gives: by the parameter's name, as they are written ("--run")."""
    sources = {str(one.name): context.get_parameter_source(str(one.name)) for one in context.command.params}
    flags = {str(one.name): one.opts[0] for one in context.command.params}
    return {name: flags[name] for name, source in sources.items() if source and source.name == "COMMANDLINE"}


def refuse_trust_alone(weights: object, trust: bool) -> None:
    """Raise ``UsageError`` if --trust-weights was given and --weights was not."""
    if trust and weights is None:
        raise UsageError("--trust-weights is about the file of --weights", hint="Give --weights FILE, or leave it out.")


def refuse(context: typer.Context, options: Iterable[str], what: str, more: str = "") -> None:
    """Raise ``UsageError``, saying ``what`` makes them meaningless, if any of ``options`` was given."""
    found = given(context)
    if ignored := [found[name] for name in options if name in found]:
        raise UsageError(what, hint=f"Leave out {', '.join(ignored)}{more}.")
