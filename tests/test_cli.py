from __future__ import annotations

import json

import pytest

from sdkgen.console import safe
from tests.conftest import Run


@pytest.mark.parametrize(("command", "default"), [("build", "./MODEL-TARGET"), ("bench", "blazeface-front")])
def test_help_says_what_is_taken_by_default(run: Run, command: str, default: str) -> None:
    assert default in run(command, "--help").stdout


def test_help_and_version(run: Run) -> None:
    assert run("--help").returncode == 0
    assert run("--version").stdout.startswith("sdkgen 0.")


def test_an_error_names_cause_and_fix(run: Run) -> None:
    done = run("models", "show", "blazeface-frnt")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "error[unknown-model] unknown model 'blazeface-frnt'" in done.stderr
    assert "Did you mean blazeface-front?" in done.stderr


def test_models_list_as_json(run: Run) -> None:
    models = {model["name"]: model for model in json.loads(run("models", "list", "--json").stdout)}
    assert {"blazeface-front", "blazeface-back", "blazeface-full-range", "face-landmark"} <= models.keys()
    assert models["blazeface-front"]["input"]["width"] == 128


@pytest.mark.parametrize(
    ("text", "shown"), [("a\x1b[31mb", r"a\x1b[31mb"), ("[bold]", r"\[bold]"), ("é", "é"), ("a\nb", r"a\x0ab")]
)
def test_outside_text_cannot_steer_the_terminal(text: str, shown: str) -> None:
    assert safe(text) == shown
