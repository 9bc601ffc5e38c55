"""From what a command line asks for to a finished run: models, files, a tracker or an SDK, on phones or iPhones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sdkgen.bench.devices.select import IPHONE, select_devices
from sdkgen.bench.plan import Backend, Cell, Settings
from sdkgen.bench.protocol import Runner
from sdkgen.bench.results.store import Store
from sdkgen.bench.runners.sdk import Sdk
from sdkgen.bench.runners.sdk_android import SdkRunner
from sdkgen.bench.runs import iphones, live, sdk_ios
from sdkgen.bench.runs.bench import Bench, Problem
from sdkgen.bench.runs.cells import make_cells, make_tracker_cells, name_files
from sdkgen.detection.types import Sampling
from sdkgen.errors import UsageError
from sdkgen.formats import Format


@dataclass(frozen=True)
class Wanted:
    """What to measure on what. ``make`` gives a model's artifact in a format."""

    devices: Sequence[str]
    backends: Sequence[Backend]
    settings: Settings
    runner: Runner
    make: Callable[[str, Format], Path]
    models: Sequence[str] = ()
    artifacts: Sequence[Path] = ()
    baseline: str | None = None
    tracker: bool = False
    sampling: Sampling = "area"
    sdk: Sdk | None = None
    apk: Path | None = None
    threads: int = 1
    fp32: bool = False
    team: str = ""


@dataclass(frozen=True)
class Finished:
    """A run that is over: its id in the store, what went wrong, and how many comparisons it was to make."""

    store: Store
    run_id: str
    settings: Settings
    problems: Sequence[Problem] = field(default_factory=list)
    comparisons: int = 0


def measure(wanted: Wanted, place: str | None) -> Finished:
    """Measure what is wanted, and store it at ``place`` as it comes.

    Raises ``UsageError`` for what cannot be meant, ``StoreError`` if the store cannot be used.
    """
    if wanted.sdk is not None and wanted.sdk.target == "ios":
        return _measure_ios_sdk(wanted, wanted.sdk, place)
    if IPHONE in wanted.devices:
        return _measure_iphones(wanted, place)
    devices = select_devices(wanted.devices)
    store = Store(place)
    cells, settings = _choose_cells(wanted)
    runner = SdkRunner(wanted.sdk, wanted.apk) if wanted.sdk is not None else wanted.runner
    job = Bench(devices, cells, settings, runner, store)
    live.run(job)
    return Finished(store, job.run_id, settings, job.problems, len(devices) * _count_comparisons(cells, settings))


def _choose_cells(wanted: Wanted) -> tuple[list[Cell], Settings]:
    """Return the cells, and the settings with the baseline's row."""
    backends, threads, fp32 = wanted.backends, wanted.threads, wanted.fp32

    def make(name: str) -> Path:
        return wanted.make(name, "tflite")

    if wanted.sdk is not None:
        return wanted.sdk.cells(backends, fp32=fp32), wanted.settings
    if not wanted.tracker:
        files, baseline = name_files(wanted.models, wanted.artifacts, make, wanted.baseline)
        settings = wanted.settings.model_copy(update={"baseline": baseline})
        return make_cells(files, backends, threads, fp32=fp32), settings
    if wanted.artifacts:
        hint = "Name the detector: --model, instead of --artifact."
        raise UsageError("a pipeline is made of models, not of files", hint=hint)
    cells = make_tracker_cells(wanted.models, backends, make, threads, fp32=fp32, sampling=wanted.sampling)
    return cells, wanted.settings


def _measure_iphones(wanted: Wanted, place: str | None) -> Finished:
    phones = iphones.select(wanted.devices)
    if not wanted.team:
        raise UsageError("iPhones need a development team", hint="Give --team.", reference="no-team")
    files, baseline = name_files(wanted.models, (), lambda name: wanted.make(name, "coreml"), wanted.baseline)
    cells = make_cells(files, wanted.backends)
    settings = wanted.settings.model_copy(update={"baseline": baseline})
    store = Store(place)
    run_id, problems = iphones.run(phones, cells, settings, store, iphones.measurer(wanted.team))
    return Finished(store, run_id, settings, problems, len(phones) * _count_comparisons(cells, settings))


def _measure_ios_sdk(wanted: Wanted, sdk: Sdk, place: str | None) -> Finished:
    phones = sdk_ios.select(wanted.devices)
    store = Store(place)
    run_id, problems = sdk_ios.run(phones, sdk, wanted.backends, wanted.settings, store, wanted.team)
    return Finished(store, run_id, wanted.settings, problems)


def _count_comparisons(cells: Sequence[Cell], settings: Settings) -> int:
    return sum(cell.model != settings.baseline for cell in cells) if settings.baseline is not None else 0
