"""The terminal: results on standard output, everything said meanwhile on standard error.

Text may come from outside (a device, a file name). Errors, warnings and notes are plain text whose control characters
are made visible; what is printed with markup goes through ``safe`` first; JSON is ASCII.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress

    from sdkgen.errors import SdkgenError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def safe(text: object) -> str:
    """Return ``text`` with control characters made visible and rich markup escaped."""
    return escape(_visible(str(text)))


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _said(text: str) -> str:
    """Return plain text as it is printed: its first line, and any others indented, so that none passes for ours."""
    return "\n    ".join(map(_visible, text.splitlines()))


def as_json(value: Any, indent: int | None = 2) -> str:
    """Return ``value`` as JSON in printable ASCII, whatever its strings hold; a file name may hold no text at all."""
    return json.dumps(value, indent=indent, allow_nan=False).replace("\x7f", "\\u007f")


def print_json(value: Any) -> None:
    """Print ``value`` as indented JSON on standard output, with no styling or wrapping."""
    out.file.write(as_json(value) + "\n")
    out.file.flush()


def print_error(error: SdkgenError) -> None:
    """Print an error as: reference and message, then where, then what to do."""
    err.print(Text.assemble(("error", "bold red"), f"[{error.reference}] ", _said(error.message)), soft_wrap=True)
    if error.context:
        err.print(Text(f"  at: {_said(error.context)}", style="dim"), soft_wrap=True)
    if error.hint:
        err.print(Text.assemble(("  fix: ", "bold"), _said(error.hint)), soft_wrap=True)


def warn(message: str) -> None:
    """Print a warning on standard error."""
    err.print(Text.assemble(("warning ", "bold yellow"), _said(message)), soft_wrap=True)


def note(message: str) -> None:
    """Print a line of progress on standard error."""
    err.print(Text(_said(message), style="dim"), soft_wrap=True)


@contextmanager
def unheard() -> Iterator[None]:
    """Keep what native libraries write to standard error of themselves off the terminal while the block runs."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as sink:
        os.dup2(sink.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def status(message: str) -> Iterator[None]:
    """Show a spinner with ``message`` while the block runs; a plain line where there is no terminal."""
    if not err.is_terminal:
        note(message)
        yield
        return
    with err.status(Text(_said(message))):
        yield


@contextmanager
def progress() -> Iterator[Progress]:
    """Show progress bars on standard error while the block runs."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bars:
        yield bars
