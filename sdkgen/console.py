"""The terminal: results on standard output, everything said meanwhile on standard error.

Text may come from outside (a device, a file name). Errors, warnings and notes are plain text whose control characters
are made visible; what is printed with markup goes through ``safe`` first; JSON is ASCII.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from sdkgen.errors import OutputError

if TYPE_CHECKING:
    from rich.progress import Progress

    from sdkgen.errors import SdkgenError


class _Output(Console):
    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does. Raises ``OutputError`` where standard output cannot be written."""
        with writing_out():
            super().print(*objects, **options)


out = _Output(highlight=False)
err = Console(stderr=True, highlight=False)
_PIPE_WIDTH = 10_000
"""Columns of a table that is not for a terminal: names stay whole, so that they can be told apart."""


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
    with writing_out():
        out.file.write(as_json(value) + "\n")
        out.file.flush()


@contextmanager
def writing_out() -> Iterator[None]:
    """Raise ``OutputError`` where the block cannot write to standard output: a full disk, a reader that is gone."""
    try:
        yield
    except OSError as error:
        # What is left in the buffer would fail once more, with a traceback, when the process ends.
        with suppress(OSError, ValueError), Path(os.devnull).open("w") as sink:
            os.dup2(sink.fileno(), sys.stdout.fileno())
        raise OutputError(
            f"standard output cannot be written: {error.strerror or error}",
            hint="Free space where it goes, or keep its reader open; what came before has been written.",
            reference="bad-standard-output",
        ) from error


def print_table(names: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> None:
    """Print a table of markup, all but the first ``left`` columns to the right; off a terminal as wide as it takes."""
    from rich.table import Table

    table = Table(*names, box=None, header_style="bold")
    for column in table.columns[left:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    with writing_out():
        wide = Console(file=out.file, highlight=False, width=out.width if out.is_terminal else _PIPE_WIDTH)
        wide.print(table)


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
