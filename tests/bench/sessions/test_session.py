"""A session on this machine: whatever the runner does, what it measured is kept and the error says what to do."""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sdkgen.bench.devices.transport.base import Completed
from sdkgen.bench.devices.transport.local import Local
from sdkgen.bench.errors import DeviceError, DeviceGone
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.samples import Recording
from sdkgen.bench.sessions import session as session_module
from sdkgen.bench.sessions.session import Outcome, Session, Stopped
from sdkgen.bench.sessions.workspace import Workspace, check_abi, open_workspace
from tests.bench.fake_runners import ScriptRunner
from tests.bench.recordings import lines

TIMES = [1.0, 1.1, 1.2, 1.3]

pytestmark = pytest.mark.usefixtures("empty_cache")


@pytest.fixture
def model(tmp_path: Path) -> Cell:
    file = tmp_path / "model.tflite"
    file.write_bytes(b"a model")
    return Cell.of("blazeface-front", file, "cpu")


def workspace(tmp_path: Path, model: Cell, script: str, extra: str = "", transport: Local | None = None) -> Workspace:
    made = open_workspace(transport or Local(), ScriptRunner(tmp_path, script, lines(TIMES), extra))
    made.bring([model])
    return made


def run(tmp_path: Path, model: Cell, script: str, **settings: object) -> Outcome:
    return Session(workspace(tmp_path, model, script), model, Settings.model_validate(settings)).run()


def left_on_device(made: Workspace) -> list[Path]:
    return list((Path(made.root) / "sessions").iterdir())


def test_a_good_session_comes_home_whole_and_leaves_nothing(tmp_path: Path, model: Cell) -> None:
    made = workspace(tmp_path, model, "good")
    outcome = Session(made, model, Settings()).run()
    assert outcome.status == "complete"
    assert [sample.total_ns / 1e6 for sample in outcome.recording.samples] == TIMES
    assert left_on_device(made) == []


def test_watching_sees_samples_before_the_end(tmp_path: Path, model: Cell) -> None:
    seen: list[Recording] = []
    made = workspace(tmp_path, model, "slow")
    outcome = Session(made, model, Settings(), watch=seen.append).run()
    assert outcome.status == "complete"
    assert [len(one.samples) for one in seen] == [1, 4]
    assert session_module.running_median(seen[-1]) == 1.2


@pytest.mark.parametrize(
    ("script", "reference", "words"),
    [
        ("crash", "runner-crashed", "signal 11"),
        ("fail", "runner-failed", "out of luck"),
        ("garbage", "runner-garbage", "Segmentation fault"),
        ("nothing", "runner-garbage", "not finished"),
        ("unfinished", "runner-garbage", "not finished"),
        ("escapes", "run-failed", "<b>"),
    ],
)
def test_a_faulty_runner_is_an_error_with_a_remedy(
    tmp_path: Path, model: Cell, script: str, reference: str, words: str
) -> None:
    outcome = run(tmp_path, model, script)
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert outcome.error.reference == reference
    assert words in outcome.error.message
    assert outcome.error.hint


def test_what_a_crashed_runner_had_measured_is_kept(tmp_path: Path, model: Cell) -> None:
    assert len(run(tmp_path, model, "crash").recording.samples) == 1


def test_a_hung_runner_is_killed_and_named(tmp_path: Path, model: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "GRACE_SECONDS", 0.5)
    outcome = run(tmp_path, model, "hang", limit=1)
    assert outcome.error is not None
    assert outcome.error.reference == "runner-hung"
    assert len(outcome.recording.samples) == 1
    assert not processes("/runner", tmp_path)


class Full(Local):
    """This machine with a disk that fills up just when the runner has ended."""

    def shell(self, command: str, timeout: float = 30) -> Completed:
        return super().shell(command.replace("echo $? >rc.part", ": >rc.part"), timeout)


def test_an_exit_code_that_a_full_device_could_not_keep_is_a_failed_session(tmp_path: Path, model: Cell) -> None:
    made = workspace(tmp_path, model, "good", transport=Full())
    outcome = Session(made, model, Settings()).run()
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert outcome.error.reference == "device-full"
    assert "Free space" in outcome.error.hint
    assert len(outcome.recording.samples) == len(TIMES)
    assert left_on_device(made) == []


def test_a_session_finds_no_kernels_that_one_before_it_compiled(
    tmp_path: Path, model: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = workspace(tmp_path, model, "driver")
    assert [Session(made, model, Settings()).run().status for _ in range(2)] == ["complete"] * 2


def test_a_runner_that_is_gone_is_named(tmp_path: Path, model: Cell) -> None:
    made = workspace(tmp_path, model, "good")
    (Path(made.kit) / "runner").unlink()
    outcome = Session(made, model, Settings()).run()
    assert outcome.error is not None
    assert outcome.error.reference == "runner-missing"


def test_a_runner_that_may_not_run_is_named_and_mended(tmp_path: Path, model: Cell) -> None:
    made = workspace(tmp_path, model, "good")
    (Path(made.kit) / "runner").chmod(0o644)
    outcome = Session(made, model, Settings()).run()
    assert outcome.error is not None
    assert outcome.error.reference == "runner-not-executable"
    made.bring([model])
    assert Session(made, model, Settings()).run().status == "complete"


def test_a_runner_for_another_abi_is_refused_before_it_is_brought(tmp_path: Path) -> None:
    program = tmp_path / "runner"
    program.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00")
    check_abi(program, "aarch64")
    with pytest.raises(DeviceError) as caught:
        check_abi(program, "x86_64")
    assert caught.value.reference == "runner-wrong-abi"
    assert "x86_64" in caught.value.message


def test_stopping_kills_the_process_on_the_device(tmp_path: Path, model: Cell) -> None:
    stop = threading.Event()
    made = workspace(tmp_path, model, "hang")
    caught: list[BaseException] = []

    def go() -> None:
        try:
            Session(made, model, Settings(), stop=stop).run()
        except Stopped as error:
            caught.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    wait_for(lambda: processes("/runner", Path(made.root)))
    stop.set()
    thread.join(timeout=20)
    assert caught
    wait_for(lambda: not processes("/runner", Path(made.root)))
    assert left_on_device(made) == []


class Flaky(Local):
    """This machine behind a bad cable: calls number ``bad`` fail, and ``back`` says whether it comes back."""

    def __init__(self, bad: range, *, back: bool) -> None:
        self.calls = 0
        self.on = False
        self.bad = bad
        self.back = back

    def shell(self, command: str, timeout: float = 30) -> Completed:
        self.calls += self.on
        if self.calls in self.bad:
            raise DeviceGone("the cable is out", context="local")
        return super().shell(command, timeout)

    def reconnect(self, timeout: float) -> None:
        if not self.back:
            raise DeviceGone("no answer", context="local")
        super().reconnect(timeout)


@pytest.mark.parametrize("call", range(1, 5))
def test_a_cable_that_is_out_for_a_moment_costs_nothing(tmp_path: Path, model: Cell, call: int) -> None:
    flaky = Flaky(range(call, call + 1), back=True)
    made = workspace(tmp_path, model, "slow", "1.2", flaky)
    flaky.on = True
    outcome = Session(made, model, Settings()).run()
    assert outcome.status == "complete"
    assert len(outcome.recording.samples) == 4
    assert outcome.reconnects == 1


def test_a_device_that_never_comes_back_keeps_what_had_arrived(tmp_path: Path, model: Cell) -> None:
    flaky = Flaky(range(4, 99), back=False)
    made = workspace(tmp_path, model, "hang", "", flaky)
    flaky.on = True
    outcome = Session(made, model, Settings()).run()
    assert outcome.status == "lost"
    assert len(outcome.recording.samples) == 1
    assert outcome.error is not None
    assert outcome.error.reference == "device-gone"
    assert processes("/runner", tmp_path)
    assert len(left_on_device(made)) == 1
    workspace(tmp_path, model, "good")


def test_what_a_lost_session_left_running_is_ended_before_the_next_bench(tmp_path: Path, model: Cell) -> None:
    flaky = Flaky(range(3, 99), back=False)
    made = workspace(tmp_path, model, "hang", "", flaky)
    made.runner = replace(made.runner, end=f"touch {shlex.quote(str(tmp_path / 'app ended'))}")  # type: ignore[type-var]
    flaky.on = True
    assert Session(made, model, Settings()).run().status == "lost"
    assert processes("/runner", tmp_path)
    again = workspace(tmp_path, model, "good")
    wait_for(lambda: not processes("/runner", tmp_path))
    assert left_on_device(again) == []
    assert (tmp_path / "app ended").exists()


def test_a_process_that_got_an_old_runners_number_is_left_alone(tmp_path: Path, model: Cell) -> None:
    made = workspace(tmp_path, model, "good")
    old = Path(made.root) / "sessions" / "old"
    old.mkdir()
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        (old / "pid").write_text(f"{other.pid}\n")
        (old / "busy").touch()
        made.bring([model])
        time.sleep(0.1)
        lives = other.poll() is None
        other.kill()
    assert lives
    assert left_on_device(made) == []


class Confused(Flaky):
    """This machine, where looking at a session goes wrong in a way that no reconnection mends."""

    def shell(self, command: str, timeout: float = 30) -> Completed:
        try:
            return super().shell(command, timeout)
        except DeviceGone as error:
            raise DeviceError("nonsense") from error


def test_a_session_that_fails_from_here_leaves_nothing_running(tmp_path: Path, model: Cell) -> None:
    confused = Confused(range(2, 3), back=True)
    made = workspace(tmp_path, model, "hang", "", confused)
    confused.on = True
    outcome = Session(made, model, Settings()).run()
    assert outcome.status == "failed"
    wait_for(lambda: not processes("/runner", tmp_path))
    assert left_on_device(made) == []


def test_files_on_the_device_that_were_damaged_are_brought_anew(tmp_path: Path, model: Cell) -> None:
    made = workspace(tmp_path, model, "good")
    (brought,) = made.place(model, "").files
    Path(brought).write_bytes(b"bit rot")
    made.bring([model])
    assert Path(brought).read_bytes() == b"a model"


def processes(words: str, below: Path) -> list[str]:
    listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if words in line and str(below) in line]


def wait_for(true: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_results_that_arrive_damaged_are_refused(tmp_path: Path, model: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    made = workspace(tmp_path, model, "fail")
    monkeypatch.setattr(Local, "pull", lambda _self, _source, target: target.write_bytes(b"bit rot"))
    outcome = Session(made, model, Settings()).run()
    assert outcome.error is not None
    assert outcome.error.reference == "damaged-transfer"
