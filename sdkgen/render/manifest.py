"""manifest.json: what a bundle is and what it holds. Its schema is part of the interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from sdkgen.artifact import ArtifactRecord, Record
from sdkgen.formats import Format, Pipeline
from sdkgen.render.apk_size import ApkBytes

NAME = "manifest.json"


class Requirement(Record):
    """The oldest systems that run a format, and the chips."""

    systems: dict[str, str]
    chips: str


class Manifest(Record):
    """The content of manifest.json: what decides the bundle's bytes, and the artifacts in it.

    ``requires`` tells of each of Apple's formats where it runs; ``parts`` gives the bytes of each file of a packed
    archive, where there is one; ``apk_bytes`` what an Android SDK adds to an app.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    generator: Literal["sdkgen"] = "sdkgen"
    name: str
    package: str
    model: str
    pipeline: Pipeline = "detect"
    target: str
    runtime: str | None = None
    trained: bool
    precision: str | None = None
    outputs_layout: str
    input_type: str | None = None
    variant: str | None = None
    weights_bits: int | None = None
    artifacts: tuple[ArtifactRecord, ...]
    tools: dict[str, str]
    requires: dict[Format, Requirement] | None = None
    apk_bytes: ApkBytes | None = None
    parts: dict[str, int] | None = None


REQUIREMENTS: dict[Format, Requirement] = {
    "coreml": Requirement(
        systems={"iOS": "16.0", "macOS": "13.0", "Mac Catalyst": "16.0", "visionOS": "1.0"}, chips="any"
    ),
    "coreai": Requirement(
        systems={"iOS": "27.0", "macOS": "27.0", "Mac Catalyst": "27.0", "visionOS": "27.0"}, chips="Apple silicon"
    ),
}
"""What Apple's documentation of Core ML's ML Programs and of Core AI says."""


def write(manifest: Manifest, folder: Path) -> None:
    """Write manifest.json into ``folder``."""
    value = manifest.model_dump(mode="json", by_alias=True, exclude_none=True)
    (folder / NAME).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def is_bundle(folder: Path) -> bool:
    """Tell whether ``folder`` is a bundle that sdkgen made."""
    try:
        Manifest.model_validate_json((folder / NAME).read_bytes())
    except (OSError, ValidationError):
        return False
    return True
