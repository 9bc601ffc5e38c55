"""``sdkgen tune``: which graph of a model is the fastest on the devices at hand."""

from __future__ import annotations

from importlib import metadata
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer

from sdkgen import console
from sdkgen.errors import MissingExtraError, UsageError
from sdkgen.formats import InputType, Layout, Precision

if TYPE_CHECKING:
    from sdkgen.bench.devices.identity import Identity
    from sdkgen.bench.plan import Backend, Cell
    from sdkgen.bench.tuning.file import Tuned
    from sdkgen.bench.tuning.search import Candidate
    from sdkgen.spec.model import ModelSpec


def register(app: typer.Typer) -> None:
    """Add ``tune``."""
    app.command("tune")(tune)


def tune(
    device: list[str] = typer.Option(["all"], "--device", "-d", help="A serial, HOST:PORT, local, or all connected."),
    model: str = typer.Option("blazeface-front", "--model", "-m", help="A model's name."),
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

    Variants, layouts, precisions and inputs take turns in rounds that drop what is clearly slower. A winner's ratio to
    the default has a 95 % interval below one on every device; otherwise the default wins. What was measured before an
    interrupt is kept.
    """
    from sdkgen.bench.devices.select import parse_backends, select_devices
    from sdkgen.bench.plan import Settings
    from sdkgen.bench.results.store import Store
    from sdkgen.bench.runners.programs import choose
    from sdkgen.bench.runs import live
    from sdkgen.bench.runs.bench import Bench
    from sdkgen.bench.tuning import file as tuned
    from sdkgen.bench.tuning.search import RELEASED, Tuning, read_sessions
    from sdkgen.spec.registry import load_model

    if out is not None and out.is_dir():
        raise UsageError("--out is a folder", context=str(out), hint="Name a file, such as tuned.toml.")
    spec, backends, chosen = load_model(model), parse_backends(backend), choose(runner)
    devices = select_devices(device)
    settings = Settings(sessions=sessions, runs=runs, warmup_seconds=warmup)
    files = _convert_all(spec)
    candidates = {label: candidate for label, (candidate, _) in files.items() if candidate is not None}
    default = next(iter(candidates))
    references = [label for label in (RELEASED,) if label in files]
    tuning = Tuning(default, [label for label in candidates if label != default], references)
    results = Store(store)
    run_ids: list[str] = []
    identities: dict[str, Identity] = {}
    try:
        for number in range(1, rounds + 1):
            labels = [*references, default, *tuning.active]
            console.note(f"Round {number} of {rounds}: {len(labels) - len(references)} candidates")
            # Each round begins elsewhere, so that nobody always comes first.
            turned = labels[number % len(labels) :] + labels[: number % len(labels)]
            cells = _cells(spec, {label: files[label] for label in turned}, backends, threads)
            job = Bench(devices, cells, settings, chosen, results)
            try:
                live.run(job)
            finally:
                if job.run_id:
                    run_ids.append(job.run_id)
                    found = results.sessions([job.run_id])
                    identities |= {one.identity.serial_hash: one.identity for one in found}
                    tuning.add(read_sessions(found, number, spec.name))
            failures = {one.cell.split(" on ")[0].removeprefix(f"{spec.name} "): one.error for one in job.problems}
            if default not in tuning.measured:
                raise next(iter(failures.values()), UsageError("the default was not measured", hint="Try again."))
            tuning.drop_slower(number, {label: f"failed: {error.message}" for label, error in failures.items()})
            if not tuning.active:
                break
    finally:
        versions = results.runs()[-1].versions if run_ids else {}
        results.close()
        record = None
        if tuning.places:
            record = tuned.describe(
                tuning, candidates, spec, identities, runner=chosen.name, runs=run_ids, versions=versions
            )
            _show(record, json=json)
    if out is not None and record is not None:
        tuned.write(record, out)
        console.note(f"Written: {out}. Build it: sdkgen build --target android --model {model} --tuned {out}")


def _convert_all(spec: ModelSpec) -> dict[str, tuple[Candidate | None, Path]]:
    """Return the candidates and the released file with their files, by label: the default first, each file once."""
    from sdkgen.bench.tuning.search import RELEASED, Candidate
    from sdkgen.convert import convert
    from sdkgen.files import sha256_path
    from sdkgen.weights import fetch

    try:
        from sdkgen.convert.tflite.variants import variants_of
    except ImportError as error:
        raise MissingExtraError(error.name or "torch") from error

    every = product(variants_of(spec), get_args(Layout), get_args(Precision), get_args(InputType))
    files: dict[str, tuple[Candidate | None, Path]] = {}
    seen: set[str] = set()
    with console.progress() as bars:
        combinations = list(every)
        task = bars.add_task("Converting", total=len(combinations))
        for variant, layout, precision, input_type in combinations:
            options: dict[str, Any] = {"variant": variant} if variant != combinations[0][0] else {}
            options |= {"input_type": input_type} if input_type != "float" else {}
            try:
                path = convert(spec, "tflite", precision=precision, layout=layout, **options).path
            except metadata.PackageNotFoundError as error:
                raise MissingExtraError(error.name or "torch") from error
            digest = sha256_path(path)
            if digest not in seen:
                candidate = Candidate(variant, layout, precision, input_type)
                files[candidate.label] = candidate, path
            seen.add(digest)
            bars.advance(task)
    released = fetch.path_of(spec)
    if released is not None:
        files[RELEASED] = None, released
    return files


def _cells(
    spec: ModelSpec, files: dict[str, tuple[Candidate | None, Path]], backends: list[Backend], threads: int
) -> list[Cell]:
    from sdkgen.bench.plan import Cell

    return [
        Cell.of(
            f"{spec.name} {label}",
            path,
            one,
            threads if one == "cpu" else 1,
            fp32=candidate is not None and candidate.precision == "fp32",
        )
        for label, (candidate, path) in files.items()
        for one in backends
    ]


def _show(record: Tuned, *, json: bool) -> None:
    if json:
        console.print_json(record.model_dump(mode="json", exclude_none=True))
        return
    from rich.table import Table

    for place in record.places:
        name = place.identity.get("model") or place.identity.get("soc") or "device"
        console.out.print(f"[bold]{console.safe(str(name))}[/], {place.backend}")
        table = Table("candidate", "median ms", "to released", "to default", "95 % interval", "sessions", "", box=None)
        for row in place.rows:
            interval = row.to_default_interval
            table.add_row(
                row.candidate,
                f"{row.median_ms:.3f}",
                f"{row.to_released:.3f}" if row.to_released is not None else "–",
                f"{row.to_default:.3f}",
                f"{interval[0]:.3f}–{interval[1]:.3f}" if interval else "–",
                str(row.sessions),
                record.dropped.get(row.candidate, ""),
            )
        console.out.print(table)
    failed = {label: why for label, why in record.dropped.items() if why.startswith(("failed", "not measured"))}
    for label, why in failed.items():
        console.note(f"{label}: {console.safe(why)}")
    one = record.choice
    name = f"{one.variant} {one.layout} {one.precision} {one.input}"
    if record.is_default:
        console.note(f"The default wins: nothing is certainly faster than {name}")
    else:
        console.note(f"The winner: {name}")
