"""Frames from what a user names: a video, a camera, or images taken one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdkgen import console
from sdkgen.errors import UsageError
from sdkgen.images import find_images, is_image, read_image

if TYPE_CHECKING:
    from sdkgen.video import Frame, Video

IMAGES_A_SECOND = 30.0
"""How far apart in time images are taken to be, since they do not say."""


def open_frames(sources: Sequence[str], stack: ExitStack) -> tuple[float, bool, Iterator[tuple[dict[str, Any], Frame]]]:
    """Return the frames a second, whether a camera gives them, and each with what names it in the records.

    Raises ``UsageError`` for a video among other sources, ``ImageError`` for what cannot be read.
    """
    from sdkgen.video import Frame, Video

    if all(is_image(source) for source in sources):
        images = find_images([Path(source) for source in sources])
        stills = (
            ({"image": str(image)}, Frame(index, index / IMAGES_A_SECOND, read_image(image)))
            for index, image in enumerate(images)
        )
        return IMAGES_A_SECOND, False, stills
    if len(sources) > 1:
        raise UsageError("give one video or camera, or images only", hint="Track each video by itself.")
    video = stack.enter_context(Video(sources[0]))
    return video.rate, video.camera, _of_video(video, stack)


def _of_video(video: Video, stack: ExitStack) -> Iterator[tuple[dict[str, Any], Frame]]:
    """Yield a file's frames, or the newest of a camera; the record of the first whose time is mended says so."""
    from sdkgen.video import Live

    told = False
    for frame in stack.enter_context(Live(video)) if video.camera else video:
        about = {"frame": frame.index, "seconds": round(frame.seconds, 6)}
        if video.times_broken_at is not None and not told:
            told = True
            about["times_broken_at"] = video.times_broken_at
        yield about, frame
    if told:
        console.warn(
            f"the time of frame {video.times_broken_at} does not come after the one before; times are made to go on"
        )
    if video.fault is not None:
        console.warn(f"the video ends early, {video.fault}; the frames before are done")
