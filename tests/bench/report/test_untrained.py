"""A model without weights is marked in every row of a report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sdkgen.bench.plan import Settings
from sdkgen.bench.report.model import build_report
from sdkgen.bench.report.text import as_csv, markdown
from sdkgen.bench.results.store import Store
from sdkgen.bench.sessions.session import Outcome
from tests.bench.recordings import cell, identity, recording


@pytest.mark.parametrize(
    ("model", "marked"),
    [
        ("mobilenetv2-ssd", True),
        ("blazeface-paper", True),
        ("blazeface-front", False),
        ("face-landmark", False),
        ("SDK mobilenetv2-ssd, 1280x720 BGRA", True),
        ("SDK mobilenetv2-ssd+weights", False),
        ("track-worst blazeface-paper", True),
        ("track-worst blazeface-front", False),
    ],
)
def test_an_untrained_model_is_marked(tmp_path: Path, model: str, marked: bool) -> None:
    store = Store(str(tmp_path / "results.sqlite"))
    run = store.begin_run(Settings())
    store.add_session(
        run,
        0,
        transport="local",
        runner="litert",
        settings=Settings(),
        identity=identity(),
        cell=replace(cell(), model=model),
        health=(None, None),
        outcome=Outcome("complete", recording([1.0, 1.1, 1.2])),
    )
    store.end_run(run)
    report = build_report(store, [run])
    assert ("untrained" in report.cells[0].verdicts) is marked
    assert ("untrained" in markdown(report)) is marked
    assert ("untrained" in as_csv(report)) is marked
