"""An Android SDK's own benchmark through real adbds; Android's ``am`` and ``pm`` are stand-ins inside the device.

They print what Android's documentation and its sources say that the real ones do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdkgen.bench.devices.emulator import Device
from tests.bench.emulated.conftest import inside, wait_until
from tests.bench.emulated.test_bench import statuses, stored
from tests.bench.runners.test_sdk import RESULT
from tests.conftest import Run

PACKAGE = "com.example.faces"
APP = f"/data/app/{PACKAGE}.benchmark"
PM = f"""#!/system/bin/sh
case $1 in
path) [ "$2" = {PACKAGE}.benchmark ] && [ -f {APP}/base.apk ] && echo package:{APP}/base.apk ;;
install)
    for file; do :; done
    if [ -f {APP}/full ]; then
        echo 'Failure [INSTALL_FAILED_INSUFFICIENT_STORAGE: not enough space]'
        exit 1
    fi
    mkdir -p {APP} && cp "$file" {APP}/base.apk && echo Success
    ;;
clear) echo cleared >>{APP}/log; echo Success ;;
*) exit 255 ;;
esac
"""
AM = f"""#!/system/bin/sh
echo "$@" >>{APP}/log
case $1 in
force-stop) exit 0 ;;
instrument) ;;
*) exit 255 ;;
esac
while [ $# -gt 1 ]; do
    [ "$1" = -e ] && eval "$2='$3'" && shift 2
    shift
done
case $(cat {APP}/mode 2>/dev/null) in
crash)
    echo 'INSTRUMENTATION_RESULT: shortMsg=Process crashed.'
    echo 'INSTRUMENTATION_CODE: 0'
    exit 0
    ;;
hang) sleep 1000 ;;
no-gpu)
    if [ "$backend" = GPU ]; then
        echo 'INSTRUMENTATION_RESULT: error={PACKAGE}.BackendException: the GPU refuses the model'
        echo 'INSTRUMENTATION_CODE: 0'
        exit 0
    fi
    ;;
esac
samples=1000000
i=1
while [ $i -lt "$iterations" ]; do samples="$samples,$((1000000 + i * 1000))"; i=$((i + 1)); done
sed -e "s/BACKEND/$backend/g" -e "s/SAMPLES/$samples/" {APP}/result
echo 'INSTRUMENTATION_CODE: -1'
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a real bundle."""
    folder = tmp_path_factory.mktemp("sdk") / "bundle"
    command = ["build", "--target", "android", "--package", PACKAGE, "--out", str(folder)]
    subprocess.run([sys.executable, "-m", "sdkgen", *command], check=True, capture_output=True)
    return folder


@pytest.fixture
def apk(bundle: Path, tmp_path: Path) -> Path:
    """Return what Gradle would build of it, as far as anybody looks into it."""
    file = tmp_path / "benchmark-debug.apk"
    assets = bundle / "detector" / "src" / "main" / "assets"
    with zipfile.ZipFile(file, "w") as archive:
        for asset in assets.rglob("*.*"):
            archive.write(asset, f"assets/{asset.relative_to(assets).as_posix()}")
    return file


@pytest.fixture
def phone(maple: Device, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """Return a device that has Android's ``am`` and ``pm``."""
    monkeypatch.setenv("SDKGEN_ADB", way)
    monkeypatch.setenv("SDKGEN_STORE", str(tmp_path / "results.sqlite"))
    programs = {"pm": PM, "am": AM}
    for name, text in programs.items():
        place = inside(maple, f"/system/bin/{name}")
        place.write_text(text)
        place.chmod(0o755)
    app = inside(maple, APP)
    app.mkdir(parents=True, exist_ok=True)
    result = json.dumps(RESULT | {"backend": "BACKEND", "samples_ns": "SAMPLES"}).replace('"SAMPLES"', "[SAMPLES]")
    (app / "result").write_text(f"INSTRUMENTATION_RESULT: json={result}\n")
    yield maple
    for name in programs:
        inside(maple, f"/system/bin/{name}").unlink()
    for file in app.iterdir():
        file.unlink()


def arguments(phone: Device, bundle: Path, *more: object) -> list[str]:
    given = ["bench", "--device", phone.serial or "", "--sdk", bundle, "--sessions", 3, "--runs", 5, *more]
    return list(map(str, given))


def test_without_the_app_it_says_how_to_install_it(phone: Device, bundle: Path, run: Run, tmp_path: Path) -> None:
    done = run(*arguments(phone, bundle))
    assert done.returncode == 1
    assert "benchmark-not-installed" in done.stderr
    assert phone.serial is not None
    assert phone.serial in done.stderr
    assert "gradle :benchmark:installDebug" in " ".join(done.stderr.split())
    assert statuses(tmp_path) == []


def test_the_apk_is_installed_and_the_rows_stand_beside_others(
    phone: Device, bundle: Path, apk: Path, run: Run, tmp_path: Path
) -> None:
    done = run(*arguments(phone, bundle, "--apk", apk, "--warmup", 0.5))
    assert done.returncode == 0, done.stderr
    assert "SDK blazeface-front" in done.stdout
    sessions = stored(tmp_path)
    assert [one.status for one in sessions] == ["complete"] * 6
    made = json.loads((bundle / "manifest.json").read_text())
    assert {one.artifact_sha256 for one in sessions} == {made["artifacts"][0]["sha256"]}
    assert {(one.provenance, one.runner) for one in sessions} == {("emulated", "sdk")}
    assert {len(one.recording.samples) for one in sessions} == {5}
    assert all(one.health_before and one.health_after for one in sessions)
    log = inside(phone, f"{APP}/log").read_text()
    assert f"-e iterations 5 -e warmup_ms 500 -e backend GPU -e precision FP16 {PACKAGE}.benchmark/" in log
    assert log.count("cleared") == 6
    # Now that it is there, it is found, looked into and measured without.
    again = run(*arguments(phone, bundle, "--backend", "cpu", "--json"))
    (cell,) = json.loads(again.stdout)["cells"]
    assert (cell["backend"], cell["threads"], cell["median"], cell["sessions"]) == ("cpu", 0, 1.002, 3)


def test_an_app_with_another_model_is_not_measured(
    phone: Device, bundle: Path, apk: Path, run: Run, tmp_path: Path
) -> None:
    with zipfile.ZipFile(apk, "w") as archive:
        archive.writestr("assets/com_example_faces/blazeface-front.tflite", b"an older model")
    inside(phone, f"{APP}/base.apk").write_bytes(apk.read_bytes())
    for more in ((), ("--apk", apk)):
        done = run(*arguments(phone, bundle, *more))
        assert done.returncode == 1
        assert "another-sdk" in done.stderr
    assert statuses(tmp_path) == []


def test_an_app_that_cannot_be_installed(phone: Device, bundle: Path, apk: Path, run: Run) -> None:
    inside(phone, f"{APP}/full").touch()
    done = run(*arguments(phone, bundle, "--apk", apk))
    assert done.returncode == 1
    assert "INSTALL_FAILED_INSUFFICIENT_STORAGE" in done.stderr


@pytest.mark.parametrize(
    ("mode", "reference", "complete"), [("crash", "runner-crashed", 0), ("no-gpu", "backend-unavailable", 3)]
)
def test_what_the_sdk_reports_reaches_the_user(
    phone: Device, bundle: Path, apk: Path, run: Run, tmp_path: Path, mode: str, reference: str, complete: int
) -> None:
    inside(phone, f"{APP}/mode").write_text(mode)
    done = run(*arguments(phone, bundle, "--apk", apk))
    assert done.returncode == 1
    assert reference in done.stderr
    assert statuses(tmp_path).count("complete") == complete


def test_an_interrupt_stops_the_app(phone: Device, bundle: Path, apk: Path) -> None:
    inside(phone, f"{APP}/mode").write_text("hang")
    command = [sys.executable, "-m", "sdkgen", *arguments(phone, bundle, "--apk", apk)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    log = inside(phone, f"{APP}/log")
    wait_until(lambda: log.exists() and "instrument" in log.read_text(), 60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert f"force-stop {PACKAGE}.benchmark" in log.read_text()
