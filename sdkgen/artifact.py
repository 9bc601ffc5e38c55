"""What a converter made: the file, and the record of it that goes into the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sdkgen.errors import MissingExtraError
from sdkgen.formats import SUFFIXES as SUFFIXES
from sdkgen.formats import Format as Format
from sdkgen.formats import InputType as InputType
from sdkgen.formats import Layout as Layout
from sdkgen.formats import Precision as Precision


class Record(BaseModel):
    """A record that is written to JSON in the order of its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TensorRecord(Record):
    """An input or output as a runtime sees it."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    description: str = ""


class ArtifactRecord(Record):
    """Everything about an artifact that a reader of the manifest needs, and what tells whether it is the same file.

    ``variant`` is the shape of a TFLite graph; ``weights_bits`` how many bits a compressed weight takes.
    """

    path: str
    model: str
    format: Format
    precision: Precision
    outputs_layout: Layout
    input_type: InputType = "float"
    variant: str | None = None
    weights_bits: int | None = None
    bytes: int
    sha256: str
    ops: dict[str, int]
    inputs: tuple[TensorRecord, ...]
    outputs: tuple[TensorRecord, ...]
    weights_sha256: str
    trained: bool


@dataclass(frozen=True)
class Artifact:
    """A converted model on this host: ``path`` is a file, or a folder for Core ML."""

    path: Path
    record: ArtifactRecord


def tool_versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of ``packages`` (and sdkgen's own), sorted by name.

    Raises ``MissingExtraError`` if one is not installed.
    """
    from importlib import metadata

    try:
        return {package: metadata.version(package) for package in sorted({"sdkgen", *packages})}
    except metadata.PackageNotFoundError as error:
        package = str(error.name)
        raise MissingExtraError(package, "coreai" if package.startswith("coreai") else "convert") from error
