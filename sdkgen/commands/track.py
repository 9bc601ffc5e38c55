"""``sdkgen track``: follow faces through a video, or through images taken one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from sdkgen import console
from sdkgen.errors import UsageError
from sdkgen.spec.registry import LANDMARKER, load_model

if TYPE_CHECKING:
    from sdkgen.tracking.tracker import TrackedFace, TrackedFrame
    from sdkgen.video import Frame

IMAGES_A_SECOND = 30.0
"""How far apart in time images are taken to be, since they do not say."""


def register(app: typer.Typer) -> None:
    """Add ``track``."""
    app.command("track")(track)


def track(
    sources: list[str] = typer.Argument(metavar="VIDEO|IMAGE…", help="One video or camera index, or images in order."),
    model: str = typer.Option("blazeface-front", "--model", "-m", help="The detector."),
    backend: Literal["litert", "onnx", "coreml"] = typer.Option("litert", "--backend", help="What runs both models."),
    maximum_faces: int = typer.Option(1, "--max-faces", min=1, help="How many faces to follow."),
    smooth: bool = typer.Option(False, "--smooth", help="Smooth the landmarks with the one-euro filter."),
    json: bool = typer.Option(False, "--json", help="Print JSON: one record a frame."),
    draw: Path | None = typer.Option(None, "--draw", metavar="FILE", help="Write an annotated video here."),
) -> None:
    """Follow faces: the detector sleeps while as many as asked for stay in sight."""
    from sdkgen.backends.opening import RUNTIMES, open_artifact
    from sdkgen.convert import convert
    from sdkgen.tracking.smoothing import Smoothing
    from sdkgen.tracking.tracker import FaceTracker
    from sdkgen.video import VideoWriter

    specs = load_model(model), load_model(LANDMARKER)
    _ = specs[0].detector, specs[0].released
    records: list[dict[str, Any]] = []
    with ExitStack() as stack:
        runtimes = [open_artifact(backend, convert(spec, RUNTIMES[backend]).path, spec) for spec in specs]
        for runtime in runtimes:
            stack.callback(runtime.close)
        smoothing = Smoothing() if smooth else None
        tracker = FaceTracker((specs[0], runtimes[0]), (specs[1], runtimes[1]), maximum_faces, smoothing=smoothing)
        rate, frames = _frames(sources, stack)
        writer = stack.enter_context(VideoWriter(draw, rate)) if draw is not None else None
        for about, frame in frames:
            tracked = tracker.update(frame.pixels, frame.seconds)
            height, width = frame.pixels.shape[:2]
            names = [keypoint.name for keypoint in specs[1].landmarker.keypoints]
            records.append({**about, "width": width, "height": height, **_described(tracked, names)})
            if writer is not None:
                from sdkgen.tracking.draw import annotate

                writer.write(annotate(frame.pixels, tracked), frame.seconds)
    if json:
        console.print_json(records)
    else:
        _print(records)


def _frames(sources: Sequence[str], stack: ExitStack) -> tuple[float, Iterator[tuple[dict[str, Any], Frame]]]:
    """Return the frames a second, and each frame with what names it in the records.

    Raises ``UsageError`` for a video among other sources, ``ImageError`` for what cannot be read.
    """
    from sdkgen.images import read_image
    from sdkgen.video import Frame, Video

    images = [source for source in sources if Path(source).suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")]
    if len(images) == len(sources):
        stills = (
            ({"image": source}, Frame(index, index / IMAGES_A_SECOND, read_image(Path(source))))
            for index, source in enumerate(sources)
        )
        return IMAGES_A_SECOND, stills
    if len(sources) > 1:
        raise UsageError("give one video or camera, or images only", hint="Track each video by itself.")
    video = stack.enter_context(Video(sources[0]))
    return video.rate, _of_video(video)


def _of_video(video: Any) -> Iterator[tuple[dict[str, Any], Frame]]:
    for frame in video:
        yield {"frame": frame.index, "seconds": round(frame.seconds, 6)}, frame
    if video.fault is not None:
        console.warn(f"the video ends early: {console.safe(video.fault)}; the frames before are done")


def _described(frame: TrackedFrame, names: Sequence[str]) -> dict[str, Any]:
    faces = [_face(face, names) for face in frame.faces]
    return {"faces": faces, "lost": list(frame.lost), "detector_ran": frame.detector_ran}


def _face(face: TrackedFace, names: Sequence[str]) -> dict[str, Any]:
    points = zip(names, face.keypoints.tolist(), strict=True)
    return {
        "track": face.track,
        "state": face.state,
        "age": face.age,
        "score": face.score,
        "presence": face.presence,
        "box": dict(zip(("x", "y", "width", "height"), face.box, strict=True)),
        "keypoints": [{"name": name, "x": x, "y": y} for name, (x, y) in points],
        "landmarks": face.landmarks.tolist(),
        "roll_degrees": face.roll_degrees,
    }


def _print(records: Sequence[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("track", "first", "last", "frames", "presence", "last at", box=None, header_style="bold")
    seen: dict[int, list[tuple[str, dict[str, Any]]]] = {}
    for record in records:
        name = str(record.get("image", record.get("frame")))
        for face in record["faces"]:
            seen.setdefault(face["track"], []).append((name, face))
    for number, faces in sorted(seen.items()):
        box = faces[-1][1]["box"]
        presence = sum(face["presence"] for _, face in faces) / len(faces)
        table.add_row(
            str(number),
            console.safe(faces[0][0]),
            console.safe(faces[-1][0]),
            str(len(faces)),
            f"{presence:.3f}",
            f"{box['x']:.3f} {box['y']:.3f} {box['width']:.3f} {box['height']:.3f}",
        )
    console.out.print(table)
    runs = sum(record["detector_ran"] for record in records)
    console.out.print(f"{len(records)} frames, {len(seen)} tracks, the detector ran in {runs}")
