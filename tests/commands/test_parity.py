from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run

pytestmark = pytest.mark.network


@pytest.mark.slow
def test_onnx_artifacts_pass(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = run("parity", "--backend", "onnx", "--precision", "fp16", "--json", "--html", page)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["passed"]
    assert report["schema_version"] == 1
    rows = {(c["layout"], c["against"]) for c in report["comparisons"]}
    assert rows == {(layout, against) for layout in ("joined", "standard") for against in ("torch", "released")}
    for comparison in report["comparisons"]:
        assert comparison["inputs"] == 15
        assert comparison["faces"]["count"] == 13
        assert comparison["faces"]["iou"] > 0.9999
    assert "passed" in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_missed_tolerance_fails_and_names_the_tensor() -> None:
    """With limits that nothing can meet, the same artifacts fail: the exit code follows the limits."""
    script = (
        "import sys, sdkgen.spec.registry as registry\n"
        "spec = registry.load_model('blazeface-front')\n"
        "tight = spec.parity.fp32.model_copy(update={'tensor': 1e-12})\n"
        "spec.__dict__['parity'] = spec.parity.model_copy(update={'fp32': tight})\n"
        "sys.argv = ['sdkgen', 'parity', '--backend', 'onnx', '--precision', 'fp16']\n"
        "from sdkgen.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        "error[parity-failed] blazeface-front, onnx fp16 joined on onnx, against torch: tensor 'boxes'" in done.stderr
    )
    assert "✗" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--model", "blazeface-fornt"], 2, "Did you mean blazeface-front?"),
        (["--all", "--model", "blazeface-front"], 2, "exclude each other"),
        (["--backend", "cuda"], 2, "cuda"),
        (["--images", "nowhere"], 1, "no images"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = run("parity", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
