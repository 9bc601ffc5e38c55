"""Whole benches on real adbds, with everything that may go wrong in the middle of one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sdkgen.bench.devices import emulator
from sdkgen.bench.devices.emulator import Device
from sdkgen.bench.devices.transport import Transport, connected, open_device
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.results.database import StoreError
from sdkgen.bench.results.store import Store, StoredSession
from sdkgen.bench.runners.programs import GivenRunner
from sdkgen.bench.runs import bench as run_module
from sdkgen.bench.runs.bench import Bench
from sdkgen.bench.sessions.workspace import Workspace, open_workspace
from tests.bench.emulated.conftest import inside, kill_daemon, wait_until
from tests.bench.emulated.test_faults import EVIL, meanwhile
from tests.bench.fake_runners import SCRIPTS
from tests.bench.recordings import lines
from tests.bench.runs.test_bench import PRELUDE
from tests.conftest import Run

WORK = "/data/local/tmp/sdkgen"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the bench a store and a model of its own."""
    monkeypatch.setenv("SDKGEN_STORE", str(tmp_path / "results.sqlite"))
    (tmp_path / "front.tflite").write_bytes(b"a model")
    return tmp_path


@pytest.fixture
def ready(maple: Device, way: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """Return a device that is reached in one way, and empty afterwards."""
    monkeypatch.setenv("SDKGEN_ADB", way)
    yield maple
    empty(maple)


def empty(device: Device) -> None:
    with closing(open_device(device.serial or "", "direct")) as phone:
        phone.reconnect(20)
        phone.shell("rm -rf /data/local/tmp/*")


def folder(place: Path, script: str, program: str = "") -> Path:
    made = place / script
    made.mkdir(exist_ok=True)
    (made / "sdkgen-runner").write_text(program or f"{PRELUDE}{SCRIPTS[script]}\n")
    (made / "libLiteRt.so").write_bytes(lines([1.0, 1.1, 1.2, 1.3]))
    return made


def arguments(place: Path, runner: Path, *devices: Device) -> list[str]:
    chosen = [word for device in devices for word in ("--device", device.serial or "")]
    more = ["--warmup", "0", "--backend", "cpu", "--sessions", "3"]
    return ["bench", *chosen, "--artifact", str(place / "front.tflite"), "--runner", f"litert={runner}", *more]


def stored(place: Path) -> list[StoredSession]:
    store = Store(str(place / "results.sqlite"), create=False)
    found = store.sessions([one.id for one in store.runs()])
    store.close()
    return found


def statuses(place: Path) -> list[str]:
    try:
        return [session.status for session in stored(place)]
    except StoreError:
        return []


def running(device: Device) -> bool:
    """Tell whether a runner runs on the device."""
    return bool(list(inside(device, f"{WORK}/sessions").glob("*/pid")))


def test_a_bench_through_adb(place: Path, ready: Device, run: Run) -> None:
    done = run(*arguments(place, folder(place, "good"), ready))
    assert done.returncode == 0, done.stderr
    sessions = stored(place)
    assert [one.status for one in sessions] == ["complete"] * 3
    assert {(one.provenance, one.identity.model) for one in sessions} == {("emulated", "Maple (emulated)")}
    assert {one.transport for one in sessions} == {f"adb-{os.environ['SDKGEN_ADB']}"}
    assert all(one.health_before and one.health_after for one in sessions)
    assert not running(ready)


def test_daemon_killed_during_a_run_costs_nothing(place: Path, ready: Device, run: Run) -> None:
    command = [*arguments(place, folder(place, "slow"), ready), "--sessions", "2"]
    with meanwhile(lambda: kill_daemon(ready), lambda: running(ready)):
        done = run(*command)
    assert done.returncode == 0, done.stderr
    sessions = stored(place)
    assert [one.status for one in sessions] == ["complete"] * 2
    assert [len(one.recording.samples) for one in sessions] == [4, 4]
    assert sum(one.reconnects for one in sessions) >= 1


def test_a_device_gone_for_good_keeps_what_it_gave_and_stops_no_other(
    place: Path,
    workplace: Path,  # noqa: ARG001
    maple: Device,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hurried(transport: Transport, runner: Any) -> Workspace:
        made = open_workspace(transport, runner)
        made.reconnect_seconds = 3
        return made

    monkeypatch.setattr(run_module, "open_workspace", hurried)
    leaving = emulator.create("gone", "maple")
    emulator.start("gone")
    found = [one for one in connected("direct") if one.serial in (maple.serial, leaving.serial)]
    serial = leaving.serial
    store = Store(str(place / "results.sqlite"))
    cells = [Cell.of("front", place / "front.tflite", "cpu")]
    job = Bench(found, cells, Settings(sessions=3, warmup_seconds=0), GivenRunner(folder(place, "slow")), store)

    def second_session() -> bool:
        return job.progress.get(serial or "") is not None and job.progress[serial or ""].done == 1 and running(leaving)

    with meanwhile(lambda: emulator.delete("gone"), second_session):
        job.run()
    kept = store.sessions([job.run_id])
    here = {one.identity.serial_hash for one in kept if one.status == "lost"}
    assert sorted(one.status for one in kept) == ["complete"] * 4 + ["lost"]
    assert len(here) == 1
    (problem,) = job.problems
    assert (problem.device, problem.error.reference) == (serial, "device-gone")
    assert "front on cpu" in problem.cell
    assert problem.error.hint
    store.close()
    empty(maple)


def test_a_full_device_is_named_and_another_goes_on(
    place: Path, maple: Device, twin: Device, way: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDKGEN_ADB", way)
    with closing(open_device(twin.serial or "", "direct")) as phone:
        phone.shell("head -c 2000000000 /dev/zero > /data/local/tmp/hog")
    try:
        done = run(*arguments(place, folder(place, "good"), maple, twin))
    finally:
        empty(maple)
        empty(twin)
    assert done.returncode == 1
    assert "device-full" in done.stderr
    assert twin.serial is not None
    assert twin.serial in done.stderr
    assert "Free" in done.stderr
    assert statuses(place) == ["complete"] * 3


@pytest.mark.parametrize(
    ("script", "program", "reference"),
    [
        ("crash", "", "runner-crashed"),
        ("garbage", "", "runner-garbage"),
        ("nothing", "", "runner-garbage"),
        ("hang", "", "runner-hung"),
        ("missing", "#!/nowhere/sh\n", "runner-missing"),
        ("forbidden", "#!/dev/null\n", "runner-not-executable"),
        ("foreign", "\x7fELF\x02\x01\x01" + "\0" * 9 + "\x02\0\xb7\0", "runner-wrong-abi"),
    ],
)
def test_a_runner_that_does_not_work(
    place: Path, maple: Device, run: Run, script: str, program: str, reference: str
) -> None:
    made = folder(place, script, program)
    if program.startswith("\x7f"):
        (made / "sdkgen-runner").write_bytes(program.encode("latin-1"))
    # Past its limit, the runner itself would end; this one does not, and is killed from here.
    done = run(*arguments(place, made, maple), "--limit", "1", "--sessions", "1", timeout=120)
    assert done.returncode == 1
    assert reference in done.stderr
    assert maple.serial is not None
    assert maple.serial in done.stderr
    assert "fix:" in done.stderr
    assert set(statuses(place)) <= {"failed"}
    assert not running(maple)


def test_an_interrupt_ends_the_process_on_the_device_and_keeps_finished_sessions(place: Path, ready: Device) -> None:
    command = [*arguments(place, folder(place, "slow"), ready), "--sessions", "50"]
    process = subprocess.Popen([sys.executable, "-m", "sdkgen", *command], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(statuses(place)) >= 1 and running(ready), 60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "finished sessions are kept" in said
    assert set(statuses(place)) == {"complete"}
    assert not running(ready)
    with closing(open_device(ready.serial or "", "direct")) as phone:
        assert "sdkgen-runner" not in phone.shell("ps -eo args").text


def test_what_a_killed_bench_left_running_is_ended_by_the_next(place: Path, ready: Device, run: Run) -> None:
    first = subprocess.Popen([sys.executable, "-m", "sdkgen", *arguments(place, folder(place, "hang"), ready)])
    with closing(open_device(ready.serial or "", "direct")) as phone:

        def measuring() -> bool:
            return "sdkgen-runner" in phone.shell("ps -eo args").text

        wait_until(lambda: running(ready) and measuring(), 60)
        first.kill()
        first.wait()
        assert measuring()
        done = run(*arguments(place, folder(place, "good"), ready))
        assert done.returncode == 0, done.stderr
        assert not measuring()
    assert not running(ready)
    assert statuses(place) == ["complete"] * 3


def test_two_benches_at_once_on_one_device(place: Path, ready: Device, run: Run) -> None:
    command = [*arguments(place, folder(place, "slow"), ready), "--sessions", "6"]
    first = subprocess.Popen([sys.executable, "-m", "sdkgen", *command], stderr=subprocess.DEVNULL)
    wait_until(lambda: running(ready), 60)
    second = run(*arguments(place, folder(place, "good"), ready))
    assert second.returncode == 1
    assert "device-busy" in second.stderr
    assert str(first.pid) in second.stderr
    assert first.wait(timeout=90) == 0
    assert statuses(place) == ["complete"] * 6


def test_two_devices_of_one_model_and_soc_are_two_rows(place: Path, maple: Device, twin: Device, run: Run) -> None:
    done = run(*arguments(place, folder(place, "good"), maple, twin), "--json")
    assert done.returncode == 0, done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert [cell["device_model"] for cell in cells] == ["Maple (emulated)"] * 2
    assert len({cell["serial_hash"] for cell in cells}) == 2
    assert len({cell["device"] for cell in cells}) == 2
    for device in (maple, twin):
        empty(device)


def test_a_devices_escape_codes_and_html_reach_no_report(place: Path, twin: Device, run: Run) -> None:
    inside(twin, "/dev/__properties__/ro.product.model").write_text(EVIL)
    try:
        done = run(*arguments(place, folder(place, "good"), twin))
        assert done.returncode == 0, done.stderr
        page = place / "report.html"
        run("report", "--format", "html", "--out", page)
        shown = [done.stdout, done.stderr, page.read_text(), run("report", "--format", "markdown").stdout]
    finally:
        emulator.stop("twin")
        emulator.start("twin")
    for text in shown:
        assert not {"\x1b", "\x07"} & set(text)
    assert all("<script>alert" not in text for text in shown[2:])
    assert "alert(1)" in shown[2]


@pytest.mark.slow
def test_without_a_gpu_the_cell_says_so_and_the_others_go_on(place: Path, ready: Device, run: Run) -> None:
    """The real runner and LiteRT, on a device without a GPU; and a tracker's frames beside."""
    given = ["bench", "--device", ready.serial or "", "--pipeline", "track", "--sessions", "1", "--runs", "5"]
    done = run(*given, "--warmup", "0", "--backend", "gpu,cpu", "--json", timeout=300)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert {one["reference"] for one in found["problems"]} == {"backend-unavailable"}
    assert all("--backend cpu" in one["hint"] for one in found["problems"])
    measured = {cell["model"]: cell["median"] for cell in found["cells"] if cell["backend"] == "cpu"}
    assert len(measured) == 4
    assert all(measured.values())
    assert measured["track-worst blazeface-front"] > measured["face-landmark"]
    assert place.exists()
