"""Reading a reviewed TOML file into a strict pydantic model."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sdkgen.errors import SpecError


class Strict(BaseModel):
    """A record that refuses unknown keys and silent conversions, and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


S = TypeVar("S", bound=Strict)


def read_toml(path: Path, kind: type[S]) -> S:
    """Return the ``kind`` that the file at ``path`` describes.

    Raises ``SpecError`` that cites file and key of the first fault, and counts the others.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"not valid TOML: {error}", context=str(path), hint="Correct the file's syntax.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"cannot be read: {error}", context=str(path), hint="Check the file's encoding (UTF-8)."
        ) from error
    try:
        # TOML knows arrays, not tuples: JSON mode lets the one stand for the other and is strict otherwise.
        return kind.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        first, *others = error.errors()
        key = ".".join(str(part) for part in first["loc"])
        more = f" (and {len(others)} more)" if others else ""
        hint = "Remove the key or correct its name." if first["type"] == "extra_forbidden" else "Correct the value."
        raise SpecError(f"{first['msg']}{more}", context=f"{path}: {key or '(whole file)'}", hint=hint) from error
