"""The Swift package as rendered: against its golden text, and for names and models that cannot be."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path

import pytest

from sdkgen.artifact import Layout, Precision
from sdkgen.errors import UsageError
from sdkgen.files import sha256_path
from sdkgen.render import selftest, swift
from sdkgen.spec.registry import load_model
from sdkgen.weights.fetch import described
from tests.swift import golden


@pytest.fixture(autouse=True)
def _no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the golden inputs, which take torch and the weights."""
    monkeypatch.setattr(selftest, "selftest", lambda *_, **__: b"SDKG")
    monkeypatch.setattr(selftest, "landmarks", lambda *_: b"SDKL")


@pytest.fixture
def front(tmp_path: Path) -> Path:
    """The package for blazeface-front, with a model in each precision."""
    half = golden.artifact(tmp_path, "blazeface-front", "fp16")
    single = golden.artifact(tmp_path, "blazeface-front", "fp32")
    out = tmp_path / "out"
    golden.render_front(out, (half, single))
    return out


@pytest.fixture
def tracking(tmp_path: Path) -> Path:
    """The package for blazeface-front and the landmark model."""
    precisions: tuple[Precision, ...] = ("fp16", "fp32")
    models = [(model, precision) for model in ("blazeface-front", "face-landmark") for precision in precisions]
    made = tuple(golden.artifact(tmp_path / "made", model, precision) for model, precision in models)
    out = tmp_path / "tracking"
    places = swift.render(golden.context("blazeface-front", made, landmarker="face-landmark"), made, out)
    names = [f"{model}-{precision}".replace("-", "_") for model, precision in models]
    assert places == tuple(f"Sources/BlazeFace/Resources/{name}.mlpackage" for name in names)
    return out


def render(tmp_path: Path, model: str, layout: Layout = "joined", name: str = "Faces") -> Path:
    made = golden.artifact(tmp_path, model, "fp16", layout)
    out = tmp_path / "out"
    swift.render(golden.context(model, (made,), name=name, layout=layout), (made,), out)
    return out


def test_package_is_the_golden_one(front: Path) -> None:
    hint = "If the change is meant: nox -s golden"
    for file in golden.rendered_files(front):
        place = file.relative_to(front).as_posix()
        expected = golden.GOLDEN / "rendered" / f"{place}.txt"
        assert file.read_text() == expected.read_text(), f"{place} changed. {hint}"
    assert golden.listing(front) == (golden.GOLDEN / "files.txt").read_text(), f"Files changed. {hint}"


def test_rendering_again_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (tmp_path / "a", tmp_path / "b")
    assert golden.listing(render(first, "blazeface-back")) == golden.listing(render(second, "blazeface-back"))


def test_models_are_where_render_says_and_whole(tmp_path: Path) -> None:
    made = golden.artifact(tmp_path, "blazeface-front", "fp16")
    out = tmp_path / "out"
    (place,) = swift.render(golden.context("blazeface-front", (made,)), (made,), out)
    assert place == "Sources/BlazeFace/Resources/blazeface_front_fp16.mlpackage"
    assert golden.listing(out / place) == golden.listing(made.path)


@pytest.mark.parametrize("model", ["blazeface-front", "blazeface-back", "blazeface-full-range"])
@pytest.mark.parametrize("layout", ["joined", "standard"])
def test_numbers_of_the_model_are_in_one_file(tmp_path: Path, model: str, layout: Layout) -> None:
    out = render(tmp_path, model, layout)
    spec = load_model(model)
    text = (out / "Sources/FacesCore/ModelSpecification+Shipped.swift").read_text()
    for expected in (
        f'weightsSHA256: "{spec.weights.sha256}"',
        f"width: {spec.input.width}",
        f"minimumScore: {spec.detector.minimum_score}",
        f"blendingIoU: {spec.detector.blending_iou}",
        f"boxScale: {spec.detector.box_scale}",
        f'Output(name: "predictions", shape: [1, {spec.anchor_count}, 17])'
        if layout == "joined"
        else f'Output(name: "boxes", shape: [1, {spec.anchor_count}, 16]),\n'
        f'            Output(name: "scores", shape: [1, {spec.anchor_count}, 1])',
    ):
        assert expected in text
    assert len(re.findall(r"Grid\(", text)) == len(spec.detector.grids)


@pytest.mark.parametrize("model", ["blazeface-front", "blazeface-paper"])
def test_package_of_own_weights_knows_its_model_by_them(tmp_path: Path, model: str) -> None:
    own = tmp_path / "own.tflite"
    own.write_bytes(b"weights")
    made = golden.artifact(tmp_path, model, "fp16")
    spec = described(load_model(model), own)
    context = golden.context(model, (made,)).model_copy(update={"weights": own, "spec": spec})
    swift.render(context, (made,), tmp_path / "out")
    text = (tmp_path / "out/Sources/BlazeFaceCore/ModelSpecification+Shipped.swift").read_text()
    assert f'weightsSHA256: "{sha256_path(own)}"' in text
    assert "Untrained" not in (tmp_path / "out/README.md").read_text()


def test_name_reaches_every_place(tmp_path: Path) -> None:
    out = render(tmp_path, "blazeface-front", name="Selfie")
    assert (out / "Sources/Selfie/Exports.swift").read_text().count("SelfieCore") == 1
    assert (out / "Tests/SelfieTests/PerformanceTests.swift").is_file()
    assert not [file for file in out.rglob("*") if "BlazeFace" in file.name or "{{" in file.name]
    assert 'name: "Selfie"' in (out / "Package.swift").read_text()


def test_script_can_be_run_and_manifest_read(front: Path) -> None:
    assert (front / "Scripts/make-xcframework.sh").stat().st_mode & 0o111
    privacy = plistlib.loads((front / "Sources/BlazeFace/Resources/PrivacyInfo.xcprivacy").read_bytes())
    assert privacy["NSPrivacyTracking"] is False
    assert privacy["NSPrivacyAccessedAPITypes"] == []


def test_untrained_model_says_so(tmp_path: Path) -> None:
    assert "**Untrained.**" in (render(tmp_path, "blazeface-paper") / "README.md").read_text()


@pytest.mark.parametrize("name", ["BlazeFace", "FaceFinder", "_Faces", "Faces2"])
def test_names_that_swift_takes(name: str) -> None:
    swift.check_names(name, "org.example")


@pytest.mark.parametrize(
    "name",
    [
        "", "2Faces", "Face Finder", "face-finder", "Face.Finder", "Gesicht’s", "Größe", "../out", "a\nb", "Faces\n",
        "class", "Self", "await", "_", "Protocol", "Face", "FaceDetector", "VideoFrame", "CoreML", "Swift", "XCTest",
        "AVKit", "ARKit", "Accelerate", "Observation", "Photos", "Testing", "RealityKit", "Network", "OSLog",
        "ComputeUnits", "FrameDurations",
    ],
)  # fmt: skip
def test_names_that_swift_cannot_take(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        swift.check_names(name, "org.example")
    assert caught.value.reference == "bad-name"
    assert caught.value.hint


def test_every_public_type_is_refused_as_a_name(tracking: Path) -> None:
    sources = "\n".join(file.read_text() for file in (tracking / "Sources").rglob("*.swift"))
    public = set(re.findall(r"^public (?:final )?(?:struct|enum|class|actor|protocol) (\w+)", sources, re.MULTILINE))
    assert {"Face", "FaceTracker"} <= public
    for name in public:
        with pytest.raises(UsageError):
            swift.check_names(name, "org.example")


def test_model_with_other_keypoints_is_refused(tmp_path: Path) -> None:
    made = golden.artifact(tmp_path, "blazeface-front", "fp16")
    right = golden.context("blazeface-front", (made,))
    spec = right.spec.model_copy(
        update={"detection": right.spec.detector.model_copy(update={"keypoints": ("nose", "mouth")})}
    )
    with pytest.raises(UsageError, match="keypoints"):
        swift.render(right.model_copy(update={"spec": spec}), (made,), tmp_path / "out")


def test_package_that_detects_knows_nothing_of_tracking(front: Path) -> None:
    text = "\n".join(file.read_text() for file in front.rglob("*") if file.suffix in {".swift", ".md", ".tutorial"})
    for word in ("FaceTracker", "TrackedFace", "FaceLandmark"):
        assert word not in text
    assert not list(front.rglob("*andmark*"))


def test_package_that_tracks_holds_all_of_the_other(front: Path, tracking: Path) -> None:
    places = {file.relative_to(front) for file in front.rglob("*.swift")}
    assert places < {file.relative_to(tracking) for file in tracking.rglob("*.swift")}
    differing = {place.name for place in places if (front / place).read_text() != (tracking / place).read_text()}
    assert differing == {"Package.swift", "Face.swift", "FaceOverlay.swift", "Benchmark.swift", "CameraScreen.swift"}


def test_numbers_of_the_landmark_model_are_in_one_file(tracking: Path) -> None:
    spec = load_model("face-landmark")
    core = tracking / "Sources/BlazeFaceCore"
    text = (core / "LandmarkSpecification+Shipped.swift").read_text()
    for expected in (
        f'weightsSHA256: "{spec.weights.sha256}"',
        f"width: {spec.input.width}",
        f"count: {spec.landmarker.count}",
        f"minimumPresence: {spec.landmarker.minimum_presence}",
        f"fromPoint: {spec.landmarker.landmark_roi.from_point}",
        'name: "face_landmark_fp16"',
    ):
        assert expected in text
    assert text.count("Resource(") == 2
    assert (core / "ModelSpecification+Shipped.swift").read_text().count("Resource(") == 2
    elsewhere = "\n".join(file.read_text() for file in core.glob("*.swift") if "+Shipped" not in file.name)
    for number in (spec.landmarker.count, spec.input.width, spec.landmarker.landmark_roi.to_point):
        assert not re.search(rf"\b{number}\b", elsewhere)


def test_resources_of_both_models_are_in_the_manifest(tracking: Path) -> None:
    manifest = (tracking / "Package.swift").read_text()
    names = ["blazeface_front_fp16", "blazeface_front_fp32", "face_landmark_fp16", "face_landmark_fp32"]
    quoted = ", ".join(f'"{name}"' for name in names)
    assert f"let models: [String] = [{quoted}]" in manifest
    assert '["selftest.bin", "landmarks-selftest.bin", "PrivacyInfo.xcprivacy"]' in manifest
    folder = tracking / "Sources/BlazeFace/Resources"
    assert (folder / "landmarks-selftest.bin").read_bytes() == b"SDKL"
    assert all((folder / f"{name}.mlpackage").is_dir() for name in names)
    for name in names:
        assert f" {name}" in (tracking / "Scripts/compile-models.sh").read_text()


def test_every_source_names_its_licence(tracking: Path) -> None:
    sources = [file for file in tracking.rglob("*.swift") if "Documentation.docc" not in file.parts]
    assert len(sources) > 50
    for file in sources:
        first = file.read_text().splitlines()[1 if file.name == "Package.swift" else 0]
        assert first == "// SPDX-License-Identifier: Apache-2.0", file


def test_workflow_runs_the_tests_and_builds_the_sample(front: Path) -> None:
    text = (front / ".github/workflows/test.yml").read_text()
    assert text.count("run: swift test") == 2
    assert "-scheme FaceOverlay" in text
    assert (front / "Examples/FaceOverlay.swiftpm").is_dir()
