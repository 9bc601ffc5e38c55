from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sdkgen.errors import UsageError
from sdkgen.evaluate.paper import Latency, paper_tables, read_evaluation
from sdkgen.spec.published import published

EVALUATION: dict[str, Any] = {
    "model": {"name": "blazeface-front"},
    "data": {"source": "photos"},
    "images": 7,
    "precision": {"ap50": 0.9876},
    "keypoints": {"median": 0.0884},
    "jitter": {"blend": {"value": 0.0439, "low": 0.0411, "high": 0.0468}},
}


def test_published_columns_stand_alone_where_nothing_was_measured() -> None:
    first, second, third = paper_tables(published(), [], [])
    assert ("MobileNetV2-SSD", "mobilenetv2-ssd (untrained)", "97.95 %", "", "2.1", "") in first.rows
    assert ("BlazeFace", "blazeface-front", "98.61 %", "", "0.6", "") in first.rows
    assert ("Huawei P20", "21.3", "5.8", "", "", "", "") in second.rows
    assert len(second.rows) == 5
    assert ("BlazeFace", "blazeface-paper (untrained)", "10.4 %", "", "5.3 %", "") in third.rows


def test_measured_figures_stand_beside_their_own() -> None:
    latencies = [
        Latency("iPhone XS", "iPhone11,2", "blazeface-paper", 0.71, "measured"),
        Latency("Pixel 3", "Pixel 3", "blazeface-front", 1.25, "emulated"),
        Latency("Pixel 9", "Pixel 9", "mobilenetv2-ssd", 2.5, "measured"),
    ]
    first, second, third = paper_tables(published(), latencies, [EVALUATION])
    assert ("BlazeFace", "blazeface-paper (untrained)", "98.61 %", "", "0.6", "0.71") in first.rows
    assert ("BlazeFace", "blazeface-front", "98.61 %", "98.76 %", "0.6", "") in first.rows
    rows = {row[0]: row[1:] for row in second.rows}
    assert rows["iPhone XS"] == ("2.1", "0.6", "", "0.71", "", "")
    # An emulated device never stands for the one whose name it has.
    assert rows["Pixel 3"] == ("7.2", "3.4", "", "", "", "")
    assert rows["Pixel 3 (emulated)"] == ("", "", "", "", "1.25", "")
    assert rows["Pixel 9 (measured)"] == ("", "", "2.5", "", "", "")
    assert third.rows[2] == (
        "BlazeFace", "blazeface-front", "10.4 %", "8.84 %", "5.3 %", "4.39 % (4.11 % to 4.68 %)",
    )  # fmt: skip
    assert "photos, 7 images" in third.note


def test_a_file_that_is_no_evaluation_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    for text in ("", "[]", json.dumps({"model": {}})):
        path.write_text(text)
        with pytest.raises(UsageError, match="no evaluation"):
            read_evaluation(path)
    path.write_text(json.dumps(EVALUATION))
    assert read_evaluation(path) == EVALUATION
