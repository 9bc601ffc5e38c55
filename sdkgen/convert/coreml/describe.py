"""What an .mlpackage holds, for the manifest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sdkgen.artifact import TensorRecord
from sdkgen.backends.mil.package import Program, read


def describe(path: Path) -> tuple[dict[str, int], tuple[TensorRecord, ...], tuple[TensorRecord, ...]]:
    """Return how often each operation occurs (constants aside), the inputs and the outputs of the package at ``path``.

    Raises ``BackendError`` if it cannot be read.
    """
    program: Program = read(path)
    ops = Counter(op.type for op in program.operations)
    return dict(sorted(ops.items())), program.inputs, program.outputs
