"""``sdkgen bench`` and ``report`` against real adb daemons: twins side by side, and everything that goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from sdkgen.bench.devices import emulator
from sdkgen.bench.devices.emulator import Device
from sdkgen.bench.devices.transport import Found, connected, open_device
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.results.database import StoreError
from sdkgen.bench.results.store import Store, StoredSession
from sdkgen.bench.runners.programs import choose
from sdkgen.bench.runs import bench as run_module
from sdkgen.bench.runs.bench import Bench
from sdkgen.bench.sessions.workspace import Workspace, open_workspace
from sdkgen.spec.registry import load_model
from sdkgen.weights import fetch
from tests.bench.emulated.conftest import kill_daemon, wait_until
from tests.bench.fake_runners import SCRIPTS
from tests.bench.recordings import lines
from tests.bench.runs.test_bench import PRELUDE
from tests.conftest import Run

FOLDER = "/data/local/tmp/sdkgen"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "results.sqlite"
    monkeypatch.setenv("SDKGEN_STORE", str(place))
    return place


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    file = tmp_path / "front.tflite"
    file.write_bytes(b"a model")
    return Cell.of("front", file, "cpu")


def runner(folder: Path, script: str, extra: str = "") -> str:
    folder = folder / script
    folder.mkdir(exist_ok=True)
    program = f"{PRELUDE.replace(chr(34) * 2, chr(34) + extra + chr(34), 1)}{SCRIPTS[script]}\n"
    (folder / "sdkgen-runner").write_text(program)
    (folder / "libLiteRt.so").write_bytes(lines([1.0, 1.1, 1.2, 1.3]))
    return f"litert={folder}"


def found(device: Device) -> Found:
    return next(one for one in connected() if one.serial == device.serial)


def sessions(place: Path) -> list[StoredSession]:
    store = Store(str(place), create=False)
    made = store.sessions([one.id for one in store.runs()])
    store.close()
    return made


def sessions_so_far(place: Path) -> list[StoredSession]:
    """Return the sessions of a store that may be in the making."""
    with suppress(StoreError):
        return sessions(place)
    return []


def processes(device: Device) -> str:
    assert device.serial is not None
    look = 'for p in /proc/[0-9]*; do tr "\\0" " " <$p/cmdline 2>/dev/null; echo; done'
    listed = open_device(device.serial).shell(look).text
    return "\n".join(line for line in listed.splitlines() if "sdkgen-runner" in line and "tr " not in line)


@pytest.mark.network
def test_twins_are_measured_side_by_side(
    maple: Device, twin: Device, way: str, store: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDKGEN_ADB", way)
    model = fetch.path_of(load_model("blazeface-front"))
    devices = ["--device", maple.serial, "--device", twin.serial]
    done = run("bench", *devices, "--artifact", model, "--sessions", 3, "--runs", 20, "--warmup", 0.2, timeout=580)
    assert done.returncode == 1, done.stderr
    assert "backend-unavailable" in done.stderr
    assert "emulated" in done.stdout
    kept = sessions(store)
    assert sum(one.status == "complete" for one in kept) == 6
    assert len({one.identity.serial_hash for one in kept}) == 2
    assert {one.identity.model for one in kept} == {kept[0].identity.model}
    assert {one.transport for one in kept} == {"adb-server" if way == "server" else "adb-direct"}
    assert all(one.health_before is not None and one.health_after is not None for one in kept)
    report = json.loads(run("report", "--format", "json").stdout)
    good = [one for one in report["cells"] if one["median"] is not None]
    assert len(good) == 2
    assert all(one["provenance"] == "emulated" and one["low"] <= one["median"] <= one["high"] for one in good)
    page = tmp_path / "report.html"
    assert run("report", "--format", "html", "--out", page, "--compare", "published").returncode == 0
    assert page.read_text().count("Maple (emulated)") >= 2


def test_a_daemon_killed_during_a_run_costs_nothing(maple: Device, store: Path, cell: Cell, tmp_path: Path) -> None:
    job = Bench([found(maple)], [cell], Settings(sessions=1), choose(runner(tmp_path, "slow", "4")), Store(str(store)))
    thread = threading.Thread(target=job.run)
    thread.start()
    assert maple.serial is not None
    serial = maple.serial
    wait_until(lambda: job.progress and job.progress[serial].median_ms is not None, 60)
    kill_daemon(maple)
    thread.join(timeout=90)
    assert job.problems == []
    (session,) = sessions(store)
    assert session.status == "complete"
    assert session.reconnects >= 1
    assert len(session.recording.samples) == 4


def test_a_device_gone_for_good_loses_nothing_measured_and_stops_no_other(
    maple: Device, twin: Device, store: Path, cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(*args: object) -> Workspace:
        made = open_workspace(*args)  # type: ignore[arg-type]
        made.reconnect_seconds = 3
        return made

    monkeypatch.setattr(run_module, "open_workspace", impatient)
    chosen = choose(runner(tmp_path, "slow", "5"))
    job = Bench([found(maple), found(twin)], [cell], Settings(sessions=2), chosen, Store(str(store)))
    thread = threading.Thread(target=job.run)
    thread.start()
    assert twin.serial is not None
    serial = twin.serial
    wait_until(lambda: job.progress and job.progress[serial].median_ms is not None, 60)
    try:
        emulator.stop("twin")
        thread.join(timeout=120)
    finally:
        emulator.start("twin")
    kept = sessions(store)
    assert sorted(one.status for one in kept) == ["complete", "complete", "lost"]
    lost = next(one for one in kept if one.status == "lost")
    assert len(lost.recording.samples) == 1
    (problem,) = job.problems
    assert problem.error.reference == "device-gone"
    assert serial in problem.error.context
    assert problem.error.hint


def test_a_full_device_is_named(maple: Device, store: Path, cell: Cell, tmp_path: Path) -> None:
    assert maple.serial is not None
    phone = open_device(maple.serial)
    phone.shell(f"rm -rf {FOLDER}; dd if=/dev/zero of=/data/fill bs=1M 2>/dev/null; sync", 120)
    try:
        job = Bench([found(maple)], [cell], Settings(sessions=1), choose(runner(tmp_path, "good")), Store(str(store)))
        job.run()
    finally:
        phone.shell("rm -f /data/fill")
    (problem,) = job.problems
    assert problem.error.reference in ("device-full", "device-failed")
    assert maple.serial in problem.error.context


def test_an_interrupt_ends_the_process_on_the_device(maple: Device, store: Path, cell: Cell, tmp_path: Path) -> None:
    command = ["bench", "--device", maple.serial, "--artifact", cell.artifact, "--backend", "cpu", "--sessions", "50"]
    command += ["--runner", runner(tmp_path, "slow", "2"), "--warmup", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "sdkgen", *map(str, command)], stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        wait_until(lambda: store.exists() and any(sessions_so_far(store)), 60)
        wait_until(lambda: processes(maple), 30)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, said
    wait_until(lambda: not processes(maple), 20)
    assert {one.status for one in sessions(store)} == {"complete"}


@pytest.mark.parametrize("script", ["crash", "garbage"])
def test_a_runner_that_fails_on_the_device_names_device_and_cell(
    maple: Device, store: Path, cell: Cell, tmp_path: Path, run: Run, script: str
) -> None:
    command = ["--device", maple.serial, "--artifact", cell.artifact, "--backend", "cpu", "--sessions", 1]
    done = run("bench", *command, "--runner", runner(tmp_path, script))
    assert done.returncode == 1
    assert f"{maple.serial}, front on cpu" in done.stderr
    assert f"runner-{'crashed' if script == 'crash' else 'garbage'}" in done.stderr
    assert [one.status for one in sessions(store)] == ["failed"]


def test_a_runner_for_another_abi_is_refused(maple: Device, cell: Cell, store: Path, tmp_path: Path, run: Run) -> None:  # noqa: ARG001
    given = runner(tmp_path, "good")
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00"
    (tmp_path / "good" / "sdkgen-runner").write_bytes(header)
    done = run("bench", "--device", maple.serial, "--artifact", cell.artifact, "--runner", given)
    assert done.returncode == 1
    assert "runner-wrong-abi" in done.stderr
    assert str(maple.serial) in done.stderr


@pytest.mark.slow
@pytest.mark.vulkan
@pytest.mark.network
def test_a_software_gpu_takes_every_op(workplace: Path, store: Path, run: Run) -> None:  # noqa: ARG001
    birch = emulator.start("birch")
    model = fetch.path_of(load_model("blazeface-front"))
    command = ["--device", birch.serial, "--artifact", model, "--backend", "gpu", "--precision", "fp32"]
    done = run("bench", *command, "--sessions", 1, "--runs", 10, "--warmup", 0, timeout=900)
    assert done.returncode == 0, done.stderr
    (session,) = sessions(store)
    placement = session.recording.placement
    assert placement is not None
    assert placement.full
    assert placement.delegated == placement.ops
    times = session.recording.samples
    # A run on the GPU is waited for: nearly all of the time lies between dispatch and completion.
    assert all(sample.run_ns is not None and sample.run_ns > 0.5 * sample.total_ns for sample in times)
