"""The search for the fastest graph, on simulated sessions, and once for real on this machine."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sdkgen.bench.devices.identity import Identity
from sdkgen.bench.report.paired import Measured, Place
from sdkgen.bench.tuning.file import describe, read, write
from sdkgen.bench.tuning.search import RELEASED, Candidate, Tuning
from sdkgen.errors import SpecError, UsageError
from sdkgen.spec.registry import load_model
from tests.conftest import Run

FRONT = load_model("blazeface-front")
PHONE = Place("a" * 64, "Phone #aaaa", "gpu")
TABLET = Place("b" * 64, "Tablet #bbbb", "gpu")


def search(
    times: Mapping[str, float | tuple[float, ...]],
    *,
    places: tuple[Place, ...] = (PHONE,),
    rounds: int = 3,
    seed: int = 0,
) -> tuple[Tuning, list[list[str]]]:
    """Run a search over candidates of these true times by place; all share a drift, each session has 2 % of noise."""
    random = np.random.default_rng(seed)
    tuning = Tuning("default", [label for label in times if label not in ("default", RELEASED)])
    measured = []

    def measure(number: int, turns: int) -> None:
        labels = [*tuning.references, "default", *tuning.active]
        measured.append(labels)
        for turn in range(turns):
            for index, place in enumerate(places):
                drift = random.uniform(0.8, 1.2)
                for label in labels:
                    true = times[label]
                    true = true[index] if isinstance(true, tuple) else true
                    tuning.add([Measured(label, place, (number, turn), true * drift * random.normal(1, 0.02))])

    for number in range(1, rounds + 1):
        measure(number, 5)
        tuning.drop_slower(number)
        if not tuning.active:
            break
    if tuning.begin_confirmation(rounds + 1):
        measure(rounds + 1, 10)
    return tuning, measured


def test_the_fastest_is_found_and_what_is_slower_is_not_measured_again() -> None:
    times = {RELEASED: 1.6, "default": 1.0, "a": 0.9, "b": 1.3, "c": 2.0, "d": 1.05, "e": 0.97}
    tuning, measured = search(times)
    assert tuning.choice() == "a"
    assert {"b", "c"} <= {label for label, why in tuning.dropped.items() if why.endswith("round 1")}
    assert all("c" not in labels for labels in measured[1:])
    assert all({RELEASED, "default"} <= set(labels) for labels in measured)
    ratio = tuning.ratio("a", RELEASED, PHONE)
    assert ratio is not None
    assert ratio.value == pytest.approx(0.9 / 1.6, rel=0.03)


def test_drift_that_all_share_does_not_move_a_ratio() -> None:
    tuning, _ = search({RELEASED: 1.0, "default": 1.0, "a": 0.95}, rounds=1)
    ratio = tuning.ratio("a", "default", PHONE)
    assert ratio is not None
    assert ratio.value == pytest.approx(0.95, rel=0.03)


def test_the_default_wins_unless_another_is_certainly_faster() -> None:
    chosen = [search({RELEASED: 1.6, "default": 1.0, "a": 1.0, "b": 1.0}, seed=seed)[0].choice() for seed in range(40)]
    assert chosen.count("default") >= 34
    assert all(search({RELEASED: 1.6, "default": 1.0, "a": 0.9}, seed=seed)[0].choice() == "a" for seed in range(20))


def test_the_best_of_many_equals_is_not_taken_for_a_winner() -> None:
    times = {RELEASED: 1.6, "default": 1.0, **{str(index): 1.0 for index in range(30)}}
    chosen = [search(times, seed=seed)[0].choice() for seed in range(20)]
    assert chosen.count("default") >= 17


def test_without_a_confirmation_the_default_wins() -> None:
    tuning, _ = search({RELEASED: 1.6, "default": 1.0, "a": 0.5}, rounds=1)
    assert tuning.choice() == "a"
    tuning, _ = search({RELEASED: 1.6, "default": 1.0, "a": 0.5}, rounds=1)
    tuning.begin_confirmation(9)
    assert tuning.finalist == "a"
    assert tuning.choice() == "default"


def test_of_several_devices_the_worst_counts() -> None:
    times: dict[str, float | tuple[float, ...]] = {
        RELEASED: 2.0,
        "default": 1.0,
        "a": (0.5, 1.2),
        "b": (0.9, 0.9),
        "c": (1.1, 0.7),
    }
    tuning, _ = search(times, places=(PHONE, TABLET))
    assert tuning.choice() == "b"
    worst = tuning.worst("b")
    assert worst is not None
    assert worst[1].value == pytest.approx(0.9, rel=0.05)


def test_half_of_the_candidates_go_on_at_most() -> None:
    times = {RELEASED: 2.0, "default": 1.0, **{str(index): 0.9 for index in range(8)}}
    _, measured = search(times)
    counts = [len(labels) - 2 for labels in measured]
    assert counts[0] == 8
    assert all(after <= -(-before // 2) for before, after in pairwise(counts))


def test_what_failed_on_one_device_is_no_candidate() -> None:
    tuning = Tuning("default", ["a", "b"])
    for turn in range(5):
        for place in (PHONE, TABLET):
            tuning.add([Measured("default", place, (1, turn), 1.0), Measured("a", place, (1, turn), 0.9)])
        tuning.add([Measured("b", PHONE, (1, turn), 0.1)])
    tuning.drop_slower(1, {"b": "failed: no CAST"})
    assert tuning.dropped == {"b": "failed: no CAST"}
    assert tuning.ranked() == ["a", "default"]


def tuned_file(folder: Path) -> Path:
    candidates = {
        "default": Candidate("sliced-padding", "joined", "fp16", "float"),
        "folded-16 joined fp16 bytes": Candidate("folded-16", "joined", "fp16", "bytes"),
    }
    tuning, _ = search({RELEASED: 1.6, "default": 1.0, "folded-16 joined fp16 bytes": 0.8})
    phone = Identity(serial_hash=PHONE.serial_hash, model='A "phone"')
    record = describe(
        tuning, candidates, FRONT, {PHONE.serial_hash: phone}, runner="litert", runs=["r1"], versions={"sdkgen": "1"}
    )
    path = folder / "tuned.toml"
    write(record, path)
    return path


def test_the_file_says_what_was_chosen_where_and_how_surely(tmp_path: Path) -> None:
    path = tuned_file(tmp_path)
    tuned = read(path, model="blazeface-front", target="android")
    assert (tuned.choice.variant, tuned.choice.input, tuned.is_default) == ("folded-16", "bytes", False)
    (place,) = tuned.places
    assert place.identity["model"] == 'A "phone"'
    best = place.rows[0]
    assert best.candidate == "folded-16 joined fp16 bytes"
    assert best.to_default_interval is not None
    assert best.to_default_interval[1] < 1
    assert best.sessions == 25
    assert tomllib.loads(path.read_text())["runs"] == ["r1"]


def test_a_file_for_something_else_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tuned_file(tmp_path)
    with pytest.raises(UsageError, match="another model: blazeface-front, not blazeface-back") as caught:
        read(path, model="blazeface-back", target="android")
    assert caught.value.reference == "tuned-for-another"
    with pytest.raises(UsageError, match="another target") as other:
        read(path, model="blazeface-front", target="ios")
    assert "leave out --tuned" in other.value.hint
    path.write_text(path.read_text().replace('sdkgen = "0', 'of_another_version = 1\nsdkgen = "9', 1))
    with pytest.raises(UsageError, match="another sdkgen"):
        read(path, model="blazeface-front", target="android")
    path.write_text("model = 3\n")
    with pytest.raises(SpecError, match="Field required"):
        read(path, model="blazeface-front", target="android")


def test_build_refuses_options_that_the_file_decides_on(run: Run, tmp_path: Path) -> None:
    done = run("build", "-t", "android", "--tuned", tuned_file(tmp_path), "--variant", "stage-padding", cwd=tmp_path)
    assert done.returncode == 2
    assert "Leave out --variant" in done.stderr


@pytest.mark.slow
@pytest.mark.network
def test_this_machine_is_tuned_and_the_choice_is_built(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    few = ["--rounds", "2", "--sessions", "3", "--runs", "3", "--warmup", "0", "--store", tmp_path / "store.sqlite"]
    command = ["tune", "--device", "local", "--backend", "cpu", "--model", "mobilenetv2-ssd", "--json"]
    done = run(*command, *few, "--out", "tuned.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    labels = {row["candidate"] for row in said["places"][0]["rows"]}
    assert {"sliced-padding joined fp16 float", "sliced-padding standard fp32 bytes"} <= labels
    assert len(labels) == 8
    kept = read(tmp_path / "tuned.toml", model="mobilenetv2-ssd", target="android")
    assert kept.choice.layout == said["choice"]["layout"]
