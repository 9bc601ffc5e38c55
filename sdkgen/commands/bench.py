"""``sdkgen bench``: how fast the models are on the devices at hand."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from sdkgen import console
from sdkgen.commands import given
from sdkgen.errors import MissingExtraError, UsageError
from sdkgen.formats import InputType, Layout, Precision

if TYPE_CHECKING:
    from sdkgen.bench.devices.iphone import IPhone
    from sdkgen.bench.plan import Backend, Cell, Settings
    from sdkgen.bench.protocol import Runner
    from sdkgen.bench.results.store import Store
    from sdkgen.bench.runners.sdk import Sdk
    from sdkgen.bench.runs.bench import Problem

DEFAULT_MODEL = "blazeface-front"
DEFAULT_RUNNER = "litert"
_IPHONE = "iphone"
_TEAM = "SDKGEN_APPLE_TEAM"
# Options that mean nothing where something else measures: a figure beside them would seem to come from them.
_NOT_WITH_SDK = "model artifact pipeline threads paced outputs input_type runner".split()
_NOT_WITH_IOS_SDK = "warmup cooldown precision".split()
_NOT_WITH_IPHONE = (
    "sdk artifact pipeline threads warmup paced cooldown limit precision outputs input_type runner".split()
)


def register(app: typer.Typer) -> None:
    """Add ``bench``."""
    app.command("bench")(bench)


def bench(
    context: typer.Context,
    device: list[str] = typer.Option(
        ["all"], "--device", "-d", help="A serial, HOST:PORT, local, iphone, or all connected."
    ),
    model: list[str] = typer.Option([], "--model", "-m", help="A model's name.", show_default=DEFAULT_MODEL),
    artifact: list[Path] = typer.Option([], "--artifact", "-a", help="A .tflite file instead of a model."),
    pipeline: Literal["track"] | None = typer.Option(
        None, "--pipeline", help="Frames of a face tracker too: detector (--model), landmark model, steady and worst."
    ),
    sdk: Path | None = typer.Option(None, "--sdk", help="A folder that sdkgen build made: its own benchmark is run."),
    apk: Path | None = typer.Option(None, "--apk", help="With --sdk: the benchmark's APK, to be installed first."),
    backend: str = typer.Option("gpu,cpu", "--backend", "-b", help="gpu, cpu, or both."),
    threads: int = typer.Option(1, "--threads", min=1, max=64, help="CPU threads."),
    sessions: int = typer.Option(5, "--sessions", min=1, max=1000, help="Fresh processes a cell."),
    runs: int = typer.Option(200, "--runs", min=1, max=1_000_000, help="Timed runs a session."),
    warmup: float = typer.Option(2.0, "--warmup", min=0, max=600, help="Seconds of warm-up at least."),
    paced: float | None = typer.Option(None, "--paced", min=0.1, max=1000, help="Runs a second, as a camera would."),
    cooldown: float = typer.Option(0.0, "--cooldown", min=0, help="Seconds of rest between sessions."),
    limit: int | None = typer.Option(None, "--limit", min=1, help="Seconds a session may take."),
    precision: Precision = typer.Option("fp16", "--precision", help="Of the GPU's arithmetic, and of the weights."),
    input_type: InputType = typer.Option("float", "--input", help="What the models take: numbers, or bytes."),
    outputs: Layout = typer.Option("joined", "--outputs", help="The layout of the models' outputs."),
    runner: str = typer.Option(DEFAULT_RUNNER, "--runner", help="litert, litert=FOLDER, or benchmark-model=PATH."),
    team: str = typer.Option("", "--team", help="For iPhones: the Apple development team that signs.", envvar=_TEAM),
    store: str | None = typer.Option(None, "--store", help="Where results go: a path or a database URL."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Measure models on devices: fresh processes, warm-up until settled, raw samples kept.

    Exits 0 if every cell was measured, 1 if some were not, 130 if interrupted; what was measured is stored each time.
    """
    from sdkgen.bench.devices.select import parse_backends, select_devices
    from sdkgen.bench.plan import Settings
    from sdkgen.bench.results.store import Store
    from sdkgen.bench.runners.programs import choose
    from sdkgen.bench.runners.sdk_android import SdkRunner
    from sdkgen.bench.runs import live
    from sdkgen.bench.runs.bench import Bench

    settings = Settings(
        sessions=sessions, runs=runs, warmup_seconds=warmup, paced=paced, cooldown=cooldown, limit=limit
    )
    chosen: Runner = choose(runner)
    backends = parse_backends(backend)
    if sdk is not None:
        what = "an SDK's own benchmark runs the SDK's own models in its own way, as fast as they go"
        _refuse(context, _NOT_WITH_SDK, what, "; sdkgen report --run all shows the SDK's rows beside others")
    bundle = _bundle(sdk, apk)
    if bundle is not None and bundle.target == "ios":
        _refuse(context, _NOT_WITH_IOS_SDK, "an iOS SDK's performance tests decide for themselves")
        _ios_sdk(device, bundle, backends, settings, team, store, json=json)
        return
    if _IPHONE in device:
        _refuse(context, _NOT_WITH_IPHONE, "on iPhones coremltools measures models in its own way, as fast as they go")
        _iphones(device, model, backends, settings, team, store, json=json)
        return
    devices = select_devices(device)
    with_store = Store(store)
    if bundle is not None:
        chosen = SdkRunner(bundle, apk)
        cells = bundle.cells(backends, fp32=precision == "fp32")
    elif pipeline is not None:
        cells = _tracker_cells(model, artifact, backends, threads, precision, outputs, input_type)
    else:
        cells = _cells(model, artifact, backends, threads, precision, outputs, input_type)
    job = Bench(devices, cells, settings, chosen, with_store)
    live.run(job)
    _finish(job.store, job.run_id, job.problems, settings, json=json)


def _iphones(
    devices: list[str],
    models: list[str],
    backends: list[Backend],
    settings: Settings,
    team: str,
    store: str | None,
    *,
    json: bool,
) -> None:
    """Measure on the iPhones connected to this Mac: with Core ML, one after the other."""
    from sdkgen.bench.plan import Cell
    from sdkgen.bench.results.store import Store
    from sdkgen.bench.runs import iphones as run_iphone
    from sdkgen.convert import convert
    from sdkgen.spec.registry import load_model

    if devices != [_IPHONE]:
        raise UsageError("iPhones are measured in a run of their own", hint="Give --device iphone alone.")
    phones = _connected_iphones()
    if not team:
        raise UsageError("iPhones need a development team", hint=f"Give --team, or set {_TEAM}.", reference="no-team")
    packages = {name: convert(load_model(name), "coreml").path for name in models or [DEFAULT_MODEL]}
    cells = [Cell.of(name, path, backend) for name, path in packages.items() for backend in backends]
    results = Store(store)
    run_id, problems = run_iphone.run(phones, cells, settings, results, run_iphone.measurer(team))
    _finish(results, run_id, problems, settings, json=json)


def _refuse(context: typer.Context, options: Iterable[str], what: str, more: str = "") -> None:
    """Raise ``UsageError``, saying ``what`` measures instead, if any of ``options`` was given."""
    found = given(context)
    if ignored := [found[name] for name in options if name in found]:
        raise UsageError(what, hint=f"Leave out {', '.join(ignored)}{more}.")


def _bundle(folder: Path | None, apk: Path | None) -> Sdk | None:
    """Return the SDK whose benchmark is to be run, from its manifest; None if none was asked for."""
    from sdkgen.bench.runners.sdk import Sdk
    from sdkgen.render import manifest
    from sdkgen.spec.registry import load_model, model_names

    if folder is None:
        if apk is not None:
            raise UsageError("--apk is the benchmark of an SDK", hint="Name the bundle it was built from with --sdk.")
        return None
    if not manifest.is_bundle(folder):
        raise UsageError(
            "this is no bundle",
            context=str(folder),
            hint="Give a folder that sdkgen build made.",
            reference="no-bundle",
        )
    made = manifest.Manifest.model_validate_json((folder / manifest.NAME).read_bytes())
    if made.target not in ("android", "ios") or (apk is not None and made.target != "android"):
        what = f"a bundle for {made.target} {'takes no APK' if apk else 'has no benchmark'}"
        raise UsageError(what, context=str(folder), hint="Build one with --target android or ios.")
    own = made.trained and made.model in model_names() and not load_model(made.model).trained
    return Sdk(
        folder.absolute(),
        made.name,
        made.package,
        f"{made.model}+weights" if own else made.model,
        made.target,
        {record.path: record.sha256 for record in made.artifacts},
        tracks=made.pipeline == "track",
    )


def _ios_sdk(
    devices: list[str],
    sdk: Sdk,
    backends: list[Backend],
    settings: Settings,
    team: str,
    store: str | None,
    *,
    json: bool,
) -> None:
    """Run an iOS SDK's performance tests on iPhones: those named by their identifiers, or all that are connected."""
    from sdkgen.bench.results.store import Store
    from sdkgen.bench.runs import sdk_ios

    sdk_ios.check_host()
    named = [serial for serial in devices if serial not in ("all", _IPHONE)]
    phones = [sdk_ios.Phone.of(udid) for udid in named]
    if not named:
        phones = [sdk_ios.Phone(one.handle.udid, one.identity) for one in _connected_iphones()]
    results = Store(store)
    run_id, problems = sdk_ios.run(phones, sdk, backends, settings, results, team)
    _finish(results, run_id, problems, settings, json=json)


def _connected_iphones() -> list[IPhone]:
    from sdkgen.bench.devices.iphone import iphones

    phones = iphones()
    if not phones:
        raise UsageError("no iPhone is connected", hint="Connect one, unlock it, and trust this Mac.")
    return phones


def _finish(store: Store, run_id: str, problems: list[Problem], settings: Settings, *, json: bool) -> None:
    from sdkgen.bench.report.model import build_report
    from sdkgen.bench.report.text import print_table

    report = build_report(store, [run_id])
    store.close()
    if json:
        told = [
            {
                "device": one.device,
                "cell": one.cell,
                "reference": one.error.reference,
                "message": one.error.message,
                "hint": one.error.hint,
            }
            for one in problems
        ]
        console.print_json({**report.model_dump(mode="json"), "problems": told})
    elif report.cells:
        print_table(report)
        again = f"sdkgen report --run {run_id}"
        console.note(f"Run {run_id}, {settings.sessions} sessions of {settings.runs} runs; see it again: {again}")
    seen = set()
    for one in problems:
        key = (one.device, one.cell, one.error.reference)
        if key not in seen:
            console.print_error(one.error)
        seen.add(key)
    if problems:
        raise typer.Exit(1)


def _cells(
    models: list[str],
    artifacts: list[Path],
    backends: list[Backend],
    threads: int,
    precision: Precision,
    layout: Layout,
    input_type: InputType,
) -> list[Cell]:
    """Return the cells: each file on each backend. Models that the cache does not hold are converted first."""
    from sdkgen.bench.plan import Cell

    files: dict[str, Path] = {}
    for path in artifacts:
        if not path.is_file():
            raise UsageError("there is no such file", context=str(path), hint="Give a .tflite file with --artifact.")
        if path.stem in files:
            raise UsageError("two files have the same name", context=str(path), hint="Rename one of them.")
        files[path.stem] = path
    for name in models or ([] if artifacts else [DEFAULT_MODEL]):
        files[name] = _converted(name, precision, layout, input_type)
    fp32 = precision == "fp32"
    return [
        Cell.of(name, path, backend, threads if backend == "cpu" else 1, fp32=fp32)
        for name, path in files.items()
        for backend in backends
    ]


def _tracker_cells(
    models: list[str],
    artifacts: list[Path],
    backends: list[Backend],
    threads: int,
    precision: Precision,
    layout: Layout,
    input_type: InputType,
) -> list[Cell]:
    """Return the cells of a tracker with each of the detectors ``models``."""
    from sdkgen.bench.runners import pipeline
    from sdkgen.spec.registry import LANDMARKER, load_model

    if artifacts:
        raise UsageError(
            "a pipeline is made of models, not of files", hint="Name the detector: --model, instead of --artifact."
        )
    landmarker = load_model(LANDMARKER)
    points = _converted(LANDMARKER, precision, layout, input_type)
    cells: list[Cell] = []
    for name in models or [DEFAULT_MODEL]:
        load_model(name).detector  # noqa: B018  # raises for a model that detects nothing
        files = (_converted(name, precision, layout, input_type), points)
        for backend in backends:
            count = threads if backend == "cpu" else 1
            fp32 = precision == "fp32"
            cells += pipeline.cells(load_model(name), landmarker, files, backend, count, fp32=fp32)
    return list(dict.fromkeys(cells))


def _converted(name: str, precision: Precision, layout: Layout, input_type: InputType) -> Path:
    """Return a model's .tflite file, from the cache where it holds one: only otherwise is torch loaded."""
    from sdkgen.convert import convert
    from sdkgen.spec.registry import load_model

    try:
        options: dict[str, Any] = {"input_type": input_type} if input_type != "float" else {}
        return convert(load_model(name), "tflite", precision=precision, layout=layout, **options).path
    except metadata.PackageNotFoundError as error:
        missing = MissingExtraError(error.name or "torch")
        missing.hint += ", or measure a file: --artifact FILE"
        raise missing from error
