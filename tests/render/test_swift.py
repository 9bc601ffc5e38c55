"""The Swift package as rendered: against its golden text, and for names and models that cannot be."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path

import pytest

from sdkgen.artifact import Layout
from sdkgen.errors import UsageError
from sdkgen.render import selftest, swift
from sdkgen.spec.registry import load_model
from tests.swift import golden


@pytest.fixture(autouse=True)
def _no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the golden input, which takes torch and the weights."""
    monkeypatch.setattr(selftest, "selftest", lambda *_, **__: b"SDKG")


@pytest.fixture
def front(tmp_path: Path) -> Path:
    """The package for blazeface-front, with a model in each precision."""
    half = golden.artifact(tmp_path, "blazeface-front", "fp16")
    single = golden.artifact(tmp_path, "blazeface-front", "fp32")
    out = tmp_path / "out"
    golden.render_front(out, (half, single))
    return out


def render(tmp_path: Path, model: str, layout: Layout = "standard", name: str = "Faces") -> Path:
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
@pytest.mark.parametrize("layout", ["standard", "merged"])
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
        'outputs: .merged(heads: ["head_0"'
        if layout == "merged"
        else 'outputs: .standard(boxes: "boxes", scores: "scores")',
    ):
        assert expected in text
    assert len(re.findall(r"Grid\(", text)) == len(spec.detector.grids)


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
    ],
)  # fmt: skip
def test_names_that_swift_cannot_take(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        swift.check_names(name, "org.example")
    assert caught.value.reference == "bad-name"
    assert caught.value.hint


def test_every_public_type_is_refused_as_a_name(front: Path) -> None:
    sources = "\n".join(file.read_text() for file in (front / "Sources").rglob("*.swift"))
    public = set(re.findall(r"^public (?:final )?(?:struct|enum|class|actor|protocol) (\w+)", sources, re.MULTILINE))
    assert "Face" in public
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
