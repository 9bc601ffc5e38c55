from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sdkgen.commands.lint import _print
from sdkgen.convert.lint.partition import place
from sdkgen.convert.lint.report import Finding, GraphVerdict, LintReport, OperationVerdict
from tests.backends.mil_programs import save
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
    assert "legacy delegate refuses 5 × PAD (paddings)" in done.stdout
    assert "why: the paddings are of 5 × 2 numbers" in done.stdout
    assert "at:  a name, a name, a name and 2 more" in done.stdout
    assert "fix: Pad all axes with constants" in done.stdout
    assert "0 run there, the graph falls into 0 parts, cut by 5 × PAD" in done.stdout


def test_names_from_the_file_cannot_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    done = run("lint", falling(tmp_path, "\x1b[2J[red]"), "--verbose")
    assert "\x1b[2J" not in done.stdout
    assert "\\x1b[2J[red]" in done.stdout


def test_names_of_operations_cannot_either(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a\x1b[2Jb[/bold]"
    finding = Finding(target="GPU", rule="rule", message="why", fix="fix")
    operation = OperationVerdict(index=0, name=hostile, version=None, output="x", findings=(finding,))
    graph = GraphVerdict(name=hostile, signatures=(), operations=(operation,), placements=(place([operation], "GPU"),))
    report = LintReport(path="x", format="coreml", targets=("GPU",), required=("GPU",), graphs=(graph,))
    _print(report, verbose=True)
    said = capsys.readouterr().out
    assert "\x1b[2J" not in said
    assert said.count("a\\x1b[2Jb[/bold]") == 3


def test_json_lists_every_operation(run: Run, tmp_path: Path) -> None:
    done = run("lint", "--json", falling(tmp_path))
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["passed"] is False
    (graph,) = report["graphs"]
    assert [o["name"] for o in graph["operations"]] == ["PAD"] * 5
    assert {f["rule"] for o in graph["operations"] for f in o["findings"]} == {"paddings"}
    assert {p["target"]: p["cuts"] for p in graph["placements"]} == {target: {"PAD": 5} for target in report["targets"]}


def test_verbose_lists_every_operation(run: Run, tmp_path: Path) -> None:
    done = run("lint", "--verbose", convolution().write(tmp_path / "good.tflite"))
    assert [line.split()[1] for line in done.stdout.splitlines()[3:5]] == ["CONV_2D", "RELU"]


def test_a_damaged_file_is_one_sentence_and_no_traceback(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"\x10\0\0\0TFL3" + b"\xff" * 80)
    done = run("lint", tmp_path / "m.tflite")
    assert done.returncode == 1
    assert "[bad-tflite]" in done.stderr
    assert "Traceback" not in done.stderr


def doubtful(folder: Path) -> Path:
    tiny = Tiny()
    x, y = tiny.tensor((1, 4)), tiny.tensor((1, 4))
    tiny.operation("STABLEHLO_COMPOSITE", [x], [y])
    options = tiny.schema.StableHLOCompositeOptionsT()
    options.name = b"odml.rope"
    operator = tiny.graph.operators[0]
    operator.builtinOptions2, operator.builtinOptions2Type = (
        options,
        tiny.schema.BuiltinOptions2.StableHLOCompositeOptions,
    )
    return tiny.write(folder / "doubtful.tflite")


def test_what_is_not_known_is_a_warning_and_with_strict_a_failure(run: Run, tmp_path: Path) -> None:
    path = save(tmp_path, (2, 3), lambda mb, x: mb.non_zero(x=x))
    done = run("lint", path)
    assert done.returncode == 0, done.stderr
    assert "warning whether some operations stay on the GPU is not known" in done.stderr
    assert "GPU may or may not take 1 × non_zero (unknown)" in done.stdout
    assert run("lint", "--strict", path).returncode == 1


def test_a_composite_is_named(run: Run, tmp_path: Path) -> None:
    done = run("lint", doubtful(tmp_path))
    assert done.returncode == 1
    assert "ML Drift may or may not take 1 × odml.rope" in done.stdout
    assert "legacy delegate refuses 1 × odml.rope" in done.stdout


def test_the_page_draws_the_graph_in_order_and_names_of_the_file_are_text_there(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = run("lint", falling(tmp_path, "<script>alert(1)</script>"), "--html", page)
    assert done.returncode == 1
    text = page.read_text(encoding="utf-8")
    assert "<script>" not in text
    assert text.count("&lt;script&gt;") == 5
    assert "5 × PAD" in text


def test_run_of_a_package_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.mlpackage").mkdir()
    done = run("lint", tmp_path / "m.mlpackage", "--run")
    assert done.returncode == 1
    assert "[bad-artifact]" in done.stderr


@pytest.mark.vulkan
def test_run_asks_the_runtime(run: Run, tmp_path: Path) -> None:
    done = run("lint", "--run", "--json", convolution().write(tmp_path / "good.tflite"))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["testimony"]
    assert said["whole"]
    assert said["disagreements"] == []
    assert said["difference"] < 1e-3 * said["largest"]
