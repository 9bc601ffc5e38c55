"""GitHub's workflows ask for what there is: nox sessions and options of sdkgen. The session lint checks their form."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.test_docs import KNOWN

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
        assert {word for word in words if word.startswith("--")} <= KNOWN[name], line


def test_what_has_not_been_run_names_who_will() -> None:
    jobs = {path.stem: set(re.findall(r"^  ([a-z-]+):$", path.read_text(), re.MULTILINE)) for path in WORKFLOWS}
    page = (TOP / "docs" / "not-yet-run.md").read_text()
    for row in [line for line in page.splitlines() if line.startswith("| ")][2:]:
        cells = row.strip("| ").split(" | ")
        assert len(cells) == 4, row
        assert all(job in jobs[workflow] for workflow, job in re.findall(r"`([a-z]+)/([a-z-]+)`", cells[3])), row
