"""The script that makes an XCFramework, with a stand-in for Xcode that makes what it is documented to make."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sdkgen.render import selftest
from tests.swift import golden

XCODEBUILD = r"""#!/bin/sh
set -eu
echo "$@" >> "$LOG"
if [ "$1" = -create-xcframework ]; then
    for last in "$@"; do :; done
    mkdir -p "$last"
    exit 0
fi
[ "${SDKGEN_FRAMEWORK:-}" = 1 ]
while [ $# -gt 0 ]; do
    case $1 in
        -destination) destination=$2 ;;
        -archivePath) archive=$2 ;;
        -derivedDataPath) derived=$2 ;;
    esac
    shift
done
framework="$archive/Products/usr/local/lib/BlazeFace.framework"
case $destination in
    *macOS*) mkdir -p "$framework/Versions/A/Resources"; ln -s A "$framework/Versions/Current" ;;
    *) mkdir -p "$framework" ;;
esac
[ "${WITHOUT:-}" = symbols ] || mkdir -p "$archive/dSYMs/BlazeFace.framework.dSYM"
mkdir -p "$archive/dSYMs" "$derived/Build/Intermediates.noindex/ArchiveIntermediates/BlazeFace/BlazeFace.swiftmodule"
mkdir -p "$derived/Build/Products/BlazeFace_BlazeFace.bundle"
"""

XCRUN = """#!/bin/sh
[ "${WITHOUT:-}" != visionOS ]
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package for blazeface-front."""
    monkeypatch.setattr(selftest, "selftest", lambda *_, **__: b"SDKG")
    out = tmp_path / "a package"
    golden.render_front(out, (golden.artifact(tmp_path, "blazeface-front", "fp16"),))
    return out


def run(package: Path, without: str = "") -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script and return what it said, and how it called xcodebuild."""
    tools = package.parent / "tools"
    tools.mkdir(exist_ok=True)
    for name, text in (("xcodebuild", XCODEBUILD), ("xcrun", XCRUN)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    log = package.parent / "log"
    # The script removes its work at the end; the frameworks are looked at before.
    (tools / "rm").write_text(
        f'#!/bin/sh\n[ -d "$2/ios.xcarchive" ] && cp -R "$2" "{package.parent}/kept"\nexec /bin/rm "$@"\n'
    )
    (tools / "rm").chmod(0o755)
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "LOG": str(log), "WITHOUT": without}
    done = subprocess.run(
        [package / "Scripts" / "make-xcframework.sh", "out"],
        cwd=package.parent,
        env=env,
        capture_output=True,
        text=True,
    )
    return done, log.read_text().splitlines()


def test_every_slice_has_symbols_resources_and_a_privacy_manifest(package: Path) -> None:
    done, calls = run(package)
    assert done.returncode == 0, done.stderr
    made = package.parent / "out" / "BlazeFace.xcframework"
    assert made.is_dir()
    assert done.stdout.splitlines()[-1] == str(made)
    *archives, create = calls
    assert [call.split("generic/platform=")[1].split(" -archivePath")[0] for call in archives] == [
        "iOS", "iOS Simulator", "macOS", "macOS,variant=Mac Catalyst", "visionOS", "visionOS Simulator",
    ]  # fmt: skip
    assert create.count("-framework /") == create.count("-debug-symbols /") == 6
    kept = package.parent / "kept"
    for name in ("ios", "ios-simulator", "macos", "catalyst", "visionos", "visionos-simulator"):
        framework = kept / f"{name}.xcarchive/Products/usr/local/lib/BlazeFace.framework"
        versioned = name in {"macos", "catalyst"}
        resources = framework / "Versions/A/Resources" if versioned else framework
        assert (resources / "PrivacyInfo.xcprivacy").is_file()
        assert (resources / "BlazeFace_BlazeFace.bundle").is_dir()
        assert (framework / "Modules/BlazeFace.swiftmodule").is_dir() or versioned
        assert (framework / "Versions/A/Modules/BlazeFace.swiftmodule").is_dir() == versioned


def test_vision_is_left_out_where_xcode_has_no_sdk_for_it(package: Path) -> None:
    done, calls = run(package, without="visionOS")
    assert done.returncode == 0, done.stderr
    assert len(calls) == 5
    assert "visionOS" not in "".join(calls)


def test_what_xcode_did_not_make_ends_the_script(package: Path) -> None:
    done, calls = run(package, without="symbols")
    assert done.returncode == 1
    assert "no debug symbols for iOS" in done.stderr
    assert len(calls) == 1
