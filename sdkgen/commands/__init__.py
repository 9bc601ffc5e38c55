"""One thin module a verb: parse, call, print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import typer

from sdkgen.errors import MissingExtraError, UsageError
from sdkgen.formats import Format
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


def need(context: typer.Context, others: Mapping[str, str]) -> None:
    """Raise ``UsageError`` if an option was given without the one that it belongs to; both by the parameter's name."""
    found = given(context)
    flags = {str(one.name): one.opts[0] for one in context.command.params}
    for option, other in others.items():
        if option in found and other not in found:
            raise UsageError(
                f"{found[option]} belongs to {flags[other]}", hint=f"Give {flags[other]} too, or leave it out."
            )


def parse_share(text: str) -> float:
    """Return "5%" or "0.05" as 0.05."""
    hint = "Write a percentage such as 5%, or a share such as 0.05."
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise UsageError(f"{text!r} is no share", hint=hint) from error
    if not 0 <= value < 10:
        raise UsageError(f"{text!r} is no usable share", hint=hint)
    return value


def convert_model(name: str, form: Format, **options: Any) -> Path:
    """Return a model's artifact, from the cache where it holds one: only otherwise is torch loaded."""
    from sdkgen.convert import convert
    from sdkgen.spec.registry import load_model

    try:
        return convert(load_model(name), form, **options).path
    except metadata.PackageNotFoundError as error:
        missing = MissingExtraError(error.name or "torch")
        missing.hint += ", or measure a file: --artifact FILE" if form == "tflite" else ""
        raise missing from error
