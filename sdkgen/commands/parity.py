"""``sdkgen parity``: hold artifacts to the network, number by number and face by face."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sdkgen import console
from sdkgen.commands import SPECS, choose_models
from sdkgen.errors import UsageError
from sdkgen.formats import InputType
from sdkgen.spec.registry import load_model, model_names

if TYPE_CHECKING:
    from sdkgen.artifact import Precision
    from sdkgen.parity.report import Comparison, ParityReport


class Runtime(Enum):
    """What runs an artifact; by default all are tried, and those that do not run here are said and left out."""

    LITERT = "litert"
    ONNX = "onnx"
    COREML = "coreml"
    COREAI = "coreai"
    LITERT_GPU = "litert-gpu"


class Width(Enum):
    """An artifact's precision."""

    FP16 = "fp16"
    FP32 = "fp32"


_DETECTOR = "blazeface-front"
"""What finds the faces that a landmark model is shown."""


def register(app: typer.Typer) -> None:
    """Add ``parity``."""
    app.command("parity")(check_parity)


def check_parity(
    models: list[str] | None = typer.Option(None, "--model", "-m", help="A model; may be given again."),
    spec_file: list[Path] = SPECS,
    every: bool = typer.Option(False, "--all", help="All models."),
    backends: list[Runtime] | None = typer.Option(
        None, "--backend", help="A runtime that must run here; may be given again. By default all that do."
    ),
    precisions: list[Width] | None = typer.Option(None, "--precision", help="By default both."),
    weights_bits: int | None = typer.Option(
        None, "--weights-bits", help="Also measure Core ML artifacts with weights of 8 or 6 bits."
    ),
    input_type: InputType = typer.Option("float", "--input", help="What the artifacts take; bytes are for .tflite."),
    images: Path | None = typer.Option(None, "--images", help="Also compare on the photographs in this folder."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
    html: Path | None = typer.Option(None, "--html", metavar="FILE", help="Write the report as a page."),
) -> None:
    """Compare artifacts with the network in torch and with the released model.

    Every artifact that `build` can make is run on seeded noise and on photographs that are shifted, scaled, turned,
    mirrored, lit differently and noisy. Exit code 1 if one differs by more than the model's tolerances.
    """
    if weights_bits is not None and (weights_bits not in (6, 8) or (backends and Runtime.COREML not in backends)):
        raise UsageError("--weights-bits is for Core ML, and is 8 or 6", hint="Leave it out, or correct it.")
    if input_type == "bytes" and weights_bits is not None:
        raise UsageError("--weights-bits is for Core ML, whose packages take images", hint="Leave --input out.")
    if every and (models or spec_file):
        raise UsageError("--all and --model exclude each other", hint="Give one of them.")
    names = model_names() if every else tuple(choose_models(models or [], spec_file) or [_DETECTOR])
    specs = [load_model(name) for name in names]

    from sdkgen.convert import convert
    from sdkgen.parity.inputs import photographs, round_to_bytes
    from sdkgen.parity.report import ParityError, Skipped, report
    from sdkgen.parity.run import inputs_of, run, subjects

    photos = photographs(images)
    runtimes = [runtime.value for runtime in dict.fromkeys(backends or Runtime)]
    optional = [] if backends else runtimes
    widths: list[Precision] = [width.value for width in dict.fromkeys(precisions or Width)]

    def make(*args: Any, **options: Any) -> Path:
        return convert(*args, **options).path

    comparisons: list[Comparison] = []
    skipped: dict[str, Skipped] = {}
    with console.progress() as bars:
        for spec in specs:
            open_to = [runtime for runtime in runtimes if runtime not in skipped]
            chosen = list(subjects(open_to, widths, weights_bits, input_type))
            task = bars.add_task(spec.name, total=len(chosen))
            inputs = inputs_of(spec, photos, load_model(_DETECTOR))
            if input_type == "bytes":
                inputs = round_to_bytes(inputs, spec.input)
            for result in run(spec, chosen, inputs, make, optional=optional, done=lambda: bars.advance(task)):  # noqa: B023
                if isinstance(result, Skipped):
                    skipped[result.runtime] = result
                else:
                    comparisons.append(result)
    whole = report(comparisons, list(skipped.values()))
    if json:
        console.print_json(whole.model_dump(mode="json"))
    else:
        _print(whole)
    if html is not None:
        from sdkgen.parity.html import write_html

        write_html(whole, html)
    failures = [failure for comparison in comparisons for failure in comparison.failures]
    if failures:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise ParityError(f"{failures[0]}{more}", hint="The artifact does not compute what the network computes.")
    if not whole.passed:
        raise ParityError("nothing was compared", hint="None of the runtimes runs here; what each lacks is said above.")


def _print(result: ParityReport) -> None:
    from rich.table import Table

    for model in dict.fromkeys(comparison.model for comparison in result.comparisons):
        table = Table("", "on", "artifact", "against", "worst output", "by", "IoU", "keypoint", "score", box=None)
        for comparison in result.comparisons:
            if comparison.model == model:
                table.add_row(*_row(comparison))
        console.out.print(f"[bold]{model}[/]")
        console.out.print(table)
    for left_out in result.skipped:
        console.note(f"{left_out.runtime} does not run here and was left out: {left_out.why}")
    for comparison in result.comparisons:
        for failure in comparison.failures:
            console.err.print(f"[red]failed[/] {console.safe(failure)}", soft_wrap=True)


def _row(comparison: Comparison) -> list[str]:
    tensor, faces = comparison.worst, comparison.faces
    mark = "[red]✗[/]" if comparison.failures else "[green]✓[/]" if comparison.limits else "–"
    start = [mark, comparison.runtime, f"{comparison.precision} {comparison.layout}", comparison.against]
    worst = [tensor.name, f"{tensor.maximum:.1e}"]
    if faces is None or faces.iou is None or faces.keypoint is None or faces.score is None:
        return [*start, *worst, "–", "–", "–"]
    return [*start, *worst, f"{faces.iou:.4f}", f"{faces.keypoint:.2%}", f"{faces.score:.4f}"]
