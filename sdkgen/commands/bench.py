"""``sdkgen bench``: how fast the models are on the devices at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import typer

from sdkgen.commands import SPECS, choose_models, convert_model, need, parse_share, refuse
from sdkgen.errors import UsageError
from sdkgen.formats import Format, InputType, Layout, Precision

DEFAULT_MODEL = "blazeface-front"
DEFAULT_RUNNER = "litert"
_TEAM = "SDKGEN_APPLE_TEAM"
# Options that mean nothing where something else measures: a figure beside them would seem to come from them.
_NOT_WITH_SDK = "model spec_file artifact baseline max_regression allow_missing pipeline sampling threads paced".split()
_NOT_WITH_SDK += "outputs input_type runner".split()
_NOT_WITH_IOS_SDK = "warmup cooldown precision lock_clocks".split()
_NOT_WITH_IPHONE = "sdk artifact pipeline sampling threads warmup paced cooldown limit lock_clocks precision".split()
_NOT_WITH_IPHONE += "outputs input_type runner".split()


def register(app: typer.Typer) -> None:
    """Add ``bench``."""
    app.command("bench")(bench)


def bench(
    context: typer.Context,
    device: list[str] = typer.Option(
        ["all"], "--device", "-d", help="A serial, HOST:PORT, local, iphone, or all connected."
    ),
    model: list[str] = typer.Option([], "--model", "-m", help="A model's name.", show_default=DEFAULT_MODEL),
    spec_file: list[Path] = SPECS,
    artifact: list[Path] = typer.Option([], "--artifact", "-a", help="A .tflite file instead of a model."),
    pipeline: Literal["track"] | None = typer.Option(
        None, "--pipeline", help="Frames of a face tracker too: detector (--model), landmark model, steady and worst."
    ),
    sampling: Literal["area", "point"] | None = typer.Option(
        None, "--sampling", help="With --pipeline: how frames are reduced.", show_default="area"
    ),
    sdk: Path | None = typer.Option(None, "--sdk", help="A folder that sdkgen build made: its own benchmark is run."),
    apk: Path | None = typer.Option(None, "--apk", help="With --sdk: the benchmark's APK, to be installed first."),
    baseline: str | None = typer.Option(
        None, "--baseline", help="A .tflite file or a model, measured in turns with the others and compared with them."
    ),
    max_regression: str | None = typer.Option(
        None, "--max-regression", help="With --baseline: exit 1 if one is slower by more than this, such as 3%."
    ),
    allow_missing: bool = typer.Option(
        False, "--allow-missing", help="With --max-regression: pass what is not judged."
    ),
    backend: str = typer.Option("gpu,cpu", "--backend", "-b", help="gpu, cpu, or both."),
    threads: int = typer.Option(1, "--threads", min=1, max=64, help="CPU threads."),
    sessions: int = typer.Option(
        5, "--sessions", min=1, max=1000, help="Fresh processes a cell; with --baseline, rounds of two."
    ),
    runs: int = typer.Option(200, "--runs", min=1, max=1_000_000, help="Timed runs a session."),
    warmup: float = typer.Option(2.0, "--warmup", min=0, max=600, help="Seconds of warm-up at least."),
    paced: float | None = typer.Option(None, "--paced", min=0.1, max=1000, help="Runs a second, as a camera would."),
    cooldown: float = typer.Option(0.0, "--cooldown", min=0, help="Seconds of rest between sessions."),
    lock_clocks: bool = typer.Option(False, "--lock-clocks", help="Fix the devices' clocks meanwhile."),
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
    from sdkgen.bench.devices.select import IPHONE, parse_backends
    from sdkgen.bench.plan import Settings
    from sdkgen.bench.report.outcome import Gate, close_run
    from sdkgen.bench.runners.programs import choose
    from sdkgen.bench.runners.sdk import read_bundle
    from sdkgen.bench.runs.start import Wanted, measure

    need(context, {"max_regression": "baseline", "allow_missing": "max_regression"})
    allowed = parse_share(max_regression) if max_regression is not None else None
    settings = Settings(
        sessions=sessions,
        runs=runs,
        warmup_seconds=warmup,
        paced=paced,
        cooldown=cooldown,
        limit=limit,
        lock_clocks=lock_clocks,
    )

    def make(name: str, form: Format) -> Path:
        options: dict[str, Any] = {}
        if form == "tflite":
            options = {"precision": precision, "layout": outputs}
            options |= {"input_type": input_type} if input_type != "float" else {}
        return convert_model(name, form, **options)

    if sdk is not None:
        what = "an SDK's own benchmark runs the SDK's own models in its own way, as fast as they go"
        refuse(context, _NOT_WITH_SDK, what, "; sdkgen report --run all shows the SDK's rows beside others")
    elif apk is not None:
        raise UsageError("--apk is the benchmark of an SDK", hint="Name the bundle it was built from with --sdk.")
    elif pipeline is not None:
        refuse(context, ["baseline"], "a tracker's frames have no baseline")
    elif sampling is not None:
        hint = "Add --pipeline track: a model alone takes an input that is ready."
        raise UsageError("--sampling is for the frames of a pipeline", hint=hint)
    bundle = read_bundle(sdk, apk=apk is not None) if sdk is not None else None
    if bundle is not None and bundle.target == "ios":
        refuse(context, _NOT_WITH_IOS_SDK, "an iOS SDK's own benchmark decides for itself")
    elif IPHONE in device:
        refuse(context, _NOT_WITH_IPHONE, "on iPhones coremltools measures models in its own way, as fast as they go")
    wanted = Wanted(
        device,
        parse_backends(backend),
        settings,
        choose(runner),
        make,
        models=choose_models(model, spec_file) or ([] if artifact else [DEFAULT_MODEL]),
        artifacts=artifact,
        baseline=baseline,
        tracker=pipeline is not None,
        sampling=sampling or "area",
        sdk=bundle,
        apk=apk,
        threads=threads,
        fp32=precision == "fp32",
        team=team,
    )
    done = measure(wanted, store)
    gate = Gate(allowed, done.comparisons, allow_missing) if allowed is not None else None
    well = close_run(done.store, done.run_id, done.problems, done.settings, gate, json=json)
    done.store.close()
    if not well:
        raise typer.Exit(1)
