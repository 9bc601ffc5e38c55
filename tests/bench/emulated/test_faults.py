"""What can happen to a device in the middle of it, for real: daemons killed, frozen, devices gone for good."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sdkgen.bench.devices import emulator, survey
from sdkgen.bench.devices.emulator import Device
from sdkgen.bench.devices.identity import identify
from sdkgen.bench.devices.transport import Transport, open_device
from sdkgen.bench.errors import DeviceError, DeviceGone
from sdkgen.files import sha256_path
from tests.bench.emulated.conftest import daemon, inside, kill_daemon, server_process, wait_until
from tests.conftest import Run

TMP = "/data/local/tmp"
EVIL = "\x1b]0;owned\x07\x1b[31m<script>alert(1)</script>[bold]"


@contextmanager
def meanwhile(action: Callable[[], None], when: Callable[[], object]) -> Iterator[None]:
    """Do ``action`` in a thread as soon as ``when`` is true, while the block runs."""

    def wait() -> None:
        wait_until(when)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.fixture
def big(tmp_path: Path) -> Path:
    file = tmp_path / "big"
    file.write_bytes(os.urandom(40_000_000))
    return file


def test_daemon_killed_during_a_push(maple: Device, phone: Transport, big: Path, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("what was there")
    phone.push(tmp_path / "old", f"{TMP}/file")
    part = inside(maple, f"{TMP}/file.part")
    with (
        meanwhile(lambda: kill_daemon(maple), lambda: part.exists() and part.stat().st_size > 1_000_000),
        pytest.raises(DeviceGone) as caught,
    ):
        phone.push(big, f"{TMP}/file")
    assert caught.value.context == maple.serial
    phone.reconnect(20)
    assert phone.shell(f"cat {TMP}/file").text == "what was there"
    phone.push(big, f"{TMP}/file")
    assert phone.shell(f"sha256sum < {TMP}/file").text.split()[0] == sha256_path(big)
    assert phone.shell(f"ls -A {TMP}").text == "file"


def test_daemon_killed_during_a_pull(maple: Device, phone: Transport, big: Path, tmp_path: Path) -> None:
    phone.push(big, f"{TMP}/file")
    target = tmp_path / "to" / "back"
    target.parent.mkdir()
    target.write_text("from before")

    def under_way() -> bool:
        return any(path.stat().st_size > 1_000_000 for path in target.parent.glob(".back.*"))

    with meanwhile(lambda: kill_daemon(maple), under_way), pytest.raises(DeviceGone):
        phone.pull(f"{TMP}/file", target)
    assert target.read_text() == "from before"
    assert list(target.parent.iterdir()) == [target]
    phone.reconnect(20)
    phone.pull(f"{TMP}/file", target)
    assert sha256_path(target) == sha256_path(big)


def test_daemon_killed_during_a_command_costs_a_detached_process_nothing(maple: Device, phone: Transport) -> None:
    # Only what has left the shell's session outlives it: the shell must not end before that.
    detached = f"setsid sh -c 'touch {TMP}/begun; sleep 3; echo done > {TMP}/result' </dev/null >/dev/null 2>&1 &"
    phone.shell(f"{detached} until [ -e {TMP}/begun ]; do sleep 0.05; done")
    started = time.monotonic()
    with meanwhile(lambda: kill_daemon(maple), lambda: time.monotonic() > started + 0.5), pytest.raises(DeviceGone):
        phone.shell("sleep 60")
    assert time.monotonic() - started < 10
    phone.reconnect(20)
    wait_until(lambda: phone.shell(f"cat {TMP}/result").text == "done")


def test_a_frozen_daemon_is_a_timeout_and_comes_back(maple: Device, phone: Transport) -> None:
    process = daemon(maple)
    os.kill(process, signal.SIGSTOP)
    try:
        with pytest.raises(DeviceError) as caught:
            phone.shell("true", timeout=1)
        assert caught.value.reference in ("device-timeout", "device-offline")
    finally:
        os.kill(process, signal.SIGCONT)
    phone.reconnect(20)
    assert phone.shell("echo on").text == "on"


def test_a_device_gone_for_good(workplace: Path, maple: Device, way: str) -> None:  # noqa: ARG001
    emulator.create("leaving", "maple")
    serial = emulator.start("leaving").serial
    assert serial is not None
    assert maple.serial is not None
    with closing(open_device(serial, way)) as leaving, closing(open_device(maple.serial, way)) as other:  # type: ignore[arg-type]
        assert leaving.shell("echo here").text == "here"
        emulator.delete("leaving")
        with pytest.raises(DeviceError) as first:
            leaving.shell("true", timeout=5)
        assert first.value.reference in ("device-gone", "device-offline")
        started = time.monotonic()
        with pytest.raises(DeviceGone, match="did not come back"):
            leaving.reconnect(2)
        assert time.monotonic() - started < 10
        assert other.shell("echo on").text == "on"


def test_a_device_that_was_switched_off_and_on_again(maple: Device, way: str) -> None:
    assert maple.serial is not None
    serial = maple.serial
    with closing(open_device(serial, way)) as phone:  # type: ignore[arg-type]
        phone.shell("true")
        emulator.stop("maple")
        emulator.start("maple")
        assert maple.serial == serial
        phone.reconnect(20)
        assert phone.shell("echo on").text == "on"


def test_two_devices_of_one_model_are_two(maple: Device, twin: Device, way: str) -> None:
    assert maple.serial is not None
    assert twin.serial is not None
    who = []
    for serial in (maple.serial, twin.serial):
        with closing(open_device(serial, way)) as device:  # type: ignore[arg-type]
            who.append(identify(device))
    assert (who[0].model, who[0].soc) == (who[1].model, who[1].soc) == ("Maple (emulated)", "sdkgen EM2")
    assert who[0].serial_hash != who[1].serial_hash


def test_a_property_full_of_escape_codes_and_html(twin: Device, way: str, run: Run) -> None:
    inside(twin, "/dev/__properties__/ro.product.model").write_text(f"{EVIL}\n[ro.serialno]: [FORGED]")
    inside(twin, "/dev/__properties__/ro.product.manufacturer").write_text(EVIL)
    try:
        shown = run("devices", "--transport", way)
        assert shown.returncode == 0, shown.stderr
        assert not {"\x1b", "\x07"} & set(shown.stdout + shown.stderr)
        assert r"\x1b[31m<script>" in shown.stdout
        answer = run("devices", "--transport", way, "--json")
        (record,) = (one for one in json.loads(answer.stdout) if one["serial"] == twin.serial)
        assert record["identity"]["manufacturer"] == EVIL
        assert record["identity"]["soc"] == "sdkgen EM2"
        assert "\x1b" not in answer.stdout
    finally:
        emulator.stop("twin")
        emulator.start("twin")


def test_a_frozen_device_does_not_hide_the_others(maple: Device, twin: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        survey, "identify", lambda phone, **more: phone.shell("true", timeout=2) and identify(phone, **more)
    )
    process = daemon(twin)
    os.kill(process, signal.SIGSTOP)
    try:
        seen = {one.found.serial: one for one in survey.survey()}
    finally:
        os.kill(process, signal.SIGCONT)
    assert seen[maple.serial or ""].identity is not None
    assert seen[twin.serial or ""].state in ("timeout", "offline")
    assert seen[twin.serial or ""].remedy


def test_the_adb_server_outlived_all_of_this(phone: Transport) -> None:
    before = server_process()
    with pytest.raises(DeviceError):
        phone.shell("kill -9 $(pidof adbd)")
    phone.reconnect(20)
    assert server_process() == before
