"""Whether a model whose weights are compressed still finds what it finds with its own."""

from __future__ import annotations

from pathlib import Path

from sdkgen import cache, console, resources
from sdkgen.artifact import Artifact, tool_versions
from sdkgen.backends.coreml import CoreMlBackend
from sdkgen.errors import ConvertError
from sdkgen.files import sha256_json, sha256_path, source_digest
from sdkgen.parity.report import Comparison, FacesRow
from sdkgen.spec.model import ModelSpec, ParitySpec, Tolerance

LIMITS = Tolerance(tensor=1e5, iou=0.85, keypoint=0.1, score=0.1)
"""What compression may do to a face. A keypoint may move by a tenth of the distance between the eyes, which is what
BlazeFace itself is off by (10.4 %, table 3 of its paper). Raw tensors, whose anchors see no face but for a few, are not
judged.
"""

_NAME = "comparison.json"
_SOURCES = ("backends", "detection", "network", "parity", "tracking", "weights")


def check_compression(
    artifact: Artifact, spec: ModelSpec, detector: ModelSpec, weights: Path | None = None, *, trust: bool = False
) -> None:
    """Compare a Core ML package in float32 with the network, on sdkgen's own photograph in its variations.

    ``weights`` and ``trust`` are as in ``network.load``; ``detector`` finds the faces that a landmark model is shown.
    A model without trained weights finds no face that could get lost, and passes.

    Raises ``ConvertError`` with the figures if a face is lost or moves by more than ``LIMITS``.
    """
    if not spec.trained:
        return
    tools = tool_versions("numpy", "pillow", "torch")
    inputs = [each.model_dump(mode="json") for each in (spec, detector)] + [sha256_path(resources.photograph())]
    key = sha256_json([artifact.record.sha256, inputs, tools, source_digest(*_SOURCES)])

    def fill(folder: Path) -> None:
        with console.status(f"Comparing the compressed {spec.name} with the network"):
            found = _compare(artifact, spec, detector, weights, trust=trust)
        (folder / _NAME).write_text(found.model_dump_json(indent=1))

    path = cache.make("compressions", key, fill) / _NAME
    found = Comparison.model_validate_json(path.read_bytes())
    if not found.failures or found.faces is None:
        return
    bits = artifact.record.weights_bits
    raise ConvertError(
        f"with weights in {bits} bits {spec.name} does not find what it finds with its own: {_figures(found.faces)}",
        context=f"--weights-bits {bits}",
        hint="Leave --weights-bits out, or choose 8." if bits == 6 else "Leave --weights-bits out.",
        reference="too-few-bits",
    )


def _compare(
    artifact: Artifact, spec: ModelSpec, detector: ModelSpec, weights: Path | None, *, trust: bool
) -> Comparison:
    from sdkgen.backends.torch_backend import TorchBackend
    from sdkgen.network import load
    from sdkgen.parity.compare import Subject, compare, reference
    from sdkgen.parity.inputs import photographs
    from sdkgen.parity.run import inputs_of

    record = artifact.record
    judged = spec.model_copy(update={"parity": ParitySpec(fp32=LIMITS, fp16=LIMITS)})
    inputs = [source for source in inputs_of(spec, photographs(), detector) if source.width]
    network = reference("torch", TorchBackend(load(spec, weights, trust=trust), spec), inputs)
    backend = CoreMlBackend(artifact.path, spec, arithmetic="fp32", runtime="evaluator")
    subject = Subject("coreml", record.precision, record.outputs_layout, "coreml", f"{record.weights_bits}-bit weights")
    (found,) = compare(subject, backend, [network], inputs, judged)
    return found


def _figures(faces: FacesRow) -> str:
    found = f"{faces.count - faces.unmatched} of {faces.count} faces on photographs are found by both"
    if faces.iou is None or faces.keypoint is None or faces.score is None:
        return found
    return (
        f"{found}; at worst boxes overlap by {faces.iou:.3f} ({LIMITS.iou} is asked for), a keypoint is off by "
        f"{faces.keypoint:.1%} of the distance between the eyes ({LIMITS.keypoint:.0%} is allowed), "
        f"a score by {faces.score:.3f} ({LIMITS.score} is allowed)"
    )
