"""Reading a reviewed TOML file into a strict pydantic model."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sdkgen.errors import SpecError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Strict(BaseModel):
    """A record that refuses unknown keys and silent conversions, and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


S = TypeVar("S", bound=Strict)


def read_toml(path: Path, kind: type[S], complete: Callable[[dict[str, Any]], None] = lambda _: None) -> S:
    """Return the ``kind`` that the file at ``path`` describes, after ``complete`` put in what the file leaves out.

    Raises ``SpecError`` that cites the file and the key of every fault.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"not valid TOML: {error}", context=str(path), hint="Correct the file's syntax.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"cannot be read: {error}", context=str(path), hint="Check the file's encoding (UTF-8)."
        ) from error
    complete(data)
    try:
        # TOML knows arrays, not tuples: JSON mode lets the one stand for the other and is strict otherwise.
        return kind.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        first, *others = error.errors()
        more = "".join(f"; {_key(other)}: {_message(other)}" for other in others)
        hint = "Remove the key or correct its name." if first["type"] == "extra_forbidden" else "Correct the value."
        raise SpecError(f"{_message(first)}{more}", context=f"{path}: {_key(first)}", hint=hint) from error


def _key(fault: ErrorDetails) -> str:
    return ".".join(str(part) for part in fault["loc"]) or "(whole file)"


def _message(fault: ErrorDetails) -> str:
    return fault["msg"].removeprefix("Value error, ")
