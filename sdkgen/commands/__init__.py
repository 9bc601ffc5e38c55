"""One thin module a verb: parse, call, print."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from sdkgen.errors import UsageError


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
