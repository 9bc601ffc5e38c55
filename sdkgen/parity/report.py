"""What a comparison found, as it is written to JSON and shown on the page."""

from __future__ import annotations

from collections.abc import Sequence

from sdkgen import __version__
from sdkgen.artifact import Layout, Precision, Record
from sdkgen.errors import SdkgenError

SCHEMA = 1


class ParityError(SdkgenError):
    """An artifact does not compute what the network computes."""

    reference = "parity-failed"


class TensorRow(Record):
    """The largest differences of one output over all inputs, as shares of its range, and where they were found."""

    name: str
    maximum: float
    mean: float
    row: int
    input: str


class FacesRow(Record):
    """The worst over all faces on all photographs; None where no face was seen by both sides."""

    count: int
    unmatched: int
    iou: float | None
    keypoint: float | None
    score: float | None
    input: str


class Limits(Record):
    """What was allowed: shares of the tensor's range and of the inter-ocular distance; IoU from below."""

    tensor: float
    iou: float
    keypoint: float
    score: float


class Comparison(Record):
    """One artifact on one runtime against one reference. ``limits`` None: measured, but not judged."""

    model: str
    format: str
    precision: Precision
    layout: Layout
    runtime: str
    detail: str = ""
    against: str
    inputs: int
    limits: Limits | None
    tensors: tuple[TensorRow, ...]
    faces: FacesRow | None
    failures: tuple[str, ...]

    @property
    def artifact(self) -> str:
        """What was run, in a few words."""
        return f"{self.format} {self.precision} {self.layout}{f', {self.detail}' if self.detail else ''}"

    @property
    def worst(self) -> TensorRow:
        """The output with the largest difference."""
        return max(self.tensors, key=lambda row: row.maximum)


class Skipped(Record):
    """A runtime that does not run here, and why."""

    runtime: str
    why: str


class ParityReport(Record):
    """All comparisons of one call."""

    schema_version: int = SCHEMA
    sdkgen: str = __version__
    passed: bool
    comparisons: tuple[Comparison, ...]
    skipped: tuple[Skipped, ...]


def report(comparisons: Sequence[Comparison], skipped: Sequence[Skipped]) -> ParityReport:
    """Return the report of ``comparisons``; it passes if there are any and none of them failed."""
    passed = bool(comparisons) and not any(comparison.failures for comparison in comparisons)
    return ParityReport(passed=passed, comparisons=tuple(comparisons), skipped=tuple(skipped))
