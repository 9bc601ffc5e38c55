"""The benchmarks of the SDKs: what is run, what it prints, and what may be wrong with it."""

from __future__ import annotations

import json
import platform
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.protocol import Place
from sdkgen.bench.runners.sdk import Sdk, check_apk, read_bundle
from sdkgen.bench.runners.sdk_android import SdkRunner
from sdkgen.files import sha256_bytes
from tests.conftest import Run

MODEL = b"the model"
SETTINGS = Settings(sessions=2, runs=3, warmup_seconds=0.5)
RESULT = {
    "schema": 1,
    "requested": "GPU",
    "backend": "GPU",
    "precision": "FP16",
    "reason": "as asked for",
    "startup_ms": 120,
    "create_ms": 80.5,
    "first_inference_ms": 9,
    "samples_ns": [1_000_000, 1_200_000, 1_100_000],
}


@pytest.fixture
def sdk(tmp_path: Path) -> Sdk:
    place = "detector/src/main/assets/com_example_faces/blazeface-front.tflite"
    return Sdk(tmp_path, "Faces", "com.example.faces", "blazeface-front", "android", {place: sha256_bytes(MODEL)})


@pytest.fixture
def cell(sdk: Sdk) -> Cell:
    return sdk.cells(["gpu"], fp32=False)[0]


def printed(**changed: object) -> bytes:
    return f"INSTRUMENTATION_RESULT: json={json.dumps(RESULT | changed)}\nINSTRUMENTATION_CODE: -1\n".encode()


class TestAndroid:
    def test_the_command_is_the_bundles_own(self, sdk: Sdk, cell: Cell) -> None:
        command = SdkRunner(sdk).command(cell, SETTINGS, Place("", (), ""), "")
        assert "am instrument -w -r -e iterations 3 -e warmup_ms 500 -e backend GPU -e precision FP16" in command
        assert "com.example.faces.benchmark/.BenchmarkInstrumentation" in command
        assert cell.name == "SDK blazeface-front on gpu"
        assert sdk.cells(["cpu"], fp32=True)[0].name == "SDK blazeface-front on cpu"

    def test_a_tracker_is_timed_beside_the_detector(self, sdk: Sdk) -> None:
        both = replace(sdk, tracks=True)
        runner = SdkRunner(both)
        detector, tracker = both.cells(["cpu"], fp32=False)
        assert [detector.name, tracker.name] == [
            "SDK blazeface-front on cpu",
            "SDK blazeface-front, track-steady on cpu",
        ]
        commands = [runner.command(cell, SETTINGS, Place("", (), ""), "") for cell in (detector, tracker)]
        assert [" -e what track " in command for command in commands] == [False, True]
        samples = {"backend": "CPU", "requested": "CPU"}
        assert runner.read(b"", printed(**samples, what="track"), tracker, SETTINGS).complete
        assert runner.read(b"", printed(**samples, what="detect"), detector, SETTINGS).complete
        # A benchmark of an older bundle knows nothing but the detector, and does not say so.
        for cell, told in ((tracker, {}), (tracker, {"what": "detect"}), (detector, {"what": "track"})):
            with pytest.raises(DeviceError, match="another thing") as caught:
                runner.read(b"", printed(**samples, **told), cell, SETTINGS)
            assert "installDebug" in caught.value.hint

    def test_what_it_prints_becomes_a_recording(self, sdk: Sdk, cell: Cell) -> None:
        found = SdkRunner(sdk).read(b"", printed(), cell, SETTINGS)
        assert found.complete
        assert [one.total_ns for one in found.samples] == RESULT["samples_ns"]
        assert [one.at_ns for one in found.samples] == [0, 1_000_000, 2_200_000]
        assert found.init is not None
        assert found.init.cold_ns == 80_500_000

    @pytest.mark.parametrize(
        ("console", "reference", "words"),
        [
            (printed(samples_ns=[1]), "runner-garbage", "1 samples where 3"),
            (printed(samples_ns=[1, 2, -3]), "runner-garbage", "samples_ns"),
            (printed(samples_ns="many"), "runner-garbage", "samples_ns"),
            (printed(schema=2), "runner-garbage", "schema"),
            (printed(backend="CPU", reason="no OpenCL"), "backend-unavailable", "no OpenCL"),
            (printed().replace(b"-1", b"0"), "runner-garbage", "codes"),
            (printed()[:-3], "runner-garbage", "codes"),
            (printed() + printed(), "runner-garbage", "codes"),
            (b"INSTRUMENTATION_RESULT: json={\nINSTRUMENTATION_CODE: -1\n", "runner-garbage", "json"),
            (b"", "runner-garbage", "nothing"),
            (b"INSTRUMENTATION_ABORTED: System has crashed.\n", "runner-garbage", "System has crashed"),
            (
                b"INSTRUMENTATION_RESULT: error=com.example.faces.BackendException: no GPU\nINSTRUMENTATION_CODE: 0\n",
                "backend-unavailable",
                "no GPU",
            ),
            (b"INSTRUMENTATION_RESULT: error=ModelException: x\nINSTRUMENTATION_CODE: 0\n", "sdk-failed", "ModelEx"),
            (
                b"INSTRUMENTATION_RESULT: shortMsg=Process crashed.\nINSTRUMENTATION_CODE: 0\n",
                "runner-crashed",
                "Process crashed",
            ),
            (
                b"INSTRUMENTATION_STATUS: id=ActivityManagerService\n"
                b"INSTRUMENTATION_STATUS: Error=Unable to find instrumentation info for: ComponentInfo{x}\n"
                b"INSTRUMENTATION_STATUS_CODE: -1\nandroid.util.AndroidException: INSTRUMENTATION_FAILED: x\n",
                "benchmark-not-installed",
                "not installed",
            ),
        ],
    )
    def test_what_is_no_result_is_an_error_with_a_remedy(
        self, sdk: Sdk, cell: Cell, console: bytes, reference: str, words: str
    ) -> None:
        with pytest.raises(DeviceError) as caught:
            SdkRunner(sdk).read(b"", console, cell, SETTINGS)
        assert caught.value.reference == reference
        assert words in caught.value.message
        assert caught.value.hint

    def test_line_ends_of_a_terminal_do_no_harm(self, sdk: Sdk, cell: Cell) -> None:
        assert SdkRunner(sdk).read(b"", printed().replace(b"\n", b"\r\n"), cell, SETTINGS).complete

    def test_an_apk_of_another_bundle_is_refused(self, sdk: Sdk, tmp_path: Path) -> None:
        apk = tmp_path / "benchmark.apk"
        for name, content, words in (
            ("assets/com_example_faces/blazeface-front.tflite", b"another model", "another blazeface-front"),
            ("assets/org_other/blazeface-front.tflite", MODEL, "no blazeface-front"),
        ):
            with zipfile.ZipFile(apk, "w") as archive:
                archive.writestr(name, content)
            with pytest.raises(DeviceError, match=words) as caught:
                check_apk(sdk, apk, "phone")
            assert "gradle :benchmark:assembleDebug" in caught.value.hint
        apk.write_bytes(b"nothing of the kind")
        with pytest.raises(DeviceError, match="no APK"):
            check_apk(sdk, apk, "phone")
        with zipfile.ZipFile(apk, "w") as archive:
            archive.writestr("assets/com_example_faces/blazeface-front.tflite", MODEL)
        check_apk(sdk, apk, "phone")


@pytest.mark.parametrize(("pipeline", "rows"), [("detect", 2), ("track", 4)])
def test_the_manifest_tells_whether_there_is_a_tracker(tmp_path: Path, pipeline: str, rows: int) -> None:
    found = read_bundle(bundle(tmp_path, "android", pipeline=pipeline))
    assert found is not None
    assert len(found.cells(["gpu", "cpu"], fp32=False)) == rows


def bundle(folder: Path, target: str, **more: str) -> Path:
    record = {
        "path": "model", "model": "blazeface-front", "format": "tflite", "precision": "fp16", "bytes": 1, "ops": {},
        "outputs_layout": "standard", "sha256": "0" * 64, "inputs": [], "outputs": [], "weights_sha256": "",
        "trained": True,
    }  # fmt: skip
    manifest = {
        "schema": 1, "generator": "sdkgen", "name": "Faces", "package": "com.example.faces", "trained": True,
        "model": "blazeface-front", "target": target, "outputs_layout": "standard", "artifacts": [record], "tools": {},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest | more))
    return folder


@pytest.mark.parametrize(
    ("target", "more", "code", "words"),
    [
        ("none", [], 2, "no-bundle"),
        ("onnx", [], 2, "no benchmark"),
        ("ios", ["--apk", "x.apk"], 2, "takes no APK"),
        ("android", ["--model", "blazeface-front"], 2, "sdkgen report"),
        ("android", ["--paced", "30", "--threads", "2"], 2, "Leave out --threads, --paced; sdkgen report"),
        ("ios", ["--warmup", "2", "--precision", "fp16"], 2, "Leave out --warmup, --precision."),
        ("android", ["--device", "iphone"], 2, "Leave out --sdk."),
        pytest.param(
            "ios",
            [],
            1,
            "iphone-needs-mac",
            marks=pytest.mark.skipif(platform.system() == "Darwin", reason="a Mac may have iPhones"),
        ),
    ],
)
def test_what_cannot_be_measured_is_named(
    tmp_path: Path, run: Run, target: str, more: list[str], code: int, words: str
) -> None:
    if target != "none":
        bundle(tmp_path, target)
    done = run("bench", "--sdk", tmp_path, "--store", tmp_path / "store", *more)
    assert done.returncode == code
    assert words in done.stderr
    assert "fix:" in done.stderr
