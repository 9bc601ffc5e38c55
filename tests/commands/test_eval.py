"""``sdkgen eval`` and ``sdkgen report --paper`` as they are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from sdkgen.commands.eval import _Source
from sdkgen.spec.registry import load_model
from sdkgen.weights import fetch
from tests import photographs
from tests.conftest import Run


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Write the astronaut, labelled with the box and score that MediaPipe's own detection gives."""
    Image.fromarray(photographs.astronaut()).save(tmp_path / "a.png")
    Image.fromarray(photographs.rocket()).save(tmp_path / "rocket.png")
    rows = ["image,x,y,width,height", "a.png,177.6,82.9,95.3,95.3", "rocket.png,,,,", "gone.png,1,1,5,5"]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path / "labels.csv"


@pytest.mark.slow
@pytest.mark.network
def test_figures_report_and_page(labels: Path, run: Run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = run("eval", "--data", labels, "--json", "--html", page, "--views", 2, "--noise", "2,4", "--noise-copies", 2)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["precision"]["ap50"] == 1.0
    assert report["precision"]["at_own_threshold"]["recall"] == 1.0
    assert (report["images"], report["unreadable"]["counts"]) == (2, {"missing image": 1})
    assert report["model"] == {"name": "blazeface-front", "title": report["model"]["title"], "trained": True}
    text = page.read_text()
    assert "100.00 %" in text
    assert "gone.png" in text
    again = json.loads(
        run("eval", "--data", labels, "--json", "--views", 2, "--noise", "2,4", "--noise-copies", 2, "--jobs", 1).stdout
    )
    assert {**again, "timing": None} == {**report, "timing": None}
    (tmp_path / "e.json").write_text(done.stdout)
    paper = run("report", "--paper", "--evaluation", tmp_path / "e.json", SDKGEN_STORE=str(tmp_path / "none.sqlite"))
    assert paper.returncode == 0, paper.stderr
    assert "100.00 %" in paper.stdout
    assert "97.95 %" in paper.stdout


@pytest.mark.network
def test_a_page_that_cannot_be_written_costs_nothing_that_was_measured(labels: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    told = run("eval", "--data", labels, "--json", "--html", tmp_path / "file" / "page.html", "--views", 0)
    assert told.returncode == 1
    assert "cannot write" in told.stderr
    assert json.loads(told.stdout)["images"] == 2
    again = run("eval", "--data", labels, "--json", "--views", 0)
    assert json.loads(again.stdout)["timing"]["images_resumed"] == 3


@pytest.mark.network
def test_records_of_other_weights_are_not_gone_on_with(tmp_path: Path) -> None:
    released, own = fetch.fetch(load_model("blazeface-front")), tmp_path / "own.tflite"
    keys = []
    for trained in (b"once", b"again", b"once"):
        own.write_bytes(released.read_bytes() + trained)
        keys.append(_Source(load_model("blazeface-front"), "torch", "fp16", own, trust=True).key)
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize("model", ["mobilenetv2-ssd", "blazeface-paper"])
def test_an_untrained_model_is_refused(labels: Path, run: Run, model: str) -> None:
    done = run("eval", "--data", labels, "--model", model)
    assert done.returncode == 1
    assert "untrained-model" in done.stderr
    assert "--weights" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--data", "nowhere"), "no such file"),
        (("--data", "{labels}", "--model", "face-landmark"), "does not detect faces"),
        (("--data", "{labels}", "--min-face-area", "huge"), "no share"),
        (("--data", "{labels}", "--noise", "loud"), "no list of standard deviations"),
        (("--data", "{labels}", "--format", "coco"), "JSON"),
    ],
)
def test_what_cannot_be_meant_is_an_error(labels: Path, run: Run, options: tuple[str, ...], message: str) -> None:
    done = run("eval", *(option.format(labels=labels) for option in options))
    assert done.returncode in (1, 2)
    assert message in done.stderr


def test_the_paper_s_tables_need_no_measurement(run: Run, tmp_path: Path) -> None:
    store = str(tmp_path / "none.sqlite")
    done = run("report", "--paper", "--format", "json", SDKGEN_STORE=store)
    assert done.returncode == 0, done.stderr
    tables = json.loads(done.stdout)
    assert [table["title"].split(" of ")[0] for table in tables] == ["Table 1", "Table 2", "Table 3"]
    markdown = run("report", "--paper", "--format", "markdown", "--out", tmp_path / "t.md", SDKGEN_STORE=store)
    assert markdown.returncode == 0
    assert "Huawei P20 | 21.3 | 5.8 |" in (tmp_path / "t.md").read_text()
    assert run("report", "--paper", "--format", "csv", SDKGEN_STORE=store).returncode == 2
