"""Building a bundle: converts the model, renders the SDK around it, and puts the whole in its place at once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from sdkgen import __version__, resources
from sdkgen.artifact import Artifact, ArtifactRecord, Format, InputType, Layout, Precision, tool_versions
from sdkgen.convert import TOOLS, convert
from sdkgen.convert.lint import lint
from sdkgen.errors import ConvertError, OutputError, UsageError
from sdkgen.files import whole_folder
from sdkgen.render import aar, kotlin, manifest, maven, selftest
from sdkgen.render.apk_size import ApkBytes
from sdkgen.render.check import check_start
from sdkgen.render.context import SdkContext
from sdkgen.render.environment import render_tree
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.registry import load_model
from sdkgen.weights import fetch

Target: TypeAlias = Literal["ios", "android", "onnx"]
TARGETS: tuple[Target, ...] = get_args(Target)
RENDERERS: dict[Target, str] = {"ios": "swift", "android": "kotlin", "onnx": "onnx"}
RUNTIMES: dict[Target, dict[str, tuple[Format, ...]]] = {
    "ios": {"coreml": ("coreml",), "coreai": ("coreai",), "both": ("coreai", "coreml")},
    "android": {"litert": ("tflite",), "tflite": ("tflite",), "play-services": ("tflite",)},
    "onnx": {"onnxruntime": ("onnx",)},
}
"""The runtimes of each target, the default first, and the formats that an SDK for it ships, in its ladder's order."""

DELEGATES = {"litert": "ML Drift", "tflite": "legacy delegate", "play-services": "ML Drift"}
"""The GPU delegate of each runtime on Android, by its name in a lint report."""
LADDERS: dict[tuple[Target, Precision], tuple[Precision, ...]] = {("ios", "fp16"): ("fp16", "fp32")}
"""What an SDK ships beside the precision asked for, to step down to where a phone computes wrongly in half."""


@dataclass(frozen=True)
class Request:
    """What ``sdkgen build`` was asked for.

    ``weights``, ``layout`` and ``variant`` concern the detector; ``landmarker`` is there where faces are tracked.
    """

    spec: ModelSpec
    target: Target
    out: Path
    name: str
    package: str
    precision: Precision = "fp16"
    layout: Layout = "joined"
    input_type: InputType = "float"
    runtime: str | None = None
    weights: Path | None = None
    trust: bool = False
    force: bool = False
    weights_bits: int | None = None
    variant: str | None = None
    landmarker: ModelSpec | None = None
    aar: bool = False

    @property
    def chosen_runtime(self) -> str:
        """The runtime asked for, or the target's default."""
        return self.runtime or next(iter(RUNTIMES[self.target]))

    @property
    def formats(self) -> tuple[Format, ...]:
        """The formats that the SDK ships, in the order in which it tries them."""
        return RUNTIMES[self.target][self.chosen_runtime]


def build(request: Request) -> manifest.Manifest:
    """Build the bundle and return its manifest.

    The folder appears whole or not at all; one that is there already is replaced only if sdkgen made it and ``force``
    is given.

    Raises ``UsageError`` for a name the target cannot use, ``OutputError`` if the folder cannot be written or
    replaced, ``ConvertError`` if the SDK could not start with one of its artifacts or compressed weights find other
    faces, and what ``convert`` raises.
    """
    renderer = import_module(f"sdkgen.render.{RENDERERS[request.target]}")
    renderer.check_names(request.name, request.package)
    _check_model(request)
    _check_replaceable(request.out, force=request.force)
    with whole_folder(request.out) as work:
        detector, landmarker = _convert(request)
        context = _context(request, detector, landmarker)
        _check_start(request, context, detector, landmarker)
        artifacts = (*detector, *landmarker)
        places = renderer.render(context, artifacts, work)
        records = tuple(
            artifact.record.model_copy(update={"path": place})
            for artifact, place in zip(artifacts, places, strict=True)
        )
        common = {**context.values(), "uses_selftest": renderer.USES_SELFTEST}
        render_tree(resources.path("templates") / "common", work, common)
        shutil.copyfile(resources.path("LICENSE"), work / "LICENSE")
        parts = None
        if request.aar:
            packed = work / f"{request.name}.aar"
            parts = aar.make_aar(context, work, packed)
            maven.write_repository(context, work, packed, work / "maven")
        apk = kotlin.size_of(context, work) if request.target == "android" else None
        made = _manifest(request, context, records, parts, apk)
        manifest.write(made, work)
    return made


def _convert(request: Request) -> tuple[tuple[Artifact, ...], tuple[Artifact, ...]]:
    """Return the artifacts of the detector and of the landmark model, in the order in which the SDK tries them.

    Raises ``ConvertError`` if a GPU would not take one of them whole.
    """
    precisions = LADDERS.get((request.target, request.precision), (request.precision,))
    common: dict[str, Any] = {"layout": request.layout}
    if request.weights_bits is not None:
        common["weights_bits"] = request.weights_bits
    if request.input_type != "float":
        common["input_type"] = request.input_type
    shaped: dict[str, Any] = {} if request.variant is None else {"variant": request.variant}
    detector = tuple(
        convert(
            request.spec,
            form,
            precision=precision,
            weights=request.weights,
            trust=request.trust,
            **common,
            **shaped,
        )
        for form in request.formats
        for precision in precisions
    )
    landmarker: tuple[Artifact, ...] = ()
    if request.landmarker is not None:
        landmarker = tuple(
            convert(request.landmarker, form, precision=precision, **common)
            for form in request.formats
            for precision in precisions
        )
    if request.target != "onnx":
        for artifact in (*detector, *landmarker):
            _check_gpu(artifact, request.chosen_runtime)
    return detector, landmarker


def _check_start(
    request: Request, context: SdkContext, detector: tuple[Artifact, ...], landmarker: tuple[Artifact, ...]
) -> None:
    """Put every artifact to the self-test that the SDK puts it to at its first start.

    Raises ``ConvertError`` if one fails, or if compressed weights do not find the same faces.
    """
    own: dict[str, Any] = {"weights": context.weights, "trust": context.trust}
    if request.weights_bits is not None:
        from sdkgen.parity.compression import check_compression

        check_compression(detector[-1], context.spec, context.spec, **own)
        if request.landmarker is not None:
            check_compression(landmarker[-1], request.landmarker, load_model("blazeface-front"))
    golden = selftest.selftest(context.spec, context.weights, context.compressed, trust=context.trust)
    for artifact in detector:
        check_start(artifact, context.spec, golden, **own)
    if request.landmarker is not None:
        golden = selftest.landmarks(request.landmarker, context.landmarker_compressed)
        for artifact in landmarker:
            check_start(artifact, request.landmarker, golden)


def _check_gpu(artifact: Artifact, runtime: str) -> None:
    """Raise ``ConvertError`` if the GPU delegate of the SDK's runtime would not take the whole graph."""
    report = lint(artifact.path)
    if runtime in DELEGATES:
        report = report.model_copy(update={"required": (DELEGATES[runtime],)})
    if report.passed:
        return
    faults = (one for one in report.grouped() if one[0].verdict != "unknown" and one[0].target in report.required)
    finding, name, operations = next(faults)
    raise ConvertError(
        f"{len(operations)} {name} operations of the artifact would fall off the GPU: {finding.message}",
        context=str(artifact.path),
        hint=f"{finding.fix} The whole report: sdkgen lint {artifact.path}",
        reference="falls-off-the-gpu",
    )


def _check_model(request: Request) -> None:
    """Raise ``UsageError`` for a model that the SDKs' templates cannot speak of, or no tracker can follow."""
    spec = request.spec
    if request.target != "onnx" and (spec.subject != "face" or spec.input.fit != "letterbox"):
        what = f"find a {spec.subject}" if spec.subject != "face" else "stretch images"
        raise UsageError(
            f"the iOS and Android SDKs find faces in letterboxed images, and {spec.name} is to {what}",
            context="subject" if spec.subject != "face" else "input.fit",
            hint="Build the plain model with --target onnx; sdkgen detect, parity and bench run it too.",
            reference="other-subject",
        )
    if request.landmarker is not None:
        known = [keypoint.name for keypoint in request.landmarker.landmarker.keypoints]
        if missing := [name for name in spec.detector.keypoints if name not in known]:
            raise UsageError(
                f"{request.landmarker.name} does not know the keypoints {', '.join(missing)} of {spec.name}",
                context="--pipeline track",
                hint=f"A tracker's detector has keypoints among {', '.join(known)}; build it with --pipeline detect.",
                reference="other-keypoints",
            )


def _check_replaceable(out: Path, *, force: bool) -> None:
    """Raise ``OutputError`` if something stands at ``out`` that must not be replaced."""
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir():
        raise OutputError("a file stands where the bundle would go", context=str(out), hint="Choose another --out.")
    if not any(out.iterdir()):
        return
    if not manifest.is_bundle(out):
        raise OutputError(
            "the folder is not empty and sdkgen did not make it; it stays as it is",
            context=str(out),
            hint="Choose another --out.",
            reference="not-a-bundle",
        )
    if not force:
        raise OutputError(
            "there is a bundle already; it stays as it is",
            context=str(out),
            hint="Replace it with --force, or choose another --out.",
            reference="bundle-exists",
        )


def _context(request: Request, detector: tuple[Artifact, ...], landmarker: tuple[Artifact, ...]) -> SdkContext:
    return SdkContext(
        name=request.name,
        package=request.package,
        spec=fetch.described(request.spec, request.weights),
        artifacts=tuple(artifact.record for artifact in detector),
        landmarker=request.landmarker,
        landmarker_artifacts=tuple(artifact.record for artifact in landmarker),
        layout=request.layout,
        input_type=request.input_type,
        precision=request.precision,
        runtime=request.chosen_runtime,
        sdkgen_version=__version__,
        tools=tool_versions(*(tool for form in request.formats for tool in TOOLS[form])),
        weights=request.weights,
        trust=request.trust,
        compressed=detector[-1].path if request.weights_bits is not None else None,
        landmarker_compressed=landmarker[-1].path if landmarker and request.weights_bits is not None else None,
    )


def _manifest(
    request: Request,
    context: SdkContext,
    artifacts: tuple[ArtifactRecord, ...],
    parts: dict[str, int] | None,
    apk: ApkBytes | None,
) -> manifest.Manifest:
    return manifest.Manifest(
        name=context.name,
        package=context.package,
        model=request.spec.name,
        pipeline=context.pipeline,
        target=request.target,
        runtime=context.runtime,
        trained=context.spec.trained,
        precision=context.precision,
        outputs_layout=context.layout,
        input_type=context.input_type if request.target == "android" else None,
        variant=artifacts[0].variant,
        weights_bits=request.weights_bits,
        artifacts=artifacts,
        tools=context.tools,
        requires={form: manifest.REQUIREMENTS[form] for form in request.formats} if request.target == "ios" else None,
        apk_bytes=apk,
        parts=parts,
    )
