"""Running the comparisons of one model: which artifacts on which runtimes, against what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from sdkgen.artifact import Format, InputType, Layout, Precision
from sdkgen.backends.base import Backend
from sdkgen.backends.litert import LiteRtBackend
from sdkgen.backends.opening import RUNTIMES, open_artifact
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.detection.pipeline import detect
from sdkgen.detection.roi import detection_roi
from sdkgen.detection.types import Roi
from sdkgen.errors import MissingExtraError, RuntimeMissingError
from sdkgen.network import load
from sdkgen.parity.compare import Reference, Subject, compare, reference
from sdkgen.parity.inputs import Bytes, Input, Locate, photo_inputs, random_inputs
from sdkgen.parity.report import Comparison, Skipped
from sdkgen.spec.model import ModelSpec
from sdkgen.weights.fetch import path_of

Convert = Callable[..., Path]
"""Makes an artifact: the model's spec, the format, precision, layout, and the converter's own options."""


def subjects(
    runtimes: Sequence[str],
    precisions: Sequence[Precision],
    bits: int | None = None,
    input_type: InputType = "float",
) -> Iterator[Subject]:
    """Yield every artifact on every one of ``runtimes``; those that take bytes are .tflite files.

    ``bits`` adds Core ML artifacts whose weights are compressed; their loss is measured, not judged.
    """
    if input_type == "bytes":
        for runtime in runtimes:
            for precision in precisions if RUNTIMES[runtime] == "tflite" else ():
                yield Subject("tflite", precision, "joined", runtime, "bytes in", input_type="bytes")
        return
    for runtime in runtimes:
        for precision in precisions:
            for layout in get_args(Layout) if runtime != "coreai" else ("joined",):
                yield Subject(RUNTIMES[runtime], precision, layout, runtime)
        if bits is not None and runtime == "coreml":
            yield Subject("coreml", "fp16", "joined", runtime, f"{bits}-bit weights", judged=False)


def inputs_of(spec: ModelSpec, photos: dict[str, Bytes], detector: ModelSpec) -> list[Input]:
    """Return what the model is compared on; ``detector`` finds the faces that a landmark model is shown."""
    if not spec.trained:
        return random_inputs(spec.input)
    locate = _locate(spec, detector) if spec.landmarks is not None else None
    return [*random_inputs(spec.input), *photo_inputs(photos, spec.input, locate)]


def references(spec: ModelSpec, inputs: Sequence[Input]) -> list[Reference]:
    """Return what the network gives in torch, and the released file under LiteRT's plain kernels if there is one."""
    made = [reference("torch", TorchBackend(load(spec), spec), inputs)]
    released = path_of(spec)
    if released is not None:
        with closing(LiteRtBackend(released, spec, delegates=False)) as backend:
            made.append(reference("released", backend, inputs))
    return made


def run(
    spec: ModelSpec,
    chosen: Sequence[Subject],
    inputs: Sequence[Input],
    convert: Convert,
    *,
    optional: Sequence[str] = (),
    done: Callable[[], None] = lambda: None,
) -> Iterator[Comparison | Skipped]:
    """Yield the comparisons of each of ``chosen``, or why a runtime among ``optional`` that is missing is left out.

    Raises ``RuntimeMissingError`` or ``MissingExtraError`` if another is missing, ``BackendError`` if one refuses an
    artifact or gives outputs that are not the model's, ``ConvertError`` if an artifact cannot be made.
    """
    against = references(spec, inputs)
    missing: set[str] = set()
    for subject in chosen:
        if subject.runtime not in missing:
            try:
                opened = _open(spec, subject, convert)
            except (RuntimeMissingError, MissingExtraError) as error:
                if subject.runtime not in optional:
                    raise
                missing.add(subject.runtime)
                yield Skipped(runtime=subject.runtime, why=error.message)
            else:
                with closing(opened) as backend:
                    yield from compare(_detailed(subject, backend), backend, against, inputs, spec)
        done()


def _open(spec: ModelSpec, subject: Subject, convert: Convert) -> Backend:
    form: Format = RUNTIMES[subject.runtime]
    converter_options: dict[str, Any] = {} if subject.input_type == "float" else {"input_type": subject.input_type}
    if subject.detail.endswith("-bit weights"):
        converter_options["weights_bits"] = int(subject.detail.split("-")[0])
    path = convert(spec, form, precision=subject.precision, layout=subject.layout, **converter_options)
    options: dict[str, Any] = {}
    if subject.runtime == "coreml":
        options["arithmetic"] = subject.precision
    if subject.runtime == "litert-gpu":
        options["enforce_f32"] = subject.precision == "fp32"
    return open_artifact(subject.runtime, path, spec, **options)


def _detailed(subject: Subject, backend: Backend) -> Subject:
    adapter = getattr(backend, "adapter", "") or getattr(backend, "runtime", "")
    detail = ", ".join(part for part in (subject.detail, adapter) if part)
    return replace(subject, detail=detail)


def _locate(spec: ModelSpec, detector: ModelSpec) -> Locate:
    backend = TorchBackend(load(detector), detector)
    rule = spec.landmarker.detection_roi

    def locate(photo: Bytes) -> list[Roi]:
        height, width = photo.shape[:2]
        return [detection_roi(face, width, height, rule) for face in detect(photo, backend, detector)]

    return locate
