"""How a model's numbers are laid out in its outputs: all in one tensor, or as the released files give them.

``joined``: one tensor. A detector's is (1, N, 17): each anchor's 16 box numbers, then its score logit. The landmark
model's is (1, 1405): 1404 numbers, then the presence logit. ``standard``: the same, cut along the last axis into the
outputs that the model's spec names.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sdkgen.detection.types import Array, RawOutputs
from sdkgen.errors import BackendError
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.outputs import JOINED as JOINED
from sdkgen.spec.outputs import Part


def joined_shape(spec: ModelSpec) -> tuple[int, ...]:
    """Return the shape of the one output of the joined layout: (1, N, 17), or (1, 1405)."""
    return (*spec.outputs[0].shape[:-1], sum(output.shape[-1] for output in spec.outputs))


def join(outputs: RawOutputs, spec: ModelSpec) -> Array:
    """Return ``outputs`` (either layout) as the one tensor of the joined layout.

    Raises ``BackendError`` that names the output whose shape is not the model's.
    """
    if JOINED in outputs:
        return _checked(outputs, JOINED, joined_shape(spec), spec)
    return np.concatenate([_checked(outputs, o.name, o.shape, spec) for o in spec.outputs], axis=-1)


def split(outputs: RawOutputs, spec: ModelSpec) -> RawOutputs:
    """Return ``outputs`` (either layout) in the standard layout. Raises as ``join`` does."""
    ends = np.cumsum([output.shape[-1] for output in spec.outputs])
    parts = np.split(join(outputs, spec), ends[:-1], axis=-1)
    return {output.name: part for output, part in zip(spec.outputs, parts, strict=True)}


def standardize(outputs: Sequence[Array], parts: Sequence[Part], spec: ModelSpec) -> RawOutputs:
    """Return a released file's outputs, in the file's order, in the standard layout; see ``spec.outputs.arrange``."""
    made: dict[str, Array] = {}
    for output, part in zip(spec.outputs, parts, strict=True):
        rows = np.concatenate([outputs[index].reshape(-1, part.width) for index in part.indices])
        made[output.name] = rows[:, part.first : part.last].reshape(part.shape)
    if spec.anchor_sizes is not None:
        made[spec.outputs[0].name] = made[spec.outputs[0].name] * spec.anchor_sizes
    return made


def _checked(outputs: RawOutputs, name: str, shape: tuple[int, ...], spec: ModelSpec) -> Array:
    found = outputs.get(name)
    if found is None or found.shape != shape:
        has = "missing" if found is None else f"of shape {found.shape}"
        raise BackendError(
            f"output {name!r} is {has}, but {spec.name} has {shape}",
            hint="The artifact is not one of this model: build it again.",
            reference="wrong-outputs",
        )
    return found
