"""Asking all devices at once: one that hangs or breaks does not hide the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdkgen.bench.devices import survey as module
from sdkgen.bench.devices.survey import survey
from sdkgen.bench.devices.transport import Completed, Found
from sdkgen.bench.errors import DeviceGone
from sdkgen.commands import devices
from tests.bench.pretend import Pretend

EVIL = "\x1b[31m<b>[red]x[/red]</b>\x07"


class Broken(Pretend):
    def shell(self, command: str, timeout: float = 30) -> Completed:  # noqa: ARG002
        raise DeviceGone("the connection was lost", context=self.serial, hint="Check its cable.")


@pytest.fixture(autouse=True)
def _seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SDKGEN_STATE", str(tmp_path))
    there = {"A": Pretend({"ro.product.model": EVIL}), "B": Broken(), "C": Pretend({"ro.product.model": "C"})}
    monkeypatch.setattr(module, "connected", lambda _: [Found(serial, "adb-direct") for serial in there])
    monkeypatch.setattr(Found, "open", lambda found: there[found.serial])


def test_a_broken_device_is_reported_beside_the_others() -> None:
    first, broken, last = survey()
    assert first.identity is not None
    assert last.identity is not None
    assert (broken.identity, broken.state, broken.remedy) == (None, "gone", "Check its cable.")


def test_escape_codes_and_markup_are_shown_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    devices.list_devices(transport="auto", iphones=False, json=False)
    shown = capsys.readouterr().out
    assert "\x1b[31m" not in shown
    assert "\x07" not in shown
    assert r"\x1b[31m<b>[red]x[/red]</b>\x07" in shown


def test_json_carries_them_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    devices.list_devices(transport="auto", iphones=False, json=True)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert json.loads(said)[0]["identity"]["model"] == EVIL
