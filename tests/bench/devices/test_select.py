"""A phone that is reached in two ways is measured once, and two that claim one serial are two."""

from __future__ import annotations

import pytest

from sdkgen.bench.devices import select
from sdkgen.bench.devices.identity import identify
from sdkgen.bench.devices.transport import Found, Transport
from sdkgen.bench.errors import DeviceGone
from tests.bench.pretend import Pretend

CABLE, WIFI = "R5CT1234567", "192.0.2.7:5555"
TLS = "adb-R5CT1234567-AbCdEf._adb-tls-connect._tcp"


@pytest.fixture
def phones(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str] | None]:
    """Return what each device says by how it is called: serial number and start; None for one that is gone."""
    said: dict[str, tuple[str, str] | None] = {}

    def ready(found: Found) -> Transport:
        answer = said[found.serial]
        if answer is None:
            raise DeviceGone("gone", context=found.serial)
        made = Pretend({"ro.serialno": answer[0]}, cat=f"echo {answer[1]}" if answer[1] else "return 1")
        made.serial = found.serial
        return made

    monkeypatch.setattr(Found, "open", ready)
    monkeypatch.setattr(select, "connected", lambda: [Found(serial, "adb-server") for serial in said])
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    return said


@pytest.mark.parametrize("start", ["b00t", ""])
@pytest.mark.parametrize("other", [WIFI, TLS])
def test_a_phone_by_cable_and_by_network_is_used_by_cable(
    phones: dict[str, tuple[str, str] | None], capsys: pytest.CaptureFixture[str], other: str, start: str
) -> None:
    phones |= {other: ("R5CT1234567", start), CABLE: ("R5CT1234567", start), "OTHER": ("X", "0ther")}
    assert {one.serial for one in select.select_devices(["all"])} == {CABLE, "OTHER"}
    assert "used once" in capsys.readouterr().err


def test_two_phones_that_claim_one_serial_stay_two(phones: dict[str, tuple[str, str] | None]) -> None:
    phones |= {CABLE: ("0123456789ABCDEF", "one"), WIFI: ("0123456789ABCDEF", "two")}
    found = select.select_devices(["all"])
    assert [one.serial for one in found] == [CABLE, WIFI]
    assert len({identify(one.open(), is_serial_shared=one.is_serial_shared).serial_hash for one in found}) == 2


def test_phones_at_two_ports_are_two_even_if_they_say_nothing_else(
    phones: dict[str, tuple[str, str] | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    phones |= {"S@usb:1-2": ("S", ""), "S@usb:1-3": ("S", "")}
    listed = [Found(serial, "adb-server", "device", "S", serial[2:], True) for serial in phones]
    monkeypatch.setattr(select, "connected", lambda: listed)
    assert len(select.select_devices(["all"])) == 2


def test_one_that_does_not_answer_is_left_for_the_bench_to_tell(phones: dict[str, tuple[str, str] | None]) -> None:
    phones |= {CABLE: None, "OTHER": ("X", "")}
    assert len(select.select_devices(["all"])) == 2


def test_all_means_the_device_that_adbs_variable_names(
    phones: dict[str, tuple[str, str] | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    phones |= {CABLE: ("R", "a"), "OTHER": ("X", "b")}
    monkeypatch.setenv("ANDROID_SERIAL", "OTHER")
    assert [one.serial for one in select.select_devices(["all"])] == ["OTHER"]
    assert [one.serial for one in select.select_devices([CABLE])] == [CABLE]
    monkeypatch.setenv("ANDROID_SERIAL", "")
    assert len(select.select_devices(["all"])) == 2
