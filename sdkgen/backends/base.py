"""What every runtime offers."""

from __future__ import annotations

from typing import Protocol

from sdkgen.detection.types import Array, RawOutputs


class Backend(Protocol):
    """A loaded model on one runtime. Use as a context manager where the runtime holds memory outside Python."""

    name: str

    def run(self, image: Array) -> RawOutputs:
        """Return the outputs for one input, (1, height, width, 3) float32 in the range of the model's input."""
        ...

    def close(self) -> None:
        """Release what the runtime holds; the backend cannot be used afterwards."""
        ...
