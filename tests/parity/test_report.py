from __future__ import annotations

import json
from pathlib import Path

from sdkgen.parity.html import share, write_html
from sdkgen.parity.report import Comparison, FacesRow, Limits, Skipped, TensorRow, report


def comparison(name: str = "boxes", *failures: str) -> Comparison:
    return Comparison(
        model="blazeface-front",
        format="coreml",
        precision="fp16",
        layout="standard",
        runtime="coreml",
        detail="evaluator",
        against="torch",
        inputs=15,
        limits=Limits(tensor=1e-2, iou=0.99, keypoint=1e-2, score=1e-2),
        tensors=(
            TensorRow(name="scores", maximum=0.001, mean=0.0001, row=3, input="noise"),
            TensorRow(name=name, maximum=0.02, mean=0.0002, row=7, input="<b>photo</b>"),
        ),
        faces=FacesRow(count=3, unmatched=1, iou=0.995, keypoint=0.002, score=0.003, input="photo"),
        failures=failures,
    )


def test_passes_without_failures() -> None:
    assert report([comparison()], []).passed
    assert not report([], [Skipped(runtime="litert", why="it is missing")]).passed
    assert not report([comparison(), comparison("boxes", "boxes differ")], []).passed


def test_json_reads_back() -> None:
    made = report([comparison()], [Skipped(runtime="litert-gpu", why="no adapters")])
    assert json.loads(json.dumps(made.model_dump(mode="json")))["comparisons"][0]["tensors"][1]["row"] == 7
    assert type(made).model_validate_json(made.model_dump_json()) == made


def test_worst_output() -> None:
    assert comparison().worst.name == "boxes"
    assert comparison().artifact == "coreml fp16 standard, evaluator"


def test_page_stands_alone_and_escapes(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    whole = report(
        [
            comparison(hostile, f"tensor {hostile} differs"),
            comparison().model_copy(update={"limits": None, "faces": None}),
        ],
        [Skipped(runtime="litert-gpu", why=hostile)],
    )
    write_html(whole, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<b>photo" not in page
    assert "http" not in page
    assert "2 of 3" in page
    assert "failed" in page


def test_bars_stay_in_their_box() -> None:
    assert [share(value, 0.01) for value in (None, 0.0, 0.005, 5.0)] == ["0", "1", "50", "100"]
