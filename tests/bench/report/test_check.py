"""Gates: what passes has been judged, and drift of a device is not taken for a change of the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.report.check import judge, judge_run, judge_runs_apart, pass_gate
from sdkgen.bench.report.html import page
from sdkgen.bench.report.model import Report, build_report
from sdkgen.bench.report.spread import ASSUMED, ENOUGH_FREEDOM, Spreads
from sdkgen.bench.report.text import comparison_tables, markdown, print_table
from sdkgen.bench.results.statistics import Interval
from sdkgen.bench.results.store import Store
from sdkgen.bench.samples import Recording, Reference
from sdkgen.bench.sessions.session import Outcome
from sdkgen.errors import UsageError
from tests.bench.recordings import cell, identity, recording

OLD, NEW = cell(model="old/front", sha256="1" * 64), cell(model="new/front", sha256="2" * 64)
NOISE = [0.99, 1.01, 1.0, 0.995, 1.005, 1.0, 0.99, 1.01, 1.0, 1.0]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "results.sqlite"))


def add(store: Store, run: str, number: int, one: Cell, made: Recording | None, reference: float | None = None) -> None:
    error = None if made is not None else DeviceError("it crashed", reference="runner-crashed")
    if made is not None and reference is not None:
        made = made.model_copy(update={"reference": Reference(runs=9, median_ns=round(reference * 1e6))})
    store.add_session(
        run,
        number,
        identity=identity(),
        transport="local",
        runner="litert",
        cell=one,
        settings=Settings(),
        outcome=Outcome("complete" if made is not None else "failed", made or Recording(), error),
    )


def paired(store: Store, slowdown: float, *, drift: float = 0.3, turns: int = 10, failing: int = 0) -> Report:
    """Store a run with a baseline, in which the whole device gets slower by ``drift``; return its report."""
    run = store.begin_run(Settings(baseline=OLD.model))
    for turn in range(turns):
        speed = 1 + drift * turn / turns
        add(store, run, turn, OLD, recording([4 * speed] * 3))
        broken = turn < failing
        add(store, run, turn, NEW, None if broken else recording([4 * speed * slowdown * NOISE[turn % 10]] * 3))
    store.end_run(run)
    return build_report(store, [run])


def apart(store: Store, times: Sequence[float], *, reference: float | None = None, one: Cell = OLD) -> Report:
    run = store.begin_run(Settings())
    for number, time in enumerate(times):
        add(store, run, number, one, recording([time] * 3), reference)
    store.end_run(run)
    return build_report(store, [run])


@pytest.mark.parametrize(
    ("ratio", "allowed", "answer"),
    [
        (Interval(1.06, 1.03, 1.09), 0.03, "slower"),
        (Interval(1.02, 1.01, 1.03), 0.03, "fine"),
        (Interval(1.06, 0.99, 1.11), 0.03, "fine"),
        (Interval(1.0, 0.9, 1.1), 0.03, "not judged"),
        (Interval(1.0, 0.9, 1.1), 0.051, "fine"),
        (Interval(1.5, 1.2, 1.9), 0.03, "slower"),
        (Interval(1.0, 0.995, 1.005), 0.0, "fine"),
        (Interval(1.004, 1.001, 1.008), 0.0, "slower"),
        (Interval(1.5), 0.03, "not judged"),
        (None, 0.03, "not judged"),
    ],
)
def test_a_cell_is_slower_fine_or_not_judged(ratio: Interval | None, allowed: float, answer: str) -> None:
    assert judge("a cell", ratio, allowed, 2, "Rest.").answer == answer


@pytest.mark.parametrize(("slowdown", "passes"), [(1.0, True), (1.06, False), (0.8, True), (1.02, True)])
def test_a_baseline_in_the_same_run_cancels_the_drift(store: Store, slowdown: float, passes: bool) -> None:
    report = paired(store, slowdown)
    (found,) = report.comparisons
    assert found.ratio == pytest.approx(slowdown, rel=0.01)
    assert found.pairs == 10
    assert pass_gate(judge_run(report, 0.03, 1), allow_missing=False) is passes


def test_the_comparison_is_in_every_form(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    report = paired(store, 1.06)
    assert Report.model_validate_json(report.model_dump_json()) == report
    print_table(report)
    (table,) = comparison_tables(report)
    for text in (capsys.readouterr().out, page(report, store, [table])):
        assert "Beside the baseline" in text
        assert "1.060" in text
        assert "93 % with ten" in text
    assert "Beside" not in markdown(report)  # the table itself: forms.render_report puts the others below
    assert comparison_tables(apart(store, [1.0])) == []


@pytest.mark.parametrize(
    ("turns", "failing", "why"), [(2, 0, "an interval needs 3"), (10, 10, "not measured, or failed"), (0, 0, "device")]
)
def test_what_was_not_judged_does_not_pass(
    store: Store, turns: int, failing: int, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = judge_run(paired(store, 1.0, turns=turns, failing=failing), 0.03, 1)
    assert [one.answer for one in found] == ["not judged"]
    for allow_missing in (False, True):
        assert not pass_gate(found, allow_missing=allow_missing)
        said = capsys.readouterr().err
        assert why in said
        assert "nothing was judged" in said
        assert "No significant regression" not in said


def test_with_allow_missing_the_rest_decides(capsys: pytest.CaptureFixture[str]) -> None:
    fine = judge("fine", Interval(1.0, 0.99, 1.01), 0.03, 10, "")
    slow = judge("slow", Interval(1.2, 1.1, 1.3), 0.03, 10, "")
    absent = judge("absent", None, 0.03, 0, "")
    assert not pass_gate([fine, absent], allow_missing=False)
    assert "--allow-missing" in capsys.readouterr().err
    assert pass_gate([fine, absent], allow_missing=True)
    assert "in 1 cell, 1 not judged" in capsys.readouterr().err
    assert not pass_gate([fine, slow, absent], allow_missing=True)


def test_runs_apart_are_taken_relative_to_the_reference(store: Store) -> None:
    base, hot = [4.0 * one for one in NOISE[:5]], [4.4 * one for one in NOISE[:5]]
    without = apart(store, base), apart(store, hot)
    (found,) = judge_runs_apart(without[1], without[0], 0.08, Spreads(None))
    assert found.answer == "fine"  # 10 % slower, and 5 % of drift are assumed
    both = apart(store, base, reference=1.0), apart(store, hot, reference=1.1)
    (found,) = judge_runs_apart(both[1], both[0], 0.08, Spreads(None))
    assert "ratio 1.000" in found.why
    mixed = apart(store, base, reference=1.0), apart(store, hot)
    (found,) = judge_runs_apart(mixed[1], mixed[0], 0.08, Spreads(None))
    assert "ratio 1.1" in found.why


def test_how_runs_differ_is_estimated_from_the_store_where_it_holds_enough(store: Store) -> None:
    rng = np.random.default_rng(1)
    reports = [apart(store, [4 * drift * one for one in NOISE[:5]]) for drift in rng.normal(1, 0.01, ENOUGH_FREEDOM)]
    (one,) = reports[-1].cells
    assert Spreads(store).of(one, to_reference=False) == ASSUMED
    assert Spreads(store).of(one, to_reference=True) == ASSUMED
    (unsure,) = judge_runs_apart(reports[0], reports[1], 0.05, Spreads(store))
    assert unsure.answer == "not judged"
    assert "cannot judge below 6" in unsure.why
    apart(store, [4 * one for one in NOISE[:5]])
    found = Spreads(store).of(one, to_reference=False)
    assert found.freedom == ENOUGH_FREEDOM
    assert found.deviation == pytest.approx(0.01, abs=0.007)
    (sure,) = judge_runs_apart(reports[0], reports[1], 0.05, Spreads(store))
    assert sure.answer == "fine"


def test_another_artifact_is_no_drift(store: Store) -> None:
    for slower in (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0):
        made = apart(store, [4 * slower * one for one in NOISE[:5]], one=cell(sha256=f"{slower:.0f}" * 64))
    assert Spreads(store).of(made.cells[0], to_reference=False) == ASSUMED


def test_every_cell_of_the_baseline_is_judged_or_said_not_to_be(store: Store) -> None:
    run = store.begin_run(Settings())
    for number in range(5):
        add(store, run, number, OLD, recording([4.0] * 3))
        add(store, run, number, NEW, recording([4.0] * 3))
        add(store, run, number, cell("gpu"), None)
    baseline = build_report(store, [run])
    found = judge_runs_apart(apart(store, [4.0] * 5), baseline, 0.1, Spreads(None))
    assert [(one.answer, one.why.partition(" (")[0]) for one in found] == [
        ("fine", "ratio 1.000"),
        ("not judged", "not measured this time"),
        ("not judged", "failed in the baseline"),
    ]
    assert not pass_gate(found, allow_missing=False)
    assert pass_gate(found, allow_missing=True)
    with pytest.raises(UsageError):
        judge_runs_apart(apart(store, [4.0] * 5, one=cell(model="other")), baseline, 0.1, Spreads(None))


def test_reports_of_the_first_format_are_read(store: Store) -> None:
    made = json.loads(apart(store, [4.0] * 5, reference=1.0).model_dump_json())
    made["schema_version"] = 1
    del made["comparisons"]
    for one in made["cells"]:
        del one["reference_medians"]
    assert Report.model_validate(made).cells[0].to_reference is None
