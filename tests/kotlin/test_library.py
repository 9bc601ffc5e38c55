"""Every variant of the Android library compiles, and the tests in src/ pass on the JVM."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

from sdkgen.render.kotlin import VERSIONS
from tests.kotlin import api, references
from tests.kotlin.maven import HERE, found, maven
from tests.kotlin.variants import (
    LAYOUTS,
    MODELS,
    PACKAGE,
    PLAY_SERVICES,
    RUNTIMES,
    TRACK_PACKAGE,
    package_of,
    render_all,
)
from tests.toolchains import require

pytestmark = [pytest.mark.kotlin, pytest.mark.slow]


@dataclass(frozen=True)
class Built:
    variants: Path
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Render, compile and test all variants, once."""
    require("kotlin", found(), "install a JDK (17 or later) and Maven")
    variants = tmp_path_factory.mktemp("kotlin") / "variants"
    render_all(variants)
    return Built(variants, maven("clean", "package", variants=variants))


def test_every_variant_compiles_and_the_tests_pass(built: Built) -> None:
    assert built.done.returncode == 0, built.done.stdout[-8000:] + built.done.stderr[-2000:]


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("model", MODELS)
def test_variant_was_among_what_was_compiled(built: Built, model: str, layout: str, runtime: str) -> None:
    package = package_of(model, layout)
    assert (HERE / runtime / "target" / "classes" / package.replace(".", "/") / "FaceDetector.class").is_file()
    assert built.variants.is_dir()


@pytest.mark.parametrize("variant", ["", "back/joined", "back/standard", "full_range/joined", "full_range/standard"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_variant_that_tracks_was_among_what_was_compiled(built: Built, runtime: str, variant: str) -> None:
    classes = HERE / runtime / "target" / "classes"
    package = TRACK_PACKAGE.replace(".", "/")
    assert (classes / package / variant / "FaceTracker.class").is_file()
    assert not (classes / package.removesuffix("/track") / variant / "FaceTracker.class").exists()
    assert built.variants.is_dir()


def test_no_test_was_left_out(built: Built) -> None:
    assert built.done.returncode == 0
    reports = [
        file
        for module in (*RUNTIMES, PLAY_SERVICES, "camera")
        for file in (HERE / module / "target" / "surefire-reports").glob("*.xml")
    ]
    suites = [ET.parse(file).getroot() for file in reports]
    ran = {suite.get("name", ""): int(suite.get("tests", "0")) for suite in suites}
    assert all(suite.get("skipped") == "0" for suite in suites)
    for model in MODELS:
        for layout in LAYOUTS:
            for test in ("PostprocessorGoldenTest", "PreprocessorGoldenTest", "EndToEndTest"):
                assert ran.get(f"{package_of(model, layout)}.{test}") == 1
    assert sum(ran.get(f"{PACKAGE}.{test}", 0) for test in ("StartupTest", "DetectTest", "LiveStreamTest")) >= 30
    assert all(ran.get(f"{PACKAGE}.{test}", 0) >= 4 for test in ("JournalTest", "LiteRtEngineTest", "FrameTest"))
    golden = ("SequenceGoldenTest", "CropGoldenTest", "TrackEndToEndTest", "PortraitTest")
    assert all(ran.get(f"{TRACK_PACKAGE}.{test}", 0) >= 1 for test in golden)
    tracker = ("TrackerStartupTest", "TrackTest", "FrameCopyTest")
    assert sum(ran.get(f"{TRACK_PACKAGE}.{test}", 0) for test in tracker) >= 25
    assert ran.get(f"{PACKAGE}.TfLiteEngineTest", 0) >= 3
    assert ran.get(f"{PACKAGE}.PlayServicesTest", 0) >= 2
    camera = {f"{package}.camera.CameraFrameTest" for package in (PACKAGE, TRACK_PACKAGE)}
    assert all(ran.get(test, 0) >= 8 for test in (*camera, f"{PACKAGE}.camera.FaceAnalyzerTest"))


@pytest.mark.parametrize("module", ["camera", "compose", "sample"])
def test_what_is_used_of_camerax_is_there(built: Built, module: str) -> None:
    assert built.done.returncode == 0
    classes = {str(file): file.read_bytes() for file in (HERE / module / "target" / "classes").rglob("*.class")}
    assert any(b"androidx/camera" in content for content in classes.values())
    assert references.missing(classes, "androidx/camera", HERE / "camerax-descriptors.txt") == []


@pytest.mark.parametrize("module", api.MODULES)
@pytest.mark.parametrize("package", api.PIPELINES)
def test_public_interface_is_the_one_in_the_bundle(built: Built, package: str, module: str) -> None:
    assert built.done.returncode == 0
    shipped = built.variants / "api" / package / f"{module}.api"
    assert api.dump(module, package) == shipped.read_text(), "if meant: python -m tests.kotlin.api"


def test_public_interface_is_the_same_on_every_runtime(built: Built) -> None:
    assert built.done.returncode == 0
    shipped = (built.variants / "api" / PACKAGE / "detector.api").read_text()
    for runtime in RUNTIMES[1:]:
        assert api.dump("detector", PACKAGE, runtime) == shipped


def test_harness_uses_the_versions_that_the_bundle_names() -> None:
    properties = ET.parse(HERE / "pom.xml").getroot().find("{*}properties")
    assert properties is not None
    value = {child.tag.split("}")[1]: child.text for child in properties}
    assert value["kotlin.version"] == VERSIONS["kotlin"]
    assert value["coroutines.version"] == VERSIONS["coroutines"]
    assert value["tensorflow.version"] == VERSIONS["tensorflow_lite_central"]
    assert value["tensorflow.gpu.api.version"] == VERSIONS["tensorflow_lite_gpu_api_central"]
    assert value["android.version"] == VERSIONS["android_all"]
