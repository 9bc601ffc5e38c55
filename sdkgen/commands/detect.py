"""``sdkgen detect``: find faces in photographs with the reference pipeline around an artifact."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from sdkgen import console
from sdkgen.commands import SPEC, choose_model, refuse_trust_alone
from sdkgen.errors import ImageError, UsageError
from sdkgen.formats import Precision
from sdkgen.records import Form, print_records
from sdkgen.spec.registry import load_model

if TYPE_CHECKING:
    from sdkgen.backends.base import Backend
    from sdkgen.spec.model import ModelSpec
    from sdkgen.video.detect import VideoDetection


def register(app: typer.Typer) -> None:
    """Add ``detect``."""
    app.command("detect")(detect_faces)


def detect_faces(
    context: typer.Context,
    images: list[Path] | None = typer.Argument(
        None, metavar="[IMAGE…]", help="Images, folders of them, or - for standard input."
    ),
    video: str | None = typer.Option(None, "--video", help="Instead of images: a video file, or a camera's index."),
    realtime: bool = typer.Option(False, "--realtime", help="Play a video at its own pace, dropping late frames."),
    frames: int | None = typer.Option(None, "--frames", min=1, help="Stop after so many frames."),
    model: str = typer.Option("blazeface-front", "--model", "-m", help="A detector; see: sdkgen models list."),
    spec_file: Path | None = SPEC,
    backend: Literal["torch", "litert", "onnx", "coreml"] = typer.Option(
        "torch", "--backend", help="What runs the model; coreml off a Mac is an evaluator of the ML Program."
    ),
    minimum_score: float | None = typer.Option(
        None, "--min-score", min=0, max=1, help="Lowest score of a face; by default the model's own."
    ),
    nms: Literal["blend", "hard"] = typer.Option(
        "blend", "--nms", help="How boxes of one face become one: their mean weighted by score, or the best alone."
    ),
    precision: Precision = typer.Option("fp16", "--precision", help="Of the artifact; torch is always in fp32."),
    weights: Path | None = typer.Option(None, "--weights", help="Take the weights from this .tflite file."),
    trust_weights: bool = typer.Option(False, "--trust-weights", help="Accept a --weights file that you trained."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
    jsonl: bool = typer.Option(False, "--jsonl", help="Print one line of JSON an image or frame, as they are done."),
    draw: Path | None = typer.Option(
        None,
        "--draw",
        metavar="PATH",
        help="Write annotated PNGs to this folder; with --video, this .mp4, .mov or .mkv.",
    ),
) -> None:
    """Find faces in photographs.

    An image that cannot be read is reported, the others are done all the same, and the exit code is 1. Ctrl-C ends it
    with what was done written whole; exit code 0 for a camera, which has no other end, else 130.
    """
    from sdkgen.detection.photographs import detect_in_file, name_targets
    from sdkgen.detection.types import Options
    from sdkgen.images import find_images

    spec = load_model(choose_model(context, model, spec_file))
    options = Options.of(spec.detector, minimum_score=minimum_score, hard=nms == "hard")
    refuse_trust_alone(weights, trust_weights)
    if weights is None:
        _ = spec.released  # an untrained model finds no faces
    if (video is None) == (not images):
        raise UsageError("give images, or a video with --video", hint="One of the two, not both.")
    form: Form | None = "jsonl" if jsonl else "json" if json else None
    found = find_images(images or [])
    targets = name_targets(found, draw)
    with contextlib.closing(_open(spec, backend, precision, weights, trust_weights)) as runtime:
        about = {"model": spec.name, "backend": runtime.name}
        if video is not None:
            from sdkgen.video.detect import VideoDetection

            detection = VideoDetection(video, runtime, spec, options, realtime=realtime, draw=draw)
            _detect_video(detection, {"video": video, **about}, spec, frames, form)
            return

        def look(image: Path, target: Path | None) -> dict[str, Any]:
            return {"image": str(image), **about, **detect_in_file(image, target, runtime, spec, options)}

        _detect_images(list(zip(found, targets, strict=True)), look, {**about}, form)


def _detect_images(
    work: Sequence[tuple[Path, Path | None]],
    look: Callable[[Path, Path | None], dict[str, Any]],
    about: dict[str, Any],
    form: Form | None,
) -> None:
    """Print what ``look`` finds in each image, until the end or an interrupt."""
    from sdkgen.video.interrupt import Interruption

    rows: list[tuple[str, ...]] = []
    done = unreadable = without = 0
    with Interruption() as interruption, _print_at_end(rows, form), print_records(form) as tell:
        for image, target in interruption.until(work):
            try:
                record = look(image, target)
                without += not record["detections"]
            except ImageError as error:
                if len(work) == 1:
                    raise
                console.print_error(error)
                unreadable += 1
                told = {"reference": error.reference, "message": error.message, "hint": error.hint}
                record = {"image": str(image), **about, "error": told}
            done += 1
            tell(record)
            if form is None:
                rows += _rows(record)
    if without and about["model"] == "blazeface-front":
        console.note(f"No face in {without} of {done}; --model blazeface-full-range finds smaller ones")
    if interruption.asked:
        console.note(f"Interrupted; {done} of {len(work)} images are done")
        raise typer.Exit(interruption.exit_code)
    if unreadable:
        message = f"{unreadable} of {len(work)} images could not be read"
        raise ImageError(message, hint="What is wrong with each of them is said above; the others are done.")


def _open(spec: ModelSpec, backend: str, precision: Precision, weights: Path | None, trust: bool) -> Backend:
    if backend == "torch":
        from sdkgen.backends.torch_backend import TorchBackend
        from sdkgen.network import load

        return TorchBackend(load(spec, weights, trust=trust), spec)
    from sdkgen.backends.opening import RUNTIMES, open_artifact
    from sdkgen.convert import convert

    artifact = convert(spec, RUNTIMES[backend], precision=precision, weights=weights, trust=trust)
    return open_artifact(backend, artifact.path, spec)


def _detect_video(
    found: VideoDetection, about: dict[str, Any], spec: ModelSpec, frames: int | None, form: Form | None
) -> None:
    """Print what ``found`` finds, until its end, after ``frames``, or when the user interrupts."""
    from sdkgen.detection.photographs import describe

    begun = time.monotonic()
    faces = count = 0

    def rest() -> dict[str, Any]:
        return {"dropped": found.dropped, "ended_early": found.fault, "times_broken_at": found.times_broken_at}

    with print_records(form, about, rest) as tell, contextlib.closing(iter(found)) as pairs:
        for frame, detections in islice(pairs, frames):
            count += 1
            height, width = frame.pixels.shape[:2]
            faces += len(detections)
            if form is not None:
                place = {"frame": frame.index, "seconds": frame.seconds, "width": width, "height": height}
                tell({**place, "detections": describe(detections, spec, width / height)})
    if form is None:
        speed = f"{count / (time.monotonic() - begun):.0f} a second, {found.dropped} dropped"
        console.out.print(f"{faces} faces in {count} frames ({speed})")
    if found.fault is not None:
        console.warn(f"the video ends early, {found.fault}")
    if found.times_broken_at is not None:
        console.warn(f"the time of frame {found.times_broken_at} does not come after the one before; it is made to")
    if found.interrupted:
        console.note(f"Interrupted; {count} frames are done")
        raise typer.Exit(found.exit_code)


@contextlib.contextmanager
def _print_at_end(rows: Sequence[tuple[str, ...]], form: Form | None) -> Iterator[None]:
    """Print the table of ``rows`` when the block ends, however it does."""
    try:
        yield
    finally:
        if form is None and rows:
            console.print_table(("image", "face", "score", "x", "y", "width", "height", "roll"), rows)


def _rows(record: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    name, width, height = console.safe(record["image"]), record.get("width", 0), record.get("height", 0)
    found = record.get("detections", [])
    if not found:
        yield (name, "unreadable" if "error" in record else "none", *[""] * 6)
    for index, face in enumerate(found, 1):
        x, y, w, h = face["box"].values()
        pixels = (f"{value:.0f}" for value in (x * width, y * height, w * width, h * height))
        yield (name if index == 1 else "", str(index), f"{face['score']:.3f}", *pixels, f"{face['roll_degrees']:.1f}°")
