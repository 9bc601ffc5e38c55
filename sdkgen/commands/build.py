"""``sdkgen build``: a complete SDK around a model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sdkgen import console
from sdkgen.commands import SPEC, choose_model, given, refuse_trust_alone
from sdkgen.errors import UsageError, nearest
from sdkgen.formats import InputType, Layout, Pipeline, Precision
from sdkgen.spec.registry import LANDMARKER, load_model

if TYPE_CHECKING:
    from sdkgen.bundle import Target
    from sdkgen.render.manifest import Manifest

DEFAULT_NAME = "BlazeFace"
DEFAULT_PACKAGE = "com.example.blazeface"


def register(app: typer.Typer) -> None:
    """Add ``build``."""
    app.command("build")(build)


def build(
    context: typer.Context,
    target: str = typer.Option(..., "--target", "-t", help="ios, android, or onnx for the plain model."),
    model: str = typer.Option("blazeface-front", "--model", "-m", help="A detector; see: sdkgen models list."),
    spec_file: Path | None = SPEC,
    pipeline: Pipeline = typer.Option("detect", "--pipeline", help="detect, or track: also landmarks, face by face."),
    precision: Precision = typer.Option("fp16", "--precision", help="Of the weights, and of the arithmetic on iOS."),
    outputs: Layout = typer.Option("joined", "--outputs", help="One tensor, or the outputs of the released files."),
    input_type: InputType = typer.Option("float", "--input", help="Android: what the model takes; see docs/graphs.md."),
    variant: str | None = typer.Option(None, "--variant", help="Android: the shape of the graph; see docs/graphs.md."),
    tuned: Path | None = typer.Option(None, "--tuned", metavar="FILE", help="Android: what sdkgen tune chose."),
    runtime: str | None = typer.Option(
        None, "--runtime", help="Android: litert, tflite or play-services. iOS: coreml, coreai or both."
    ),
    name: str = typer.Option(DEFAULT_NAME, "--name", help="The product: a Swift module, a Gradle project."),
    package: str = typer.Option(DEFAULT_PACKAGE, "--package", help="The reverse-domain name of the package."),
    weights: Path | None = typer.Option(None, "--weights", help="Take the weights from this .tflite file."),
    trust_weights: bool = typer.Option(False, "--trust-weights", help="Accept a --weights file that you trained."),
    weights_bits: int | None = typer.Option(None, "--weights-bits", help="iOS: compress the weights to 8 or 6 bits."),
    aar: bool = typer.Option(False, "--aar", help="Android: also compile and pack an .aar (needs a JDK and Maven)."),
    out: Path | None = typer.Option(None, "--out", "-o", help="The folder to make.", show_default="./MODEL-TARGET"),
    force: bool = typer.Option(False, "--force", help="Replace an older bundle."),
    json: bool = typer.Option(False, "--json", help="Print the manifest."),
) -> None:
    """Convert a model and render a complete SDK around it.

    The folder appears whole or not at all, and the same inputs give the same bytes.
    """
    from sdkgen import bundle
    from sdkgen.bench.tuning import file as tuned_file

    kind = _target(target)
    refuse_trust_alone(weights, trust_weights)
    model = choose_model(context, model, spec_file)
    spec = load_model(model)
    _ = spec.detector  # an SDK needs one
    _refuse_strangers(
        kind,
        runtime=runtime,
        weights_bits=weights_bits,
        aar=aar,
        variant=variant,
        input_type=input_type,
        outputs=outputs,
        pipeline=pipeline,
    )
    if tuned is not None:
        _refuse_beside_tuned(context)
        choice = tuned_file.read(tuned, model=model, target=kind).choice
        variant, outputs, precision, input_type = choice.variant, choice.layout, choice.precision, choice.input
    started = time.monotonic()
    folder = out or Path(f"{model}-{target}")
    manifest = bundle.build(
        bundle.Request(
            spec=spec,
            target=kind,
            out=folder,
            name=name,
            package=package,
            precision=precision,
            layout=outputs,
            runtime=runtime,
            weights=weights,
            trust=trust_weights,
            force=force,
            weights_bits=weights_bits,
            variant=variant,
            input_type=input_type,
            landmarker=load_model(LANDMARKER) if pipeline == "track" else None,
            aar=aar,
        )
    )
    if json:
        console.print_json(manifest.model_dump(mode="json", by_alias=True, exclude_none=True))
    else:
        _summarise(manifest, folder, time.monotonic() - started)


def _refuse_beside_tuned(context: typer.Context) -> None:
    found = given(context)
    if decided := [found[name] for name in ("variant", "outputs", "precision", "input_type") if name in found]:
        raise UsageError("--tuned decides on the graph", hint=f"Leave out {', '.join(decided)}, or --tuned.")


def _target(name: str) -> Target:
    from sdkgen.bundle import TARGETS

    for target in TARGETS:
        if target == name:
            return target
    raise UsageError(f"unknown target {name!r}", hint=nearest(name, TARGETS), reference="unknown-target")


def _refuse_strangers(
    target: Target,
    *,
    runtime: str | None,
    weights_bits: int | None,
    aar: bool,
    variant: str | None,
    input_type: InputType,
    outputs: Layout,
    pipeline: Pipeline,
) -> None:
    """Raise ``UsageError`` for an option that the target does not have."""
    from sdkgen.bundle import RUNTIMES

    if runtime is not None and runtime not in RUNTIMES[target]:
        raise UsageError(f"no runtime {runtime!r} for {target}", hint=nearest(runtime, RUNTIMES[target]))
    if weights_bits is not None and (target != "ios" or weights_bits not in (6, 8)):
        raise UsageError("--weights-bits is for --target ios, and is 8 or 6", hint="Leave it out, or correct it.")
    if runtime in ("coreai", "both") and (weights_bits is not None or outputs != "joined"):
        option = "--outputs standard" if outputs != "joined" else "--weights-bits"
        raise UsageError(f"{option} is for Core ML alone", hint=f"Leave it out, or leave out --runtime {runtime}.")
    if aar and target != "android":
        raise UsageError("--aar is for --target android", hint="Leave it out.")
    if variant is not None and target != "android":
        raise UsageError("--variant is for --target android", hint="Leave it out.")
    if input_type != "float" and target != "android":
        raise UsageError("--input is for --target android", hint="Leave it out: the iOS SDK hands over bytes already.")
    if pipeline == "track" and target == "onnx":
        raise UsageError("--pipeline track is for --target ios or android", hint="Leave it out: onnx is a plain model.")


def _summarise(manifest: Manifest, folder: Path, seconds: float) -> None:
    from rich.table import Table

    table = Table("artifact", "format", "precision", "size", "ops", "sha256", box=None, header_style="bold")
    for artifact in manifest.artifacts:
        table.add_row(
            console.safe(artifact.path.rsplit("/", 1)[-1]),
            artifact.format,
            artifact.precision,
            f"{artifact.bytes:,} B",
            str(sum(artifact.ops.values())),
            artifact.sha256[:12],
        )
    console.out.print(table)
    note = "" if manifest.trained else "  [bold yellow]untrained: for measuring speed only[/]"
    console.out.print(f"[bold green]✓[/] {console.safe(folder)}/ in {seconds:.1f} s{note}", soft_wrap=True)
