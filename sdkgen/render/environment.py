"""Rendering a tree of templates into a folder.

A template holds layout only: what it prints comes from its context, and an undefined name is an error. A file named
``X.j2`` is rendered to ``X``, any other is copied; parts of a path may hold expressions as well.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from sdkgen.errors import SdkgenError
from sdkgen.files import files_below


def environment(root: Path) -> jinja2.Environment:
    """Return the environment in which all templates are rendered; they may include others below ``root``."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(root),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  (what is rendered here is source code; HTML reports have their own)
    )


def render_tree(source: Path, target: Path, values: Mapping[str, Any]) -> None:
    """Render every file below ``source`` to the same place below ``target``.

    A path whose rendered name is empty in any part is left out, so that a name can hold a condition. Files in folders
    whose names begin with an underscore are parts for others to include.

    Raises ``SdkgenError`` that names the template and the line of a fault.
    """
    templates = environment(source)
    for file in files_below(source):
        relative = file.relative_to(source)
        if any(part.startswith("_") for part in relative.parts[:-1]):
            continue
        try:
            parts = [templates.from_string(part).render(values) for part in relative.parts]
            if not all(parts) or parts[-1] == ".j2":
                continue
            place = target.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".j2":
                text = templates.get_template(relative.as_posix()).render(values)
                place.with_suffix("").write_text(text, encoding="utf-8", newline="\n")
            else:
                shutil.copyfile(file, place)
            if file.stat().st_mode & 0o100:
                (place.with_suffix("") if file.suffix == ".j2" else place).chmod(0o755)
        except jinja2.TemplateError as error:
            line = getattr(error, "lineno", None)
            where = f"{relative}{f':{line}' if line else ''}"
            raise SdkgenError(f"template fault: {error.message}", context=where, reference="template-fault") from error
