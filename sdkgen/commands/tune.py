"""``sdkgen tune``: which graph of a model is the fastest on the devices at hand."""

from __future__ import annotations

from importlib import metadata
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer

from sdkgen import console
from sdkgen.commands import SPEC, choose_model
from sdkgen.errors import ConvertError, MissingExtraError, UsageError
from sdkgen.formats import InputType, Layout, Precision

if TYPE_CHECKING:
    from sdkgen.bench.tuning.run import Graphs
    from sdkgen.spec.model import ModelSpec


def register(app: typer.Typer) -> None:
    """Add ``tune``."""
    app.command("tune")(tune)


def tune(
    context: typer.Context,
    device: list[str] = typer.Option(["all"], "--device", "-d", help="A serial, HOST:PORT, local, or all connected."),
    model: str = typer.Option("blazeface-front", "--model", "-m", help="A model's name."),
    spec_file: Path | None = SPEC,
    backend: str = typer.Option("gpu", "--backend", "-b", help="gpu, cpu, or both: the worst case then counts."),
    threads: int = typer.Option(1, "--threads", min=1, max=64, help="CPU threads."),
    rounds: int = typer.Option(3, "--rounds", min=1, max=20, help="Rounds; each drops what is clearly slower."),
    sessions: int = typer.Option(5, "--sessions", min=1, max=100, help="Fresh processes a candidate and round."),
    runs: int = typer.Option(100, "--runs", min=1, max=1_000_000, help="Timed runs a session."),
    warmup: float = typer.Option(1.0, "--warmup", min=0, max=600, help="Seconds of warm-up at least."),
    runner: str = typer.Option("litert", "--runner", help="litert, litert=FOLDER, or benchmark-model=PATH."),
    store: str | None = typer.Option(None, "--store", help="Where results go: a path or a database URL."),
    out: Path | None = typer.Option(None, "--out", "-o", metavar="FILE", help="Write the choice, for build --tuned."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Measure every graph that a model can be converted to, and choose the fastest.

    Variants, layouts, precisions and inputs take turns in rounds that drop what is clearly slower. The best is measured
    against the default once more: its ratio's 95 % interval must lie below one on every device, or the default wins.
    What was measured before an interrupt is kept.
    """
    from sdkgen.bench.devices.select import parse_backends, select_devices
    from sdkgen.bench.plan import Settings
    from sdkgen.bench.report.outcome import print_problems
    from sdkgen.bench.results.store import Store
    from sdkgen.bench.runners.programs import choose
    from sdkgen.bench.tuning import file as tuned
    from sdkgen.bench.tuning.run import Search
    from sdkgen.bench.tuning.table import print_tuned
    from sdkgen.spec.registry import load_model

    if out is not None and out.is_dir():
        raise UsageError("--out is a folder", context=str(out), hint="Name a file, such as tuned.toml.")
    model = choose_model(context, model, spec_file)
    spec, backends, chosen = load_model(model), parse_backends(backend), choose(runner)
    devices = select_devices(device)
    settings = Settings(sessions=sessions, runs=runs, warmup_seconds=warmup)
    search = Search(spec, _convert_all(spec), devices, backends, threads, settings, chosen, Store(store))
    finished = False
    record = None
    try:
        search.run(rounds)
        finished = True
    finally:
        record = search.record()
        search.store.close()
        if record is not None and json:
            console.print_json(record.model_dump(mode="json", exclude_none=True))
        elif record is not None:
            print_tuned(record, finished=finished)
    if out is not None and record is not None:
        tuned.write(record, out)
        which = f"--model {model}" if spec_file is None else f"--spec {spec_file}"
        console.note(f"Written: {out}. Build it: sdkgen build --target android {which} --tuned {out}")
    print_problems(search.problems)
    for place in search.missing:
        console.warn(f"the choice does not count for {place.device} on the {place.backend}: the default failed there")
    if search.problems or search.missing:
        raise typer.Exit(1)


def _convert_all(spec: ModelSpec) -> Graphs:
    """Return every graph of the model, the default first, each file once, and the released file."""
    from sdkgen.bench.tuning.run import Graphs
    from sdkgen.bench.tuning.search import Candidate
    from sdkgen.convert import convert
    from sdkgen.files import sha256_path
    from sdkgen.weights import fetch

    try:
        from sdkgen.convert.tflite.variants import variants_of
    except ImportError as error:
        raise MissingExtraError(error.name or "torch") from error

    # Of each the default comes first.
    ways = list(product(variants_of(spec), get_args(Layout), get_args(Precision), get_args(InputType)))
    default = Candidate(*ways[0])
    files: dict[str, tuple[Candidate, Path]] = {}
    with console.progress() as bars:
        task = bars.add_task("Converting", total=len(ways))
        for candidate in (Candidate(*way) for way in ways):
            # What is the default is left out, so that the cache's keys are those of build and bench.
            options: dict[str, Any] = {"variant": candidate.variant} if candidate.variant != default.variant else {}
            options |= {"input_type": candidate.input_type} if candidate.input_type != default.input_type else {}
            try:
                layout, precision = candidate.layout, candidate.precision
                path = convert(spec, "tflite", precision=precision, layout=layout, **options).path
                files.setdefault(sha256_path(path), (candidate, path))
            except metadata.PackageNotFoundError as error:
                raise MissingExtraError(error.name or "torch") from error
            except ConvertError as error:
                if candidate == default:
                    raise
                console.note(f"{candidate.label} is no candidate: {error.message}")
            bars.advance(task)
    return Graphs(dict(files.values()), fetch.path_of(spec))
