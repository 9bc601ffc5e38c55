"""The documentation says what the command line does: every page is in the site, every option on a page exists."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from sdkgen import commands

TOP = Path(__file__).parent.parent
PAGES = sorted((TOP / "docs").glob("*.md"))


def test_every_page_is_in_the_site() -> None:
    named = re.findall(r"^ +- (?:[A-Z][a-z]+: )?([a-z0-9-]+\.md)$", (TOP / "mkdocs.yml").read_text(), re.M)
    assert sorted(named) == [page.name for page in PAGES]


def options() -> dict[str, set[str]]:
    """Return the options of every command, by its name; of a group also under the group's."""
    found: dict[str, set[str]] = {}
    for module in pkgutil.iter_modules(commands.__path__):
        app = typer.Typer(add_completion=False)
        app.callback()(lambda: None)
        import_module(f"sdkgen.commands.{module.name}").register(app)
        todo: list[tuple[tuple[str, ...], Any]] = [((), get_command(app))]
        while todo:
            names, command = todo.pop()
            flags = {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)}
            found.setdefault(" ".join(names), set()).update(flags | {"--help"})
            todo += [((*names, name), sub) for name, sub in getattr(command, "commands", {}).items()]
    return found


KNOWN = options()


@pytest.mark.parametrize("page", [*PAGES, TOP / "README.md"], ids=lambda page: page.stem)
def test_commands_on_a_page_have_the_options_that_it_gives_them(page: Path) -> None:
    wrong = []
    for line in re.findall(r"sdkgen [a-z][^`\n]*", page.read_text()):
        words = line.split()[1:]
        names = [" ".join(words[:2]), words[0]]
        command = next((name for name in names if name in KNOWN), None)
        if command is None:
            continue
        flags = re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", re.split(r" && | \| |;|  #", line)[0])
        wrong += [f"{command} {flag}" for flag in flags if flag not in KNOWN[command]]
    assert wrong == []


def test_every_option_is_on_its_page() -> None:
    missing = []
    for command, flags in KNOWN.items():
        page = TOP / "docs" / f"{command.split(' ')[0]}.md"
        text = page.read_text() if page.exists() else "\n".join(page.read_text() for page in PAGES)
        known = {flag for flag in flags if flag.startswith("--")} - {"--help"}
        missing += [f"{command} {flag}" for flag in sorted(known) if not re.search(rf"{flag}(?![a-z-])", text)]
    assert missing == []
