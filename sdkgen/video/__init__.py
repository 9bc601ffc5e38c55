"""Video files and cameras: frames in, annotated frames out."""

from sdkgen.video.interrupt import Interruption
from sdkgen.video.live import Live
from sdkgen.video.reader import Frame, Video
from sdkgen.video.writer import VideoWriter

__all__ = ["Frame", "Interruption", "Live", "Video", "VideoWriter"]
