from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sdkgen.commands.lint import _print
from sdkgen.convert.lint.report import Finding, LintReport, OperationVerdict
from tests.conftest import Run
from tests.convert.tiny import Tiny, convolution


def test_a_model_that_stays_on_the_gpu_exits_0(run: Run, tmp_path: Path) -> None:
    done = run("lint", convolution().write(tmp_path / "good.tflite"))
    assert done.returncode == 0, done.stderr
    assert "ML Drift: 2 of 2 operations" in done.stdout


def falling(folder: Path, name: str = "a name") -> Path:
    tiny = Tiny()
    for _ in range(5):
        x, y = tiny.tensor((1, 4, 4, 3)), tiny.tensor((1, 4, 4, 8), name=name)
        tiny.operation("PAD", [x, tiny.constant(np.zeros((5, 2), np.int32))], [y])
    return tiny.write(folder / "bad.tflite")


def test_one_that_falls_back_exits_1_and_says_which_why_and_what_to_do(run: Run, tmp_path: Path) -> None:
    done = run("lint", falling(tmp_path))
    assert done.returncode == 1
    assert "5 × PAD fall back on legacy delegate (paddings)" in done.stdout
    assert "why: the paddings are no constant" in done.stdout
    assert "at:  a name, a name, a name and 2 more" in done.stdout
    assert "fix: Pad with constants" in done.stdout


def test_names_from_the_file_cannot_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    done = run("lint", falling(tmp_path, "\x1b[2J[red]"), "--verbose")
    assert "\x1b[2J" not in done.stdout
    assert "\\x1b[2J[red]" in done.stdout


def test_names_of_operations_cannot_either(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a\x1b[2Jb[/bold]"
    finding = Finding(target="GPU", rule="rule", message="why", fix="fix")
    operation = OperationVerdict(index=0, name=hostile, version=None, output="x", findings=(finding,))
    report = LintReport(path="x", format="coreml", targets=("GPU",), required=("GPU",), operations=(operation,))
    _print(report, verbose=True)
    said = capsys.readouterr().out
    assert "\x1b[2J" not in said
    assert said.count("a\\x1b[2Jb[/bold]") == 2


def test_json_lists_every_operation(run: Run, tmp_path: Path) -> None:
    done = run("lint", "--json", falling(tmp_path))
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["passed"] is False
    assert [o["name"] for o in report["operations"]] == ["PAD"] * 5
    assert {f["rule"] for o in report["operations"] for f in o["findings"]} == {"paddings"}


def test_verbose_lists_every_operation(run: Run, tmp_path: Path) -> None:
    done = run("lint", "--verbose", convolution().write(tmp_path / "good.tflite"))
    assert [line.split()[1] for line in done.stdout.splitlines()[1:3]] == ["CONV_2D", "RELU"]


def test_a_damaged_file_is_one_sentence_and_no_traceback(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"\0\0\0\0TFL3" + b"\xff" * 80)
    done = run("lint", tmp_path / "m.tflite")
    assert done.returncode == 1
    assert "[bad-tflite]" in done.stderr
    assert "Traceback" not in done.stderr
