"""From stored sessions to figures, verdicts, comparisons and the command's exit code."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sdkgen.bench.devices.health import Health
from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Settings
from sdkgen.bench.report import compare
from sdkgen.bench.report.html import page
from sdkgen.bench.report.model import build_report, choose_runs, throttled
from sdkgen.bench.report.spread import Spreads
from sdkgen.bench.report.text import HEADINGS, as_csv, markdown, print_table, rows
from sdkgen.bench.results.store import Store
from sdkgen.bench.samples import Recording
from sdkgen.bench.sessions.session import Outcome
from sdkgen.errors import SpecError, UsageError
from sdkgen.spec.published import published
from tests.bench.recordings import cell, identity, recording
from tests.conftest import Run

FIVE = [4.0, 4.1, 4.05, 3.95, 4.02]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "results.sqlite"))


def measure(store: Store, medians: Sequence[float], **more: object) -> str:
    """Store a run of sessions with these medians, and return its id."""
    run = store.begin_run(Settings())
    for number, median in enumerate(medians):
        add(store, run, number, outcome=Outcome("complete", recording([median * 0.9, median, median * 3])), **more)
    store.end_run(run)
    return run


def add(store: Store, run: str, number: int, **more: object) -> None:
    values: dict[str, object] = {"identity": identity(), "cell": cell(), "health": (None, None)}
    values |= {"transport": "local", "runner": "litert", "settings": Settings()}
    store.add_session(run, number, **{**values, **more})


def test_the_headline_is_the_median_of_session_medians(store: Store) -> None:
    (found,) = build_report(store, [measure(store, FIVE)]).cells
    assert found.median == pytest.approx(4.02)
    assert found.low is not None
    assert found.high is not None
    assert 3.95 <= found.low <= 4.02 <= found.high <= 4.1
    assert found.session_medians == pytest.approx(tuple(FIVE))
    assert found.p95 == pytest.approx(12.2, abs=0.2)
    assert found.completion == pytest.approx(4.019)
    assert (found.cold_init, found.warm_init, found.first) == (8.0, 2.0, 6.0)
    assert found.memory_mib == 20.0
    assert (found.delegated, found.ops) == (90, 90)
    assert found.verdicts == ()
    assert found.provenance == "measured"


@pytest.mark.parametrize(("sessions", "said"), [(2, False), (3, True), (4, True), (5, False)])
def test_an_interval_that_is_a_range_is_called_one(
    store: Store, sessions: int, said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    report = build_report(store, [measure(store, FIVE[:sessions])])
    words = "the interval is their range"
    assert [words in text for text in (markdown(report), page(report, store))] == [said] * 2
    print_table(report)
    assert (words in capsys.readouterr().out) is said


def test_failed_sessions_are_counted_and_never_averaged(store: Store) -> None:
    run = measure(store, FIVE)
    error = DeviceError("it crashed", reference="runner-crashed")
    add(store, run, 5, outcome=Outcome("failed", recording([400.0]), error))
    add(store, run, 6, outcome=Outcome("lost", recording([500.0, 500.0]), error))
    (found,) = build_report(store, [run]).cells
    assert found.median == pytest.approx(4.02)
    assert (found.sessions, found.failed) == (5, 2)
    assert "incomplete" in found.verdicts
    assert found.errors == ("runner-crashed: it crashed",)


def test_a_cell_that_never_worked_has_no_figures(store: Store) -> None:
    run = store.begin_run(Settings())
    error = DeviceError("no GPU", reference="backend-unavailable")
    add(store, run, 0, cell=cell("gpu"), outcome=Outcome("failed", Recording(), error))
    (found,) = build_report(store, [run]).cells
    assert found.median is None
    assert rows([found])[0][HEADINGS.index("verdicts")] == "backend-unavailable"


def test_twins_and_provenances_stay_apart(store: Store) -> None:
    run = store.begin_run(Settings())
    for number, who in enumerate([identity("a"), identity("b"), identity("a", emulated=True)]):
        add(store, run, number, identity=who, outcome=Outcome("complete", recording([1.0 + number])))
    cells = build_report(store, [run]).cells
    assert [one.median for one in cells] == [1.0, 2.0, 3.0]
    assert [one.provenance for one in cells] == ["measured", "measured", "emulated"]
    assert len({one.device for one in cells[:2]}) == 2


@pytest.mark.parametrize(
    ("medians", "settled", "full", "verdict"),
    [
        ([4.0, 4.1, 5.0], True, True, "unstable"),
        ([4.0, 4.0, 4.0], False, True, "not settled"),
        ([4.0, 4.0, 4.0], True, False, "partly on CPU"),
        ([4.0], True, True, "few sessions"),
    ],
)
def test_verdicts(store: Store, medians: list[float], settled: bool, full: bool, verdict: str) -> None:
    run = store.begin_run(Settings())
    for number, median in enumerate(medians):
        add(store, run, number, outcome=Outcome("complete", recording([median], settled=settled, full=full)))
    (found,) = build_report(store, [run]).cells
    assert found.verdicts == (verdict,)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Health(thermal_status=0), Health(thermal_status=2), True),
        (Health(thermal_status=0), Health(thermal_status=0), False),
        (Health(cpu_maximum_clocks=(2000, 3000)), Health(cpu_maximum_clocks=(2000, 1800)), True),
        (Health(cpu_maximum_clocks=(2000, None)), Health(cpu_maximum_clocks=(1900, 1800)), False),
        (Health(), Health(), False),
        (None, Health(thermal_status=3), False),
    ],
)
def test_throttling_is_what_the_device_says(before: Health | None, after: Health | None, expected: bool) -> None:
    assert throttled(before, after) is expected


@pytest.mark.parametrize("health", [Health(thermal_status=1), Health(thermal_status=0, battery_temperature=41.0)])
def test_a_hot_device_is_flagged(store: Store, health: Health) -> None:
    (found,) = build_report(store, [measure(store, FIVE, health=(health, health))]).cells
    assert found.verdicts == ("hot",)


def test_device_text_is_escaped_everywhere(store: Store) -> None:
    evil = identity(model="=cmd()|<script>alert(1)</script>\x1b[31m")
    report = build_report(store, [measure(store, FIVE, identity=evil)])
    text = markdown(report)
    assert "<script>" not in text
    assert "\x1b" not in text
    assert text.splitlines()[2].replace("\\|", "").count("|") == len(HEADINGS) + 1
    assert "\x1b" not in as_csv(report)


def test_csv_is_read_back_and_holds_no_formula(store: Store) -> None:
    cells = [cell(model="=1+1")]
    report = build_report(store, [measure(store, FIVE, cell=cells[0])])
    (line,) = csv.DictReader(io.StringIO(as_csv(report)))
    assert float(line["median"]) == pytest.approx(4.02)
    assert not {"session_medians", "reference_medians"} & set(line)
    assert line["model"] == "'=1+1"


def test_json_is_read_back(store: Store, tmp_path: Path) -> None:
    report = build_report(store, [measure(store, FIVE)])
    (tmp_path / "r.json").write_text(report.model_dump_json())
    assert compare.read_report(tmp_path / "r.json") == report
    (tmp_path / "r.json").write_text("{}")
    with pytest.raises(UsageError):
        compare.read_report(tmp_path / "r.json")


def test_another_device_is_not_compared(store: Store) -> None:
    before = build_report(store, [measure(store, FIVE)])
    now = build_report(store, [measure(store, FIVE, identity=identity("b"))])
    assert compare.changes(now, before, Spreads(None)) == []
    assert len(compare.missing(now, before)) == 1


def test_published_figures_carry_their_source() -> None:
    tables = {one.name: one for one in published()}
    paper = tables["blazeface-paper-table2"]
    times = {(figure.device, figure.network): figure.milliseconds for figure in paper.latency}
    assert times["iPhone XS", "BlazeFace"] == 0.6
    assert times["Huawei P20", "MobileNetV2-SSD"] == 21.3
    assert len(times) == 10
    assert paper.source.reference == "arXiv:1907.05047"
    assert all(one.source.title for one in tables.values())


def test_a_faulty_published_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "bad.toml").write_text('schema = 1\nname = "bad"\n')
    monkeypatch.setattr("sdkgen.spec.published.resources.path", lambda _: tmp_path)
    with pytest.raises(SpecError) as caught:
        published()
    assert "bad.toml: title" in caught.value.context


def test_measured_and_published_share_a_row_only_for_the_same_phone(store: Store) -> None:
    run = store.begin_run(Settings())
    people = [
        identity("a", model="Pixel 3"),
        identity("b", model="Other"),
        identity("c", model="Pixel 3", emulated=True),
    ]
    for number, who in enumerate(people):
        add(store, run, number, identity=who, cell=cell("gpu"), outcome=Outcome("complete", recording([3.0 + number])))
    headings, rows = compare.published_table(build_report(store, [run]), published())
    by_device = {one[0]: dict(zip(headings, one, strict=True)) for one in rows}
    pixel = by_device["Pixel 3"]
    assert pixel["BlazeFace, GPU, published"] == "3.4"
    assert pixel["blazeface-front, GPU, measured"] == "3.00"
    assert pixel["blazeface-front, GPU, emulated"] == "–"
    assert by_device["Maker Pixel 3 #cccc"]["blazeface-front, GPU, emulated"] == "5.00"
    assert by_device["Maker Other #bbbb"]["BlazeFace, GPU, published"] == "–"
    assert all(one.endswith(("published", "measured", "emulated", "device", "source")) for one in headings)


def ways(store: Store) -> tuple[str, list[float]]:
    """Store a run of one model on one device's GPU, each time in another way, and return its id and medians."""
    run = store.begin_run(Settings())
    fp32 = replace(cell("gpu", sha256="6" * 64), precision="fp32")
    kinds: list[dict[str, object]] = [
        {"cell": cell("gpu")},
        {"cell": fp32},
        {"cell": cell("gpu"), "runner": "benchmark_model"},
        {"cell": cell("gpu", sha256="7" * 64)},
    ]
    for number, kind in enumerate(kinds):
        kind |= {"identity": identity(model="Pixel 3"), "outcome": Outcome("complete", recording([3.0 + number]))}
        add(store, run, number, **kind)
    return run, [3.0 + number for number in range(len(kinds))]


def test_cells_that_were_measured_in_other_ways_are_told_apart(store: Store) -> None:
    run, medians = ways(store)
    report = build_report(store, [run])
    shown = [one[HEADINGS.index("backend")] for one in rows(report.cells)]
    assert shown == [
        "gpu, fp16, litert, 55555555",
        "gpu, fp32, litert",
        "gpu, fp16, benchmark_model",
        "gpu, fp16, litert, 77777777",
    ]
    assert [one[HEADINGS.index("backend")] for one in rows(report.cells[:1])] == ["gpu"]
    headings, lines = compare.published_table(report, published())
    (line,) = [one for one in lines if one[0] == "Pixel 3"]
    assert {f"{median:.2f}" for median in medians} <= set(line)
    assert len(set(headings)) == len(headings)
    changed = [compare.change_row(one) for one in compare.changes(report, report, Spreads(None))]
    assert len({(one[0], one[-1]) for one in changed}) == 4


def test_the_same_artifact_is_before(store: Store) -> None:
    report = build_report(store, [ways(store)[0]])
    assert [change.ratio.value for change in compare.changes(report, report, Spreads(None))] == [1.0] * 4
    first, rest = (report.model_copy(update={"cells": cells}) for cells in (report.cells[:1], report.cells[1:]))
    (other,) = compare.changes(first, rest, Spreads(None))
    assert compare.change_row(other)[-1] == "77777777 → 55555555"


def test_two_phones_of_a_published_model_keep_their_figures(store: Store) -> None:
    run = store.begin_run(Settings())
    for number, serial in enumerate("ab"):
        who = identity(serial, model="Pixel 3")
        add(store, run, number, identity=who, cell=cell("gpu"), outcome=Outcome("complete", recording([3.0 + number])))
    headings, lines = compare.published_table(build_report(store, [run]), published())
    (line,) = [one for one in lines if one[0] == "Pixel 3"]
    assert line[headings.index("blazeface-front, GPU, measured")] == "3.00 #aaaa, 4.00 #bbbb"


def test_runs_are_chosen_by_name(store: Store) -> None:
    first, second = measure(store, FIVE), measure(store, FIVE)
    assert [one.id for one in choose_runs(store, "latest")] in ([first], [second])
    assert {one.id for one in choose_runs(store, "all")} == {first, second}
    assert [one.id for one in choose_runs(store, first)] == [first]
    with pytest.raises(UsageError):
        choose_runs(store, "2")
    with pytest.raises(UsageError):
        choose_runs(store, "nope")


def test_the_command_writes_every_format_and_checks(store: Store, tmp_path: Path, run: Run) -> None:
    place = store.place
    before = measure(store, FIVE)
    slow = measure(store, [time * 1.5 for time in FIVE])
    for form, begins in (("markdown", "| device"), ("csv", "device,"), ("json", "{"), ("html", "<!doctype html>")):
        done = run("report", "--store", place, "--run", before, "--format", form)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(begins)
    assert "4.02" in run("report", "--store", place, "--run", before).stdout
    assert "Galaxy S9+" in run("report", "--store", place, "--run", before, "--compare", "published").stdout

    baseline = tmp_path / "base.json"
    assert run("report", "--store", place, "--run", before, "-f", "json", "-o", baseline).returncode == 0
    unsure = run("report", "--store", place, "--run", before, "--check", baseline)
    assert unsure.returncode == 1
    assert "cannot judge below 6" in unsure.stderr
    assert run("report", "--store", place, "--run", before, "--check", baseline, "--allow-missing").returncode == 1
    fine = run("report", "--store", place, "--run", before, "--check", baseline, "--max-regression", "10%")
    assert fine.returncode == 0, fine.stderr
    assert "No significant regression in 1 cell" in fine.stderr
    failed = run("report", "--store", place, "--run", slow, "--check", before, "--max-regression", "5%")
    assert failed.returncode == 1
    assert "blazeface-front on cpu × 1, fp16, litert of Maker Phone 1" in failed.stderr
    assert "1.500" in failed.stderr
    allowed = run("report", "--store", place, "--run", slow, "--check", baseline, "--max-regression", "60%")
    assert allowed.returncode == 0
    compared = run("report", "--store", place, "--run", slow, "--compare", before)
    assert "1.500" in compared.stdout


def test_the_command_says_what_is_wrong(tmp_path: Path, run: Run) -> None:
    nothing = run("report", "--store", tmp_path / "none.sqlite")
    assert nothing.returncode == 1
    assert "sdkgen bench" in nothing.stderr
    assert run("report", "--max-regression", "lots").returncode == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--check", "base.json", "--paper"], "Leave out --check, or --paper"),
        (["--check", "base.json", "--runs"], "Leave out --check, or --runs"),
        (["--runs", "--format", "json", "--out", "r.json"], "Leave out --format, --out, or --runs"),
        (["--compare", "published", "--paper"], "Leave out --compare, or --paper"),
        (["--evaluation", "e.json"], "--evaluation belongs to --paper"),
        (["--max-regression", "1%"], "--max-regression belongs to --check"),
        (["--compare", "published", "--format", "json"], "json holds no comparison"),
        (["--compare", "published", "--format", "csv"], "csv holds no comparison"),
        (["--format", "table", "--out", "r.txt"], "another --format"),
    ],
)
def test_options_that_would_be_ignored_are_refused(store: Store, run: Run, given: list[str], words: str) -> None:
    measure(store, FIVE)
    done = run("report", "--store", store.place, *given)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_a_file_is_markdown_unless_a_format_is_chosen(store: Store, tmp_path: Path, run: Run) -> None:
    measure(store, FIVE)
    assert run("report", "--store", store.place, "--out", tmp_path / "r.md").returncode == 0
    assert (tmp_path / "r.md").read_text().startswith("| device")


def test_the_report_never_loads_torch(store: Store, run: Run) -> None:
    measure(store, FIVE)
    done = run("report", "--store", store.place, "--format", "json", PYTHONPROFILEIMPORTTIME="1")
    assert json.loads(done.stdout)["schema_version"] == 2
    assert "torch" not in {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
