"""Records on standard output as they come: however many there are, none is kept, and what is printed stays readable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from sdkgen import console
from sdkgen.errors import OutputError

Form = Literal["json", "jsonl"]
Tell = Callable[[Mapping[str, Any]], None]


@contextmanager
def print_records(
    form: Form | None, about: Mapping[str, Any] | None = None, rest: Callable[[], Mapping[str, Any]] = dict
) -> Iterator[Tell]:
    """Yield what prints a record: a line of a JSON list, or with ``jsonl`` a line of its own; without a form nothing.

    With ``about`` the list is the member ``frames`` of an object of it and of ``rest``, which is asked at the end.
    Whatever ends the block, the JSON is closed. Raises ``OutputError`` where standard output cannot be written.
    """
    if form is None:
        yield lambda _: None
        return
    begun = False
    opening = "[" if about is None else f'{console.as_json(about, indent=None)[:-1]}, "frames": ['

    def tell(record: Mapping[str, Any]) -> None:
        nonlocal begun
        line = console.as_json(record, indent=None)
        if form == "jsonl":
            _write(f"{line}\n")
        else:
            _write((",\n" if begun else f"{opening}\n") + line)
        begun = True

    broken = False
    try:
        yield tell
    except OutputError as error:
        broken = error.reference == "bad-standard-output"
        raise
    finally:
        if form == "json" and not broken:
            end = "" if about is None else ", " + console.as_json(rest(), indent=None)[1:-1] + "}"
            _write(("\n]" if begun else f"{opening}]") + f"{end}\n")


def _write(text: str) -> None:
    with console.writing_out():
        console.out.file.write(text)
        console.out.file.flush()
