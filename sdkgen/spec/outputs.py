"""Which numbers of a file's outputs are a model's: named or ordered otherwise, joined in rows, or apart by grid."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sdkgen.errors import ConvertError
from sdkgen.spec.model import ModelSpec
from sdkgen.tflite.graph import Named

JOINED = "predictions"
"""The name of the one output of sdkgen's own artifacts."""


@dataclass(frozen=True)
class Part:
    """Where one output of the standard layout comes from.

    The file's outputs ``indices``, each cut into rows of ``width`` numbers and put one after the other; of each row the
    columns ``first`` to ``last``. ``shape`` is what it has in the standard layout.
    """

    indices: tuple[int, ...]
    width: int
    first: int
    last: int
    shape: tuple[int, ...]


def arrange(found: Sequence[Named], spec: ModelSpec) -> tuple[Part, ...]:
    """Return where each of the spec's outputs is among a file's.

    Raises ``ConvertError`` that names every contradiction.
    """
    sources = _sources(found, spec)
    places = {name: index for index, (name, _) in enumerate(found)}
    uses = Counter(name for names in sources for name in dict.fromkeys(names))
    faults = [
        f"there is no output {name!r}"
        for name in dict.fromkeys(n for names in sources for n in names if n not in places)
    ]
    ends: Counter[str] = Counter()
    parts = []
    for output, names in zip(spec.outputs, sources, strict=True):
        if any(name not in places for name in names):
            continue
        own, rows = output.shape[-1], math.prod(output.shape[:-1])
        shapes = [found[places[name]][1] for name in names]
        shared = output.first is not None or any(uses[name] > 1 for name in names)
        width = shapes[0][-1] if shared and shapes[0] else own
        first = (ends[names[0]] if output.first is None else output.first) if shared else 0
        ends.update(dict.fromkeys(names, own))
        numbers = [math.prod(shape) for shape in shapes]
        if first + own > width or any(n % width for n in numbers) or sum(numbers) != rows * width:
            told = ", ".join(f"{name!r} {shape}" for name, shape in zip(names, shapes, strict=True))
            where = f" from column {first} on" if shared else ""
            faults.append(f"{output.name} is {output.shape}, and the file has {told}{where}")
        parts.append(Part(tuple(places[name] for name in names), width, first, first + own, output.shape))
    if faults:
        has = ", ".join(f"{name!r} {shape}" for name, shape in found)
        raise ConvertError(
            "; ".join(faults),
            context=spec.name,
            hint=f"The file has {has}. Correct outputs, detection.grids and detection.keypoints of the model's spec.",
            reference="other-outputs",
        )
    return tuple(parts)


def _sources(found: Sequence[Named], spec: ModelSpec) -> list[tuple[str, ...]]:
    """Return the names of each output's sources: the released file's, or those of sdkgen's own artifacts."""
    names = {name for name, _ in found}
    if any(source in names for output in spec.outputs for source in output.sources):
        return [output.sources for output in spec.outputs]
    if names == {JOINED}:
        return [(JOINED,) for _ in spec.outputs]
    if all(output.name in names for output in spec.outputs):
        return [(output.name,) for output in spec.outputs]
    return [output.sources for output in spec.outputs]
