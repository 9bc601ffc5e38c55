"""Whether an SDK could start: each artifact is put to the self-test that the SDK will put it to."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from sdkgen.artifact import Artifact, Format, Precision
from sdkgen.backends.opening import open_artifact
from sdkgen.errors import ConvertError
from sdkgen.render.selftest import COORDINATE_LIMIT, LOGIT_LIMIT, Deviation, Golden, read
from sdkgen.spec.model import ModelSpec

_RUNTIMES: dict[Format, tuple[str, str]] = {
    "tflite": ("litert", "LiteRT on the CPU"),
    "coreml": ("coreml", "the evaluator of Core ML packages"),
    "coreai": ("coreai", "Core AI's runtime"),
    "onnx": ("onnx", "ONNX Runtime on the CPU"),
}
"""What runs each format on any host, the same everywhere: its name, and its name for a reader."""

_SANE = 10_000
"""No number of a working model is as large; beyond, float32's own rounding reaches the limits."""


def check_start(
    artifact: Artifact, spec: ModelSpec, content: bytes, weights: Path | None = None, *, trust: bool = False
) -> None:
    """Run the artifact on the golden input that ``content`` holds, in the arithmetic of its precision.

    ``weights`` and ``trust`` are those it was made of; see ``network.load``.

    Raises ``ConvertError`` that says how far off it is if an SDK would not use it, ``BackendError`` if it does not run.
    """
    form, precision = artifact.record.format, artifact.record.precision
    runtime, title = _RUNTIMES[form]
    options: dict[str, Any] = {"arithmetic": precision, "runtime": "evaluator"} if form == "coreml" else {}
    golden = read(content)
    image = golden.image(spec)
    with closing(open_artifact(runtime, artifact.path, spec, **options)) as backend:
        deviation = golden.compare(backend.run(image), spec)
    if deviation.passes:
        return
    is_half = form in ("coreml", "coreai") and precision == "fp16"
    excess = _excess(spec, golden, weights, trust=trust) if is_half else ""
    raise ConvertError(
        f"{spec.name} in {precision} would fail its self-test at the first start: {_figures(deviation)}{excess}",
        context=f"{artifact.record.path}, on {title}",
        hint=_hint(precision, golden, spec),
        reference="fails-self-test",
    )


def _hint(precision: Precision, golden: Golden, spec: ModelSpec) -> str:
    largest = float(np.abs(golden.values).max())
    if precision == "fp16":
        return "Build it with --precision fp32."
    if largest > _SANE:
        return f"The network itself gives numbers up to {largest:,.0f}: train or export its weights again."
    return f"See where it differs: sdkgen parity --model {spec.name} --precision fp32."


def _figures(deviation: Deviation) -> str:
    return (
        f"a logit is off by {deviation.logit:.3g} ({LOGIT_LIMIT} is allowed), "
        f"a coordinate by {deviation.coordinate:.3g} of the input's side ({COORDINATE_LIMIT} is allowed)"
    )


def _excess(spec: ModelSpec, golden: Golden, weights: Path | None, *, trust: bool) -> str:
    """Return which layer leaves the range of half, if one does: the common reason for NaN in half's arithmetic."""
    from sdkgen.network import load
    from sdkgen.network.activations import LARGEST_HALF, find_excess

    found = find_excess(load(spec, weights, trust=trust), golden.image(spec), LARGEST_HALF)
    return f"; {found[0]} gives {found[1]:,.0f}, and half ends at {LARGEST_HALF:,.0f}" if found else ""
