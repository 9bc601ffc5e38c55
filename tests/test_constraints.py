"""constraints.txt pins whatever pyproject.toml names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

TOP = Path(__file__).parent.parent


def _named(requirement: str) -> tuple[str, str]:
    """Return a requirement's name as package indexes compare it, and what follows the name."""
    found = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?(.*)", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found[1]).lower(), found[2].strip()


def test_every_dependency_and_extra_is_pinned() -> None:
    lines = (TOP / "constraints.txt").read_text().splitlines()
    pinned = dict(_named(line) for line in lines if not line.startswith("#"))
    assert all(re.fullmatch(r"==[0-9][0-9a-z.]*", version) for version in pinned.values())
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    assert {_named(one)[0] for one in asked} - {"sdkgen"} <= pinned.keys()
