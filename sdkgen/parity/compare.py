"""Comparing one backend with references over all inputs, and judging the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdkgen.artifact import InputType, Layout, Precision
from sdkgen.backends.base import Backend
from sdkgen.detection.types import RawOutputs
from sdkgen.parity.faces import FaceDifference, compare_faces, found_faces, readings
from sdkgen.parity.inputs import Input
from sdkgen.parity.report import Comparison, FacesRow, Limits, TensorRow
from sdkgen.parity.tensors import TensorDifference, compare_tensors
from sdkgen.spec.model import ModelSpec, Tolerance

FLOAT32_RUNTIMES = ("torch", "litert", "onnx")
"""Runtimes that compute in float32 whatever the weights are stored in."""


@dataclass(frozen=True)
class Subject:
    """What is compared: an artifact on a runtime. ``judged`` False measures it without limits."""

    format: str
    precision: Precision
    layout: Layout
    runtime: str
    detail: str = ""
    judged: bool = True
    input_type: InputType = "float"


@dataclass(frozen=True)
class Reference:
    """A backend's outputs for all inputs, computed once."""

    name: str
    outputs: Sequence[RawOutputs]


def reference(name: str, backend: Backend, inputs: Sequence[Input]) -> Reference:
    """Return what ``backend`` computes for ``inputs``."""
    return Reference(name, [backend.run(source.values) for source in inputs])


def compare(
    subject: Subject, backend: Backend, references: Sequence[Reference], inputs: Sequence[Input], spec: ModelSpec
) -> list[Comparison]:
    """Run ``backend`` on ``inputs`` and return one comparison a reference, judged by the model's tolerances.

    Raises ``BackendError`` if its outputs are not those of the model.
    """
    outputs = [backend.run(source.values) for source in inputs]
    return [_against(other, outputs, subject, inputs, spec) for other in references]


def _against(
    other: Reference, outputs: Sequence[RawOutputs], subject: Subject, inputs: Sequence[Input], spec: ModelSpec
) -> Comparison:
    limits = Limits(**_tolerance(subject, spec).model_dump())
    tensors: dict[str, list[tuple[TensorDifference, str]]] = {}
    faces: list[tuple[FaceDifference, str]] = []
    for source, found, expected in zip(inputs, outputs, other.outputs, strict=True):
        for difference in compare_tensors(found, expected, spec):
            tensors.setdefault(difference.name, []).append((difference, source.name))
        if source.width:
            seen = readings(found, spec, source, limits.score)
            differences = compare_faces(seen, found_faces(expected, spec, source), spec, source, limits.score)
            faces += [(face, source.name) for face in differences]
    rows = tuple(_tensor_row(found) for found in tensors.values())
    table = _faces_row(faces)
    who = (
        f"{spec.name}, {subject.format} {subject.precision} {subject.layout} on {subject.runtime}, against {other.name}"
    )
    failures = [f"{who}: {fault}" for fault in [*_tensor_faults(rows, limits), *_face_faults(faces, limits)]]
    return Comparison(
        model=spec.name,
        format=subject.format,
        precision=subject.precision,
        layout=subject.layout,
        runtime=subject.runtime,
        detail=subject.detail,
        against=other.name,
        inputs=len(inputs),
        limits=limits if subject.judged else None,
        tensors=rows,
        faces=table,
        failures=tuple(failures) if subject.judged else (),
    )


def _tolerance(subject: Subject, spec: ModelSpec) -> Tolerance:
    """Return what may differ: released weights are stored in half already, so only arithmetic in half loses."""
    exact = subject.precision == "fp32" or (spec.trained and subject.runtime in FLOAT32_RUNTIMES)
    if exact:
        return spec.parity.fp32
    own = {"litert-gpu": spec.parity.gpu, "coreai": spec.parity.coreai}
    return own.get(subject.runtime) or spec.parity.fp16


def _tensor_row(found: Sequence[tuple[TensorDifference, str]]) -> TensorRow:
    """Return the worst over all inputs, as a share of the reference's range.

    The range is that of the same input: another's, with outliers of its own, would hide a difference. A single number
    has none, and is measured by its range over all inputs.
    """
    overall = max(difference.high for difference, _ in found) - min(difference.low for difference, _ in found)

    def share(value: float, difference: TensorDifference) -> float:
        return value / (difference.high - difference.low or overall or 1.0)

    worst, source = max(found, key=lambda pair: share(pair[0].maximum, pair[0]))
    return TensorRow(
        name=worst.name,
        maximum=share(worst.maximum, worst),
        mean=max(share(difference.mean, difference) for difference, _ in found),
        row=worst.row,
        input=source,
    )


def _faces_row(found: Sequence[tuple[FaceDifference, str]]) -> FacesRow | None:
    if not found:
        return None
    both = [(face, face.keypoint) for face, _ in found if face.keypoint is not None]
    return FacesRow(
        count=len(found),
        unmatched=len(found) - len(both),
        iou=min((face.iou for face, _ in both), default=None),
        keypoint=max((distance for _, distance in both), default=None),
        score=max((face.score for face, _ in both), default=None),
        input=min(found, key=lambda pair: pair[0].iou)[1],
    )


def _tensor_faults(rows: Sequence[TensorRow], limits: Limits) -> list[str]:
    return [
        f"tensor {row.name!r} differs by {row.maximum:.3%} of its range ({limits.tensor:.3%} is allowed) "
        f"at row {row.row}, on the input {row.input!r}"
        for row in rows
        if not row.maximum <= limits.tensor
    ]


def _face_faults(found: Sequence[tuple[FaceDifference, str]], limits: Limits) -> list[str]:
    faults = []
    for face, source in found:
        if face.keypoint is None:
            faults.append(f"a face of score {face.score:.3f} is found by one side only, on the input {source!r}")
            continue
        checks = (
            (face.iou >= limits.iou, f"IoU {face.iou:.4f}, at least {limits.iou} is asked for"),
            (
                face.keypoint <= limits.keypoint,
                f"a keypoint is off by {face.keypoint:.2%} of the inter-ocular distance",
            ),
            (face.score <= limits.score, f"the score is off by {face.score:.4f}"),
        )
        faults += [f"a face differs: {what}, on the input {source!r}" for passed, what in checks if not passed]
    return faults
