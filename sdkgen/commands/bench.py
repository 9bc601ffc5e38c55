"""``sdkgen bench``: how fast the models are on the devices at hand."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from sdkgen.commands import refuse
from sdkgen.errors import MissingExtraError, UsageError
from sdkgen.formats import Format, InputType, Layout, Precision

if TYPE_CHECKING:
    from sdkgen.bench.protocol import Runner

DEFAULT_MODEL = "blazeface-front"
DEFAULT_RUNNER = "litert"
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
    from sdkgen.bench.devices.select import IPHONE, parse_backends, select_devices
    from sdkgen.bench.plan import Settings
    from sdkgen.bench.report.outcome import print_run
    from sdkgen.bench.results.store import Store
    from sdkgen.bench.runners.programs import choose
    from sdkgen.bench.runners.sdk import read_bundle
    from sdkgen.bench.runners.sdk_android import SdkRunner
    from sdkgen.bench.runs import iphones, live, sdk_ios
    from sdkgen.bench.runs.bench import Bench
    from sdkgen.bench.runs.cells import make_cells, make_tracker_cells, name_files

    settings = Settings(
        sessions=sessions, runs=runs, warmup_seconds=warmup, paced=paced, cooldown=cooldown, limit=limit
    )
    chosen: Runner = choose(runner)
    backends, fp32 = parse_backends(backend), precision == "fp32"
    models = model or ([] if artifact else [DEFAULT_MODEL])

    def make(name: str, form: Format = "tflite") -> Path:
        options: dict[str, Any] = {}
        if form == "tflite":
            options = {"precision": precision, "layout": outputs}
            options |= {"input_type": input_type} if input_type != "float" else {}
        return _convert(name, form, **options)

    if sdk is not None:
        what = "an SDK's own benchmark runs the SDK's own models in its own way, as fast as they go"
        refuse(context, _NOT_WITH_SDK, what, "; sdkgen report --run all shows the SDK's rows beside others")
    elif apk is not None:
        raise UsageError("--apk is the benchmark of an SDK", hint="Name the bundle it was built from with --sdk.")
    bundle = read_bundle(sdk, apk=apk is not None) if sdk is not None else None
    if bundle is not None and bundle.target == "ios":
        refuse(context, _NOT_WITH_IOS_SDK, "an iOS SDK's own benchmark decides for itself")
        phones = sdk_ios.select(device)
        results = Store(store)
        run_id, problems = sdk_ios.run(phones, bundle, backends, settings, results, team)
    elif IPHONE in device:
        refuse(context, _NOT_WITH_IPHONE, "on iPhones coremltools measures models in its own way, as fast as they go")
        connected = iphones.select(device)
        if not team:
            hint = f"Give --team, or set {_TEAM}."
            raise UsageError("iPhones need a development team", hint=hint, reference="no-team")
        cells = make_cells({name: make(name, "coreml") for name in models}, backends)
        results = Store(store)
        run_id, problems = iphones.run(connected, cells, settings, results, iphones.measurer(team))
    else:
        devices = select_devices(device)
        results = Store(store)
        if bundle is not None:
            chosen = SdkRunner(bundle, apk)
            cells = bundle.cells(backends, fp32=fp32)
        elif pipeline is None:
            cells = make_cells(name_files(models, artifact, make), backends, threads, fp32=fp32)
        elif artifact:
            hint = "Name the detector: --model, instead of --artifact."
            raise UsageError("a pipeline is made of models, not of files", hint=hint)
        else:
            cells = make_tracker_cells(models, backends, make, threads, fp32=fp32)
        job = Bench(devices, cells, settings, chosen, results)
        live.run(job)
        run_id, problems = job.run_id, job.problems
    print_run(results, run_id, problems, settings, json=json)
    results.close()
    if problems:
        raise typer.Exit(1)


def _convert(name: str, form: Format, **options: Any) -> Path:
    """Return a model's artifact, from the cache where it holds one: only otherwise is torch loaded."""
    from sdkgen.convert import convert
    from sdkgen.spec.registry import load_model

    try:
        return convert(load_model(name), form, **options).path
    except metadata.PackageNotFoundError as error:
        missing = MissingExtraError(error.name or "torch")
        missing.hint += ", or measure a file: --artifact FILE" if form == "tflite" else ""
        raise missing from error
