"""Whole searches on devices whose sessions are simulated, and stored as real ones are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.main import get_command

from sdkgen.bench.devices.identity import Identity
from sdkgen.bench.devices.transport import Found
from sdkgen.bench.errors import DeviceError, DeviceGone
from sdkgen.bench.plan import Backend, Cell, Settings, turns
from sdkgen.bench.results.store import Store
from sdkgen.bench.runs import live
from sdkgen.bench.runs.bench import Bench, Problem
from sdkgen.bench.samples import Recording
from sdkgen.bench.sessions.session import Outcome
from sdkgen.bench.tuning.run import Graphs, Search
from sdkgen.bench.tuning.search import RELEASED, Candidate
from sdkgen.bench.tuning.table import print_tuned
from sdkgen.commands import build
from sdkgen.formats import DEFAULT_VARIANT, InputType, Layout, Precision
from sdkgen.spec.registry import load_model
from tests.bench.fake_runners import ScriptRunner
from tests.bench.recordings import identity, recording

FRONT = load_model("blazeface-front")
DEFAULT, FOLDED, BYTES = (
    Candidate("sliced-padding", "joined", "fp16", "float"),
    Candidate("folded-16", "joined", "fp16", "float"),
    Candidate("sliced-padding", "joined", "fp16", "bytes"),
)
TIMES = {RELEASED: 1.6, DEFAULT.label: 1.0, FOLDED.label: 0.8, BYTES.label: 1.1}


@dataclass
class Lab:
    """Devices by their serial, and what happens on them in place of a bench."""

    devices: dict[str, Identity]
    times: dict[str, float] = field(default_factory=lambda: dict(TIMES))
    failing: dict[tuple[str, str], DeviceError] = field(default_factory=dict)
    """By serial and label; a label of "" is the device as a whole."""
    partial: set[tuple[str, str]] = field(default_factory=set)
    """Serials and labels of what the backend takes only in part."""
    interrupted_after: int | None = None
    order: list[list[str]] = field(default_factory=list)

    def run(self, job: Bench) -> None:
        """Do as ``live.run`` does."""
        job.run_id = job.store.begin_run(job.settings)
        labels = {cell: cell.model.removeprefix(f"{FRONT.name} ") for cell in job.cells}
        self.order.append(list(labels.values()))
        done = 0
        for serial, known in self.devices.items():
            if (serial, "") in self.failing:
                job.problems.append(Problem(serial, "", self.failing[serial, ""]))
                continue
            for number, cell in turns(job.cells, job.settings.sessions):
                if self.interrupted_after == done:
                    raise KeyboardInterrupt
                error = self.failing.get((serial, labels[cell]))
                if error is not None and number == 0:
                    job.problems.append(Problem(serial, cell.name, error))
                self._store(job, known, number, cell, error, full=(serial, labels[cell]) not in self.partial)
                done += 1

    def _store(
        self, job: Bench, known: Identity, number: int, cell: Cell, error: DeviceError | None, *, full: bool
    ) -> None:
        time = self.times[cell.model.removeprefix(f"{FRONT.name} ")] * (1 + 0.1 * number)
        made = Recording() if error else recording([time, time, time], full=full)
        job.store.add_session(
            job.run_id,
            number,
            identity=known,
            transport="adb-server",
            runner="script",
            cell=cell,
            settings=job.settings,
            outcome=Outcome("failed" if error else "complete", made, error),
        )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(str(tmp_path / "results.sqlite"))
    yield opened
    opened.close()


def search(
    lab: Lab,
    store: Store,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    backends: tuple[Backend, ...] = ("gpu",),
) -> Search:
    monkeypatch.setattr(live, "run", lab.run)
    files = {}
    for candidate in (DEFAULT, FOLDED, BYTES):
        files[candidate] = folder / f"{candidate.label}.tflite"
        files[candidate].write_text(candidate.label)
    (folder / "released.tflite").write_text("released")
    found = [Found(serial, "adb-server") for serial in lab.devices]
    graphs = Graphs(files, folder / "released.tflite")
    runner = ScriptRunner(folder, "good", b"")
    return Search(FRONT, graphs, found, backends, 1, Settings(sessions=5), runner, store)


def phones(*models: str) -> dict[str, Identity]:
    return {model: identity(chr(ord("a") + index), model=model) for index, model in enumerate(models)}


def test_what_the_store_holds_decides(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(phones("P"))
    made = search(lab, store, tmp_path, monkeypatch)
    made.run(3)
    record = made.record()
    assert record is not None
    assert record.choice.label == FOLDED.label
    assert set(record.runs) == {one.id for one in store.runs()}
    assert record.dropped == {BYTES.label: "slower than the best in round 1"}
    assert (record.places[0].device, made.problems, made.missing) == ("Maker P #aaaa", [], [])
    assert [sorted(labels) for labels in lab.order[:2]] == [
        sorted(TIMES),
        sorted({RELEASED, DEFAULT.label, FOLDED.label}),
    ]
    assert len({labels[0] for labels in lab.order}) > 1  # each round begins elsewhere
    assert len(store.sessions(record.runs[-1:])) == 3 * 10  # the confirmation: three files, twice the sessions


def test_a_candidate_that_a_device_refuses_is_dropped_with_its_reason_and_is_no_fault(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(phones("P", "Q"), failing={("Q", FOLDED.label): DeviceError("no such kernel", context="", hint="")})
    made = search(lab, store, tmp_path, monkeypatch)
    made.run(2)
    record = made.record()
    assert record is not None
    assert record.is_default
    assert record.dropped[FOLDED.label] == "failed: no such kernel"
    assert (made.problems, made.missing) == ([], [])


def test_a_candidate_that_runs_in_part_is_dropped_with_how_much_ran(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = search(Lab(phones("P"), partial={("P", FOLDED.label)}), store, tmp_path, monkeypatch)
    made.run(1)
    record = made.record()
    assert record is not None
    assert record.dropped[FOLDED.label] == "only 40 of 90 operations on the gpu of Maker P #aaaa"
    print_tuned(record, finished=True)
    said = capsys.readouterr()
    assert "40 of 90" in said.err
    assert "The default wins" in said.err
    assert "Maker P #aaaa" in said.out


def test_a_device_that_fails_is_a_problem_and_the_others_decide(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = DeviceGone("the cable is out", context="Q", hint="Put it back.")
    made = search(Lab(phones("P", "Q"), failing={("Q", ""): gone}), store, tmp_path, monkeypatch)
    made.run(1)
    record = made.record()
    assert record is not None
    assert [place.device for place in record.places] == ["Maker P #aaaa"]
    assert {one.error for one in made.problems} == {gone}


def test_where_the_default_does_not_run_no_choice_counts(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = search(Lab(phones("P", "Q"), partial={("Q", DEFAULT.label)}), store, tmp_path, monkeypatch)
    made.run(1)
    assert [place.device for place in made.missing] == ["Maker Q #bbbb"]
    nowhere = search(Lab(phones("P"), partial={("P", DEFAULT.label)}), store, tmp_path, monkeypatch)
    with pytest.raises(DeviceError, match="was not measured: only 40 of 90 operations on the gpu") as caught:
        nowhere.run(1)
    assert caught.value.reference == "default-not-measured"
    assert nowhere.record() is None
    broken = DeviceError("no GPU", context="P", hint="")
    failing = search(Lab(phones("P"), failing={("P", DEFAULT.label): broken}), store, tmp_path, monkeypatch)
    with pytest.raises(DeviceError, match="no GPU"):
        failing.run(1)


def test_an_interrupt_keeps_what_was_measured_and_chooses_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = search(Lab(phones("P"), interrupted_after=17), store, tmp_path, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        made.run(3)
    record = made.record()
    assert record is not None
    assert len(store.sessions([one.id for one in store.runs()])) == 17
    assert sum(row.sessions for row in record.places[0].rows) == 17
    print_tuned(record, finished=False)
    said = capsys.readouterr()
    assert FOLDED.label in said.out
    assert "nothing is chosen" in said.err
    assert "winner" not in said.err


def test_the_first_of_each_choice_is_what_build_does_without_options() -> None:
    app = typer.Typer()
    build.register(app)
    defaults = {one.name: one.default for one in get_command(app).params}
    firsts = {"outputs": get_args(Layout)[0], "precision": get_args(Precision)[0], "input_type": get_args(InputType)[0]}
    assert {name: defaults[name] for name in firsts} == firsts
    assert DEFAULT.variant == DEFAULT_VARIANT
