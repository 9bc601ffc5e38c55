"""The Android SDK: a Gradle project around .tflite models, with a Kotlin library for LiteRT or TensorFlow Lite.

The sources are the same for every model but for their package line; the numbers of a model are in one generated file,
only the engine of the chosen runtime is in the bundle, and the tracker only where the SDK tracks.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdkgen import resources
from sdkgen.artifact import Artifact, ArtifactRecord
from sdkgen.errors import UsageError
from sdkgen.files import files_below, sha256_bytes
from sdkgen.render import selftest
from sdkgen.render.apk_size import ApkBytes, apk_bytes, phrases
from sdkgen.render.context import SdkContext, output_widths
from sdkgen.render.environment import render_tree
from sdkgen.render.kotlin_tests import folders_for, write_tests
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.registry import LANDMARKER, load_model

USES_SELFTEST = True

LIBRARY = Path("detector")
"""The library's module in the Gradle project."""

ASSETS = LIBRARY / "src" / "main" / "assets"

VERSIONS = {
    "library": "1.0.0",
    "kotlin": "2.4.21",
    # What the library is compiled as, so that apps with compilers from then on can use it, and with which libraries.
    "kotlin_language": "2.2",
    "kotlin_floor": "2.2.0",
    # The first with the cancellation handler that FaceDetector.create resumes with.
    "coroutines_floor": "1.9.0",
    "coroutines": "1.11.0",
    "litert": "2.3.0",
    # The first with CompiledModel.
    "play_services_litert": "17.0.0",
    # The last with the Interpreter and its GPU delegate, and linked for pages of 16 KB.
    "tensorflow_lite": "1.4.2",
    # The same classes on Maven Central, which the sources are compiled against.
    "tensorflow_lite_central": "2.16.1",
    "tensorflow_lite_gpu_api_central": "2.14.0",
    # Android 15's framework classes, as Robolectric publishes them: the newest that a JDK 17 reads.
    "android_all": "15-robolectric-13954326",
    "min_sdk": "24",
    "target_sdk": "36",
    "compile_sdk": "37",
    "android_gradle_plugin": "9.4.1",
    "gradle": "9.6.0",
    "activity": "1.13.0",
    "lifecycle": "2.11.0",
    "camera": "1.6.2",
    "compose_bom": "2026.04.01",
    # What the bundle's own unit tests need.
    "junit": "4.13.2",
    "robolectric": "4.17",
    "gson": "2.13.2",
    "dokka": "2.2.0",
}
"""The libraries that the sources are compiled against, and the Android versions that they run on."""

_LITERT = "com.google.ai.edge.litert"
_RUNTIME_ARTIFACTS = {
    "litert": (_LITERT, ("litert", "litert-gpu"), "litert"),
    # The last holds GpuDelegateFactory.Options, which the GPU artifact needs at run time and does not ask for.
    "tflite": (_LITERT, ("litert", "litert-api", "litert-gpu", "litert-gpu-api"), "tensorflow_lite"),
    # Brings litert-api, which has the classes.
    "play-services": ("com.google.android.gms", ("play-services-litert",), "play_services_litert"),
}
"""The group of each runtime's artifacts, their names, and which of the versions is theirs."""

_TREES = {"litert": ("litert",), "tflite": ("tflite",), "play-services": ("litert", "play-services")}
"""The templates of each runtime's engine."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PART = re.compile(r"[a-z][a-z0-9_]*")

_KEYWORDS = frozenset(
    """
    abstract as assert boolean break byte case catch char class const continue default do double else enum extends false
    final finally float for fun goto if implements import in instanceof int interface is long native new null object
    package private protected public return short static strictfp super switch synchronized this throw throws transient
    true try typealias typeof val var void volatile when while
    """.split()
)
"""Words that Java or Kotlin keeps for itself: no source of the one or the other can name such a package."""

_RESERVED = ("android", "androidx", "dalvik", "java", "javax", "kotlin", "kotlinx")
"""Packages that belong to the platform; a device refuses or shadows classes in most of them."""


def check_names(name: str, package: str) -> None:
    """Raise ``UsageError`` if ``name`` cannot name a Gradle project, or ``package`` a Java package and a namespace."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"the name {name!r} cannot name a Gradle project",
            context="--name",
            hint="Choose a name such as FaceFinder: letters, digits, - and _, a letter first.",
            reference="bad-name",
        )
    parts = package.split(".")
    misshapen = [part for part in parts if not _PART.fullmatch(part)]
    kept = [part for part in parts if part in _KEYWORDS]
    if misshapen:
        fault = f"{misshapen[0]!r} is no lower-case name" if misshapen[0] else "a part of it is empty"
    elif kept:
        fault = f"{kept[0]!r} is a word that Java or Kotlin keeps for itself"
    elif len(parts) < 2:
        fault = "an Android namespace has at least two parts"
    elif parts[0] in _RESERVED:
        fault = f"packages below {parts[0]!r} belong to the platform"
    else:
        return
    raise UsageError(
        f"the package {package!r} is no Java package for an app: {fault}",
        context="--package",
        hint="Choose one such as com.example.faces: parts of lower-case letters, digits and _, joined by dots.",
        reference="bad-package",
    )


def render(context: SdkContext, artifacts: Sequence[Artifact], out: Path) -> tuple[str, ...]:
    """Write the Gradle project (library, assets, sample app, benchmark) and return where in it each model is.

    ``artifacts`` are the detector and, for an SDK that tracks, the landmark model. Raises ``UsageError`` for a package
    that Java does not take.
    """
    check_names(context.name, context.package)
    detector, *others = artifacts
    golden = selftest.selftest(context.spec, context.weights, trust=context.trust)
    values = values_of(context, detector.record, golden)
    shipped = [values["model"]["asset"]]
    assets = {values["selftest"]["asset"]: golden}
    trees = ["bundle", *_TREES[context.runtime], f"api/{context.pipeline}"]
    if context.landmarker is not None:
        (landmarks,) = others
        golden = selftest.landmarks(context.landmarker)
        values["landmarks"] = _landmark_values(context, context.landmarker, landmarks.record, golden)
        shipped.append(values["landmarks"]["asset"])
        assets[values["landmarks"]["selftest"]["asset"]] = golden
        trees.append("track")
    folder = out / ASSETS
    (folder / shipped[0]).parent.mkdir(parents=True)
    for artifact, name in zip(artifacts, shipped, strict=True):
        shutil.copyfile(artifact.path, folder / name)
    for name, content in assets.items():
        (folder / name).write_bytes(content)
    values["apk_size"] = phrases(size_of(context, out))
    values["has_tests"] = bool(folders_for(context))
    templates = resources.path("templates") / "kotlin"
    for tree in trees:
        render_tree(templates / tree, out, values)
    write_tests(context, out / LIBRARY)
    return tuple((ASSETS / name).as_posix() for name in shipped)


def size_of(context: SdkContext, bundle: Path) -> ApkBytes:
    """Return what the SDK in ``bundle`` adds to an app."""
    return apk_bytes(context.runtime, sum(file.stat().st_size for file in files_below(bundle / ASSETS)))


def runtime_artifacts(runtime: str) -> list[dict[str, str]]:
    """Return the Maven coordinates of what a bundle's ``runtime`` consists of."""
    group, names, version = _RUNTIME_ARTIFACTS[runtime]
    return [{"group": group, "name": name, "version": VERSIONS[version]} for name in names]


def values_of(context: SdkContext, record: ArtifactRecord, golden: bytes) -> dict[str, Any]:
    """Return what the templates need, for the detector's file of ``record`` and the content of its selftest.bin."""
    spec = context.spec
    detection = spec.detector
    folder = _asset_folder(context)
    return {
        **context.values(),
        "package_path": context.package.replace(".", "/"),
        "versions": VERSIONS,
        "runtime_artifacts": runtime_artifacts(context.runtime),
        "model": {
            "name": spec.name,
            # In a folder of the package's, so that two SDKs in one app keep apart.
            "asset": f"{folder}/{spec.name}.tflite",
            "sha256": record.sha256,
        },
        "selftest": {"asset": f"{folder}/{selftest.NAME}", "sha256": sha256_bytes(golden)},
        "input": spec.input,
        "detection": detection,
        "anchor_count": spec.anchor_count,
        "region": load_model(LANDMARKER).landmarker.detection_roi,
        "keypoint_properties": [
            {"property": _camel_case(name), "constant": name.upper()} for name in detection.keypoints
        ],
        "grids": _grids(spec),
        "output_widths": output_widths(record, spec),
    }


def _asset_folder(context: SdkContext) -> str:
    return context.package.replace(".", "_")


def _landmark_values(context: SdkContext, spec: ModelSpec, record: ArtifactRecord, golden: bytes) -> dict[str, Any]:
    """Return what the templates of the tracker need, for the model file of ``record`` and the content of its test."""
    rule = spec.landmarker
    folder = _asset_folder(context)
    found = {keypoint.name: keypoint.landmarks for keypoint in rule.keypoints}
    return {
        "name": spec.name,
        "asset": f"{folder}/{spec.name}.tflite",
        "sha256": record.sha256,
        "selftest": {"asset": f"{folder}/{selftest.LANDMARKS_NAME}", "sha256": sha256_bytes(golden)},
        "input": spec.input,
        "rule": rule,
        # In the order in which the detector's own keypoints are.
        "keypoints": [found[name] for name in context.spec.detector.keypoints],
        "output_widths": output_widths(record, spec),
    }


def _grids(spec: ModelSpec) -> list[dict[str, int]]:
    return [
        {
            "columns": spec.input.width // grid.stride,
            "rows": spec.input.height // grid.stride,
            "per_cell": grid.per_cell,
        }
        for grid in spec.detector.grids
    ]


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)
