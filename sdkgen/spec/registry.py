"""The models that models/ describes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sdkgen import resources
from sdkgen.errors import SpecError, UsageError, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from sdkgen.spec.model import ModelSpec


LANDMARKER = "face-landmark"
"""The model that looks at the crop of a face that a detector found: its rule says which crop."""


@cache
def model_names() -> tuple[str, ...]:
    """Return the names of all models, sorted."""
    return tuple(sorted(path.stem for path in resources.path("models").glob("*.toml")))


_OWN: dict[str, ModelSpec] = {}
"""The models of the user's own that this run was given, by name."""


def add_model(path: Path) -> str:
    """Make the model that the user's file at ``path`` describes known for the rest of the run, and return its name.

    Raises ``SpecError`` for a file that is wrong, or whose name is that of one of sdkgen's own models.
    """
    from sdkgen.spec.own import read_spec

    spec = read_spec(path)
    if spec.name in model_names():
        hint = "Give the model a name of its own: records and reports go by it."
        raise SpecError(f"{spec.name!r} is a model of sdkgen's", context=f"{path}: name", hint=hint)
    _OWN[spec.name] = spec
    return spec.name


@cache
def _load_shipped(name: str) -> ModelSpec:
    if name not in model_names():
        raise UsageError(f"unknown model {name!r}", hint=nearest(name, model_names()), reference="unknown-model")
    # Imported here: the names of models are asked for by commands that need nothing of what the files say.
    from sdkgen.spec.base import read_toml
    from sdkgen.spec.model import ModelSpec

    path = resources.path("models") / f"{name}.toml"
    spec = read_toml(path, ModelSpec)
    if spec.name != name:
        raise SpecError(f"the name {spec.name!r} is not the file's", context=f"{path}: name", hint=f"Write {name!r}.")
    return spec


def load_model(name: str) -> ModelSpec:
    """Return the spec of the model ``name``, one of sdkgen's or one that was added.

    Raises ``UsageError`` for an unknown name (with the nearest known one), ``SpecError`` for a faulty file.
    """
    return _OWN[name] if name in _OWN else _load_shipped(name)


def detectors() -> tuple[str, ...]:
    """Return the names of the models that detect faces."""
    return tuple(name for name in model_names() if load_model(name).task == "face-detection")
