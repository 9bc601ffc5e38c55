"""Whole benches through the command line, with runners that misbehave: exit codes, messages, and what is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sdkgen.bench.results.database import StoreError
from sdkgen.bench.results.store import Store
from tests.bench.fake_runners import SCRIPTS
from tests.bench.recordings import lines
from tests.bench.runners.test_benchmark_model import OUTPUT
from tests.conftest import Run

# Finds the runner's own options, then does what the script says: "$1" are results to play back, "$2" is --out.
PRELUDE = """#!/bin/sh
while [ $# -gt 1 ]; do case $1 in --out) out=$2;; --model) model=$2;; --backend) backend=$2;; esac; shift 2; done
set -- "$(dirname "$0")/libLiteRt.so" "$out" "" "$backend"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the bench a cache, state, store and model of its own, and no adb."""
    for name, folder in (("CACHE", "cache"), ("STATE", "state"), ("STORE", "results.sqlite")):
        monkeypatch.setenv(f"SDKGEN_{name}", str(tmp_path / folder))
    monkeypatch.setenv("SDKGEN_ADB", "direct")
    (tmp_path / "front.tflite").write_bytes(b"a model")
    return tmp_path


def runner(place: Path, script: str) -> str:
    folder = place / script
    folder.mkdir(exist_ok=True)
    (folder / "sdkgen-runner").write_text(f"{PRELUDE}{SCRIPTS[script]}\n")
    (folder / "libLiteRt.so").write_bytes(lines([1.0, 1.1, 1.2, 1.3]))
    return f"litert={folder}"


def arguments(place: Path, script: str, *more: str) -> list[str]:
    given = ["bench", "--device", "local", "--artifact", str(place / "front.tflite"), "--runner", runner(place, script)]
    return [*given, "--warmup", "0", "--backend", "cpu", "--sessions", "3", *more]


def stored(place: Path) -> list[str]:
    try:
        store = Store(str(place / "results.sqlite"), create=False)
    except StoreError:
        return []  # it is being made
    found = [session.status for session in store.sessions([one.id for one in store.runs()])]
    store.close()
    return found


def test_a_bench_prints_a_table_and_keeps_everything(place: Path, run: Run) -> None:
    done = run(*arguments(place, "good"))
    assert done.returncode == 0, done.stderr
    assert "front" in done.stdout
    assert "1.15" in done.stdout
    assert stored(place) == ["complete"] * 3


def test_json_goes_to_standard_output_alone(place: Path, run: Run) -> None:
    done = run(*arguments(place, "good", "--json"))
    found = json.loads(done.stdout)
    assert found["cells"][0]["sessions"] == 3
    assert found["problems"] == []


def played(place: Path, folder: str, times: list[float]) -> str:
    """Write a "model" that the runner "played" takes so long for, and return its path."""
    (place / folder).mkdir(exist_ok=True)
    (place / folder / "front.tflite").write_bytes(lines(times))
    return str(place / folder / "front.tflite")


@pytest.mark.parametrize(
    ("slowdown", "code", "said"), [(1.0, 0, "No significant regression in 1 cell"), (1.1, 1, "slower new")]
)
def test_a_baseline_is_measured_in_turns_and_is_a_gate(
    place: Path, run: Run, slowdown: float, code: int, said: str
) -> None:
    old, new = played(place, "old", [1.0] * 4), played(place, "new", [slowdown] * 4)
    given = ["bench", "--device", "local", "--runner", runner(place, "played"), "--warmup", "0", "--backend", "cpu"]
    gate = ["--artifact", new, "--baseline", old, "--sessions", "3", "--max-regression", "3%"]
    done = run(*given, *gate)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert f"{slowdown:.3f}" in done.stdout
    store = Store(str(place / "results.sqlite"), create=False)
    order = [session.model for session in store.sessions([store.runs()[-1].id])]
    store.close()
    assert order[:4] == ["old/front", "new/front", "new/front", "old/front"]
    assert len(order) == 12
    found = json.loads(run(*given, *gate, "--json").stdout)
    assert found["comparisons"][0]["ratio"] == pytest.approx(slowdown)
    assert found["gate"][0]["answer"] == ("slower" if code else "fine")
    assert "Beside the baseline" in run("report").stdout
    assert "Beside the baseline" in run("report", "--format", "markdown").stdout


def test_a_gate_does_not_pass_where_a_row_was_not_measured(place: Path, run: Run) -> None:
    old, new = played(place, "old", [1.0] * 4), played(place, "new", [1.0] * 4)
    (place / "new" / "front.tflite").write_bytes(b"garbage\n")
    given = ["bench", "--device", "local", "--runner", runner(place, "played"), "--warmup", "0", "--backend", "cpu"]
    done = run(*given, "--artifact", new, "--baseline", old, "--max-regression", "3%", "--allow-missing")
    assert done.returncode == 1
    assert "nothing was judged" in done.stderr
    assert "No significant regression" not in done.stderr


def test_a_baseline_of_the_same_file_has_a_row_of_its_own(place: Path, run: Run) -> None:
    done = run(*arguments(place, "good", "--baseline", str(place / "front.tflite"), "--json"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["model"] for one in found["cells"]] == ["front (baseline)", "front"]


def test_a_missing_gpu_fails_its_cell_and_no_other(place: Path, run: Run) -> None:
    done = run(*arguments(place, "no-gpu", "--backend", "gpu,cpu"))
    assert done.returncode == 1
    assert stored(place).count("complete") == 3
    assert stored(place).count("failed") == 1
    assert "backend-unavailable" in done.stderr
    assert "local, front on gpu" in done.stderr
    assert "--backend cpu" in done.stderr


@pytest.mark.parametrize("script", ["crash", "garbage", "fail", "nothing"])
def test_a_broken_runner_is_tried_twice_and_told_once(place: Path, run: Run, script: str) -> None:
    done = run(*arguments(place, script))
    assert done.returncode == 1
    assert stored(place) == ["failed", "failed"]
    assert done.stderr.count("error[") == 1
    assert "local, front on cpu" in done.stderr
    assert "fix:" in done.stderr


def test_a_hanging_runner_is_ended(place: Path, run: Run) -> None:
    done = run(*arguments(place, "hang", "--limit", "1", "--sessions", "1"), timeout=90)
    assert done.returncode == 1
    assert "runner-hung" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_kills_the_runner_and_keeps_what_was_done(place: Path, number: signal.Signals) -> None:
    more = arguments(place, "slow", "--sessions", "50")
    process = subprocess.Popen([sys.executable, "-m", "sdkgen", *more], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not stored(place):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "finished sessions are kept" in said
    assert "complete" in stored(place)
    assert not left(place)


def test_two_benches_at_once_on_one_device(place: Path, run: Run) -> None:
    first = subprocess.Popen(
        [sys.executable, "-m", "sdkgen", *arguments(place, "slow", "--sessions", "8")], stderr=subprocess.DEVNULL
    )
    locks = place / "state" / "locks"
    deadline = time.monotonic() + 60
    while not list(locks.glob("*.lock")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.5)
    second = run(*arguments(place, "good"))
    assert second.returncode == 1
    assert "device-busy" in second.stderr
    assert str(first.pid) in second.stderr
    assert first.wait(timeout=90) == 0
    assert stored(place) == ["complete"] * 8


def test_the_process_killed_outright_leaves_a_sound_store(place: Path, run: Run) -> None:
    more = arguments(place, "slow", "--sessions", "50")
    process = subprocess.Popen([sys.executable, "-m", "sdkgen", *more], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not stored(place):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    process.kill()
    process.wait()
    before = len(stored(place))
    assert before >= 1
    assert run(*arguments(place, "good")).returncode == 0
    assert len(stored(place)) == before + 3


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--device", "nosuch"], "unknown device"),
        (["--backend", "npu"], "unknown backend"),
        (["--runner", "nosuch"], "unknown runner"),
        (["--artifact", "/nowhere.tflite"], "no such file"),
        (["--store", "nosuch://x"], "not a database"),
        (["--baseline", "/nowhere.tflite"], "no such file"),
        (["--baseline", "blazeface-fornt"], "blazeface-front"),
        (["--max-regression", "3%"], "belongs to --baseline"),
        (["--baseline", "blazeface-front", "--allow-missing"], "belongs to --max-regression"),
        (["--baseline", "blazeface-front", "--max-regression", "lots"], "no share"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(place: Path, run: Run, more: list[str], words: str) -> None:
    done = run(*arguments(place, "good"), *more)
    assert done.returncode == 2
    assert words in done.stderr


def test_no_device_at_all_says_what_to_do(place: Path, run: Run) -> None:
    done = run("bench", "--artifact", place / "front.tflite")
    assert done.returncode == 2
    assert "--device local" in done.stderr


def test_a_damaged_store_is_told_before_anything_is_measured(place: Path, run: Run) -> None:
    (place / "results.sqlite").write_bytes(b"not a database at all, whatever it is called" * 30)
    done = run(*arguments(place, "good"))
    assert done.returncode == 1
    assert "store-damaged" in done.stderr


def left(place: Path) -> list[str]:
    time.sleep(0.3)
    listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(place) in line and "sdkgen-runner" in line and os.getpid()]


def test_the_official_tool_is_a_runner_too(place: Path, run: Run) -> None:
    tool = place / "benchmark_model"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{OUTPUT}END\n")
    done = run(*arguments(place, "good"), "--runner", f"benchmark-model={tool}", "--backend", "gpu")
    assert done.returncode == 0, done.stderr
    assert "3.98" in done.stdout
    assert "summary only" in done.stdout
    tool.write_text("#!/bin/sh\necho Segmentation fault\n")
    done = run(*arguments(place, "good"), "--runner", f"benchmark-model={tool}", "--backend", "gpu")
    assert done.returncode == 1
    assert "runner-garbage" in done.stderr


def test_the_bench_never_loads_torch(place: Path, run: Run) -> None:
    done = run(*arguments(place, "good", "--sessions", "1"), PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert "torch" not in {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
