"""``sdkgen eval``: how good a detector is on your own photographs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import typer

from sdkgen import __version__, console
from sdkgen.commands import SPEC, choose_model, refuse_trust_alone
from sdkgen.formats import Precision
from sdkgen.spec.registry import load_model

if TYPE_CHECKING:
    from sdkgen.artifact import Artifact
    from sdkgen.backends.base import Backend
    from sdkgen.evaluate.measure import Measurer
    from sdkgen.evaluate.settings import Settings
    from sdkgen.spec.model import ModelSpec

Backends: TypeAlias = Literal["litert", "litert-gpu", "onnx", "coreml", "coreai", "torch"]


def register(app: typer.Typer) -> None:
    """Add ``eval``."""
    app.command("eval")(evaluate)


def evaluate(
    context: typer.Context,
    data: Path = typer.Option(..., "--data", "-d", help="A file of labels, or a folder with labels or only images."),
    form: Literal["wider", "coco", "csv"] | None = typer.Option(
        None, "--format", help="Of the labels; by default, what the file's name says."
    ),
    images: Path | None = typer.Option(None, "--images", help="The folder that the labels' image names start from."),
    model: str = typer.Option("blazeface-front", "--model", "-m", help="A detector; see: sdkgen models list."),
    spec_file: Path | None = SPEC,
    backend: Backends = typer.Option("litert", "--backend", help="What runs the model."),
    against: Backends | None = typer.Option(None, "--against", help="Also compare every face with another backend's."),
    precision: Precision = typer.Option("fp16", "--precision", help="Of the artifact's weights."),
    weights: Path | None = typer.Option(None, "--weights", help="Take the weights from this .tflite file."),
    trust_weights: bool = typer.Option(False, "--trust-weights", help="Accept a --weights file that you trained."),
    nms: Literal["blend", "hard"] = typer.Option("blend", "--nms", help="How boxes of one face become one."),
    minimum_score: float = typer.Option(0.05, "--minimum-score", min=0, max=1, help="Lowest score on the curve."),
    area: str = typer.Option("all", "--min-face-area", help="Share of the image, or all, front (0.2), rear (0.05)."),
    views: int = typer.Option(8, "--views", min=0, help="Jitter: shifted copies an image; 0 leaves jitter out."),
    jitter_images: int = typer.Option(64, "--jitter-images", min=1, help="Jitter: images, spread over the set."),
    shift: float = typer.Option(0.02, "--shift", min=0.001, max=0.25, help="Jitter: largest shift, of the long side."),
    noise: str = typer.Option("4", "--noise", help="Noise jitter: standard deviations in bytes, 2,4,8; 0 for none."),
    noise_copies: int = typer.Option(10, "--noise-copies", min=2, help="Noise jitter: noisy copies an image."),
    width: int | None = typer.Option(
        None, "--width", min=16, max=8192, help="Jitter: scale images to so many pixels first."
    ),
    sampling: Literal["area", "point"] = typer.Option(
        "area", "--sampling", help="How large images are reduced; noise jitter has both."
    ),
    jobs: int = typer.Option(0, "--jobs", "-j", min=0, help="Processes; 0 for as many as pay."),
    fresh: bool = typer.Option(False, "--fresh", help="Begin anew even if an interrupted run can be gone on with."),
    html: Path | None = typer.Option(None, "--html", help="Write the report as a page."),
    json: bool = typer.Option(False, "--json", help="Print the report as JSON."),
) -> None:
    """Measure average precision, keypoint error and jitter on photographs.

    An interrupted run goes on where it was when it is called again. Images that cannot be read are reported.
    """
    from sdkgen.evaluate import evaluation
    from sdkgen.evaluate.dataset import open_dataset
    from sdkgen.evaluate.html import write_html
    from sdkgen.evaluate.journal import Journal
    from sdkgen.evaluate.settings import Settings, parse_area, parse_noise
    from sdkgen.evaluate.terminal import print_report
    from sdkgen.evaluate.workers import count_workers
    from sdkgen.files import sha256_json, sha256_path

    refuse_trust_alone(weights, trust_weights)
    spec = load_model(choose_model(context, model, spec_file))
    if weights is None:
        _ = spec.detector, spec.released
    settings = Settings(
        nms,
        minimum_score,
        parse_area(area),
        views,
        jitter_images,
        shift,
        sampling,
        width,
        parse_noise(noise),
        noise_copies,
    )
    labels = open_dataset(data, form, images, spec.detector.keypoints)
    source = _Source(spec, backend, precision, weights, trust_weights)
    other = _Source(spec, against, precision, weights, trust_weights) if against else None
    key = {
        "version": __version__,
        "spec": spec.model_dump(mode="json", by_alias=True),
        "backends": [source.key, other.key if other else None],
        "settings": settings.as_dict(),
        "data": [str(labels.source.resolve()), str(images), labels.format, labels.count],
        "labels": sha256_path(labels.source) if labels.source.is_file() else None,
    }
    # The journal goes when all is told: if the page cannot be written, only that is to be done again.
    with Journal(sha256_json(key), fresh=fresh) as journal:
        with console.progress() as bars:
            task = bars.add_task(f"{spec.name}, {backend}", total=labels.count)
            report = evaluation.evaluate(
                labels,
                spec,
                settings,
                journal,
                partial(_measurer, spec, settings, source, other),
                workers=jobs or count_workers(labels.count),
                tick=lambda: bars.advance(task),
            )
        report = {
            "sdkgen": __version__,
            "model": {"name": spec.name, "title": spec.title, "trained": spec.trained or weights is not None},
            "backend": {"name": backend, "precision": source.precision, "sha256": source.sha256, "against": against},
            **report,
        }
        report["data"] = {"source": str(data), **report["data"]}
        if json:
            console.print_json(report)
        else:
            print_report(report)
        if html is not None:
            write_html(report, html)


def _measurer(spec: ModelSpec, settings: Settings, source: _Source, other: _Source | None) -> Measurer:
    from sdkgen.evaluate.measure import Measurer

    return Measurer(spec, source.open(), settings, other.open() if other else None)


class _Source:
    """What a backend runs, converted once however many processes run it."""

    def __init__(self, spec: ModelSpec, name: str, precision: Precision, weights: Path | None, trust: bool) -> None:
        from sdkgen.backends.opening import RUNTIMES
        from sdkgen.files import sha256_path

        self._spec = spec
        self._name = name
        self._artifact: Artifact | None = None
        self._network: Any = None
        if name == "torch":
            from sdkgen.network import load

            self._network = load(spec, weights, trust=trust)
        else:
            from sdkgen.convert import convert

            self._artifact = convert(spec, RUNTIMES[name], precision=precision, weights=weights, trust=trust)
        self.sha256 = self._artifact.record.sha256 if self._artifact else None
        self.precision = precision if self._artifact else "fp32"
        self.key = [name, self.sha256, sha256_path(weights) if weights is not None else None]

    def open(self) -> Backend:
        """Return a backend of its own for one process."""
        if self._artifact is None:
            from sdkgen.backends.torch_backend import TorchBackend

            return TorchBackend(self._network, self._spec)
        from sdkgen.backends.opening import open_artifact

        return open_artifact(self._name, self._artifact.path, self._spec)
