"""The iOS SDK: a Swift package around a model in Core ML's format, in Core AI's, or in both.

Nearly all of its sources are the same for every model and are copied as they are; the numbers of a model are in one
generated file. What tracks faces lies over what detects them, in a tree of its own; so does what runs Core AI.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdkgen import resources
from sdkgen.artifact import SUFFIXES, Artifact, Format
from sdkgen.errors import UsageError
from sdkgen.render import selftest
from sdkgen.render.context import SdkContext, ordered_outputs
from sdkgen.render.environment import render_tree
from sdkgen.spec.registry import LANDMARKER, load_model

USES_SELFTEST = True

KEYPOINTS = ("right_eye", "left_eye", "nose_tip", "mouth_center", "right_ear_tragion", "left_ear_tragion")
"""What ``FaceKeypoints`` names, in the order of the model's numbers."""

_PRECISIONS = {"fp16": "float16", "fp32": "float32"}
_RUNTIMES: dict[Format, str] = {"coreml": "coreML", "coreai": "coreAI"}
"""Swift's names of what a package can say."""

_PLATFORMS = {
    "coreml": ".iOS(.v16), .macOS(.v13), .macCatalyst(.v16), .visionOS(.v1)",
    "coreai": '.iOS("27.0"), .macOS("27.0"), .macCatalyst("27.0"), .visionOS("27.0")',
}
"""``manifest.REQUIREMENTS`` as SwiftPM takes them; Core ML's where a package holds both."""

_SYSTEMS = {
    "coreml": "on iOS 16 and macOS 13 or later: through Core ML",
    "coreai": "on iOS 27 and macOS 27 or later: through Core AI",
    "both": "on iOS 16 and macOS 13 or later: from iOS 27 and macOS 27 on through Core AI, else through Core ML",
}
"""Where packages run, for readers, by what ``sdkgen build --runtime`` was given."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_KEYWORDS = frozenset(
    """
    Any as associatedtype await async actor break case catch class continue default defer deinit do else enum extension
    fallthrough false fileprivate for func guard if import in init inout internal is let macro module nil nonisolated
    open operator package precedencegroup private protocol Protocol public repeat rethrows return Self self static
    struct subscript super switch throw throws true try Type typealias var where while _
    """.split()
)
"""Words that Swift keeps for itself, also those it keeps only in places where a module's name stands."""

_TYPES = frozenset(
    """
    ActiveComputeUnits Benchmark CameraOrientation ComputeUnits CropTransform Face FaceDetector FaceDetectorError
    FaceKeypoints FaceLandmark FaceLandmarks FaceOverlay FaceTracker FrameDetections FrameDurations ModelPrecision
    ModelRuntime ObjectiveCFace ObjectiveCFaceDetector ObjectiveCOptions OverlayTransform RotatedRect Sampling Smoothing
    TrackedFace TrackedFrame VideoFrame
    """.split()
)
"""Public types of the package: a module named as one of its types breaks the interface of a framework."""

_MODULES = frozenset(
    """
    Accelerate AppKit ARKit AVFoundation AVKit Combine CoreFoundation CoreGraphics CoreHaptics CoreImage
    CoreAI CoreLocation CoreMedia CoreML CoreMotion CoreServices CoreText CoreVideo CryptoKit Darwin Dispatch
    Distributed Foundation GameplayKit GLKit ImageIO IOSurface MapKit MessageUI Metal MetalKit
    MetalPerformanceShaders ModelIO Network ObjectiveC Observation os OSLog Photos PhotosUI QuartzCore
    RealityKit RegexBuilder SceneKit Security SpriteKit StoreKit Swift SwiftUI Synchronization Testing UIKit
    UniformTypeIdentifiers UserNotifications VideoToolbox Vision VisionKit WatchKit WebKit WidgetKit XCTest
    """.split()
)
"""Modules of Apple's that the package or any app imports."""


def check_names(name: str, package: str) -> None:  # noqa: ARG001  (Swift packages have no reverse-domain name)
    """Raise ``UsageError`` if ``name`` cannot be the name of a Swift module that apps import."""
    hint = "Choose a name such as FaceFinder: letters and digits, a letter first."
    if not _IDENTIFIER.fullmatch(name):
        fault = "is no Swift identifier"
    elif name in _KEYWORDS:
        fault = "is a word that Swift keeps for itself"
    elif name in _TYPES:
        fault = "is the name of a type in the package, and a Swift module must not be named as a type in it"
    elif name in _MODULES or f"{name}Core" in _MODULES:
        fault = "is the name of a module of Apple's"
    else:
        return
    raise UsageError(f"the name {name!r} {fault}", context="--name", hint=hint, reference="bad-name")


def render(context: SdkContext, artifacts: Sequence[Artifact], out: Path) -> tuple[str, ...]:
    """Write the Swift package into ``out``, and return where in it the models are.

    The models are tried in the order given at first start. Raises ``UsageError`` for a name Swift cannot use, or a
    model whose keypoints are not the six that ``FaceKeypoints`` has.
    """
    check_names(context.name, context.package)
    spec = context.spec
    if spec.detector.keypoints != KEYPOINTS:
        raise UsageError(
            f"the iOS SDK needs the keypoints {', '.join(KEYPOINTS)}",
            context=spec.name,
            hint="Choose a model of the BlazeFace family.",
            reference="other-keypoints",
        )
    models = [(_resource_name(artifact), artifact) for artifact in artifacts]
    values = {**context.values(), **_values(context, models)}
    templates = resources.path("templates") / "swift"
    render_tree(templates / "bundle", out, values)
    if values["assets"]:
        render_tree(templates / "coreai", out, values)
    if context.landmarker is not None:
        render_tree(templates / "track", out, values)
    folder = out / "Sources" / context.name / "Resources"
    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / f"{name}{SUFFIXES[artifact.record.format]}" for name, artifact in models]
    for place, (_, artifact) in zip(places, models, strict=True):
        shutil.copytree(artifact.path, place, copy_function=shutil.copyfile)
    for name, content in _golden_inputs(context).items():
        (folder / name).write_bytes(content)
    return tuple(place.relative_to(out).as_posix() for place in places)


def _golden_inputs(context: SdkContext) -> dict[str, bytes]:
    """Return what the models are tested with at first start, by the name of its file."""
    made = {selftest.NAME: selftest.selftest(context.spec, context.weights, context.compressed, trust=context.trust)}
    if context.landmarker is not None:
        made[selftest.LANDMARKS_NAME] = selftest.landmarks(context.landmarker, context.landmarker_compressed)
    return made


def _values(context: SdkContext, models: Sequence[tuple[str, Artifact]]) -> dict[str, Any]:
    """Return what the templates need beside the context."""
    spec = context.spec
    detector = [_resource(name, artifact) for name, artifact in models if artifact.record.model == spec.name]
    landmarker = [_resource(name, artifact) for name, artifact in models if artifact.record.model != spec.name]
    resources = [*detector, *landmarker]
    packages = [resource for resource in resources if resource["runtime"] == _RUNTIMES["coreml"]]
    return {
        "grids": [
            {
                "rows": spec.input.height // grid.stride,
                "columns": spec.input.width // grid.stride,
                "per_cell": grid.per_cell,
            }
            for grid in spec.detector.grids
        ],
        "outputs": ordered_outputs(context.artifacts[0], spec),
        "landmark_outputs": [
            output
            for record in context.landmarker_artifacts[:1]
            if context.landmarker
            for output in ordered_outputs(record, context.landmarker)
        ],
        "crop_scale": (context.landmarker or load_model(LANDMARKER)).landmarker.detection_roi.scale,
        "detector_resources": detector,
        "landmark_resources": landmarker,
        "resources": resources,
        "packages": packages,
        "assets": [resource for resource in resources if resource not in packages],
        "minimum_ios": "16.0" if packages else "27.0",
        "systems": _SYSTEMS[context.runtime],
        "platforms": _PLATFORMS["coreml" if packages else "coreai"],
        "golden_inputs": [selftest.NAME, *([selftest.LANDMARKS_NAME] if context.landmarker is not None else [])],
    }


def _resource(name: str, artifact: Artifact) -> dict[str, Any]:
    record = artifact.record
    return {
        "name": name,
        "runtime": _RUNTIMES[record.format],
        "suffix": SUFFIXES[record.format],
        "precision": _PRECISIONS[record.precision],
        "sha256": record.sha256,
        "bytes": record.bytes,
    }


def _resource_name(artifact: Artifact) -> str:
    """Return the file's stem in the package; Xcode makes an identifier of it."""
    return f"{artifact.record.model}-{artifact.record.precision}".replace("-", "_")
