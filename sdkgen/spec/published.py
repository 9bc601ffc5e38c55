"""The types of devices/published/*.toml: figures that others published, each file with its source."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sdkgen import resources
from sdkgen.errors import SpecError
from sdkgen.spec.base import Strict, read_toml
from sdkgen.spec.model import Positive


class SourceSpec(Strict):
    """Where the figures were published, so that a reader can look them up."""

    title: str
    author: str
    reference: str
    table: str
    date: str = ""


class LatencyFigure(Strict):
    """How long one inference took on a device. ``device_models`` are names by which such a device gives itself.

    ``runtime``, ``precision`` and ``threads`` are there where the publication tells figures apart by them.
    """

    device: str
    device_models: tuple[str, ...] = ()
    network: str
    backend: Literal["gpu", "cpu", "npu"]
    milliseconds: Positive
    runtime: str = ""
    precision: str = ""
    threads: int | None = None

    @property
    def column(self) -> str:
        """What the figure is of, beside the device: figures of one column may be compared."""
        threads = "" if self.threads is None else f" × {self.threads}"
        return ", ".join(
            part for part in (self.network, self.backend.upper() + threads, self.runtime, self.precision) if part
        )


class AccuracyFigure(Strict):
    """How good a network's output was; ``per_cent`` of what ``metric`` says."""

    network: str
    metric: str
    per_cent: Positive


class PublishedSpec(Strict):
    """One published table. ``listed`` ones stand beside measurements unasked, the large ones if asked for by name."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str
    title: str
    note: str
    listed: bool = True
    source: SourceSpec
    latency: tuple[LatencyFigure, ...] = ()
    accuracy: tuple[AccuracyFigure, ...] = ()

    @model_validator(mode="after")
    def _not_empty(self) -> PublishedSpec:
        if not self.latency and not self.accuracy:
            raise ValueError("there are no figures")
        return self


def published() -> list[PublishedSpec]:
    """Return all published tables, by name; raises ``SpecError`` for a faulty file."""
    found = []
    for path in sorted((resources.path("devices") / "published").glob("*.toml")):
        spec = read_toml(path, PublishedSpec)
        if spec.name != path.stem:
            raise SpecError(
                f"the name {spec.name!r} is not the file's", context=f"{path}: name", hint=f"Write {path.stem!r}."
            )
        found.append(spec)
    return found
