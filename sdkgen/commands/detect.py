"""``sdkgen detect``: find faces in photographs with the reference pipeline around an artifact."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import typer

from sdkgen import console
from sdkgen.commands import SPEC, choose_model, refuse_trust_alone
from sdkgen.errors import ImageError, UsageError
from sdkgen.formats import Precision
from sdkgen.records import Form, print_records
from sdkgen.spec.registry import load_model


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
    backend: Literal["torch", "litert", "onnx", "coreml", "coreai"] = typer.Option(
        "torch", "--backend", help="What runs the model; coreml off a Mac is an evaluator of the ML Program."
    ),
    minimum_score: float | None = typer.Option(
        None, "--min-score", min=0, max=1, help="Lowest score of a face; by default the model's own."
    ),
    nms: Literal["blend", "hard"] = typer.Option(
        "blend", "--nms", help="How boxes of one face become one: their mean weighted by score, or the best alone."
    ),
    sampling: Literal["area", "point"] = typer.Option(
        "area", "--sampling", help="How large images are reduced: averaged, or four texels a pixel as MediaPipe does."
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
    from sdkgen.convert.opening import open_model
    from sdkgen.detection.photographs import detect_in_file, name_targets
    from sdkgen.detection.types import Options
    from sdkgen.images import find_images

    spec = load_model(choose_model(context, model, spec_file))
    options = Options.of(spec.detector, minimum_score=minimum_score, hard=nms == "hard", sampling=sampling)
    refuse_trust_alone(weights, trust_weights)
    if weights is None:
        _ = spec.released  # an untrained model finds no faces
    if (video is None) == (not images):
        raise UsageError("give images, or a video with --video", hint="One of the two, not both.")
    form: Form | None = "jsonl" if jsonl else "json" if json else None
    targets = name_targets(found := find_images(images or []), draw if video is None else None)
    with contextlib.closing(open_model(spec, backend, precision, weights, trust=trust_weights)) as runtime:
        about = {"model": spec.name, "backend": runtime.name}
        if video is not None:
            from sdkgen.video.detect import VideoDetection
            from sdkgen.video.terminal import print_detections

            detection = VideoDetection(video, runtime, spec, options, realtime=realtime, draw=draw)
            count = print_detections(detection, {"video": video, **about}, spec, frames, form)
            if detection.interrupted:
                console.note(f"Interrupted; {count} frames are done")
                raise typer.Exit(detection.exit_code)
            return
        look = partial(detect_in_file, runtime=runtime, spec=spec, options=options)
        _detect_images(list(zip(found, targets, strict=True)), look, about, form)


def _detect_images(
    work: Sequence[tuple[Path, Path | None]],
    look: Callable[..., dict[str, Any]],
    about: dict[str, str],
    form: Form | None,
) -> None:
    """Print what ``look`` finds in each image, until the end or an interrupt."""
    from sdkgen.detection.terminal import print_table_of_faces
    from sdkgen.video.interrupt import Interruption

    done = unreadable = without = 0
    printing = print_table_of_faces() if form is None else print_records(form)
    with Interruption() as interruption, printing as tell:
        for image, target in interruption.until(work):
            try:
                said = look(image, target)
                without += not said["detections"]
            except ImageError as error:
                if len(work) == 1:
                    raise
                console.print_error(error)
                unreadable += 1
                said = {"error": {"reference": error.reference, "message": error.message, "hint": error.hint}}
            done += 1
            tell({"image": str(image), **about, **said})
    if without and about["model"] == "blazeface-front":
        console.note(f"No face in {without} of {done}; --model blazeface-full-range finds smaller ones")
    if interruption.asked:
        console.note(f"Interrupted; {done} of {len(work)} images are done")
        raise typer.Exit(interruption.exit_code)
    if unreadable:
        message = f"{unreadable} of {len(work)} images could not be read"
        raise ImageError(message, hint="What is wrong with each of them is said above; the others are done.")
