"""The benchmark of an iOS SDK, on stand-ins for xcodebuild and xcrun that are scripts on PATH, and for the Mac."""

from __future__ import annotations

import json
import platform
import plistlib
from pathlib import Path
from typing import Any

import pytest

from sdkgen.bench.devices.devicectl import Phone, list_phones
from sdkgen.bench.devices.identity import hash_serial
from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Settings
from sdkgen.bench.report.model import build_report
from sdkgen.bench.results.store import Store
from sdkgen.bench.runners.sdk import Sdk
from sdkgen.bench.runs import sdk_ios
from sdkgen.errors import UsageError

SETTINGS = Settings(sessions=2, runs=3, warmup_seconds=0.5)
SAMPLES: dict[str, Any] = {
    "schema": 1,
    "model": "blazeface-front",
    "what": "1280x720 420v",
    "activeComputeUnits": "GPU: as asked for",
    "system": "Version 18.1 (Build 22B83)",
    "thermalState": 0,
    "startMilliseconds": 50,
    "milliseconds": [1.0, 1.2, 1.1],
}
END = 'SDKGEN-END {"measurements":1}'
PHONE = {
    "connectionProperties": {"pairingState": "paired", "transportType": "wired", "tunnelState": "connected"},
    "deviceProperties": {"name": "Anna\u2019s iPhone", "osVersionNumber": "18.1", "osBuildUpdate": "22B83"},
    "hardwareProperties": {"deviceType": "iPhone", "productType": "iPhone17,1", "udid": "UDID", "platform": "iOS"},
    "identifier": "8E3A",
}

XCODEBUILD = r"""#!/bin/sh
echo "$PWD" "$@" >> "$FAKES/built"
while [ $# -gt 0 ]; do
    [ "$1" != -derivedDataPath ] || products=$2
    shift
done
cat "$FAKES/build.log"
code=$(cat "$FAKES/build.code")
[ "$code" = 0 ] || exit "$code"
app="$products/Build/Products/Release-iphoneos/FaceOverlay.app"
mkdir -p "$app"
cp "$FAKES/Info.plist" "$app/"
"""

XCRUN = r"""#!/bin/sh
echo "$@" >> "$FAKES/asked"
case "$*" in
    "devicectl list devices"*) cp "$FAKES/devices.json" "$5" ;;
    "devicectl device install app"*) cat "$FAKES/install.log"; exit "$(cat "$FAKES/install.code")" ;;
    "devicectl device process launch"*) cat "$FAKES/launch.log"; sleep "$(cat "$FAKES/launch.sleep")"
        exit "$(cat "$FAKES/launch.code")" ;;
    *) echo "Error: Unexpected argument" >&2; exit 64 ;;
esac
"""


class Xcode:
    """The two tools; what they say and how they end is in files beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in (("xcodebuild", XCODEBUILD), ("xcrun", XCRUN)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        (folder / "Info.plist").write_bytes(plistlib.dumps({"CFBundleIdentifier": "com.example.faces.faceoverlay"}))
        self.devices(PHONE)
        self.build()
        self.install()
        self.launch()

    def devices(self, *phones: dict[str, Any]) -> None:
        (self.folder / "devices.json").write_text(json.dumps({"info": {}, "result": {"devices": phones}}))

    def build(self, *lines: str, code: int = 0) -> None:
        self._says("build", lines, code)

    def install(self, *lines: str, code: int = 0) -> None:
        self._says("install", lines, code)

    def launch(self, *lines: str, code: int = 0, sleep: float = 0) -> None:
        self._says("launch", lines or [f"SDKGEN-SAMPLES {json.dumps(SAMPLES)}", END], code)
        (self.folder / "launch.sleep").write_text(f"{sleep}\n")

    def _says(self, step: str, lines: Any, code: int) -> None:
        (self.folder / f"{step}.log").write_text("".join(f"{line}\n" for line in lines))
        (self.folder / f"{step}.code").write_text(f"{code}\n")

    def calls(self, tool: str) -> list[str]:
        file = self.folder / {"xcodebuild": "built", "xcrun": "asked"}[tool]
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def xcode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Xcode:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("FAKES", str(folder))
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    return Xcode(folder)


@pytest.fixture
def sdk(tmp_path: Path) -> Sdk:
    for place in ("Examples/FaceOverlay.swiftpm", "Sources/FacesBenchmark"):
        (tmp_path / "bundle" / place).mkdir(parents=True)
    return Sdk(tmp_path / "bundle", "Faces", "com.example.faces", "blazeface-front", "ios", {"model": "0" * 64})


def measure(sdk: Sdk, tmp_path: Path, *udids: str, settings: Settings = SETTINGS) -> tuple[Store, str, list[Any]]:
    store = Store(str(tmp_path / "store"))
    phones = [Phone.of(udid) for udid in udids or ("UDID",)]
    run_id, problems = sdk_ios.run(phones, sdk, ["gpu"], settings, store, "TEAM")
    return store, run_id, problems


def test_every_measurement_becomes_a_row(xcode: Xcode, sdk: Sdk, tmp_path: Path) -> None:
    bgra = json.dumps(SAMPLES | {"what": "1280x720 BGRA"})
    xcode.launch(
        "Waiting for the application to terminate…",
        f"SDKGEN-SAMPLES {json.dumps(SAMPLES)}",
        f"2026-01-01 FaceOverlay[1:2] SDKGEN-SAMPLES {bgra}",
        'SDKGEN-END {"measurements":2}',
    )
    store, run_id, problems = measure(sdk, tmp_path)
    assert problems == []
    cells = build_report(store, [run_id]).cells
    assert [cell.model for cell in cells] == [
        "SDK blazeface-front, 1280x720 420v",
        "SDK blazeface-front, 1280x720 BGRA",
    ]
    assert [cell.median for cell in cells] == pytest.approx([1.1, 1.1])
    assert {cell.sessions for cell in cells} == {2}
    assert {cell.os for cell in cells} == {"iOS Version 18.1 (Build 22B83)"}
    assert {cell.artifact_sha256 for cell in cells} == {"0" * 64}


def test_app_is_built_and_installed_once_a_phone_and_started_once_a_session(
    xcode: Xcode, sdk: Sdk, tmp_path: Path
) -> None:
    assert measure(sdk, tmp_path, "ONE", "TWO")[2] == []
    built = xcode.calls("xcodebuild")
    assert len(built) == 2
    assert built[0].startswith(f"{sdk.folder}/Examples/FaceOverlay.swiftpm build -scheme FaceOverlay")
    for words in ("-destination platform=iOS,id=ONE", "-configuration Release", "DEVELOPMENT_TEAM=TEAM"):
        assert words in built[0]
    asked = xcode.calls("xcrun")
    assert [line.split("--device")[0].split()[-2] for line in asked] == ["install", "process", "process"] * 2
    assert asked[0].startswith("devicectl device install app --device ONE /")
    assert "--console --terminate-existing" in asked[1]
    assert '{"SDKGEN_BENCHMARK": "1", "SDKGEN_FRAMES": "3", "SDKGEN_UNITS": "gpu"}' in asked[1]
    assert asked[1].endswith(" com.example.faces.faceoverlay")


@pytest.mark.parametrize(
    ("lines", "code", "reference", "words"),
    [
        (["App terminated due to signal 11."], 0, "runner-crashed", "after 0 measurements"),
        ([f"SDKGEN-SAMPLES {json.dumps(SAMPLES)}"], 0, "runner-crashed", "after 1 measurements"),
        (["SDKGEN-SAMPLES {}", END], 0, "runner-garbage", "schema"),
        ([f"SDKGEN-SAMPLES {json.dumps(SAMPLES)}"] * 2 + [END], 0, "runner-garbage", "twice"),
        ([f"SDKGEN-SAMPLES {json.dumps(SAMPLES | {'milliseconds': [1]})}", END], 0, "runner-garbage", "1 samples"),
        ([f"SDKGEN-SAMPLES {json.dumps(SAMPLES)}", 'SDKGEN-END {"measurements":2}'], 0, "runner-garbage", "announced"),
        (['SDKGEN-END {"measurements":0}'], 0, "runner-garbage", "announced"),
        (['SDKGEN-ERROR {"message":"The resource x is not in the app."}'], 1, "sdk-failed", "is not in the app"),
        (["SDKGEN-ERROR {"], 1, "runner-garbage", "SDKGEN-ERROR"),
        (
            ["ERROR: The application failed to launch. (com.apple.dt.CoreDeviceError error 10002.)",
             "Unable to launch x because the device was not, or could not be, unlocked."],
            1, "device-failed", "unlocked",
        ),
        (["profile has not been explicitly trusted by the user"], 1, "device-unauthorized", "explicitly trusted"),
        (["ERROR: The specified device was not found."], 1, "devicectl-failed", "not found"),
        ([""], 1, "devicectl-failed", "no message"),
    ],
)  # fmt: skip
def test_launch_that_goes_wrong_is_stored_and_told(
    xcode: Xcode, sdk: Sdk, tmp_path: Path, lines: list[str], code: int, reference: str, words: str
) -> None:
    xcode.launch(*lines, code=code)
    store, run_id, problems = measure(sdk, tmp_path, "ONE", "TWO")
    assert [(one.device, one.error.reference) for one in problems] == [("ONE", reference), ("TWO", reference)]
    assert words in problems[0].error.message
    assert problems[0].error.hint
    assert [one.status for one in store.sessions([run_id])] == ["failed", "failed"]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("error: Signing for FaceOverlay requires a development team.", "--team"),
        (
            "xcodebuild: error: Cannot test target “FacesTests” on “iPhone”: Tool-hosted testing is unavailable on "
            "device destinations. Select a host application for the test target, or use a simulator destination "
            "instead.",
            "sample app",
        ),
        ("error: Developer Mode disabled", "Settings, Privacy & Security"),
        ("error: no such module", "--team"),
    ],
)
def test_build_that_fails_says_what_helps(xcode: Xcode, sdk: Sdk, tmp_path: Path, line: str, hint: str) -> None:
    xcode.build("note: Building targets", line, "** BUILD FAILED **", code=65)
    store, run_id, problems = measure(sdk, tmp_path)
    assert problems[0].error.reference == "sdk-failed"
    assert line.split("error:")[-1].strip()[:40] in problems[0].error.message
    assert hint in problems[0].error.hint
    assert xcode.calls("xcrun") == []
    assert [one.status for one in store.sessions([run_id])] == ["failed"]


def test_app_that_cannot_be_installed_is_not_started(xcode: Xcode, sdk: Sdk, tmp_path: Path) -> None:
    xcode.install("ERROR: Failed to install the app on the device.", code=1)
    problems = measure(sdk, tmp_path)[2]
    assert problems[0].error.reference == "devicectl-failed"
    assert len(xcode.calls("xcrun")) == 1


def test_bundle_of_an_older_version_is_named(xcode: Xcode, sdk: Sdk, tmp_path: Path) -> None:
    (sdk.folder / "Sources" / "FacesBenchmark").rmdir()
    problems = measure(sdk, tmp_path)[2]
    assert problems[0].error.reference == "no-benchmark"
    assert xcode.calls("xcodebuild") == []


def test_app_without_an_identifier_is_an_error(xcode: Xcode, sdk: Sdk, tmp_path: Path) -> None:
    (xcode.folder / "Info.plist").write_text("nothing of the kind")
    assert "identifier" in measure(sdk, tmp_path)[2][0].error.message


def test_devicectl_that_lingers_after_the_last_line_does_no_harm(xcode: Xcode, sdk: Sdk, tmp_path: Path) -> None:
    once = Settings(sessions=1, runs=3, limit=1)
    xcode.launch(sleep=5)
    assert measure(sdk, tmp_path, settings=once)[2] == []
    xcode.launch("nothing yet", sleep=5)
    problems = measure(sdk, tmp_path, settings=once)[2]
    assert problems[0].error.reference == "runner-hung"
    assert "--limit" in problems[0].error.hint


def test_phones_are_those_that_this_mac_reaches(xcode: Xcode) -> None:
    away = PHONE | {"connectionProperties": {"tunnelState": "unavailable"}}
    watch = PHONE | {"hardwareProperties": {"deviceType": "appleWatch", "udid": "W"}}
    xcode.devices(away, watch, PHONE)
    (phone,) = list_phones()
    assert phone.udid == "UDID"
    assert phone.identity.serial_hash == hash_serial("UDID")
    assert (phone.identity.model, phone.identity.os) == ("iPhone17,1", "iOS 18.1 (22B83)")
    assert sdk_ios.select(["all"]) == [phone]
    assert [one.udid for one in sdk_ios.select(["OTHER"])] == ["OTHER"]
    xcode.devices(away)
    with pytest.raises(UsageError, match="no iPhone"):
        list_phones()
    (xcode.folder / "devices.json").write_text('{"result": {"devices": 1}}')
    with pytest.raises(DeviceError, match="form") as caught:
        list_phones()
    assert caught.value.hint


def test_without_xcode_it_says_so(xcode: Xcode) -> None:
    (xcode.folder / "xcodebuild").unlink()
    with pytest.raises(DeviceError, match="xcodebuild"):
        sdk_ios.check_host()
    (xcode.folder / "xcrun").unlink()
    with pytest.raises(DeviceError, match="xcrun"):
        list_phones()
