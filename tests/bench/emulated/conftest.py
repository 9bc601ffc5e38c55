"""Emulated devices and an adb server of the tests' own: the user's are neither used nor touched."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sdkgen.bench.devices import emulator
from sdkgen.bench.devices.emulator import Device, store
from sdkgen.bench.devices.transport import Transport, open_device
from tests.toolchains import require

WAYS = ("server", "direct")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.devices)


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Set up a state folder and the port of an adb server for the tests alone; clean both up afterwards."""
    require("Linux", platform.system() == "Linux", "emulated devices are namespaces of its kernel")
    require("mmdebstrap", shutil.which("mmdebstrap"), "apt install mmdebstrap")
    require("adb", shutil.which("adb"), "apt install adb")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    state = tmp_path_factory.mktemp("devices")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDKGEN_STATE", str(state))
        patch.setenv("ANDROID_ADB_SERVER_PORT", port)
        patch.delenv("ANDROID_ADB_SERVER_HOST", raising=False)
        patch.delenv("SDKGEN_ADB", raising=False)
        # Debian's own client starts it: adbutils brings a newer one, whose server the old client would replace.
        adb("start-server")
        try:
            yield state
        finally:
            for device in store.devices():
                emulator.delete(device.name)
            adb("kill-server")


def adb(*args: str) -> str:
    """Run Debian's adb client and return what it printed."""
    return subprocess.run(["adb", *args], capture_output=True, text=True, check=True, timeout=60).stdout


def server_process() -> int:
    """Return the process of the tests' adb server."""
    wanted = f"tcp:{os.environ['ANDROID_ADB_SERVER_PORT']}".encode()
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"fork-server" in words and wanted in words:
            return int(place.parent.name)
    raise AssertionError("no adb server runs")


@pytest.fixture(scope="session")
def maple(workplace: Path) -> Device:  # noqa: ARG001
    """Return an x86_64 device that runs."""
    return emulator.start("maple")


@pytest.fixture(scope="session")
def twin(workplace: Path) -> Device:  # noqa: ARG001
    """Return a second device of the same model and SoC."""
    emulator.create("twin", "maple")
    return emulator.start("twin")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Run the test once through the adb server and once without it."""
    return str(request.param)


@pytest.fixture
def phone(maple: Device, way: str) -> Iterator[Transport]:
    """Return a transport to ``maple``, whose /data/local/tmp is emptied before and after."""
    assert maple.serial is not None
    with closing(open_device(maple.serial, way)) as device:  # type: ignore[arg-type]
        _empty(device)
        yield device
        _empty(device)


def _empty(device: Transport) -> None:
    device.reconnect(20)
    device.shell("rm -rf /data/local/tmp/* /data/local/tmp/.[!.]*")


def first_process(device: Device) -> int:
    """Return the host's number of the device's process 1."""
    return int(Path(f"/proc/{device.process}/task/{device.process}/children").read_text().split()[0])


def daemon(device: Device) -> int:
    """Return the host's number of the device's adbd."""
    init = first_process(device)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{init}/task/{init}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text() == "adbd\n":
                return int(child)
        time.sleep(0.05)
    raise AssertionError("no adbd runs")


def kill_daemon(device: Device) -> None:
    """Kill the device's adbd, as its out-of-memory killer might; the device starts another."""
    os.kill(daemon(device), signal.SIGKILL)


def inside(device: Device, path: str) -> Path:
    """Return where the host sees the device's file ``path``."""
    return Path(f"/proc/{first_process(device)}/root{path}")


def wait_until(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
