"""Cells take turns, and limits leave time enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdkgen.bench.plan import Cell, Settings, turns
from tests.bench.recordings import cell


def test_sessions_of_the_cells_are_interleaved() -> None:
    one, two = cell("gpu"), cell("cpu")
    assert list(turns([one, two], 3)) == [(0, one), (0, two), (1, one), (1, two), (2, one), (2, two)]


def test_a_cell_is_keyed_by_what_is_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "m.tflite"
    file.write_bytes(b"one")
    before = Cell.of("m", file, "cpu")
    file.write_bytes(b"two")
    assert Cell.of("m", file, "cpu").sha256 != before.sha256


@pytest.mark.parametrize("settings", [Settings(), Settings(runs=1000), Settings(runs=600, paced=1.0)])
def test_the_limit_is_longer_than_the_session(settings: Settings) -> None:
    paced = settings.runs / settings.paced if settings.paced else 0.0
    assert settings.limit_seconds > paced + 5 * settings.warmup_seconds
    assert Settings(limit=7).limit_seconds == 7
