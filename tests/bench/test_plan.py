"""Cells take turns, and limits leave time enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdkgen.bench.plan import Cell, Settings, turns
from tests.bench.recordings import cell


def test_cells_take_turns_and_every_other_pass_goes_backwards() -> None:
    one, two = cell("gpu"), cell("cpu")
    assert list(turns([one, two], 3)) == [(0, one), (0, two), (1, two), (1, one), (2, one), (2, two)]


def test_rows_of_one_backend_are_neighbours_and_each_begins_as_often_as_the_others() -> None:
    cells = [cell(backend, name) for name in ("a", "b", "c") for backend in ("gpu", "cpu")]
    made = list(turns(cells, 6))
    assert sorted(made, key=lambda one: one[0]) == made
    orders = [[one for number, one in made if number == index] for index in range(6)]
    assert all(set(order) == set(cells) for order in orders)
    assert all(
        [one.backend for one in order] in (["gpu"] * 3 + ["cpu"] * 3, ["cpu"] * 3 + ["gpu"] * 3) for order in orders
    )
    firsts = [next(one.model for one in order if one.backend == "gpu") for order in orders]
    assert sorted(firsts) == ["a", "a", "b", "b", "c", "c"]


def test_with_a_baseline_a_round_goes_there_and_back() -> None:
    assert (Settings(sessions=5).passes, Settings(sessions=5, baseline="old").passes) == (5, 10)


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
