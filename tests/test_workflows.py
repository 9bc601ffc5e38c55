"""GitHub's workflows ask for what there is: nox sessions and options of sdkgen. The session lint checks their form."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.main import get_command

TOP = Path(__file__).parent.parent
WORKFLOWS = sorted((TOP / ".github" / "workflows").glob("*.yml"))


def test_there_are_workflows() -> None:
    assert [path.stem for path in WORKFLOWS] == ["android", "linux", "macos", "release"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_sessions_and_options_exist(path: Path) -> None:
    text = path.read_text()
    sessions = re.findall(r"nox -s ([a-z-]+?)(?:-\$|$|\n)", text)
    source = (TOP / "noxfile.py").read_text()
    for session in sessions:
        assert f'name="{session}"' in source or f"def {session}(" in source, session
    for line in re.findall(r"(?:run|script): sdkgen (.*)", text):
        name, *words = shlex.split(line)
        app = typer.Typer()
        import_module(f"sdkgen.commands.{name}").register(app)
        known = {flag for option in get_command(app).params for flag in option.opts}
        assert {word for word in words if word.startswith("--")} <= known, line
