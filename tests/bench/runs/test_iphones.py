"""Measuring on iPhones, with a stand-in for the phone."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from sdkgen.bench.devices.iphone import IPhone, Timings
from sdkgen.bench.errors import DeviceGone
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.report.model import build_report
from sdkgen.bench.results.store import Store
from sdkgen.bench.runs import iphones as run_iphone
from tests.bench.recordings import cell, identity
from tests.conftest import Run

TIMINGS = Timings((80.0, 6.0, 5.0), 3.0, (1.0, 1.0, 1.0, 1.0), (0.6, 0.7, 0.8), {"gpu": 70, "cpu": 2})


def test_sessions_are_stored_and_reported(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "s"))
    phone = IPhone(identity(model="iPhone11,2"), None)
    run, problems = run_iphone.run([phone], [cell("gpu")], Settings(sessions=3), store, lambda *_: TIMINGS)
    assert problems == []
    (found,) = build_report(store, [run]).cells
    assert found.median == pytest.approx(0.7)
    assert (found.cold_init, found.warm_init, found.first) == (80.0, 5.5, 3.0)
    assert (found.delegated, found.ops) == (70, 72)
    assert "partly on CPU" in found.verdicts
    assert found.runner == "coremltools"
    assert found.completion is None


def test_a_phone_that_goes_away_keeps_its_sessions_and_stops_no_other(tmp_path: Path) -> None:
    calls = 0

    def measure(phone: IPhone, _cell: Cell, _settings: Settings) -> Timings:
        nonlocal calls
        calls += 1
        if phone.identity.serial_hash.startswith("a") and calls == 2:
            raise DeviceGone("the cable is out", context="iphone", hint="Put it back.")
        return TIMINGS

    store = Store(str(tmp_path / "s"))
    phones = [IPhone(identity("a"), None), IPhone(identity("b"), None)]
    run, problems = run_iphone.run(phones, [cell("gpu")], Settings(sessions=2), store, measure)
    assert [one.status for one in store.sessions([run])] == ["complete", "failed", "complete", "complete"]
    assert [one.error.reference for one in problems] == ["device-gone"]


@pytest.mark.skipif(platform.system() == "Darwin", reason="a Mac may have iPhones")
def test_elsewhere_the_command_says_that_a_mac_is_needed(run: Run, tmp_path: Path) -> None:
    done = run("bench", "--device", "iphone", "--team", "X", "--store", tmp_path / "s")
    assert done.returncode == 1
    assert "iphone-needs-mac" in done.stderr
    assert run("bench", "--device", "iphone", "--device", "all", "--store", tmp_path / "s").returncode == 2


@pytest.mark.parametrize(
    "given",
    [
        ["--pipeline", "track"],
        ["--artifact", "nope.tflite", "--paced", "30", "--precision", "fp32"],
        ["--threads", "1", "--warmup", "2", "--cooldown", "0", "--limit", "9"],
        ["--outputs", "standard", "--runner", "litert"],
    ],
)
def test_options_without_a_meaning_on_iphones_are_named(run: Run, tmp_path: Path, given: list[str]) -> None:
    done = run("bench", "--device", "iphone", "--team", "X", "--store", tmp_path / "s", *given)
    assert done.returncode == 2
    assert all(option in done.stderr.partition("fix:")[2] for option in given[::2])
    assert not (tmp_path / "s").exists()
