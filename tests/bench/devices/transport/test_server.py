"""Devices in every state an adb server knows, through the real adbutils client."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator

import pytest

from sdkgen.bench.devices import transport
from sdkgen.bench.devices.transport import adb_server
from sdkgen.bench.devices.transport.adb_server import AdbServer
from sdkgen.bench.devices.transport.server import Server
from sdkgen.bench.errors import DeviceError, DeviceGone, DeviceOffline, DeviceUnauthorized, TransportTimeout
from sdkgen.errors import UsageError
from tests.bench.fake_adb import FakeServer, listening
from tests.conftest import Run

STATES = {
    "GOOD1": "device",
    "LOCKED1": "unauthorized",
    "DEAD1": "offline",
    "RULES1": "no permissions (user in plugdev group; are your udev rules wrong?); see [http://developer.android.com]",
    "BOOT1": "bootloader",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[FakeServer]:
    fake = FakeServer(STATES)
    monkeypatch.setenv("SDKGEN_STATE", str(tmp_path))
    monkeypatch.delenv("SDKGEN_ADB", raising=False)
    with listening(fake) as port:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        monkeypatch.setenv("ANDROID_ADB_SERVER_HOST", "127.0.0.1")
        yield fake


@pytest.mark.usefixtures("server")
def test_every_state_is_listed_with_what_to_do_about_it() -> None:
    found = {one.serial: one for one in transport.connected()}
    assert {serial: one.state for serial, one in found.items()} == {**STATES, "local": "device"}
    assert list(found) == [*sorted(STATES), "local"]
    assert found["GOOD1"].remedy == ""
    assert "accept this computer" in found["LOCKED1"].remedy
    assert "plug" in found["DEAD1"].remedy
    assert "udev" in found["RULES1"].remedy
    assert "Restart the device into Android" in found["BOOT1"].remedy


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("serial", "kind"),
    [("LOCKED1", DeviceUnauthorized), ("DEAD1", DeviceOffline), ("RULES1", DeviceOffline), ("BOOT1", DeviceError)],
)
def test_a_device_that_is_not_ready_cannot_be_opened(serial: str, kind: type[DeviceError]) -> None:
    with pytest.raises(kind) as caught:
        transport.open_device(serial)
    assert caught.value.context == serial
    assert caught.value.hint


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("serial", "kind"), [("LOCKED1", DeviceUnauthorized), ("DEAD1", DeviceOffline), ("UNPLUGGED1", DeviceGone)]
)
def test_a_state_that_changed_meanwhile_is_named(serial: str, kind: type[DeviceError]) -> None:
    with pytest.raises(kind) as caught:
        AdbServer(Server(), serial).shell("true")
    assert caught.value.context == serial


@pytest.mark.usefixtures("server")
def test_an_unknown_serial_is_a_usage_error_that_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="GOOD1"):
        transport.open_device("GOOD2")


@pytest.mark.usefixtures("server")
def test_an_address_where_no_device_answers() -> None:
    with pytest.raises(DeviceGone, match="cannot connect") as caught:
        transport.open_device("192.0.2.1:5555")
    assert caught.value.context == "192.0.2.1:5555"


def test_the_server_is_never_killed(server: FakeServer) -> None:
    transport.connected()
    with pytest.raises(DeviceGone):
        AdbServer(Server(), "UNPLUGGED1").reconnect(0.5)
    assert not [request for request in server.requests if "kill" in request or "reconnect" in request]


def test_no_server_is_started_behind_the_users_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """adbutils starts one whenever it finds none; a run in progress must not."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(free))
    device = AdbServer(Server(), "GOOD1")
    with pytest.raises(DeviceGone, match="no adb server answers"):
        device.shell("true")
    assert not Server().answers()


def test_shell_v2_separates_the_streams(server: FakeServer) -> None:
    packets = [(1, b"out"), (2, b"err"), (1, b"put"), (3, b"\x05")]
    server.reply = b"".join(struct.pack("<BI", kind, len(data)) + data for kind, data in packets)
    done = AdbServer(Server(), "GOOD1").shell("true")
    assert (done.exit_code, done.stdout, done.stderr) == (5, b"output", b"err")


def test_a_connection_cut_in_the_middle_of_a_command(server: FakeServer) -> None:
    server.reply = struct.pack("<BI", 1, 100) + b"only this"
    with pytest.raises(DeviceGone):
        AdbServer(Server(), "GOOD1").shell("true")


def test_without_shell_v2_a_stream_that_ends_early_is_no_success(server: FakeServer) -> None:
    server.features = "cmd"
    server.reply = b"output without a mark"
    with pytest.raises(DeviceGone):
        AdbServer(Server(), "GOOD1").shell("true")


def test_a_silent_device_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(connection: socket.socket) -> None:
        while connection.recv(1024):
            continue

    with listening(silent) as port:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        with pytest.raises(DeviceError):
            Server().states()
        device = AdbServer(Server(), "GOOD1")
        device._speaks_v2 = True
        with pytest.raises(TransportTimeout):
            device.shell("true", timeout=0.3)


PHONE = "0123456789ABCDEF"
TWINS = [
    f"{PHONE:22} device usb:1-2 product:a model:A device:a transport_id:7",
    f"{PHONE:22} device usb:1-3 product:a model:A device:a transport_id:9",
    "R5CT                   no permissions (user in plugdev group; are your udev rules wrong?); see [http://x] usb:1-4",
]


def packets(text: bytes) -> bytes:
    return b"".join(struct.pack("<BI", kind, len(data)) + data for kind, data in ((1, text), (3, b"\0")))


def test_two_phones_with_one_serial_are_two_devices(server: FakeServer) -> None:
    server.listing = TWINS
    found = {one.serial: one for one in transport.connected(local=False)}
    assert list(found) == [f"{PHONE}@usb:1-2", f"{PHONE}@usb:1-3", "R5CT"]
    assert found["R5CT"].state.startswith("no permissions (user in plugdev group")
    assert "udev" in found["R5CT"].remedy
    server.replies = {7: packets(b"first"), 9: packets(b"second")}
    opened = [found[serial].open() for serial in list(found)[:2]]
    assert [one.shell("true").text for one in opened] == ["first", "second"]
    assert len({one.serial for one in opened}) == 2
    server.listing = [TWINS[0].replace("transport_id:7", "transport_id:21")]
    server.replies = {21: packets(b"ready")}
    opened[0].reconnect(2)  # it was plugged in again
    assert opened[0].shell("true").text == "ready"
    with pytest.raises(DeviceGone):
        opened[1].reconnect(0.3)


@pytest.mark.parametrize("place", ["tcp:127.0.0.1:{}", "tcp:{}", "tcp:localhost:{}"])
def test_adbs_own_variable_for_the_server_comes_first(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    port = Server().port
    monkeypatch.setenv("ADB_SERVER_SOCKET", place.format(port))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")
    assert set(Server().states()) == set(server.states)


@pytest.mark.parametrize("place", ["localfilesystem:/tmp/x", "tcp:host:port", "tcp:"])
def test_an_address_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("ADB_SERVER_SOCKET", place)
    with pytest.raises(DeviceError) as caught:
        Server()
    assert caught.value.context == "ADB_SERVER_SOCKET"


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANDROID_ADB_SERVER_PORT", "ANDROID_ADB_SERVER_HOST", "ADB_SERVER_SOCKET"):
        monkeypatch.setenv(name, "")
    assert (Server().host, Server().port) == ("127.0.0.1", 5037)


@pytest.mark.parametrize("features", ["shell_v2", "cmd"])
def test_a_device_that_prints_without_end_is_given_up(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, features: str
) -> None:
    monkeypatch.setattr(adb_server, "MOST_OUTPUT", 1 << 20)
    server.features = features
    chunk = b"x" * (1 << 16)
    server.reply = b"".join(struct.pack("<BI", 1, len(chunk)) + chunk for _ in range(20))
    with pytest.raises(DeviceError, match="without end") as caught:
        AdbServer(Server(), "GOOD1").shell("true")
    assert (caught.value.reference, caught.value.context) == ("device-floods", "GOOD1")


def test_a_bad_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "many")
    with pytest.raises(DeviceError) as caught:
        transport.connected()
    assert caught.value.context == "ANDROID_ADB_SERVER_PORT"


def test_devices_command_shows_all_of_them(server: FakeServer, run: Run) -> None:
    server.states = {"LOCKED1": "unauthorized", "DEAD1": "offline"}
    shown = run("devices")
    assert shown.returncode == 0, shown.stderr
    assert "accept this computer" in shown.stdout
    listed = json.loads(run("devices", "--json").stdout)
    assert [(one["serial"], one["state"], bool(one["remedy"])) for one in listed] == [
        ("DEAD1", "offline", True),
        ("LOCKED1", "unauthorized", True),
        ("local", "device", False),
    ]


def test_an_unknown_transport_is_a_usage_error(run: Run) -> None:
    for answer in (run("devices", "--transport", "pigeon"), run("devices", SDKGEN_ADB="pigeon")):
        assert answer.returncode == 2
        assert "Traceback" not in answer.stderr
