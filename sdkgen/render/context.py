"""What the templates of every target are rendered from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sdkgen.artifact import ArtifactRecord, InputType, Layout, Precision, TensorRecord
from sdkgen.detection.layout import JOINED
from sdkgen.formats import Pipeline
from sdkgen.spec.model import ModelSpec


class SdkContext(BaseModel):
    """One SDK: its names, its models and the artifacts it ships.

    ``spec`` tells whose the weights are, as ``weights.fetch.described`` has it.
    ``landmarker`` and its artifacts are there where the SDK tracks faces and does not only detect them.
    ``name`` is the product (a Swift module, a Gradle project); ``package`` the reverse-domain identifier.
    ``weights`` and ``trust`` are as in ``network.load``: what the golden input is computed with. Where weights are
    compressed, it is computed with the packages ``compressed`` and ``landmarker_compressed`` instead.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    package: str
    spec: ModelSpec
    artifacts: tuple[ArtifactRecord, ...]
    layout: Layout
    input_type: InputType = "float"
    precision: Precision
    runtime: str
    landmarker: ModelSpec | None = None
    landmarker_artifacts: tuple[ArtifactRecord, ...] = ()
    sdkgen_version: str
    tools: dict[str, str]
    weights: Path | None = None
    trust: bool = False
    compressed: Path | None = None
    landmarker_compressed: Path | None = None

    @property
    def pipeline(self) -> Pipeline:
        """What the SDK does."""
        return "detect" if self.landmarker is None else "track"

    @property
    def choices(self) -> dict[str, str]:
        """What was chosen of the artifacts and decides their bytes, as a reader may be told it."""
        first = self.artifacts[0]
        return {
            "precision": self.precision,
            "outputs": self.layout,
            **({"input": self.input_type} if first.format == "tflite" else {}),
            **({"variant": first.variant} if first.variant is not None else {}),
            **({"weights": f"{first.weights_bits} bits"} if first.weights_bits is not None else {}),
        }

    def values(self) -> dict[str, Any]:
        """Return the fields by name, as the templates' variables."""
        own = {field: getattr(self, field) for field in type(self).model_fields}
        return {**own, "pipeline": self.pipeline, "choices": self.choices}


def ordered_outputs(record: ArtifactRecord, spec: ModelSpec) -> list[TensorRecord]:
    """Return the outputs in the order in which a row of the predictions has their numbers, see ``detection.layout``."""
    names = [JOINED, *(output.name for output in spec.outputs)]
    return sorted(record.outputs, key=lambda output: names.index(output.name))


def output_widths(record: ArtifactRecord, spec: ModelSpec) -> list[int]:
    """Return how many numbers of a row each output holds, in the order of the row."""
    return [output.shape[-1] for output in ordered_outputs(record, spec)]
