"""adb spoken directly, where the other side does not play along. The rest is in devices/."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from adb_shell import adb_device, exceptions

from sdkgen.bench.devices import transport
from sdkgen.bench.devices.transport import direct
from sdkgen.bench.devices.transport.base import Completed
from sdkgen.bench.devices.transport.direct import AdbDirect
from sdkgen.bench.devices.transport.keys import create_key
from sdkgen.bench.errors import DeviceError, DeviceGone, DeviceOffline, DeviceUnauthorized
from tests.bench.fake_adb import LockedDaemon, listening


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(direct, "_ANSWER", 0.5)
    monkeypatch.setattr(direct, "_CONSENT", 0.5)
    monkeypatch.setenv("ANDROID_USER_HOME", str(tmp_path / "android"))
    monkeypatch.delenv("ADB_VENDOR_KEYS", raising=False)


def test_a_device_that_accepts_no_key_is_unauthorized_and_gets_the_users_key_offered(tmp_path: Path) -> None:
    daemon = LockedDaemon()
    with listening(daemon) as port, pytest.raises(DeviceUnauthorized) as caught:
        AdbDirect(f"127.0.0.1:{port}").shell("true")
    assert "accept this computer" in caught.value.hint
    # The key is made where adb makes it; its signature is refused, so the public half is shown to the user.
    key = tmp_path / "android" / "adbkey"
    assert "PRIVATE KEY" in key.read_text()
    assert key.stat().st_mode & 0o077 == 0
    assert daemon.offered == [2, 3]


def test_the_users_own_key_is_not_touched(tmp_path: Path) -> None:
    key = tmp_path / "android" / "adbkey"
    create_key()
    before = key.read_bytes()
    with listening(LockedDaemon()) as port, pytest.raises(DeviceUnauthorized):
        AdbDirect(f"127.0.0.1:{port}").shell("true")
    assert key.read_bytes() == before


def test_a_device_that_accepts_connections_and_says_nothing_is_offline() -> None:
    def silent(connection: socket.socket) -> None:
        while connection.recv(1024):
            continue

    with listening(silent) as port, pytest.raises(DeviceOffline) as caught:
        AdbDirect(f"127.0.0.1:{port}").shell("true")
    assert caught.value.context == f"127.0.0.1:{port}"


def test_something_else_at_the_port_is_no_crash() -> None:
    def web(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b" " * 100)

    with listening(web) as port, pytest.raises(DeviceGone):
        AdbDirect(f"127.0.0.1:{port}").shell("true")


class USBError(Exception): ...


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (USBError("LIBUSB_ERROR_BUSY"), DeviceOffline),
        (exceptions.UsbDeviceNotFoundError("no such device"), DeviceGone),
        (exceptions.UsbReadFailedError("bulk read failed", USBError()), DeviceGone),
    ],
)
def test_usb_that_refuses(monkeypatch: pytest.MonkeyPatch, failure: Exception, kind: type[DeviceError]) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setitem(sys.modules, "usb1", SimpleNamespace(USBError=USBError))
    monkeypatch.setattr(adb_device, "AdbDeviceUsb", refuse)
    with pytest.raises(kind) as caught:
        AdbDirect("R5CT1234567").shell("true")
    assert caught.value.context == "R5CT1234567"


def test_usb_devices_are_found_where_libusb1_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [SimpleNamespace(serial_number="R5CT1234567"), SimpleNamespace(serial_number=None)]
    usb = SimpleNamespace(UsbTransport=SimpleNamespace(find_all_adb_devices=lambda: devices))
    monkeypatch.setitem(sys.modules, "adb_shell.transport.usb_transport", usb)
    assert direct.usb_serials() == ["R5CT1234567"]
    monkeypatch.setitem(sys.modules, "adb_shell.transport.usb_transport", None)
    assert direct.usb_serials() == []


def test_nobody_at_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    device = transport.open_device(f"127.0.0.1:{port}", "direct")
    with pytest.raises(DeviceGone):
        device.shell("true")
    with pytest.raises(DeviceGone, match="did not come back"):
        device.reconnect(0.5)
    device.close()


@pytest.mark.parametrize(("full", "expected"), [(True, "device-full"), (False, "push-broken")])
def test_a_device_that_gives_up_in_mid_file_is_heard_through_adb_shell_s_confusion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, full: bool, expected: str
) -> None:
    """adb_shell loses the first packet of a device's complaint, and looks the rest up in a table of numbers."""
    phone = AdbDirect("127.0.0.1:1")

    def lose_the_beginning(*_: object, **__: object) -> None:
        raise KeyError(int.from_bytes(b"writ", "little"))

    monkeypatch.setattr(phone, "_stream", lose_the_beginning)
    answer = b"/dev/x 100 100 0 100% /data\n" if full else b"/dev/x 100 0 100 0% /data\n"
    monkeypatch.setattr(phone, "shell", lambda *_, **__: Completed(0, answer, b""))
    (tmp_path / "file").write_bytes(b"x" * 2000)
    with pytest.raises(DeviceError) as caught:
        phone._send(tmp_path / "file", "/data/local/tmp/file")
    assert caught.value.reference == expected
