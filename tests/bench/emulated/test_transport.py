"""What every way to a device must do, against Android's own daemon."""

from __future__ import annotations

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from adbutils import AdbError

from sdkgen.bench.devices.emulator import Device
from sdkgen.bench.devices.transport import Transport, connected, direct, open_device
from sdkgen.bench.errors import DeviceError, DeviceFull, TransportTimeout
from sdkgen.files import sha256_path
from tests.bench.emulated.conftest import adb, inside, server_process, wait_until

TMP = "/data/local/tmp"


@pytest.fixture
def big(tmp_path: Path) -> Path:
    file = tmp_path / "big"
    file.write_bytes(os.urandom(20_000_000))
    return file


def test_exit_code_and_streams(phone: Transport) -> None:
    done = phone.shell("echo out; echo err >&2; exit 3")
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert phone.shell("no-such-program").exit_code == 127
    assert phone.shell("cat").stdout == b""
    assert phone.shell("echo \"it's\" '$HOME' # said\n# more").text == "it's $HOME"


def test_output_comes_unchanged_however_long(phone: Transport, tmp_path: Path) -> None:
    every_byte = bytes(range(256)) * 10_000
    (tmp_path / "all").write_bytes(every_byte)
    phone.push(tmp_path / "all", f"{TMP}/all")
    assert phone.shell(f"cat {TMP}/all; cat {TMP}/all", timeout=60).stdout == every_byte * 2


def test_a_command_that_hangs_times_out_and_the_device_goes_on(phone: Transport) -> None:
    started = time.monotonic()
    with pytest.raises(TransportTimeout) as caught:
        phone.shell("sleep 20", timeout=1)
    assert time.monotonic() - started < 3
    assert caught.value.context == phone.serial
    assert phone.shell("echo on").text == "on"


def test_a_command_that_never_stops_talking_times_out_too(phone: Transport) -> None:
    with pytest.raises(TransportTimeout):
        phone.shell("while :; do echo x; sleep 0.1; done", timeout=1.5)
    assert phone.shell("echo on").text == "on"


def test_files_come_and_go_whole(phone: Transport, big: Path, tmp_path: Path) -> None:
    target = f"{TMP}/a folder/it's $HOME"
    phone.push(big, target, 0o755)
    assert phone.shell(f"stat -c '%a %s' '{TMP}/a folder/'*").text == f"755 {big.stat().st_size}"
    assert phone.shell(f"ls -A '{TMP}/a folder' | wc -l").text == "1"
    phone.pull(target, tmp_path / "back")
    assert sha256_path(tmp_path / "back") == sha256_path(big)


def test_an_empty_file(phone: Transport, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    phone.push(tmp_path / "empty", f"{TMP}/empty")
    phone.pull(f"{TMP}/empty", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b""


def test_a_program_can_be_pushed_and_run(phone: Transport, tmp_path: Path) -> None:
    (tmp_path / "program").write_text("#!/system/bin/sh\necho ran as $(id -u)\n")
    phone.push(tmp_path / "program", f"{TMP}/program", 0o755)
    assert phone.shell(f"{TMP}/program").text == "ran as 0"


def test_a_missing_file_is_named_and_leaves_nothing(phone: Transport, tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        phone.pull(f"{TMP}/nothing", tmp_path / "back")
    assert (caught.value.reference, caught.value.context) == ("no-such-file", phone.serial)
    assert list(tmp_path.iterdir()) == []
    assert phone.shell("echo on").text == "on"


def test_a_place_that_cannot_be_written_is_named(phone: Transport, big: Path) -> None:
    started = time.monotonic()
    with pytest.raises(DeviceError, match="/proc/here"):
        phone.push(big, "/proc/here")
    assert time.monotonic() - started < 10


def test_a_full_device(phone: Transport, big: Path, tmp_path: Path) -> None:
    phone.push(big, f"{TMP}/kept")
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(400_000_000)
    for target in ("kept", "new"):
        with pytest.raises(DeviceFull) as caught:
            phone.push(huge, f"{TMP}/{target}")
        assert "Free some space" in caught.value.hint
    # What was there is as it was, and there is room again.
    assert phone.shell(f"ls {TMP}").text == "kept"
    phone.pull(f"{TMP}/kept", tmp_path / "back")
    assert sha256_path(tmp_path / "back") == sha256_path(big)
    phone.push(big, f"{TMP}/new")


def test_a_device_filled_up_by_another_during_the_push(
    maple: Device, phone: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "SILENCE", 4.0)
    large = tmp_path / "large"
    large.write_bytes(os.urandom(120_000_000))
    part, others = inside(maple, f"{TMP}/new.part"), inside(maple, f"{TMP}/others")

    def fill() -> None:
        wait_until(lambda: part.exists() and part.stat().st_size > 1_000_000)
        with suppress(OSError), others.open("wb") as file:
            while True:
                file.write(bytes(1_000_000))

    with ThreadPoolExecutor() as pool:
        filling = pool.submit(fill)
        with pytest.raises(DeviceFull):
            phone.push(large, f"{TMP}/new")
        filling.result()
    assert phone.shell(f"ls {TMP}").text == "others"


@pytest.mark.parametrize("way", ["server", "direct"])
def test_two_devices_at_once(maple: Device, twin: Device, way: str, tmp_path: Path) -> None:
    found = {one.serial for one in connected(way) if one.ready}  # type: ignore[arg-type]
    assert {maple.serial, twin.serial} <= found

    def there_and_back(device: Device) -> bytes:
        assert device.serial is not None
        content = os.urandom(5_000_000)
        (tmp_path / f"{device.name}-to").write_bytes(content)
        with closing(open_device(device.serial, way)) as phone:  # type: ignore[arg-type]
            for _ in range(3):
                phone.push(tmp_path / f"{device.name}-to", f"{TMP}/both")
                phone.pull(f"{TMP}/both", tmp_path / f"{device.name}-from")
                assert (tmp_path / f"{device.name}-from").read_bytes() == content
            return phone.shell("getprop ro.serialno").stdout

    with ThreadPoolExecutor() as pool:
        serials = list(pool.map(there_and_back, (maple, twin)))
    assert serials == [f"{device.serial_number}\n".encode() for device in (maple, twin)]


def test_with_an_adb_binary_a_server_is_started_and_without_one_none_is_needed(
    maple: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", port)
    # First with a machine that has no adb: nothing on PATH, and not the one in adbutils' wheel.
    with monkeypatch.context() as patch:
        patch.setattr("adbutils.adb_path", no_adb)
        (found,) = (one for one in connected() if one.serial == maple.serial)
        assert found.kind == "adb-direct"
        with closing(found.open()) as phone:
            assert phone.shell("echo on").text == "on"
        with pytest.raises(DeviceError, match="no adb server answers, and none can be started"):
            connected("server")
    try:
        (found,) = (one for one in connected() if one.serial == maple.serial)
        assert (found.kind, found.state) == ("adb-server", "device")
        with closing(found.open()) as phone:
            assert phone.shell("echo on").text == "on"
    finally:
        adb("kill-server")


def no_adb() -> str:
    raise AdbError("No adb exe could be found")


def test_debians_own_client(maple: Device, big: Path, tmp_path: Path) -> None:
    assert maple.serial is not None
    process = server_process()
    connected("server")
    assert f"{maple.serial}\tdevice" in adb("devices")
    adb("-s", maple.serial, "push", str(big), f"{TMP}/by-client")
    adb("-s", maple.serial, "pull", f"{TMP}/by-client", str(tmp_path / "back"))
    assert sha256_path(tmp_path / "back") == sha256_path(big)
    # Neither of them replaced the server that the other uses.
    assert server_process() == process
