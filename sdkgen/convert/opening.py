"""A model on a runtime by its name, converted first where the runtime takes an artifact."""

from __future__ import annotations

from pathlib import Path

from sdkgen.backends.base import Backend
from sdkgen.backends.opening import RUNTIMES, open_artifact
from sdkgen.convert import convert
from sdkgen.formats import Precision
from sdkgen.spec.model import ModelSpec


def open_model(
    spec: ModelSpec, runtime: str, precision: Precision = "fp16", weights: Path | None = None, *, trust: bool = False
) -> Backend:
    """Return a model on ``torch``, always in float32, or as an artifact of ``precision`` on one of ``RUNTIMES``.

    ``weights`` is a .tflite file to take the weights from, and ``trust`` accepts one that differs from the released
    file. Raises what converting and opening raise.
    """
    if runtime == "torch":
        from sdkgen.backends.torch_backend import TorchBackend
        from sdkgen.network import load

        return TorchBackend(load(spec, weights, trust=trust), spec)
    artifact = convert(spec, RUNTIMES[runtime], precision=precision, weights=weights, trust=trust)
    return open_artifact(runtime, artifact.path, spec)
