"""Converters: network to artifact, for TFLite, Core ML, Core AI and ONNX.

The converters have one shape: ``convert`` writes a file (for Apple's formats a folder), ``describe`` reads one back.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdkgen import cache, console
from sdkgen.artifact import SUFFIXES, Artifact, ArtifactRecord, Format, Layout, Precision, tool_versions
from sdkgen.errors import WeightsError
from sdkgen.files import sha256_bytes, sha256_json, sha256_path, size_of, source_digest
from sdkgen.formats import DEFAULT_VARIANT

if TYPE_CHECKING:
    from sdkgen.spec.model import ModelSpec

TOOLS: dict[Format, tuple[str, ...]] = {
    "tflite": ("torch", "litert-torch", "litert-converter", "ai-edge-litert", "jax", "flatbuffers", "numpy"),
    "coreml": ("torch", "coremltools", "numpy"),
    "coreai": ("torch", "coreai-torch", "coreai-core", "numpy"),
    "onnx": ("torch", "onnx", "onnxscript", "onnx-ir", "numpy"),
}
_RECORD = "record.json"
_SOURCES = (
    "convert",
    "network",
    "tflite",
    "weights",
    "spec",
    "backends/mil",
    "backends/coreai.py",
    "backends/coreai_worker.py",
    "detection/anchors.py",
    "detection/layout.py",
)
"""What of this package decides an artifact's bytes."""


def convert(
    spec: ModelSpec,
    form: Format,
    *,
    precision: Precision = "fp16",
    layout: Layout = "joined",
    weights: Path | None = None,
    trust: bool = False,
    **options: Any,
) -> Artifact:
    """Return the model converted to ``form``, from the cache where it has been made before.

    The key of the cache is everything that determines the bytes: the model's spec, the weights, the options, the
    versions of the tools, and this package's own source. ``options`` are the converter's own.

    Raises ``WeightsError``; ``ConvertError`` if half cannot hold a weight or the converter fails.
    """
    from sdkgen.weights import fetch

    weights_sha256 = sha256_bytes(fetch.read(weights)) if weights is not None else spec.weights.sha256
    determined_by = {
        "spec": spec.model_dump(mode="json", by_alias=True),
        "weights": [weights_sha256, trust],
        "form": [form, precision, layout, {name: str(value) for name, value in sorted(options.items())}],
        "tools": tool_versions(*TOOLS[form]),
        "source": source_digest(*_SOURCES),
    }
    name = f"{spec.name}{SUFFIXES[form]}"

    def fill(folder: Path) -> None:
        # Imported here, so that what the cache holds is had without loading torch or a converter.
        from sdkgen.convert import half
        from sdkgen.network import load

        converter = import_module(f"sdkgen.convert.{form}")
        with console.status(f"Converting {spec.name} to {form}, {precision}"):
            network = load(spec, weights, trust=trust)
            told = fetch.described(spec, weights)
            if told.weights.sha256 != weights_sha256:
                raise WeightsError(
                    "the weights changed while they were converted",
                    context=str(weights),
                    hint="Convert them when nothing writes to the file any more.",
                    reference="weights-changed",
                )
            if precision == "fp16":
                half.check_half(network, str(weights or spec.name))
            converter.convert(network, told, folder / name, precision=precision, layout=layout, **options)
        ops, inputs, outputs = converter.describe(folder / name)
        record = ArtifactRecord(
            path=name,
            model=spec.name,
            format=form,
            precision=precision,
            outputs_layout=layout,
            input_type=options.get("input_type", "float"),
            variant=options.get("variant", DEFAULT_VARIANT) if form == "tflite" else None,
            weights_bits=options.get("weights_bits"),
            bytes=size_of(folder / name),
            sha256=sha256_path(folder / name),
            ops=ops,
            inputs=inputs,
            outputs=outputs,
            weights_sha256=weights_sha256,
            trained=told.trained,
        )
        (folder / _RECORD).write_text(record.model_dump_json(indent=1))

    folder = cache.make("artifacts", sha256_json(determined_by), fill)
    return Artifact(folder / name, ArtifactRecord.model_validate_json((folder / _RECORD).read_bytes()))
