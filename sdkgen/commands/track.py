"""``sdkgen track``: follow faces through a video, or through images taken one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from sdkgen import console
from sdkgen.commands import SPECS, refuse
from sdkgen.errors import UsageError
from sdkgen.records import Form, print_records
from sdkgen.spec.registry import LANDMARKER, add_model, load_model

if TYPE_CHECKING:
    from sdkgen.spec.model import ModelSpec


def register(app: typer.Typer) -> None:
    """Add ``track``."""
    app.command("track")(track)


def track(
    context: typer.Context,
    sources: list[str] = typer.Argument(metavar="VIDEO|IMAGE…", help="One video or camera index, or images in order."),
    model: str = typer.Option("blazeface-front", "--model", "-m", help="The detector."),
    spec_file: list[Path] = SPECS,
    backend: Literal["litert", "onnx", "coreml", "coreai"] = typer.Option(
        "litert", "--backend", help="What runs both models."
    ),
    maximum_faces: int = typer.Option(1, "--max-faces", min=1, help="How many faces to follow."),
    sampling: Literal["area", "point"] = typer.Option(
        "area", "--sampling", help="How large frames and crops are reduced: averaged, or four texels a pixel."
    ),
    smooth: bool = typer.Option(False, "--smooth", help="Smooth the landmarks with the one-euro filter."),
    json: bool = typer.Option(False, "--json", help="Print JSON: one record a frame."),
    jsonl: bool = typer.Option(False, "--jsonl", help="Print one line of JSON a frame, as they are done."),
    draw: Path | None = typer.Option(None, "--draw", metavar="FILE", help="Write an annotated video here."),
) -> None:
    """Follow faces: the detector sleeps while as many as asked for stay in sight.

    Ctrl-C ends it, with what was done written whole; exit code 0 for a camera, which has no other end, else 130.
    """
    from sdkgen.convert.opening import open_model
    from sdkgen.detection.types import Options
    from sdkgen.tracking.records import Tally, describe
    from sdkgen.tracking.smoothing import Smoothing
    from sdkgen.tracking.tracker import FaceTracker
    from sdkgen.video import Interruption, VideoWriter
    from sdkgen.video.sources import open_frames

    specs = _choose(context, model, spec_file)
    _ = specs[0].detector, specs[0].released
    names = [keypoint.name for keypoint in specs[1].landmarker.keypoints]
    tally = Tally()
    with ExitStack() as stack:
        runtimes = [open_model(spec, backend) for spec in specs]
        for runtime in runtimes:
            stack.callback(runtime.close)
        smoothing = Smoothing() if smooth else None
        options = Options.of(specs[0].detector, sampling=sampling)
        tracker = FaceTracker(
            (specs[0], runtimes[0]), (specs[1], runtimes[1]), maximum_faces, options, smoothing=smoothing
        )
        rate, camera, frames = open_frames(sources, stack)
        writer = stack.enter_context(VideoWriter(draw, rate, sources)) if draw is not None else None
        form: Form | None = "jsonl" if jsonl else "json" if json else None
        interruption = stack.enter_context(Interruption())
        tell = stack.enter_context(print_records(form))
        stack.callback(tally.print if form is None else lambda: None)
        for about, frame in interruption.until(frames):
            tracked = tracker.update(frame.pixels, frame.seconds)
            tally.add(str(next(iter(about.values()))), tracked)
            if writer is not None:
                from sdkgen.tracking.draw import annotate

                writer.write(annotate(frame.pixels, tracked), frame.seconds)
            if form is not None:
                height, width = frame.pixels.shape[:2]
                tell({**about, "width": width, "height": height, **describe(tracked, names)})
    if interruption.asked and not camera:
        console.note(f"Interrupted; {tally.frames} frames are done")
        raise typer.Exit(interruption.exit_code)


def _choose(context: typer.Context, model: str, files: Sequence[Path]) -> tuple[ModelSpec, ModelSpec]:
    """Return the detector and the landmark model; of the user's files each is what its sections make it.

    Raises ``UsageError`` for two of one kind.
    """
    detector, landmarker = load_model(model), load_model(LANDMARKER)
    own = [load_model(add_model(file)) for file in files]
    if sum(spec.detection is not None for spec in own) > 1 or sum(spec.landmarks is not None for spec in own) > 1:
        raise UsageError(
            "--spec names two models of one kind", hint="Give a detector, a landmark model, or one of each."
        )
    for spec in own:
        if spec.detection is not None:
            refuse(context, ["model"], "--spec names a detector already")
            detector = spec
        else:
            landmarker = spec
    return detector, landmarker
