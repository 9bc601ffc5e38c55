"""The program that measures: built, given the right options, and honest about what it could not do."""

from __future__ import annotations

import importlib.util
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from sdkgen import resources
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.protocol import Place, exit_failure
from sdkgen.bench.runners.build import RunnerError, Targets, runner_files, target_of
from sdkgen.bench.runners.programs import REFERENCE, BenchmarkModel, GivenRunner, LiteRtRunner, choose
from sdkgen.bench.samples import Recording, parse
from sdkgen.errors import UsageError
from sdkgen.spec.base import read_toml
from sdkgen.spec.registry import load_model
from sdkgen.weights import fetch
from tests.bench.recordings import cell
from tests.toolchains import require

PLACE = Place("/d/kit", ("/d/models/m.tflite", "/d/models/r.tflite"), "/d/sessions/s 1")


def test_the_command_carries_every_setting() -> None:
    settings = Settings(runs=7, warmup_seconds=0.5, drift=0.1, paced=30.0, limit=99)
    command = LiteRtRunner().command(cell("gpu"), settings, PLACE, "sdkgen-runner")
    assert command.startswith("/d/kit/sdkgen-runner --model /d/models/m.tflite --library /d/kit")
    assert "--out '/d/sessions/s 1/out.jsonl'" in command
    for part in (
        "--backend gpu",
        "--runs 7",
        "--warmup 0.5",
        "--drift 0.1",
        "--paced 30.0",
        "--limit 99",
        "--reference /d/models/r.tflite",
    ):
        assert part in command


def test_runners_are_chosen_by_name(tmp_path: Path) -> None:
    assert isinstance(choose("litert"), LiteRtRunner)
    assert choose(f"litert={tmp_path}") == GivenRunner(tmp_path)
    assert choose("benchmark-model=/x/y") == BenchmarkModel(Path("/x/y"))
    for text in ("benchmark-model", "nosuch", "benchmark-model="):
        with pytest.raises(UsageError) as caught:
            choose(text)
        assert "benchmark-model=PATH" in caught.value.hint


def test_a_runner_that_is_not_there_is_named(tmp_path: Path) -> None:
    for runner in (BenchmarkModel(tmp_path / "no"), GivenRunner(tmp_path)):
        with pytest.raises(UsageError) as caught:
            runner.files("linux", "x86_64")
        assert caught.value.reference == "no-runner"
        assert str(tmp_path) in caught.value.context


@pytest.mark.parametrize(
    ("code", "console", "reference"),
    [
        (3, b"", "runner-output"),
        (4, b"", "no-litert"),
        (8, b"", "runner-hung"),
        (126, b"Permission denied", "runner-not-executable"),
        (127, b"not found", "runner-missing"),
        (2, b"Exec format error", "runner-not-executable"),
        (139, b"", "runner-crashed"),
        (1, b"what it said", "runner-failed"),
    ],
)
def test_every_exit_code_has_a_remedy(code: int, console: bytes, reference: str) -> None:
    error = exit_failure(code, console)
    assert error.reference == reference
    assert error.hint


def test_targets_are_pinned() -> None:
    targets = read_toml(resources.path("devices") / "runner" / "targets.toml", Targets)
    assert set(targets.linux) == {"x86_64", "arm64-v8a"}
    assert set(targets.android) == {"x86_64", "arm64-v8a", "armeabi-v7a"}
    assert len({target.wheel.version for target in targets.linux.values()}) == 1
    assert target_of("linux", "aarch64")[0] == "arm64-v8a"
    with pytest.raises(RunnerError) as caught:
        target_of("linux", "riscv64")
    assert "benchmark-model" in caught.value.hint


@pytest.fixture(scope="module")
def files() -> Mapping[str, Path]:
    require("ziglang", importlib.util.find_spec("ziglang"), "pip install 'sdkgen[bench]'")
    return runner_files(target_of("linux", platform.machine()))


@pytest.fixture(scope="module")
def kit(files: Mapping[str, Path]) -> Path:
    return files["sdkgen-runner"]


@pytest.fixture(scope="module")
def library(files: Mapping[str, Path]) -> Path:
    return files["libLiteRt.so"].parent


@pytest.fixture(scope="module")
def model() -> Path:
    path = fetch.path_of(load_model("blazeface-front"))
    assert path is not None
    return path


@pytest.mark.network
class TestProgram:
    """The program itself, on this machine."""

    def start(self, kit: Path, tmp_path: Path, **options: object) -> tuple[int, Recording]:
        given = {"out": tmp_path / "out", "log": tmp_path / "log", **options}
        command = [str(kit), *(str(part) for name, value in given.items() for part in (f"--{name}", value))]
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
        out = tmp_path / "out"
        return done.returncode, parse(out.read_bytes()) if out.exists() else Recording()

    def test_it_measures(self, kit: Path, library: Path, model: Path, tmp_path: Path) -> None:
        options = {"model": model, "library": library, "runs": 30, "warmup": 0.2, "threads": 2}
        code, found = self.start(kit, tmp_path, **options)
        assert code == 0
        assert found.complete
        assert len(found.samples) == 30
        assert found.header is not None
        assert found.header.threads == 2
        assert all(sample.run_ns is not None and 0 < sample.run_ns < sample.total_ns for sample in found.samples)
        starts = [sample.at_ns for sample in found.samples]
        assert starts == sorted(starts)
        assert found.placement is not None
        assert found.placement.full
        assert found.warmup is not None
        assert found.warmup.runs > 0
        assert found.end is not None
        assert found.end.peak_kib > 5000

    def test_the_reference_is_timed_beside_the_model(
        self, kit: Path, library: Path, model: Path, tmp_path: Path
    ) -> None:
        options = {"model": model, "library": library, "runs": 5, "warmup": 0}
        reference = resources.path("devices") / "runner" / REFERENCE
        code, found = self.start(kit, tmp_path, **options, reference=reference)
        assert code == 0
        assert found.complete
        assert found.reference is not None
        assert found.reference.runs >= 3
        assert found.reference.median_ns > 10_000
        assert self.start(kit, tmp_path, **options)[1].reference is None

    def test_it_keeps_the_pace(self, kit: Path, library: Path, model: Path, tmp_path: Path) -> None:
        options = {"model": model, "library": library, "runs": 20, "warmup": 0, "paced": 20}
        _, found = self.start(kit, tmp_path, **options)
        last = found.samples[-1]
        assert last.at_ns / 1e9 == pytest.approx(last.i / 20, abs=0.3)

    def test_a_kill_loses_at_most_a_line(self, kit: Path, library: Path, model: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        options = ["--model", model, "--library", library, "--out", out, "--log", tmp_path / "log", "--warmup", 0]
        process = subprocess.Popen([str(part) for part in (kit, *options, "--runs", 1_000_000)])
        while not out.exists() or out.stat().st_size < 20_000:
            assert process.poll() is None
        process.kill()
        process.wait()
        assert len(parse(out.read_bytes()).samples) > 50

    @pytest.mark.parametrize(
        ("options", "code", "reference"),
        [
            ({"library": "/nowhere"}, 4, "no-litert"),
            ({"model": "/nowhere"}, 5, "bad-model"),
            ({"model": "/etc/hostname"}, 5, "bad-model"),
            ({"limit": 1, "runs": 1000000, "warmup": 0}, 8, "limit"),
        ],
    )
    def test_what_goes_wrong_is_written_and_told(
        self,
        kit: Path,
        library: Path,
        model: Path,
        tmp_path: Path,
        options: dict[str, object],
        code: int,
        reference: str,
    ) -> None:
        found_code, found = self.start(kit, tmp_path, **{"model": model, "library": library, "runs": 5, **options})
        assert found_code == code
        assert found.failure is not None
        assert found.failure.reference == reference
        assert not found.complete

    @pytest.mark.parametrize(
        "options", [{"runs": "many"}, {"backend": "npu"}, {"threads": 0}, {"drift": "nan"}, {"nosuch": 1}]
    )
    def test_options_are_checked(self, kit: Path, tmp_path: Path, options: dict[str, object]) -> None:
        assert self.start(kit, tmp_path, model="m", **options)[0] == 2

    def test_a_cell_runs_through_the_real_runner(self, model: Path, kit: Path) -> None:  # noqa: ARG002
        from sdkgen.bench.devices.transport.local import Local
        from sdkgen.bench.sessions.session import Session
        from sdkgen.bench.sessions.workspace import open_workspace

        made = open_workspace(Local(), LiteRtRunner())
        one = Cell.of("blazeface-front", model, "cpu")
        made.bring([one])
        outcome = Session(made, one, Settings(runs=20, warmup_seconds=0.1)).run()
        assert outcome.status == "complete", outcome.error
        assert outcome.recording.end is not None
        assert outcome.recording.end.elapsed_ns is not None
