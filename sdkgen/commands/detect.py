"""``sdkgen detect``: find faces in photographs with the reference pipeline around an artifact."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from sdkgen import console
from sdkgen.errors import ImageError, UsageError
from sdkgen.formats import Precision
from sdkgen.spec.registry import load_model

if TYPE_CHECKING:
    from sdkgen.backends.base import Backend
    from sdkgen.detection.types import Detection, Options
    from sdkgen.spec.model import ModelSpec
    from sdkgen.video.detect import VideoDetection


def register(app: typer.Typer) -> None:
    """Add ``detect``."""
    app.command("detect")(detect_faces)


def detect_faces(
    images: list[Path] | None = typer.Argument(None, metavar="[IMAGE…]", help="JPEG, PNG or WebP."),
    video: str | None = typer.Option(None, "--video", help="Instead of images: a video file, or a camera's index."),
    realtime: bool = typer.Option(False, "--realtime", help="Play a video at its own pace, dropping late frames."),
    frames: int | None = typer.Option(None, "--frames", min=1, help="Stop after so many frames."),
    model: str = typer.Option("blazeface-front", "--model", "-m", help="A detector; see: sdkgen models list."),
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
    draw: Path | None = typer.Option(
        None,
        "--draw",
        metavar="PATH",
        help="Write annotated PNGs to this folder; with --video, this .mp4, .mov or .mkv.",
    ),
) -> None:
    """Find faces in photographs.

    An image that cannot be read is reported, the others are done all the same, and the exit code is 1. Ctrl-C ends a
    video with what was done written whole; exit code 0 for a camera, which has no other end, else 130.
    """
    from sdkgen.detection.types import Options

    spec = load_model(model)
    options = Options.of(spec.detector, minimum_score=minimum_score, hard=nms == "hard")
    if weights is None:
        _ = spec.released  # an untrained model finds no faces
    if (video is None) == (not images):
        raise UsageError("give images, or a video with --video", hint="One of the two, not both.")
    images = images or []
    targets = _targets(images, draw)
    runtime = _open(spec, backend, precision, weights, trust_weights)
    results: list[dict[str, Any]] = []
    try:
        if video is not None:
            from sdkgen.video.detect import VideoDetection

            found = VideoDetection(video, runtime, spec, options, realtime=realtime, draw=draw)
            _detect_video(found, {"video": video, "model": spec.name, "backend": runtime.name}, spec, frames, json)
            return
        for image, target in zip(images, targets, strict=True):
            about = {"image": str(image), "model": spec.name, "backend": runtime.name}
            try:
                results.append(about | _detect(image, target, runtime, spec, options))
            except ImageError as error:
                if len(images) == 1:
                    raise
                console.print_error(error)
                told = {"reference": error.reference, "message": error.message, "hint": error.hint}
                results.append(about | {"error": told})
    finally:
        runtime.close()
    if json:
        console.print_json(results)
    else:
        _print(results)
    if unreadable := sum("error" in result for result in results):
        message = f"{unreadable} of {len(images)} images could not be read"
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


def _detect(image: Path, target: Path | None, runtime: Backend, spec: ModelSpec, options: Options) -> dict[str, Any]:
    from sdkgen.detection.draw import annotate
    from sdkgen.detection.pipeline import detect
    from sdkgen.images import read_image, write_png

    pixels = read_image(image)
    height, width = pixels.shape[:2]
    faces = detect(pixels, runtime, spec, options)
    if target is not None:
        write_png(target, annotate(pixels, faces))
    names = spec.detector.keypoints
    drawn = {"drawn": str(target)} if target is not None else {}
    return {
        "width": width,
        "height": height,
        "detections": [_described(face, names, width / height) for face in faces],
        **drawn,
    }


def _detect_video(
    found: VideoDetection, about: dict[str, Any], spec: ModelSpec, frames: int | None, json: bool
) -> None:
    """Print what ``found`` finds, until its end, after ``frames``, or when the user interrupts."""
    import time

    begun = time.monotonic()
    records: list[dict[str, Any]] = []
    faces = count = 0
    with contextlib.closing(iter(found)) as pairs:
        for frame, detections in islice(pairs, frames):
            count += 1
            height, width = frame.pixels.shape[:2]
            faces += len(detections)
            if json:
                described = [_described(face, spec.detector.keypoints, width / height) for face in detections]
                place = {"frame": frame.index, "seconds": frame.seconds, "width": width, "height": height}
                records.append(place | {"detections": described})
    seconds = time.monotonic() - begun
    if json:
        console.print_json(
            about
            | {
                "dropped": found.dropped,
                "ended_early": found.fault,
                "times_broken_at": found.times_broken_at,
                "frames": records,
            }
        )
    else:
        speed = f"{count / seconds:.0f} a second, {found.dropped} dropped"
        console.out.print(f"{faces} faces in {count} frames ({speed})")
    if found.fault is not None:
        console.warn(f"the video ends early, {found.fault}")
    if found.times_broken_at is not None:
        console.warn(
            f"the time of frame {found.times_broken_at} does not come after the one before; times are made to go on"
        )
    if found.interrupted:
        console.note(f"Interrupted; {count} frames are done")
        raise typer.Exit(130)


def _described(face: Detection, names: Sequence[str], aspect: float) -> dict[str, Any]:
    points = zip(names, face.keypoints.tolist(), strict=True)
    return {
        "score": face.score,
        "box": dict(zip(("x", "y", "width", "height"), face.box, strict=True)),
        "keypoints": [{"name": name, "x": x, "y": y} for name, (x, y) in points],
        "roll_degrees": face.roll_degrees(aspect),
    }


def _targets(images: Sequence[Path], folder: Path | None) -> list[Path | None]:
    """Return where each annotated copy goes: a name of its own, and never that of an input."""
    taken = {image.resolve() for image in images}
    targets: list[Path | None] = []
    for image in images:
        if folder is None:
            targets.append(None)
            continue
        target, count = folder / f"{image.stem}.png", 1
        while target.resolve() in taken:
            count += 1
            target = folder / f"{image.stem}-{count}.png"
        taken.add(target.resolve())
        targets.append(target)
    return targets


def _print(results: Sequence[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("image", "face", "score", "x", "y", "width", "height", "roll", box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for result in results:
        name, width, height = console.safe(result["image"]), result.get("width"), result.get("height")
        found = result.get("detections", [])
        if not found:
            table.add_row(name, "unreadable" if "error" in result else "none", *[""] * 6)
        for index, face in enumerate(found, 1):
            x, y, w, h = face["box"].values()
            pixels = (x * width, y * height, w * width, h * height)
            table.add_row(
                name if index == 1 else "",
                str(index),
                f"{face['score']:.3f}",
                *(f"{value:.0f}" for value in pixels),
                f"{face['roll_degrees']:.1f}°",
            )
    console.out.print(table)
